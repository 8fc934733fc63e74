"""Three replicas over one PostgreSQL, by the profile of the compose file: what one is given, all find."""

import json

import pytest

from localqa.demo.api import Api
from tests.docker.stack import built_stack, healthy, run
from tests.server import ROOT, until

pytestmark = [pytest.mark.integration, pytest.mark.alone]

SETTINGS = "COMPOSE_PROFILES=postgres\nQA_LIBRARY=postgresql://localqa:localqa@postgres/localqa\n"
QUESTION = {"question": "Who built the bridge?"}
TEXT = "The bridge over the Alm was built by Dunmore and Sons in 1891."


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    folder = tmp_path_factory.mktemp("library")
    with built_stack(folder, untried="three replicas over one library are not tried") as stack:
        run("bash", ROOT / "tests" / "docker" / "pgvector" / "build.sh", seconds=600)
        (stack.folder / ".env").write_text(SETTINGS, encoding="utf-8")
        stack.compose("up", "--detach", "--scale", "api=3", seconds=900)
        until(lambda: len(stack.replicas()) == 3 and all(map(healthy, stack.replicas())), seconds=120)
        stack.until_ready(30)
        yield stack


def answers(stack):
    """What each replica says, asked in its own container."""
    return [json.loads(stack.inside(one, "/api/ask", QUESTION)) for one in stack.replicas()]


def test_document_added_through_one_replica_is_found_by_all(three, tmp_path):
    file = tmp_path / "bridges.md"
    file.write_text(TEXT, encoding="utf-8")
    # The proxy asks one replica after another how far the import is.
    outcome = Api(three.url).add_file(file)
    assert outcome["state"] == "added", outcome
    told = answers(three)
    assert [one["answer"] for one in told] == ["Dunmore and Sons"] * 3
    assert {one["source"]["name"] for one in told} == {"bridges.md"}
    assert len({one["score"] for one in told}) == 1


def test_database_that_starts_again_is_found_again(three):
    three.compose("restart", "--timeout", "10", "postgres")
    database = three.compose("ps", "--quiet", "postgres").strip()
    until(lambda: healthy(database), seconds=60)
    assert [one["answer"] for one in answers(three)] == ["Dunmore and Sons"] * 3


def test_document_removed_through_one_replica_is_gone_from_all(three):
    api = Api(three.url)
    [document], _ = api.documents()
    api.remove_document(document["id"])
    assert [one["answer"] for one in answers(three)] == [""] * 3
    assert api.documents() == ([], 0)

"""`localqa documents` with the real base and a shipped adapter: on this machine, and on a running server."""

import json
import subprocess
import sys

import pytest
import requests

from tests.conftest import ROOT
from tests.documents import made
from tests.server import free_port, running

pytestmark = pytest.mark.slow
QUESTION = "How much does the ferry cost for a dog?"


@pytest.fixture
def folder(tmp_path):
    top = tmp_path / "docs"
    top.mkdir()
    lines = [
        (72, 760, 18, "Fares of the ferry"),
        (72, 720, 10, "Adults pay four crowns for the ferry and children two crowns."),
        (72, 708, 10, "For a dog the ferry costs one crown, whatever its size."),
    ]
    hours = [(72, 760, 18, "Hours"), (72, 720, 10, "The ferry leaves at seven and returns at noon.")]
    (top / "fares.pdf").write_bytes(made.pdf([hours, lines]))
    (top / "quay.md").write_text("# Quay\n\nBoats moor at the north side of the quay, and nowhere else.\n")
    (top / "torn.docx").write_bytes(b"torn")
    return top


def documents(*words, check=None):
    command = [sys.executable, "-m", "localqa", "documents", *map(str, words)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if check is not None:
        assert done.returncode == check, done.stderr
    return done


def test_a_folder_is_added_asked_listed_shown_exported_and_removed(folder, tmp_path):
    where = ("--library", tmp_path / "library.sqlite")
    added = documents("add", folder, *where, check=1)
    assert "2 added, 1 failed" in added.stdout
    assert "torn.docx is damaged" in added.stdout
    asked = documents("ask", QUESTION, "--adapter", "squad2", *where, check=0)
    assert "one crown" in asked.stdout
    assert "docs/fares.pdf, page 2, Fares of the ferry" in asked.stdout
    found = json.loads(documents("ask", QUESTION, "--adapter", "squad2", "--json", *where, check=0).stdout)
    assert found["source"]["passage"][found["start"] : found["end"]] == found["answer"]
    assert found["source"]["boxes"][0]["page"] == 2
    foreign = documents("ask", "Who painted the Mona Lisa?", "--adapter", "squad2", *where, check=1)
    assert "not in your documents" in foreign.stdout
    assert "nearest: docs/" in foreign.stdout
    assert "quay.md" in documents("search", "Where do boats moor?", *where, check=0).stdout.splitlines()[0]
    passages = json.loads(documents("search", "Where do boats moor?", "--json", *where, check=0).stdout)
    assert passages["passages"][0]["name"] == "docs/quay.md"
    listed = json.loads(documents("list", "--json", *where, check=0).stdout)
    assert [one["name"] for one in listed] == ["docs/fares.pdf", "docs/quay.md"]
    assert "--- page 2 ---" in documents("show", "docs/fares.pdf", *where, check=0).stdout
    exported = [json.loads(line) for line in documents("export", *where, check=0).stdout.splitlines()]
    assert "north side" in exported[1]["text"]
    assert "2 unchanged" in documents("add", folder, *where).stdout
    assert "0 replaced" not in documents("reindex", *where, check=0).stdout
    assert documents("list", "--collection", "nosuch", *where).returncode == 2
    twice = documents("remove", "docs/quay.md", "docs/quay.md", "--json", *where, check=0)
    assert json.loads(twice.stdout) == {"removed": 1}
    assert documents("remove", "docs/quay.md", *where).returncode == 2
    assert "1 removed" in documents("remove", "--collection", "default", *where, check=0).stdout


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("ask", QUESTION), "no documents in the library"),
        (("search", QUESTION), "no documents in the library"),
        (("remove",), "Name documents or a --collection"),
        (("add", "missing.pdf"), "There is no missing.pdf"),
        (("add", ".", "--collection", "My Docs!"), "a collection's name has"),
        (("ask", QUESTION, "--top_k", "0"), "no whole number from 1"),
        (("ask", QUESTION, "--passages", "-1"), "no whole number from 1"),
    ],
)
def test_what_cannot_be_meant_is_told_and_makes_no_library(tmp_path, words, told):
    library = tmp_path / "mistyped.sqlite"
    assert told in documents(*words, "--library", library, check=2).stderr
    assert not library.exists()


def test_a_collection_that_is_not_there_is_told(folder, tmp_path):
    where = ("--library", tmp_path / "library.sqlite")
    documents("add", folder / "quay.md", *where, check=0)
    for words in (("ask", QUESTION), ("search", QUESTION), ("remove",), ("export",)):
        done = documents(*words, "--collection", "typo", *where, check=2)
        assert "There is no collection 'typo'" in done.stderr


@pytest.mark.integration
def test_the_same_on_a_running_server(folder, tmp_path):
    with running(tmp_path, QA_ADAPTER="squad2") as (url, _):
        where = ("--url", url)
        assert "2 added, 1 failed" in documents("add", folder, *where, check=1).stdout
        assert "one crown" in documents("ask", QUESTION, *where, check=0).stdout
        assert "quay.md" in documents("list", *where, check=0).stdout
        assert "page 1" in documents("show", "docs/fares.pdf", *where, check=0).stdout
        (folder / "quay.md").unlink()
        synced = documents("add", folder, "--sync", *where)
        assert "1 unchanged" in synced.stdout
        assert "1 removed" in synced.stdout
        chat = {
            "model": "bert-qa:squad2",
            "messages": [{"role": "user", "content": QUESTION}],
            "stream": False,
        }
        told = requests.post(f"{url}/api/chat", json=chat, timeout=60).json()
        assert told["message"]["content"] == "one crown [docs/fares.pdf, page 2]"
        assert told["source"]["name"] == "docs/fares.pdf"
        assert "1 removed" in documents("remove", "--collection", "default", *where, check=0).stdout
        assert "There is no missing.pdf" in documents("add", "missing.pdf", *where, check=2).stderr
        assert "Name documents" in documents("remove", *where, check=2).stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["add", "/nowhere"], "There is no /nowhere"),
        (["add", ""], "A path is empty"),
        (["search", " "], "The question is empty"),
        (["ask", ""], "The question is empty"),
        (["remove"], "Name documents or a --collection"),
        (["show", "nothing"], "0 documents are 'nothing'"),
        (["list", "--url", f"http://127.0.0.1:{free_port()}"], "cannot be reached"),
        (["ask", "Who?", "--min_score", "7"], "no number from 0 to 1"),
    ],
)
def test_mistakes_are_told_with_what_to_do(words, told, tmp_path):
    where = [] if "--url" in words else ["--library", tmp_path / "library.sqlite"]
    done = documents(*words, *where)
    assert done.returncode == 2
    assert told in done.stderr

"""`localqa evaluate` before the judging, and over HTTP."""

import pytest
from werkzeug import Response
from werkzeug.exceptions import NotFound

from app import create_app
from localqa.cli import main
from localqa.config import Settings
from tests.api.fake_reader import FakeReader
from tests.conftest import ROOT
from tests.server import free_port, serving

SAMPLE = str(ROOT / "data" / "sample_qa_data.json")


@pytest.fixture
def server(clean_environment, monkeypatch):
    """One that wants a key, as localhost:PORT."""
    monkeypatch.setenv("QA_OLLAMA", "off")
    with serving(create_app(Settings.load(api_keys="s3cret-ключ"), FakeReader())) as address:
        yield address.removeprefix("http://")


def run(*words):
    return main(["evaluate", "--data", SAMPLE, "--limit", "3", "--adapter", "squad", *map(str, words)])


def refused(capsys, *words):
    with pytest.raises(SystemExit):
        run(*words)
    return capsys.readouterr().err


def test_server_is_asked_with_its_key(capsys, server):
    assert run("--url", server, "--key", "s3cret-ключ") == 0
    assert "through http" in capsys.readouterr().out


def test_key_may_stand_in_the_environment(capsys, server, monkeypatch):
    monkeypatch.setenv("LOCALQA_KEY", "s3cret-ключ")
    assert run("--url", server) == 0


@pytest.mark.parametrize("key", [[], ["--key", "wrong"]])
def test_missing_or_wrong_key_is_told_with_the_flag(capsys, server, key):
    said = refused(capsys, "--url", server, *key)
    assert "API key" in said
    assert "--key" in said


def test_what_a_server_refuses_is_told_with_its_remedy(capsys, server):
    said = refused(capsys, "--url", server, "--key", "s3cret-ключ", "--adapter", "nobody")
    assert "nobody" in said
    assert "what to do" in said


def test_other_servers_and_none_are_told_apart(capsys):
    for other in (NotFound(), Response("hello"), Response('["results"]')):
        with serving(other) as address:
            assert "not as a server of this project" in refused(capsys, "--url", address)
    assert "does not answer" in refused(capsys, "--url", f"localhost:{free_port()}")


@pytest.mark.parametrize("task", ["question-answering", "summarization"])
@pytest.mark.parametrize(
    "words", [["evaluate", "--adapter", "squad"], ["compare", "--before", "squad", "--after", "squad2"]]
)
def test_folder_that_cannot_be_written_is_told_before_the_work(capsys, tmp_path, task, words):
    for place in (tmp_path / "file" / "results", "/proc/nowhere/results"):
        (tmp_path / "file").touch()
        with pytest.raises(SystemExit):
            # Data that is not there would be told as soon as it is read.
            main([*words, "--task", task, "--data", str(tmp_path / "none.json"), "--output", str(place)])
        assert "No file can be written into" in capsys.readouterr().err


@pytest.mark.parametrize("own", [("--base", "b"), ("--precision", "int8")])
def test_what_is_the_server_s_is_not_asked_of_it(capsys, own):
    said = refused(capsys, "--url", "localhost:1", *own)
    assert "--base and --precision are the server's" in said

"""An Ollama server on this machine is found by itself."""

import pytest

from localqa.config import Settings
from localqa.errors import ConfigError
from localqa.ollama.finding import Finder


@pytest.fixture(autouse=True)
def _untouched(clean_environment):
    """No setting of whoever runs the tests."""


def test_health_looks_for_a_server_before_a_question_needs_it(monkeypatch, ollama_server):
    monkeypatch.setattr("localqa.ollama.finding.DEFAULT_PORT", ollama_server.server_address[1])
    finder = Finder(Settings.load())
    assert finder.state == "unknown"
    assert finder.found() is not None
    assert Finder(Settings.load(ollama="off")).state == "off"


def test_a_server_does_not_take_itself_for_an_ollama_server(monkeypatch, ollama_server):
    port = ollama_server.server_address[1]
    monkeypatch.setattr("localqa.ollama.finding.LOCAL", f"http://127.0.0.1:{port}")
    monkeypatch.setattr("localqa.ollama.finding.DEFAULT_PORT", port)
    assert Finder(Settings.load(port=port)).found() is None
    for host in (f"localhost:{port}", f"http://127.0.0.1:{port}", f"0.0.0.0:{port}"):
        with pytest.raises(ConfigError, match="this server itself"):
            Finder(Settings.load(port=port, ollama_host=host))
    assert Finder(Settings.load(port=port, ollama_host=f"ollama:{port}")).state == "unknown"


def test_without_a_server_it_is_off(monkeypatch):
    monkeypatch.setattr("localqa.ollama.finding.DEFAULT_PORT", 9)
    assert Finder(Settings.load()).state == "off"

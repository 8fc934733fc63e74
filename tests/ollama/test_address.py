"""OLLAMA_HOST in all the ways that Ollama's own clients read it."""

import pytest

from localqa.errors import ConfigError
from localqa.ollama.address import server_url


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:11434"),
        ("ollama:8080", "http://ollama:8080"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("0.0.0.0:9000", "http://127.0.0.1:9000"),
        ("http://ollama", "http://ollama:80"),
        ("https://example.org/ai/", "https://example.org:443/ai"),
        (":8080", "http://127.0.0.1:8080"),
        ("[::1]:11434", "http://[::1]:11434"),
        (' "ollama" ', "http://ollama:11434"),
    ],
)
def test_address_is_read(given, url):
    assert server_url(given) == url


@pytest.mark.parametrize(
    "given",
    [
        "ftp://ollama",
        "http://",
        "ollama:port",
        "ollama:99999",
        "[::1",
        "http://me:pw@ollama",
        "http://o/?x=1",
    ],
)
def test_what_is_no_address_is_refused(given):
    with pytest.raises(ConfigError, match="OLLAMA_HOST"):
        server_url(given)

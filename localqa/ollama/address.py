"""Where the Ollama server is, in the ways that its own variable OLLAMA_HOST may say it."""

from typing import Final
from urllib.parse import urlsplit

from localqa.errors import ConfigError

DEFAULT_PORT: Final = 11434
LOCAL: Final = f"http://127.0.0.1:{DEFAULT_PORT}"
_ANY: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}
"""A server may listen on any address; a client has to go to one."""


def server_url(host: str) -> str:
    """The base URL of a server, without a slash at its end.

    Takes `host`, `host:port`, `[v6]:port` and whole URLs with a path, as Ollama's own clients do; without
    a scheme it is http and, as in plain http URLs of theirs, port 11434.

    Raises:
        ConfigError: this is no address.
    """
    given = host.strip().strip("\"'")
    if given.startswith(":"):
        given = f"127.0.0.1{given}"
    try:
        parts = urlsplit(given if "://" in given else f"//{given}", scheme="http")
        name, port = parts.hostname, parts.port
    except ValueError as e:
        raise _unusable(host) from e
    if parts.scheme not in ("http", "https") or not name or parts.username or parts.query or parts.fragment:
        raise _unusable(host)
    if port is None:
        # A URL means the port of its scheme; a bare name means Ollama's own.
        port = {"http": 80, "https": 443}[parts.scheme] if "://" in given else DEFAULT_PORT
    name = _ANY.get(name, name)
    bracketed = f"[{name}]" if ":" in name else name
    return f"{parts.scheme}://{bracketed}:{port}{parts.path.rstrip('/')}"


def _unusable(host: str) -> ConfigError:
    return ConfigError(
        f"OLLAMA_HOST={host!r} is no address of a server.",
        remedy="Give it as host:port or http://host:port, such as 127.0.0.1:11434.",
    )

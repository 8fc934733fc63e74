"""Whether there is an Ollama server to use."""

import socket
import threading
import time
from typing import TYPE_CHECKING, Final, Literal, TypeAlias
from urllib.parse import urlsplit

from localqa.config import Settings
from localqa.errors import ConfigError
from localqa.ollama.address import DEFAULT_PORT, LOCAL, server_url

if TYPE_CHECKING:
    from localqa.ollama.client import Ollama

State: TypeAlias = Literal["off", "unknown", "ok", "unreachable"]

_HERE: Final = ("localhost", "127.0.0.1", "::1")
_KNOCK_S: Final = 0.2
_KNOCK_AGAIN_S: Final = 5.0


class Finder:
    """The Ollama server, once there is one.

    It is the one at the address in the settings; without an address the one on this machine, as soon as
    something listens there. Until then none of what is needed to speak to it is loaded. A server that was
    found once stays: when it is away, callers are told so.

    Raises:
        ConfigError: the address is none, or this server's own.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._url = LOCAL
        if settings.ollama_host and settings.ollama != "off":
            self._url = server_url(settings.ollama_host)
            if self._is_ours(self._url):
                raise ConfigError(
                    f"OLLAMA_HOST={settings.ollama_host} is the address of this server itself.",
                    remedy="Name the Ollama server's own address, or set QA_OLLAMA=off.",
                )
        self._wanted = settings.ollama == "on" or (settings.ollama == "auto" and bool(settings.ollama_host))
        self._knocked = float("-inf")
        self._ollama: Ollama | None = None
        self._making = threading.Lock()

    def found(self) -> "Ollama | None":
        """The server; None while there is none, and where the settings say so."""
        if self._settings.ollama == "off":
            return None
        with self._making:
            if self._ollama is None and (self._wanted or self._listens()):
                self._ollama = self._made()
            return self._ollama

    @property
    def state(self) -> State:
        """How the server was when last seen; "off": there is none."""
        self.found()
        if self._ollama is not None:
            return self._ollama.upstream.state
        return "unknown" if self._wanted else "off"

    def _is_ours(self, url: str) -> bool:
        """Whether this server listens at an address."""
        parts = urlsplit(url)
        return parts.port == self._settings.port and parts.hostname in (*_HERE, self._settings.host)

    def _made(self) -> "Ollama":
        from localqa.ollama.client import Ollama
        from localqa.ollama.upstream import Upstream

        settings = self._settings
        upstream = Upstream(
            self._url, timeout_s=settings.ollama_timeout_s, max_requests=settings.ollama_max_requests
        )
        return Ollama(upstream, model=settings.ollama_model)

    def _listens(self) -> bool:
        """Whether something else listens on this machine; looked at every five seconds at most."""
        if self._is_ours(self._url) or time.monotonic() - self._knocked < _KNOCK_AGAIN_S:
            return False
        self._knocked = time.monotonic()
        try:
            socket.create_connection(("127.0.0.1", DEFAULT_PORT), _KNOCK_S).close()
        except OSError:
            return False
        return True

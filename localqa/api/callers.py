"""Whether whoever sent a request still waits for its answer."""

import select
import socket
import time
from collections.abc import Callable
from typing import Any, Final

from flask import request

from localqa.api.service import current_service
from localqa.extraction.answers import Patience

RESPONDING: Final = "localqa.responding"
"""In the environment of a request once its response begins."""

_POLITE_S: Final = 0.5
"""How long after its last byte a client is not bothered: most answers are there by then."""
_AGAIN_S: Final = 2.0
_SILENT_S: Final = 30.0
_STILL_HERE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


def caller_gone() -> Callable[[], bool]:
    """Asks whether the client of the current request has gone; False where none can tell."""
    connection = request.environ.get("gunicorn.socket") or request.environ.get("werkzeug.socket")
    if not isinstance(connection, socket.socket):
        return lambda: False
    return _Caller(connection, request.environ).gone


def patience() -> Patience:
    """How long the caller of the current request waits; also for a thread, since the request was there."""
    came: float = getattr(request.environ.get("wsgi.input"), "came", 0.0) or time.monotonic()
    return Patience(came + current_service().settings.deadline_s, caller_gone())


class _Caller:
    """The other end of a connection.

    A client may say that it sends nothing more and wait for its answer; one that has closed its connection
    looks the same. What tells them apart is an interim response, which means nothing to the first and which
    the system of the second refuses.
    """

    def __init__(self, connection: socket.socket, environ: dict[str, Any]) -> None:
        self._connection = connection
        self._environ = environ
        self._ended: float | None = None
        self._asked = float("-inf")

    def gone(self) -> bool:
        """Whether it has."""
        try:
            events = self._events()
            if events & (select.POLLERR | select.POLLHUP | select.POLLNVAL):
                return True
            if not events or self._connection.recv(1, socket.MSG_PEEK):
                return False
        except BlockingIOError:
            return False
        except ConnectionError:
            return True
        except (OSError, ValueError):
            return False  # a TLS connection cannot be asked this way
        return self._gone_after_its_end()

    def _events(self) -> int:
        poll = select.poll()
        poll.register(self._connection, select.POLLIN)
        return next((events for _, events in poll.poll(0)), 0)

    def _gone_after_its_end(self) -> bool:
        now = time.monotonic()
        if self._ended is None:
            self._ended = now
        if RESPONDING in self._environ:
            # Each piece of the response asks as well; only a long silence between two does not.
            return now - self._ended > _SILENT_S
        interim = self._environ.get("SERVER_PROTOCOL") == "HTTP/1.1"
        if interim and now - self._ended > _POLITE_S and now - self._asked > _AGAIN_S:
            self._asked = now
            try:
                self._connection.send(_STILL_HERE)
            except BlockingIOError:
                return False
            except OSError:
                return True
        return False

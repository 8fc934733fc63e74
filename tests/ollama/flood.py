"""A server that sends whatever it is told to, for as long as anybody reads: bytes, not a protocol."""

import socket
import socketserver
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

NDJSON = b"application/x-ndjson"


def head(kind: bytes, status: bytes = b"200 OK") -> bytes:
    """The head of a reply that lasts until the connection ends."""
    return b"HTTP/1.1 " + status + b"\r\nContent-Type: " + kind + b"\r\nConnection: close\r\n\r\n"


class Flood(socketserver.ThreadingTCPServer):
    """Sends `reply` to everyone.

    Attributes:
        reply: pieces of bytes, without end if need be.
        sent: bytes of them that the other side took, all together.
        left: how many went away before the end.
    """

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.reply: Iterable[bytes] = ()
        self.sent = 0
        self.left = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(socketserver.BaseRequestHandler):
    server: Flood

    def handle(self) -> None:
        self.request.recv(65_536)
        try:
            for piece in self.server.reply:
                self.request.sendall(piece)
                self.server.sent += len(piece)
            # What was not read of the request would otherwise break the reply off.
            self.request.shutdown(socket.SHUT_WR)
            while self.request.recv(65_536):
                pass
        except OSError:
            self.server.left += 1


class Endless:
    """A head, then one piece for ever."""

    def __init__(self, first: bytes, piece: bytes) -> None:
        self.first, self.piece = first, piece

    def __iter__(self) -> Iterator[bytes]:
        yield self.first
        while True:
            yield self.piece


@contextmanager
def flooding() -> Iterator[Flood]:
    with Flood() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()

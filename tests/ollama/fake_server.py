"""A server that looks like Ollama until it shall not: for faults alone, the real one is tested beside it."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PIECES = ["Ada", " Lovelace", " wrote it."]
FAULTS = ("hang", "silent", "500", "cut", "unfinished", "garbage", "redirect", "missing", "error_line")
_STREAMED = ("/api/chat", "/api/generate")


class FakeOllama(ThreadingHTTPServer):
    """Answers every chat with `PIECES`, or fails in the way that `fault` names.

    Attributes:
        fault: "" or one of `FAULTS`.
        pause_s: before each piece.
        requests: method, path and body of each request.
        left: how often a client went away in the middle of a stream.
    """

    daemon_threads = True

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.fault = ""
        self.pause_s = 0.0
        self.pieces = PIECES
        self.models = ["tiny:1b"]
        self.requests: list[tuple[str, str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.left = 0
        self.released = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that go away are what is tested here."""


@contextmanager
def fake_ollama() -> Iterator[FakeOllama]:
    with FakeOllama() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.released.set()
        server.shutdown()


class _Handler(BaseHTTPRequestHandler):
    server: FakeOllama
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        self._answer(None)

    def do_DELETE(self) -> None:
        self.do_POST()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        try:
            self._answer(json.loads(body or b"null"))
        except ValueError:
            self._answer(body)

    def _answer(self, body: Any) -> None:
        self.server.requests.append((self.command, self.path, body))
        self.server.headers.append(dict(self.headers))
        fault = self.server.fault
        if fault == "hang":
            self.server.released.wait(30)
            self.close_connection = True
        elif fault == "500":
            self._send({"error": "out of memory"}, 500)
        elif fault == "garbage":
            self._send("<html>hello</html>", kind="text/html")
        elif fault == "redirect":
            self._send("", 302, location="http://127.0.0.1:9/evil")
        elif self.path in ("/api/tags", "/v1/models"):
            self._send({"models": [{"name": name} for name in self.server.models]})
        elif self.path == "/api/version":
            self._send({"version": "9.9.9"})
        elif self.path == "/api/pull" and (body or {}).get("stream") is not False:
            self._pull(body["model"])
        elif fault == "missing":
            self._send({"error": "model 'tiny:1b' not found"}, 404)
        elif self.path.partition("?")[0] in ("/api/chat", "/api/generate") and (body or {}).get(
            "stream", True
        ):
            self._stream()
        else:
            self._send({"model": "tiny:1b", "path": self.path, "sent": body, "response": "Hi.", "done": True})

    def _pull(self, model: str) -> None:
        """A download in two steps; the model called missing is none."""
        self._begin_lines()
        self._chunk({"status": "pulling manifest"})
        if model.startswith("missing"):
            self._chunk({"error": "no such model"})
        else:
            for done in (50, 100):
                self._chunk({"status": "downloading", "total": 100, "completed": done})
            self.server.models.append(model)
            self._chunk({"status": "success"})
        self.wfile.write(b"0\r\n\r\n")

    def _begin_lines(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/x-ndjson")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def _stream(self) -> None:
        self._begin_lines()
        try:
            for number, piece in enumerate(self.server.pieces):
                if number == 2 and self._broken():
                    return
                time.sleep(self.server.pause_s)
                self._chunk({"message": {"role": "assistant", "content": piece}, "done": False})
            if self.server.fault != "unfinished":
                self._chunk({"message": {"role": "assistant", "content": ""}, "done": True})
            self.wfile.write(b"0\r\n\r\n")
        except OSError:
            self.server.left += 1
            self.close_connection = True

    def _broken(self) -> bool:
        """Whether the stream ends here, in the way of the fault."""
        if self.server.fault == "cut":
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return True
        if self.server.fault == "silent":
            self.server.released.wait(30)
            self.close_connection = True
            return True
        if self.server.fault == "error_line":
            self._chunk({"error": "the runner stopped"})
            self.wfile.write(b"0\r\n\r\n")
            return True
        return False

    def _chunk(self, value: object) -> None:
        line = json.dumps(value).encode() + b"\n"
        self.wfile.write(f"{len(line):x}\r\n".encode() + line + b"\r\n")
        self.wfile.flush()

    def _send(
        self, value: object, status: int = 200, *, kind: str = "application/json", location: str = ""
    ) -> None:
        body = (value if isinstance(value, str) else json.dumps(value)).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if location:
            self.send_header("Location", location)
        self.end_headers()
        self.wfile.write(body)

"""gunicorn's threaded worker, whose threads work only on requests that have come whole.

Headers and bodies are read by the one loop that also accepts connections, as they come and within a time; a
thread takes over when a request can be answered. So any number of slow clients costs no thread, large bodies
share a bounded room, and probes, which have threads of their own, are answered whatever else goes on.
"""

import contextlib
import errno
import selectors
import socket
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, Final, Literal, TypeAlias, cast

from gunicorn import util
from gunicorn.http.errors import ParseException
from gunicorn.workers.gthread import TConn, ThreadWorker

from localqa.answering.room import no_room
from localqa.api.listening import connections_of
from localqa.api.receiving import FREE, Incoming, Share, SlowRequestError
from localqa.api.refusing import refusal, response, send_now
from localqa.engine.memory import give_back
from localqa.errors import OverloadedError

PROBES: Final = ("/livez", "/readyz", "/api/health", "/metrics")
DOCUMENTS: Final = ("/", "/docs", "/docs/", "/openapi.json")
SEND_S: Final = 30.0
"""How long a piece of a response may take to be taken by the client."""

_READ: Final = 64 * 1024
_LINE_S: Final = 30.0
"""How long a large body waits for room."""
_LINGER_S: Final = 2.0
_DRAIN_BYTES: Final = 64 * 1024 * 1024
_LOOK_S: Final = 0.25
_SPARE: Final = 8
"""Connections below the limit from which on old ones make way for new ones."""
_ACCEPT: Final = 64

Stage: TypeAlias = Literal["idle", "receiving", "in line", "working", "lingering"]


class Connection(TConn):  # type: ignore[misc]  # gunicorn ships no types
    """A connection and the request that comes over it.

    Attributes:
        stage: what it is waiting for.
        expires: time (`time.monotonic`) after which it is not waited for; the rate of a body apart.
        incoming: the request.
        room: where its body has taken some, and stands in line.
        taken: bytes of it.
        counted: whether it is one of the requests of which there may be so many.
    """

    def __init__(self, worker: "Worker", sock: socket.socket, client: Any, server: Any) -> None:
        super().__init__(worker.cfg, sock, client, server)
        self.initialized = self.data_ready = True
        self.room = worker.for_questions
        self.taken = 0
        self.counted = False
        self.drained = 0
        self.expires = 0.0
        self._most = {"max_body": worker.max_body, "max_upload": worker.max_upload}
        self.next_request()

    def next_request(self) -> None:
        """Make ready for a request."""
        self.stage: Stage = "idle"
        self.incoming = Incoming(self.cfg, self.client, **self._most)
        self.parser = _Arrived(self.incoming)


class _Arrived:
    """Stands where gunicorn's parser would: the request is there already."""

    def __init__(self, incoming: Incoming) -> None:
        self._incoming = incoming

    def __next__(self) -> Any:
        if self._incoming.failure is not None:
            raise self._incoming.failure
        request: Any = self._incoming.request
        request.body = self._incoming.body
        return request

    def finish_body(self, deadline: float | None = None) -> bool:
        """Whether the next request begins where this one ends."""
        return not self._incoming.cut


class Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn ships no types
    """The worker; `docker/gunicorn.conf.py` gives it its limits.

    Attributes:
        max_body: bytes of a body.
        max_upload: bytes of one that brings documents.
        room: bytes of all large bodies together, from their first byte until they are answered; those that
            bring documents, and may take long to come, have room for `max_upload` of their own.
        receive_s: seconds in which headers must have come, and a body that does not come at a good rate.
        most_requests: that are answered, or wait for it, at a time; probes and documents apart. gunicorn's
            `max_requests` is another matter: after so many it starts a worker anew.
        admits: whether a large body is received, by the headers before it, whose names are in capitals; the
            app answers without it else.
    """

    max_body = 8 * 1024 * 1024
    max_upload = 32 * 1024 * 1024
    room = 24 * 1024 * 1024
    receive_s = 10.0
    most_requests = 256
    admits: Callable[[Mapping[str, str]], bool] = staticmethod(lambda _: True)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.for_questions = Share(max(self.room, self.max_body))
        self.for_documents = Share(self.max_upload)
        self._waiting: dict[Connection, None] = {}
        self._looked = 0.0
        self._working = 0
        self._untidy = False
        self._probes = ThreadPoolExecutor(2, "probe")
        self._documents = ThreadPoolExecutor(4, "document")
        # So large that those who do not read them hold a thread; nothing else waits for it.
        self._assets = ThreadPoolExecutor(2, "asset")
        self.worker_connections = connections_of(self.cfg.worker_connections)

    # What comes in.

    def accept(self, listener: socket.socket) -> None:
        """Take new connections, at the cost of the one that has waited longest where there are too many."""
        if self.cfg.is_ssl:
            super().accept(listener)
            return
        for _ in range(_ACCEPT):
            if self.nr_conns >= self.worker_connections - _SPARE:
                self._evict()
            if self.nr_conns >= self.worker_connections:
                return
            try:
                sock, client = listener.accept()
            except BlockingIOError:
                return
            except OSError as e:
                if e.errno not in (errno.ECONNABORTED, errno.EMFILE, errno.ENFILE):
                    raise
                return
            # Room for whole answers, so that whoever reads slowly keeps no thread.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 256 * 1024)
            self.nr_conns += 1
            conn = Connection(self, sock, client, listener.getsockname())
            self._await(conn, "idle", self.receive_s)
            self._readable(conn)

    def _await(self, conn: Connection, stage: Stage, seconds: float) -> None:
        """Wait for bytes of a connection."""
        conn.sock.setblocking(False)
        conn.stage = stage
        conn.expires = time.monotonic() + seconds
        self._waiting[conn] = None
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._on_readable, conn))

    def _on_readable(self, conn: Connection, _: socket.socket) -> None:
        try:
            self._readable(conn)
        except Exception:  # one connection must not end the loop
            self.log.exception("Error reading a request")
            self._close(conn)

    def _readable(self, conn: Connection) -> None:
        if conn.stage == "lingering":
            self._read_away(conn)
            return
        try:
            data = conn.sock.recv(_READ if conn.taken else FREE)
        except BlockingIOError:
            return
        except OSError:
            self._close(conn)
            return
        if not data and conn.incoming.request is None:
            self._close(conn)
            return
        conn.stage = "receiving"
        self._feed(conn, data)

    def _feed(self, conn: Connection, data: bytes) -> None:
        incoming = conn.incoming
        if data:
            incoming.feed(data)
        else:
            incoming.end()
        # A head has a bound of its own; what it announces is known once it is whole.
        request = incoming.request
        is_large = request is not None and incoming.size > FREE and not conn.taken
        if request and is_large and not incoming.done and not self.admits(dict(request.headers)):
            incoming.cut_off()
        self._bid_continue(conn)
        if incoming.done:
            self._answer(conn)
        elif is_large:
            conn.room = self.for_documents if incoming.brings_documents else self.for_questions
            conn.room.line.append(conn)
            self._leave_poller(conn)
            conn.stage = "in line"
            conn.expires = time.monotonic() + _LINE_S
            self._advance(conn.room)

    def _bid_continue(self, conn: Connection) -> None:
        """Tell a client that waits for it to send the body, unless its answer is clear without."""
        request = conn.incoming.request
        if request is not None and request._expected_100_continue:
            request._expected_100_continue = False
            if not conn.incoming.done:
                send_now(conn.sock, b"HTTP/1.1 100 Continue\r\n\r\n")

    def _advance(self, room: Share) -> None:
        """Let those at the head of the line read on, as long as there is room."""
        while room.line:
            conn = room.line[0]
            if conn.stage == "in line":
                if conn.incoming.size > room.free:
                    return
                conn.taken = conn.incoming.size
                room.free -= conn.taken
                # Its time begins again: it was not the client that waited.
                conn.incoming.began = time.monotonic()
                self._await(conn, "receiving", self.receive_s)
            room.line.popleft()

    # What goes out.

    def _answer(self, conn: Connection) -> None:
        self._leave_poller(conn)
        self._waiting.pop(conn, None)
        conn.stage = "working"
        conn.incoming.body.give_back = lambda: self.method_queue.defer(self._leave_room, conn)
        conn.incoming.body.came = time.monotonic()
        pool = self._pool(conn)
        if pool is self.tpool:
            # Those that wait for a thread count, too: they would wait without an end.
            if self._working >= self.most_requests:
                conn.incoming.fail(OverloadedError(f"{self._working:,} requests are being answered already."))
                pool = self._documents
            else:
                self._working += 1
                conn.counted = True
        future = pool.submit(self.handle, conn)
        future.add_done_callback(lambda done: self.method_queue.defer(self.finish_request, conn, done))

    def _pool(self, conn: Connection) -> ThreadPoolExecutor:
        request = conn.incoming.request
        path = request.path if request is not None else ""
        if path.rstrip("/") in PROBES:
            return self._probes
        if path.startswith("/swagger/"):
            return self._assets
        return self._documents if path in DOCUMENTS else cast(ThreadPoolExecutor, self.tpool)

    def handle_request(self, req: Any, conn: Any) -> Any:
        """Answer a request; a client that takes too long to take the answer is left alone."""
        conn.sock.settimeout(SEND_S)
        try:
            return super().handle_request(req, conn)
        except TimeoutError as e:
            raise ConnectionResetError(errno.ECONNRESET, "the answer was not taken in time") from e

    def handle_error(self, req: Any, client: Any, addr: Any, exc: Exception) -> None:
        """Answer what is no HTTP request; what else went wrong is gunicorn's to tell."""
        if req is not None or not isinstance(exc, ParseException):
            super().handle_error(req, client, addr, exc)
            return
        # Its text quotes what came, which may be a question or a key.
        self.log.warning("Invalid request from ip=%s: %s", addr[0] if addr else "", type(exc).__name__)
        send_now(client, refusal(exc))

    def finish_request(self, conn: Any, done: "Future[Any]") -> None:
        """What becomes of a connection once its request is answered."""
        if not isinstance(conn, Connection):
            super().finish_request(conn, done)
            return
        self._leave_room(conn)
        self._working -= conn.counted
        conn.counted = False
        conn.incoming.body.close()
        if done.cancelled() or done.exception() is not None or not done.result():
            self._linger(conn)
            return
        rest = conn.incoming.rest
        conn.next_request()
        self._await(conn, "idle", self.cfg.keepalive if self.alive else _LINGER_S)
        if rest:
            conn.stage = "receiving"
            self._feed(conn, rest)

    def _leave_room(self, conn: Connection) -> None:
        if conn.taken:
            conn.room.free += conn.taken
            conn.taken = 0
            self._untidy = True
            self._advance(conn.room)

    def _tidy(self) -> None:
        """Give freed memory back once no large request is there any more."""
        if self._untidy and not any(conn.taken for conn in self._waiting):
            self._untidy = False
            self._documents.submit(give_back)

    def _linger(self, conn: Connection) -> None:
        """Say that no more follows, and read away what is still sent, so that the answer is not lost."""
        try:
            conn.sock.setblocking(False)
            conn.sock.shutdown(socket.SHUT_WR)
            self._await(conn, "lingering", self.receive_s if conn.incoming.cut else _LINGER_S)
        except OSError:
            self._close(conn)

    def _read_away(self, conn: Connection) -> None:
        try:
            data = conn.sock.recv(_READ)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        conn.drained += len(data)
        if not data or conn.drained > _DRAIN_BYTES:
            self._close(conn)

    # What ends.

    def murder_keepalived(self, force: bool = False) -> None:
        """End what has waited too long; called by the loop of the worker."""
        now = time.monotonic()
        if not force and now - self._looked < _LOOK_S:
            return
        self._looked = now
        self._tidy()
        for conn in list(self._waiting):
            if force:
                self._close(conn)
            elif conn.stage == "receiving":
                # Documents are large, and those who send them on slow lines send nothing faster.
                hurried = bool(conn.taken and conn.room.line) and conn.room is self.for_questions
                if conn.incoming.late(now, self.receive_s, hurried=hurried):
                    self._tell_late(conn)
            elif now > conn.expires:
                if conn.stage == "in line":
                    self._tell_full(conn)
                else:
                    self._close(conn)
        super().murder_keepalived(force)

    def _cap_keepalive(self, deadline: float) -> None:
        super()._cap_keepalive(deadline)
        for conn in self._waiting:
            if conn.stage == "idle":
                conn.expires = min(conn.expires, deadline)

    def _tell_late(self, conn: Connection) -> None:
        error = SlowRequestError(f"The request did not come within {self.receive_s:g} seconds.")
        if conn.incoming.request is None:
            told = {"code": error.code, "message": error.message, "remedy": error.told_remedy}
            send_now(conn.sock, response(error.status, **told))
            self._leave_poller(conn)
            self._waiting.pop(conn, None)
            self._linger(conn)
            return
        conn.incoming.fail(error)
        self._answer(conn)

    def _tell_full(self, conn: Connection) -> None:
        conn.room.line.remove(conn)
        conn.incoming.fail(no_room())
        self._answer(conn)

    def _evict(self) -> bool:
        """End one connection that is not being answered; says whether there was one."""
        for stage in ("lingering", "idle", "receiving", "in line"):
            for conn in self._waiting:
                if conn.stage == stage:
                    self._close(conn)
                    return True
        return False

    def _close(self, conn: Connection) -> None:
        self._leave_poller(conn)
        self._waiting.pop(conn, None)
        if conn.stage == "in line":
            conn.room.line.remove(conn)
        self.nr_conns -= 1
        util.close(conn.sock)
        self._leave_room(conn)

    def _leave_poller(self, conn: Connection) -> None:
        with contextlib.suppress(KeyError, ValueError):  # it was not there
            self.poller.unregister(conn.sock)

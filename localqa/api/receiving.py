"""A request as it comes in, byte by byte, and when it has come: no thread waits for it meanwhile."""

import io
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import unquote

import h11
from gunicorn.config import Config
from gunicorn.http import get_parser
from gunicorn.http.body import ChunkedReader
from gunicorn.http.errors import LimitRequestHeaders
from gunicorn.http.message import Request

from localqa.errors import LocalQAError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

SLOWEST: Final = 16 * 1024
"""Bytes a second at which a body must come, on average, after the time that a request has."""
IN_THE_WAY: Final = 256 * 1024
"""The same while others wait for the room that it has taken."""
FREE: Final = 16 * 1024
"""Bytes of a request that are read without asking for room."""
_DOCUMENTS: Final = "/api/documents"
_HEAD: Final = 32 * 1024
_PIECES: Final = 20_000
"""Most pieces of a chunked body: each costs far more time than its bytes."""


class BrokenBodyError(LocalQAError):
    """A body whose transfer encoding is broken."""

    code = "malformed_body"


class SlowRequestError(LocalQAError):
    """A request that came too slowly."""

    code = "request_timeout"


class Body(io.BytesIO):
    """A body that has come whole, or what kept it from that.

    Attributes:
        error: raised by whoever reads it.
        give_back: called by whoever needs it no more, though the response is not there yet.
        came: when it was there (`time.monotonic`), from when on its caller waits; 0 as long as it is not.
    """

    error: LocalQAError | None = None
    give_back: Callable[[], None] = staticmethod(lambda: None)
    came: float = 0.0

    def read(self, size: int | None = -1, /) -> bytes:
        """Read on; raises the error, if there is one."""
        self._check()
        return super().read(size)

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        """Read on into a buffer; raises the error, if there is one."""
        self._check()
        return super().readinto(buffer)

    def _check(self) -> None:
        if self.error is not None:
            raise self.error


class Share:
    """Bytes that bodies of a kind share, and the line of the connections that wait for some.

    Args:
        most: bytes of all of them together.
    """

    def __init__(self, most: int) -> None:
        self.free = most
        self.line: deque[Any] = deque()


class _Framing(Protocol):
    """How the end of a body is found."""

    ended: bool
    rest: bytes

    def feed(self, data: bytes, body: Body) -> None:
        """Put what belongs to the body there, and what follows it into `rest`."""


class Incoming:
    """One request, fed with bytes until it is `done`.

    Args:
        cfg: gunicorn's settings: its limits, and whose forwarding headers count.
        peer: the other end.
        max_body: bytes of a body, beyond which none of it is kept: the app refuses it.
        max_upload: the same of one that brings documents; None: no more than of others.

    Attributes:
        request: gunicorn's own, once its head has come.
        body: what has come of the body.
        rest: bytes that came after the request: the next one.
        failure: what is wrong with the head, for gunicorn to answer.
        done: whether there is something to answer.
        cut: whether not all of it was read, so that the connection cannot be used again.
        brings_documents: whether it is for the library, as its head says.
    """

    def __init__(self, cfg: Config, peer: Any, *, max_body: int, max_upload: int | None = None) -> None:
        self._cfg = cfg
        self._peer = peer
        self._max_body = max_body
        self._max_upload = max_body if max_upload is None else max_upload
        self._head = bytearray()
        self._framing: _Framing | None = None
        self.began: float | None = None
        self.request: Request | None = None
        self.body = Body()
        self.rest = b""
        self.failure: Exception | None = None
        self.done = False
        self.cut = False
        self.brings_documents = False

    def feed(self, data: bytes) -> None:
        """Take what came."""
        if self.began is None:
            self.began = time.monotonic()
        if self.request is None:
            self._feed_head(data)
        else:
            self._feed_body(data)

    def end(self) -> None:
        """The client sends no more of the body: one that is not whole stays so, which the app sees."""
        self.done = self.cut = True
        if isinstance(self._framing, _Chunked):
            self.body.error = BrokenBodyError("The body could not be read: broken transfer encoding.")
        self.body.seek(0)

    def cut_off(self) -> None:
        """Let the app answer without the body, of which it has no need."""
        self.done = self.cut = True
        self.body = Body()

    def fail(self, error: LocalQAError) -> None:
        """Let the app answer with an error as soon as it reads the body."""
        self.cut_off()
        self.body.error = error

    @property
    def size(self) -> int:
        """Bytes that the whole body may need, as far as is known."""
        if self.request is None or self.done:
            return len(self._head) + self.body.getbuffer().nbytes
        if isinstance(self._framing, _Length):
            return self._framing.length
        # How long a chunked body will be is not said.
        came = self.body.getbuffer().nbytes
        return came if came <= FREE else self._max_body

    def late(self, now: float, seconds: float, *, hurried: bool = False) -> bool:
        """Whether it comes too slowly, where it has so many seconds and then a rate; see `IN_THE_WAY`."""
        if self.began is None:
            return False
        rate = IN_THE_WAY if hurried else SLOWEST
        return now - self.began > seconds + self.body.getbuffer().nbytes / rate

    def _feed_head(self, data: bytes) -> None:
        searched = max(0, len(self._head) - 3)
        self._head += data
        end = self._head.find(b"\r\n\r\n", searched)
        # gunicorn refuses lines that end otherwise, and says so.
        whole = end >= 0 or self._head.count(b"\n") != self._head.count(b"\r\n")
        if max(end, 0 if end >= 0 else len(self._head)) > _HEAD:
            self._refuse(LimitRequestHeaders("they are longer than 32 KiB"))
        elif whole:
            parser = get_parser(self._cfg, [bytes(self._head)], self._peer)
            try:
                self.request = next(parser)
            except Exception as e:  # whatever it is, gunicorn knows how to answer it
                self._refuse(e)
                return
            self._head.clear()
            self.began = time.monotonic()
            self._begin_body(parser.unreader.take_buffered())

    def _refuse(self, error: Exception) -> None:
        self.failure = error
        self.done = self.cut = True
        self._head.clear()

    def _begin_body(self, data: bytes) -> None:
        assert self.request is not None  # noqa: S101 - for mypy; its head has just come
        self.brings_documents = unquote(self.request.path).rstrip("/") == _DOCUMENTS
        if self.brings_documents:
            self._max_body = self._max_upload
        reader = self.request.body.reader
        if isinstance(reader, ChunkedReader):
            self._framing = _Chunked()
        elif reader.length > self._max_body:
            # The app says what is too large; the rest is read away afterwards.
            self.done = self.cut = True
            return
        else:
            self._framing = _Length(reader.length)
        self._feed_body(data)

    def _feed_body(self, data: bytes) -> None:
        assert self._framing is not None  # noqa: S101 - for mypy; there is one once there is a head
        try:
            self._framing.feed(data, self.body)
        except BrokenBodyError as e:
            self.fail(e)
            return
        if self._framing.ended:
            self.done = True
            self.rest = self._framing.rest
        elif self.body.getbuffer().nbytes > self._max_body:
            # One byte too many, for the app to see that it is too large.
            self.body.truncate(self._max_body + 1)
            self.done = self.cut = True
        if self.done:
            self.body.seek(0)


class _Length:
    """A body of a length that was announced."""

    def __init__(self, length: int) -> None:
        self.length = length
        self.ended = not length
        self.rest = b""

    def feed(self, data: bytes, body: Body) -> None:
        missing = self.length - body.tell()
        body.write(data[:missing])
        self.rest = data[missing:]
        self.ended = body.tell() == self.length


class _Chunked:
    """A body in chunks, each of which says its length."""

    def __init__(self) -> None:
        self.ended = False
        self.rest = b""
        self._pieces = 0
        self._parser = h11.Connection(h11.SERVER)
        self._parser.receive_data(b"POST / HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n")
        self._parser.next_event()

    def feed(self, data: bytes, body: Body) -> None:
        if not data:
            return
        try:
            self._parser.receive_data(data)
            for event in self._events():
                if isinstance(event, h11.Data):
                    self._pieces += 1
                    body.write(event.data)
                elif isinstance(event, h11.EndOfMessage):
                    self.ended = True
                    self.rest = bytes(self._parser.trailing_data[0])
        except h11.RemoteProtocolError as e:
            raise BrokenBodyError("The body could not be read: broken transfer encoding.") from e
        if self._pieces > _PIECES:
            raise BrokenBodyError(
                f"The body comes in more than {_PIECES:,} pieces.", remedy="Send it in larger ones."
            )

    def _events(self) -> Iterable[object]:
        while not self.ended and (event := self._parser.next_event()) is not h11.NEED_DATA:
            yield event

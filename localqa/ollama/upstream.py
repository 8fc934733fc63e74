"""Requests to the Ollama server: streamed as they come, given up when nobody waits, guarded by a breaker."""

import asyncio
import queue
import re
import threading
import time
from collections.abc import Coroutine, Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias, TypeVar

import httpx

from localqa.errors import InvalidInputError, LocalQAError, OverloadedError
from localqa.ollama import Gone
from localqa.ollama.errors import CallerGoneError, OllamaDownError, OllamaSlowError
from localqa.ollama.pipe import Pipe

_CONNECT_S: Final = 2.0
_FAILURES, _REST_S = 3, 10.0
"""So many failures in a row keep requests from the server for so many seconds."""
_LOOK_S: Final = 0.25
"""How often the caller is looked after."""
_TOLD_BYTES: Final = 4 * 1024 * 1024
"""Most that the server may tell of itself."""
_PATIENCE: Final = 5
"""How many times longer than the longest silence the whole of that may take."""
_MEDIA_TYPE: Final = re.compile(r"[\w!#$&^.+-]{1,100}/[\w!#$&^.+-]{1,100}(;[\x20-\x7e]{0,200})?", re.ASCII)

State: TypeAlias = Literal["unknown", "ok", "unreachable"]
_Part: TypeAlias = "_Head | bytes | LocalQAError | None"
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class _Head:
    status: int
    content_type: str


@dataclass(frozen=True, slots=True)
class Reply:
    """A response of the server whose body may still be coming.

    Attributes:
        status: HTTP status.
        content_type: of the body.
        chunks: the body as it arrives; raises as `Upstream.stream` does when it breaks off.
    """

    status: int
    content_type: str
    chunks: Iterator[bytes]


class Upstream:
    """The Ollama server.

    Requests run on an event loop in a thread of their own, where each can be broken off at any moment: while
    it connects, while the server thinks, between two tokens. Redirects are not followed. Thread-safe.

    Args:
        url: its address, see `localqa.ollama.address`.
        timeout_s: longest silence, before the first byte and between two.
        max_requests: how many may run at a time; each holds a thread of this server.
    """

    def __init__(self, url: str, *, timeout_s: float, max_requests: int) -> None:
        self.url = url
        self.state: State = "unknown"
        self._timeout_s = timeout_s
        self._max_requests = max_requests
        self._places = threading.BoundedSemaphore(max_requests)
        self._breaker = _Breaker()
        self._loop = _Loop()
        self._client: httpx.AsyncClient | None = None

    @contextmanager
    def stream(
        self,
        method: str,
        path: str,
        content: bytes = b"",
        *,
        content_type: str = "application/json",
        timeout_s: float | None = None,
        gone: Gone = lambda: False,
    ) -> Iterator[Reply]:
        """Send a request; leaving the block before the end of the reply breaks it off.

        Args:
            method: HTTP method.
            path: on the server, quoted, with the query string.
            content: the body.
            content_type: of the body.
            timeout_s: longest silence, where it shall be another than usual.
            gone: asked now and then whether the caller has left.

        Raises:
            OllamaDownError: it cannot be reached, broke off, or failed too often in a row just now.
            OllamaSlowError: it was silent for longer than the timeout.
            OverloadedError: too many requests run already.
            InvalidInputError: a path that is none.
            CallerGoneError: the caller has left.
        """
        if not self._places.acquire(blocking=False):
            raise OverloadedError(f"{self._max_requests} requests to Ollama are running already.")
        exchange = _Exchange(gone)
        try:
            self._check_breaker()
            request = _Request(method, path, content, content_type, timeout_s or self._timeout_s)
            exchange.task = self._loop.start(self._exchange(exchange.parts, request))
            with self._watched():
                head = exchange.next()
            self.state = "ok"
            assert isinstance(head, _Head)  # noqa: S101 - for mypy; it is always the first part
            yield Reply(head.status, head.content_type, self._chunks(exchange))
        finally:
            exchange.end()
            self._places.release()

    def get(self, path: str, *, timeout_s: float) -> tuple[int, bytes]:
        """Status and body of what the server tells of itself; takes no place of `max_requests`.

        It may be 4 MiB long, and take five times as long as its longest silence.

        Args:
            path: on the server.
            timeout_s: longest silence.

        Raises:
            OllamaDownError, OllamaSlowError: see `stream`.
        """
        self._check_breaker()
        ends = time.monotonic() + _PATIENCE * timeout_s
        exchange = _Exchange(lambda: time.monotonic() > ends)
        try:
            request = _Request("GET", path, b"", "application/json", timeout_s)
            exchange.task = self._loop.start(self._exchange(exchange.parts, request))
            with self._watched():
                head = exchange.next()
                assert isinstance(head, _Head)  # noqa: S101 - for mypy; it is always the first part
                body = whole(exchange.chunks(), most=_TOLD_BYTES, url=self.url)
            self._breaker.worked()
            self.state = "ok"
            return head.status, body
        except CallerGoneError as e:
            raise _strange(self.url, "takes too long to tell of itself") from e
        finally:
            exchange.end()

    def _chunks(self, exchange: "_Exchange") -> Iterator[bytes]:
        with self._watched():
            yield from exchange.chunks()
        # Not before: a server that dies in the middle of each answer does not work.
        self._breaker.worked()

    @contextmanager
    def _watched(self) -> Iterator[None]:
        """Tell the breaker, and `state`, of what the server did not do.

        A caller who left, or sent what cannot be asked, is neither good nor bad news of the server.
        """
        try:
            yield
        except (OllamaDownError, OllamaSlowError):
            self._breaker.failed()
            self.state = "unreachable"
            raise

    def _check_breaker(self) -> None:
        if self._breaker.is_open():
            raise OllamaDownError(
                f"Ollama at {self.url} failed {_FAILURES} times in a row.",
                remedy=f"Start it, or see its log; it is asked again after {_REST_S:.0f} seconds.",
            )

    async def _exchange(self, parts: "Pipe[_Part]", request: "_Request") -> None:
        """Put the head, the chunks and the end (None) of a reply into a queue, or what broke it off."""
        timeout = httpx.Timeout(request.timeout_s, connect=min(_CONNECT_S, request.timeout_s))
        try:
            async with self._opened().stream(
                request.method,
                request.path,
                content=request.content,
                headers={"Content-Type": request.content_type},
                timeout=timeout,
            ) as response:
                if response.is_redirect:
                    raise _strange(self.url, "answers with a redirect, which is not followed")
                await parts.put(self._head(response))
                async for chunk in response.aiter_raw():
                    await parts.put(chunk)
            await parts.put(None)
        except LocalQAError as e:
            await parts.put(e)
        except httpx.InvalidURL:
            await parts.put(InvalidInputError("No server can be asked for this path."))
        except httpx.TimeoutException as e:
            await parts.put(self._silent(e, request.timeout_s))
        except Exception as e:  # whatever it is: somebody waits for the end of this
            await parts.put(self._unreachable(e))

    def _head(self, response: httpx.Response) -> _Head:
        """Status and content type, where they are such as can be passed on."""
        kind = response.headers.get("Content-Type", "")
        if not 200 <= response.status_code <= 599 or (kind and not _MEDIA_TYPE.fullmatch(kind)):
            raise _strange(self.url, "answers with an invalid status or content type")
        return _Head(response.status_code, kind)

    def _opened(self) -> httpx.AsyncClient:
        """The client, made on the loop at first use."""
        if self._client is None:
            self._client = httpx.AsyncClient(
                base_url=self.url,
                limits=httpx.Limits(max_connections=None, max_keepalive_connections=self._max_requests),
                headers={"Accept-Encoding": "identity"},
                follow_redirects=False,
                # No proxy and no .netrc of the environment: the address is the one in the settings.
                trust_env=False,
            )
        return self._client

    def _silent(self, error: Exception, seconds: float) -> LocalQAError:
        if isinstance(error, httpx.ConnectTimeout):
            return self._unreachable(error)
        found = OllamaSlowError(
            f"Ollama at {self.url} was silent for {seconds:g} seconds.",
            remedy="Ask a smaller model, or raise QA_OLLAMA_TIMEOUT_S.",
        )
        found.__cause__ = error
        return found

    def _unreachable(self, error: Exception) -> OllamaDownError:
        if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
            found = OllamaDownError(
                f"Ollama at {self.url} does not answer.",
                remedy="Start it with `ollama serve` or scripts/deploy_ollama.sh, or correct OLLAMA_HOST.",
            )
        else:
            found = _strange(self.url, "broke off in the middle of its reply")
        found.__cause__ = error
        return found


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    path: str
    content: bytes
    content_type: str
    timeout_s: float


class _Breaker:
    """Open for a while after several failures in a row; then one more try decides.

    Callers who left are neither failures nor successes here, which a breaker around calls cannot tell apart.
    """

    def __init__(self) -> None:
        self._failures = 0
        self._opened = float("-inf")

    def is_open(self) -> bool:
        """Whether the server is left alone now."""
        return self._failures >= _FAILURES and time.monotonic() - self._opened < _REST_S

    def failed(self) -> None:
        self._failures += 1
        self._opened = time.monotonic()

    def worked(self) -> None:
        self._failures = 0


class _Exchange:
    """One request under way, seen from the thread that waits for it."""

    def __init__(self, gone: Gone) -> None:
        self.parts: Pipe[_Part] = Pipe()
        self.task: Future[None] | None = None
        self._gone = gone
        self._looked = time.monotonic()

    def next(self) -> "_Head | bytes | None":
        """The next part; None at the end.

        Raises:
            LocalQAError: what broke the reply off.
            CallerGoneError: the caller has left.
        """
        while True:
            if time.monotonic() - self._looked > _LOOK_S:
                self._looked = time.monotonic()
                if self._gone():
                    raise CallerGoneError("The caller went away.")
            try:
                part = self.parts.get(_LOOK_S)
            except queue.Empty:
                continue
            if isinstance(part, LocalQAError):
                raise part
            return part

    def chunks(self) -> Iterator[bytes]:
        """The body, as it comes."""
        while (part := self.next()) is not None:
            assert isinstance(part, bytes)  # noqa: S101 - for mypy; the head came first
            yield part

    def end(self) -> None:
        """Break it off, if it is not done."""
        if self.task is not None:
            self.task.cancel()


class _Loop:
    """An event loop in a thread of its own, started at first use."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._starting = threading.Lock()

    def start(self, work: Coroutine[Any, Any, _T]) -> "Future[_T]":
        """Begin some work on the loop; cancelling the future breaks it off."""
        with self._starting:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=self._loop.run_forever, name="ollama", daemon=True).start()
        return asyncio.run_coroutine_threadsafe(work, self._loop)


def whole(chunks: Iterable[bytes], *, most: int, url: str) -> bytes:
    """A body that comes in pieces, once it is there.

    Raises:
        OllamaDownError: it is larger than so many bytes.
    """
    pieces: list[bytes] = []
    size = 0
    for chunk in chunks:
        size += len(chunk)
        if size > most:
            raise _strange(url, f"sent more than {most:,} bytes at once")
        pieces.append(chunk)
    return b"".join(pieces)


def _strange(url: str, what: str) -> OllamaDownError:
    return OllamaDownError(
        f"Ollama at {url} {what}.", remedy="Ask again; if it stays, see the log of the Ollama server."
    )

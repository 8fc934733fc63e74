"""What the routes share: the settings and the reader, which may still be loading."""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, Literal, TypeAlias, cast

import numpy as np
from flask import current_app
from numpy.typing import NDArray

from localqa.api.callers import caller_gone
from localqa.api.metrics import Metrics
from localqa.api.room import Room
from localqa.api.state_schemas import Limits
from localqa.api.summaries import Summarized, Summarizes, by_adapter, by_ollama
from localqa.config import Settings
from localqa.errors import InvalidInputError, LocalQAError, NotReadyError, OverloadedError
from localqa.extraction.answers import Answer, Patience, Query
from localqa.ollama.finding import Finder
from localqa.ollama.routing import Ask, Routed, route
from localqa.reading.reads import Reads

EXTENSION: Final = "localqa"
Status: TypeAlias = Literal["ok", "loading", "failed", "draining"]
_MIB: Final = 1024 * 1024
# What all requests together may take, whatever is sent; with the rest of a server, below 600 MB.
_BODIES, _PASSING, _TEXTS = 64 * _MIB, 32 * _MIB, 160 * _MIB
_FREE: Final = _MIB // 4
_FREE_TEXT: Final = 2 * _MIB
# A character that is a token of its own: while the tokenizer has it, and until its window has run.
_BYTES_AT_FIRST, _BYTES_THEN = 700, 60
_AT_FIRST: Final = 64_000
"""Characters that are with the tokenizer at a time, see `localqa.extraction.tokens`."""
_AT_ONCE: Final = 500_000
"""Characters that are made windows of at a time, however many texts they are."""
_log = logging.getLogger("localqa.service")


class Service:
    """Answers queries within the limits once its reader is loaded."""

    def __init__(
        self, settings: Settings, reader: Reads | None = None, summarizer: Summarizes | None = None
    ) -> None:
        """Keep the settings, and the reader and the summariser if there are some already.

        Raises:
            ConfigError: the address of the Ollama server is none.
        """
        self.settings = settings
        self.ollama = Finder(settings)
        self.summarizer = summarizer
        self._reader = reader
        self._failure: LocalQAError | None = None
        self._draining = False
        self._started = time.monotonic()
        self._places = threading.BoundedSemaphore(settings.max_requests)
        line = max(1, settings.http_threads * 3 // 4)
        self.bodies = Room(_BODIES, free=_FREE, line=line)
        self.passing = Room(_PASSING, free=_FREE, line=line)
        self._texts = Room(_TEXTS, free=_FREE_TEXT, line=line)
        self.metrics = Metrics()

    def load(self, loader: Callable[[], Reads]) -> None:
        """Load the reader; a failure is kept, so that probes can tell it, and raised.

        Raises:
            LocalQAError: the reader cannot be loaded.
        """
        try:
            self._reader = loader()
        except LocalQAError as e:
            self._failure = e
            raise

    def load_in_background(self, loader: Callable[[], Reads]) -> None:
        """Load the reader on another thread; a failure is logged and told by the probes."""
        try:
            self.load(loader)
        except LocalQAError as e:
            _log.error("loading failed: %s", e)
        except Exception:
            self._failure = LocalQAError("The model could not be loaded.", remedy="See the server's log.")
            _log.exception("loading failed")

    def drain(self) -> None:
        """Say from now on that the server is about to stop; what comes all the same is still answered."""
        self._draining = True

    @property
    def status(self) -> Status:
        """Whether questions are answered now, and will be."""
        if self._draining:
            return "draining"
        if self._reader is not None:
            return "ok"
        return "loading" if self._failure is None else "failed"

    @property
    def reader(self) -> Reads:
        """The loaded reader.

        Raises:
            NotReadyError: it is still loading or could not be loaded.
        """
        if self._reader is not None:
            return self._reader
        if self._failure is None:
            raise NotReadyError("The model is still loading.", remedy="Try again in a few seconds.")
        raise NotReadyError(
            f"The model could not be loaded: {self._failure.message}",
            remedy=self._failure.remedy or "See the server's log.",
        )

    @property
    def summaries(self) -> Literal["adapter", "ollama", "off"]:
        """What summarises."""
        if self.summarizer is not None or self.settings.summary_adapter:
            return "adapter"
        return "off" if self.ollama.state == "off" else "ollama"

    @property
    def uptime_s(self) -> float:
        """Seconds since the service was built."""
        return time.monotonic() - self._started

    @property
    def limits(self) -> Limits:
        """What a request may hold."""
        settings = self.settings
        return Limits(
            max_body_bytes=settings.max_body_bytes,
            max_question_chars=settings.max_question_chars,
            max_question_words=settings.max_question_words,
            max_context_chars=settings.max_context_chars,
            max_batch=settings.max_batch,
            max_windows=settings.max_windows,
            max_requests=settings.max_requests,
            max_waiting_windows=settings.max_waiting_windows,
            deadline_s=settings.deadline_s,
        )

    def answer_one(self, query: Query) -> Answer:
        """Answer one query.

        Raises:
            InvalidInputError: the query is over a limit; the message names the field.
            NotReadyError: the reader is not loaded.
            LocalQAError: what the reader raises.
        """
        self._check(query, at="")
        return self._answered([query])[0]

    def route(self, ask: Ask) -> Routed:
        """Have a question answered by whom it is for; raises as `localqa.ollama.routing.route` does."""
        self._check(Query(ask.question, ask.context or ""), at="")
        routed = route(ask, answer=self._answer, ollama=self.ollama.found(), gone=caller_gone())
        self.metrics.routed(routed.because, generated=routed.model is not None)
        return routed

    def embed(self, texts: Sequence[str], *, truncate: bool) -> tuple[NDArray[np.float32], int]:
        """Texts as unit vectors, and the number of their tokens; raises as `Reads.embed` does.

        Raises:
            OverloadedError: too many requests are answered already.
        """
        reader = self.reader
        with self._admitted():
            patience = self.patience()
            with self._read(sum(map(len, texts)), patience):
                return reader.embed(texts, truncate=truncate, patience=patience)

    def summarize(self, text: str, max_words: int | None) -> Summarized:
        """Have a text summarised by the adapter that is for it, else by Ollama; raises as these do.

        Raises:
            InvalidInputError: the text is over the limit.
            OverloadedError: too many requests are answered already.
            NoSummarizerError: neither is there.
        """
        most = self.settings.max_context_chars
        _limit("text", len(text), most, "characters", remedy="Summarise it in parts.")
        gone = caller_gone()
        if self.summarizer is None and self.settings.summary_adapter:
            _ = self.reader  # raises while both are loading
        if self.summarizer is None:
            found = by_ollama(self.ollama.found(), text, max_words, gone)
        else:
            patience = self.patience()
            with self._admitted(), self._read(len(text), patience):
                name = self.settings.summary_adapter
                found = by_adapter(self.summarizer, name, text, max_words, patience)
        self.metrics.summarized(found.source)
        return found

    def answer_batch(self, queries: Sequence[Query]) -> list[Answer]:
        """Answer several queries in order; raises as `answer_one` does."""
        if len(queries) > self.settings.max_batch:
            raise InvalidInputError(
                f"qa_pairs: holds {len(queries):,} pairs, at most {self.settings.max_batch:,} are allowed.",
                remedy="Send them in several requests.",
            )
        for index, query in enumerate(queries):
            self._check(query, at=f"qa_pairs[{index}].")
        return self._answered(queries)

    def _answer(self, query: Query) -> Answer:
        return self._answered([query])[0]

    def _answered(self, queries: Sequence[Query]) -> list[Answer]:
        reader = self.reader
        answers: list[Answer] = []
        patience = self.patience()
        with self._admitted():
            for part in _parts(queries):
                with self._read(sum(len(query.context) for query in part), patience):
                    answers += reader.answer(part, patience=patience)
        self.metrics.answers(answers)
        return answers

    def patience(self) -> Patience:
        """How long the caller of the current request waits."""
        return Patience(time.monotonic() + self.settings.deadline_s, caller_gone())

    @contextmanager
    def _admitted(self) -> Iterator[None]:
        """Count a request among those that are answered or wait.

        Raises:
            OverloadedError: there are too many.
        """
        if not self._places.acquire(blocking=False):
            raise OverloadedError(
                f"{self.settings.max_requests:,} requests are being answered already.",
                remedy="Ask again after the seconds in Retry-After.",
            )
        try:
            with self.metrics.active.track_inprogress():
                yield
        finally:
            self._places.release()

    @contextmanager
    def _read(self, characters: int, patience: Patience) -> Iterator[None]:
        """Wait for the room that so much text takes while it is read; raises as `Room.enter` does."""
        size = min(characters, _AT_FIRST) * _BYTES_AT_FIRST + characters * _BYTES_THEN
        leave = self._texts.enter(size, patience)
        try:
            yield
        finally:
            leave()

    def _check(self, query: Query, *, at: str) -> None:
        settings = self.settings
        shorter = "Ask a shorter question; put what it is about into the context."
        words = len(query.question.split())
        _limit(f"{at}question", words, settings.max_question_words, "words", remedy=shorter)
        _limit(
            f"{at}question", len(query.question), settings.max_question_chars, "characters", remedy=shorter
        )
        _limit(
            f"{at}context",
            len(query.context),
            settings.max_context_chars,
            "characters",
            remedy="Split the context and ask about each part.",
        )


def _parts(queries: Sequence[Query]) -> Iterator[list[Query]]:
    """The queries in their order, so many at a time that their texts fit into memory."""
    part: list[Query] = []
    size = 0
    for query in queries:
        if part and size + len(query.context) > _AT_ONCE:
            yield part
            part, size = [], 0
        part.append(query)
        size += len(query.context)
    yield part


def _limit(field: str, size: int, most: int, unit: str, *, remedy: str) -> None:
    if size > most:
        raise InvalidInputError(f"{field}: has {size:,} {unit}, at most {most:,} are allowed.", remedy=remedy)


def current_service() -> Service:
    """The service of the app that handles the current request."""
    return cast(Service, current_app.extensions[EXTENSION])

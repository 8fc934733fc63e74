"""How much may be asked at a time, and how much is worked on."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from threading import BoundedSemaphore
from typing import Final

from localqa.answering.room import MIB, Room
from localqa.answering.routing import Ask
from localqa.config import Settings
from localqa.errors import InvalidInputError, OverloadedError
from localqa.extraction.answers import Patience, Query
from localqa.extraction.grouping import in_groups

# What the texts of all requests together may take; with the rest of a server, below 600 MB.
_TEXTS, _FREE_TEXT = 160 * MIB, 2 * MIB
# A character that is a token of its own: while the tokenizer has it, and until its window has run.
_BYTES_AT_FIRST, _BYTES_THEN = 700, 60
_AT_FIRST: Final = 64_000
"""Characters that are with the tokenizer at a time, see `localqa.extraction.tokens`."""
_AT_ONCE: Final = 500_000
"""Characters that are made windows of at a time, however many texts they are."""


class Work:
    """The work of all requests together.

    Args:
        settings: how many requests at a time.
        in_progress: entered by each request that is let in.
    """

    def __init__(self, settings: Settings, in_progress: Callable[[], AbstractContextManager[object]]) -> None:
        self._most = settings.max_requests
        self._places = BoundedSemaphore(settings.max_requests)
        self._in_progress = in_progress
        self._texts = Room(_TEXTS, free=_FREE_TEXT, line=longest_line(settings))

    @contextmanager
    def admitted(self) -> Iterator[None]:
        """Count a request among those that are answered or wait.

        Raises:
            OverloadedError: there are too many.
        """
        if not self._places.acquire(blocking=False):
            raise OverloadedError(f"{self._most:,} requests are being answered already.")
        try:
            with self._in_progress():
                yield
        finally:
            self._places.release()

    @contextmanager
    def reading(self, characters: int, patience: Patience) -> Iterator[None]:
        """Wait for the room that so much text takes while it is read; raises as `Room.enter` does."""
        size = min(characters, _AT_FIRST) * _BYTES_AT_FIRST + characters * _BYTES_THEN
        leave = self._texts.enter(size, patience)
        try:
            yield
        finally:
            leave()


def longest_line(settings: Settings) -> int:
    """How many requests may wait for room: each holds a thread, and some are left for the rest."""
    return max(1, settings.http_threads * 3 // 4)


def parts(queries: Sequence[Query]) -> Iterator[list[Query]]:
    """The queries in their order, so many at a time that their texts fit into memory."""
    return in_groups(queries, lambda query: len(query.context), _AT_ONCE)


def check_ask(ask: Ask, settings: Settings) -> None:
    """Refuse a question over a limit.

    Raises:
        InvalidInputError: naming the field.
    """
    check_question(f"{ask.at}question", ask.question, settings)
    check_text(
        f"{ask.at}context", ask.context or "", settings, remedy="Split the context and ask about each part."
    )


def check_question(field: str, question: str, settings: Settings) -> None:
    """Refuse a question over the limits. Raises InvalidInputError."""
    shorter = "Ask a shorter question; put what it is about into the context."
    check_size(field, len(question.split()), settings.max_question_words, "words", remedy=shorter)
    check_size(field, len(question), settings.max_question_chars, "characters", remedy=shorter)


def check_text(field: str, text: str, settings: Settings, *, remedy: str) -> None:
    """Refuse a text over the limit. Raises InvalidInputError."""
    check_size(field, len(text), settings.max_context_chars, "characters", remedy=remedy)


def check_size(field: str, size: int, most: int, unit: str, *, remedy: str) -> None:
    """Refuse what holds too many of something. Raises InvalidInputError."""
    if size > most:
        raise InvalidInputError(f"{field}: has {size:,} {unit}, at most {most:,} are allowed.", remedy=remedy)

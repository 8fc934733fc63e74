"""Answers that were given before."""

import hashlib
import sys
import threading
from collections.abc import Callable, Hashable

from cachetools import LRUCache

from localqa.extraction.answers import Answer, Query

_ENTRY_BYTES = 1024
"""Of an answer's place in the table: its key with two digests, and the table's own."""
_ANSWER_BYTES = 256
"""Of an answer beside its text: its numbers and the object itself."""


class AnswerCache:
    """Remembers answers, up to a number and up to a size; the one not asked for longest is forgotten first.

    It holds digests of questions and contexts, not their texts. Thread-safe.

    Args:
        size: answers to remember; 0: none.
        max_bytes: memory that they may take; an answer that takes more than that alone is not remembered.
        on_lookup: told whether each lookup found its answer.
    """

    def __init__(
        self,
        size: int,
        on_lookup: Callable[[bool], object] = lambda found: None,
        *,
        max_bytes: int = 32 * 1024 * 1024,
    ) -> None:
        self._size = size
        self._answers: LRUCache[Hashable, Answer] = LRUCache(max_bytes, getsizeof=size_of)
        self._lock = threading.Lock()
        self._on_lookup = on_lookup

    @property
    def bytes(self) -> float:
        """Memory that the answers take now."""
        return self._answers.currsize

    def get(self, adapter: str, query: Query) -> Answer | None:
        """The answer of an adapter, by its key in the engine, if it is remembered."""
        if not self._size:
            return None
        with self._lock:
            found = self._answers.get(_key(adapter, query))
        self._on_lookup(found is not None)
        return found

    def put(self, adapter: str, query: Query, answer: Answer) -> None:
        """Remember an answer."""
        if not self._size or size_of(answer) > self._answers.maxsize:
            return
        with self._lock:
            self._answers[_key(adapter, query)] = answer
            while len(self._answers) > self._size:
                self._answers.popitem()


def size_of(answer: Answer) -> int:
    """Bytes that an answer takes in the cache, its alternatives included."""
    texts = [answer.answer, answer.adapter]
    own = _ANSWER_BYTES + sum(map(sys.getsizeof, texts))
    return _ENTRY_BYTES + own + sum(size_of(other) for other in answer.alternatives)


def _key(adapter: str, query: Query) -> Hashable:
    texts = (query.question, query.context)
    digests = (hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest() for text in texts)
    return adapter, query.top_k, query.borders, query.priors, query.rounds, query.abstain, *digests

"""Answers that were given before."""

import hashlib
import threading
from collections.abc import Callable, Hashable

from cachetools import LRUCache

from localqa.extraction.answers import Answer, Query


class AnswerCache:
    """Remembers answers, up to a number of them; the one not asked for longest is forgotten first.

    It holds digests of questions and contexts, not their texts. Thread-safe.

    Args:
        size: answers to remember; 0: none.
        on_lookup: told whether each lookup found its answer.
    """

    def __init__(self, size: int, on_lookup: Callable[[bool], object] = lambda found: None) -> None:
        self._answers: LRUCache[Hashable, Answer] = LRUCache(size)
        self._lock = threading.Lock()
        self._on_lookup = on_lookup

    def get(self, adapter: str, query: Query) -> Answer | None:
        """The answer of an adapter, by its key in the engine, if it is remembered."""
        if not self._answers.maxsize:
            return None
        with self._lock:
            found = self._answers.get(_key(adapter, query))
        self._on_lookup(found is not None)
        return found

    def put(self, adapter: str, query: Query, answer: Answer) -> None:
        """Remember an answer."""
        if self._answers.maxsize:
            with self._lock:
                self._answers[_key(adapter, query)] = answer


def _key(adapter: str, query: Query) -> Hashable:
    texts = (query.question, query.context)
    digests = (hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest() for text in texts)
    return adapter, query.top_k, query.borders, *digests

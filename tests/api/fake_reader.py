"""A reader without a model: deterministic, and its answers are real parts of the context."""

from collections.abc import Sequence
from typing import Any

from localqa.errors import AdapterNotFoundError
from localqa.extraction.answers import Answer, Query


class FakeReader:
    """Answers with the first words of the context; a context with "unanswerable" in it has no answer."""

    default_adapter = "squad"

    def __init__(self) -> None:
        self.queries: list[Query] = []

    def adapters(self) -> list[str]:
        return ["squad", "law"]

    def answer(self, queries: Sequence[Query]) -> list[Answer]:
        self.queries.extend(queries)
        return [self._answer(query) for query in queries]

    def _answer(self, query: Query) -> Answer:
        adapter = query.adapter or self.default_adapter
        if adapter not in self.adapters():
            known = ", ".join(self.adapters())
            raise AdapterNotFoundError(f"There is no adapter '{adapter}'. Known: {known}.")
        if "unanswerable" in query.context:
            return Answer("", 0.9, 0, 0, False, 4.5, adapter)
        words = query.context.split()[: query.top_k]
        starts = [query.context.index(word) for word in words]
        spans = [
            Answer(word, 0.75 / rank, start, start + len(word), True, -3.25, adapter)
            for rank, (word, start) in enumerate(zip(words, starts, strict=True), 1)
        ]
        best = spans[0]
        return Answer(best.answer, best.score, best.start, best.end, True, -3.25, adapter, tuple(spans[1:]))

    def info(self) -> dict[str, Any]:
        return {
            "base": "fake/base",
            "checksum": "0" * 64,
            "engine": "fake",
            "precision": "fp32",
            "parameters": 22_713_216,
            "adapters": [{"name": name} for name in self.adapters()],
            "max_length": 384,
            "stride": 128,
        }

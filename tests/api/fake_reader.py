"""A reader without a model: deterministic, and its answers are real parts of the context."""

import threading
from collections.abc import Sequence

import numpy as np

from localqa.errors import AdapterError, AdapterNotFoundError, InvalidInputError
from localqa.extraction.answers import Answer, Patience, Query
from localqa.reading.told import AdapterState, BaseInfo, EmbedderInfo, ReaderInfo

BASE = BaseInfo(
    "fake/base",
    "0" * 64,
    "folder",
    "bert",
    22_713_216,
    loaded=True,
    engine="fake",
    precision="fp32",
    device="cpu",
)


class FakeReader:
    """Answers with the first words of the context; a context with "unanswerable" in it has no answer.

    The adapter `squad` always answers, as far as `abstain` goes.
    """

    default_adapter = "squad"

    def __init__(self) -> None:
        self.queries: list[Query] = []
        self.loaded = {"squad"}
        self.patience: Patience | None = None
        self.has_embedded = False
        self.gate = threading.Event()
        self.gate.set()

    def adapters(self) -> list[str]:
        return ["squad", "law"]

    def load_adapter(self, name: str) -> bool:
        if name == "damaged":
            raise AdapterError("The adapter 'damaged' holds values that are not finite.")
        self._known(name)
        new = name not in self.loaded
        self.loaded.add(name)
        return new

    def remove_adapter(self, name: str) -> None:
        self._known(name)
        if name == self.default_adapter:
            raise InvalidInputError(f"'{name}' is the default adapter, which stays.")
        self.loaded.discard(name)

    def embed(
        self, texts: Sequence[str], *, truncate: bool = True, patience: Patience | None = None
    ) -> tuple[np.ndarray, int]:
        self.patience = patience
        self.has_embedded = True
        return np.ones((len(texts), 4), np.float32) / 2, sum(len(text.split()) for text in texts)

    def embedder(self) -> EmbedderInfo:
        return EmbedderInfo(
            identity=f"{BASE.checksum}:mean:384",
            base=BASE,
            pooling="mean",
            max_tokens=384,
            length=4,
            loaded=self.has_embedded,
            bytes=90_000_000,
            modified=1_795_000_000.0,
        )

    def describe(self, name: str) -> AdapterState:
        return AdapterState(name, BASE, name in self.loaded, 2_700_000, 1_795_000_000.0)

    def broken(self) -> list[dict[str, str]]:
        return [{"name": "torn", "problem": "qa_config.json is not JSON"}]

    def stop(self) -> None:
        pass

    def answer(self, queries: Sequence[Query], *, patience: Patience | None = None) -> list[Answer]:
        self.patience = patience
        self.gate.wait(10)
        self.queries.extend(queries)
        return [self._answer(query).kept(query.min_score, query.top_k) for query in queries]

    def _answer(self, query: Query) -> Answer:
        adapter = query.adapter or self.default_adapter
        self._known(adapter)
        if query.abstain and adapter == "squad":
            raise InvalidInputError("abstain: the adapter 'squad' always answers.", remedy="Ask another.")
        if "unanswerable" in query.context and query.abstain is not False:
            return Answer("", 0.9, 0, 0, False, 4.5, adapter)
        words = query.context.split()[: query.top_k]
        starts = [query.context.index(word) for word in words]
        spans = [
            Answer(word, 0.75 / rank, start, start + len(word), True, -3.25, adapter)
            for rank, (word, start) in enumerate(zip(words, starts, strict=True), 1)
        ]
        best = spans[0]
        return Answer(best.answer, best.score, best.start, best.end, True, -3.25, adapter, tuple(spans[1:]))

    def _known(self, adapter: str) -> None:
        if adapter not in self.adapters():
            known = ", ".join(self.adapters())
            raise AdapterNotFoundError(f"There is no adapter '{adapter}'. Known: {known}.")

    def info(self) -> ReaderInfo:
        return ReaderInfo(
            default_adapter=self.default_adapter,
            base=BASE,
            max_length=384,
            stride=128,
            max_question_tokens=250,
            embedder=self.embedder(),
            bases=(BASE,),
        )

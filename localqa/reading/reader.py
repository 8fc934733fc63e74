"""The reader: queries in, answers out, each by its own adapter, which may come and go meanwhile."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from localqa.engine.running import NOBODY, OnBatch
from localqa.errors import InvalidInputError, TooLargeError
from localqa.extraction.answers import Answer, Patience, Query
from localqa.extraction.pipeline import answer_pairs
from localqa.extraction.spans import Logits
from localqa.extraction.windows import Window
from localqa.model.bases import Base
from localqa.reading.batcher import Batcher
from localqa.reading.cache import AnswerCache
from localqa.reading.embedder import Embedder
from localqa.reading.index import AdapterIndex
from localqa.reading.pool import Pool
from localqa.reading.table import AdapterTable, LoadedAdapter
from localqa.reading.told import AdapterState, EmbedderInfo, ReaderInfo


class Reader:
    """Answers queries with the adapters of some folders, which are loaded at first use, with their bases.

    Args:
        pool: holds the bases and runs the windows.
        models: the folder that holds one folder for each adapter; or several, the first one first.
        default_adapter: answers queries that name none.
        batcher: puts the windows of concurrent queries together; None: each query runs for itself.
        max_windows: of one call of `answer`; None: any number.
        cache: remembers answers; None: each question is answered anew.
    """

    def __init__(
        self,
        pool: Pool,
        models: Path | Sequence[Path],
        default_adapter: str,
        *,
        batcher: Batcher | None = None,
        max_windows: int | None = None,
        cache: AnswerCache | None = None,
    ) -> None:
        self.default_adapter = default_adapter
        self._batcher = batcher
        self._max_windows = max_windows
        self._cache = cache or AnswerCache(0)
        self._pool = pool
        self._index = AdapterIndex(models, pool.offers, pool.lacks)
        self._table = AdapterTable(pool, self._index, default_adapter)
        self._embedder = Embedder(pool, batcher)

    @property
    def base(self) -> Base:
        """The base that embeds."""
        return self._pool.base

    def load(self) -> "Reader":
        """Load the default adapter.

        Raises:
            AdapterNotFoundError: there is none of that name.
            AdapterError: it is damaged or made for another base.
        """
        self.load_adapter(self.default_adapter)
        return self

    def answer(
        self,
        queries: Sequence[Query],
        on_batch: OnBatch = NOBODY,
        patience: Patience | None = None,
    ) -> list[Answer]:
        """Answer queries in order; adapters may be mixed.

        Args:
            queries: any number.
            on_batch: called with the number of windows done (for progress bars; not with a batcher).
            patience: how long the answers are wanted; None: for ever.

        Raises:
            AdapterNotFoundError: an unknown adapter; the message lists the known ones.
            InvalidInputError: blank text, a question that leaves no room for context, or `abstain` of an
                adapter that always answers.
            TooLargeError: more windows than allowed.
            OverloadedError, DeadlineError: see `Batcher.run`.
        """
        for query in queries:
            for field, text in (("question", query.question), ("context", query.context)):
                if not text.strip():
                    raise InvalidInputError(
                        f"The {field} is blank.", remedy=f"Give some text as the {field}."
                    )
        groups: dict[str, list[int]] = {}
        for index, query in enumerate(queries):
            groups.setdefault(query.adapter or self.default_adapter, []).append(index)
        answers: dict[int, Answer] = {}
        with ExitStack() as stack:
            # All adapters are found before the first one runs, so that a wrong name costs nothing.
            adapters = {name: stack.enter_context(self._in_use(name)) for name in groups}
            for name, indices in groups.items():
                if any(queries[i].abstain for i in indices):
                    _check_abstains(name, adapters[name])
            run = _Runs(self._pool, self._batcher, self._max_windows, on_batch, patience or Patience())
            for name, indices in groups.items():
                found = self._answered(adapters[name], [queries[i] for i in indices], run)
                for i, answer in zip(indices, found, strict=True):
                    answers[i] = answer.named(name).kept(queries[i].min_score, queries[i].top_k)
        return [answers[index] for index in range(len(queries))]

    def _answered(self, adapter: LoadedAdapter, queries: Sequence[Query], run: "_Runs") -> list[Answer]:
        """Answers of one adapter, those that are remembered without the engine."""
        answers = [self._cache.get(adapter.key, query) for query in queries]
        new = [query for query, answer in zip(queries, answers, strict=True) if answer is None]
        found = answer_pairs(
            [(query.question, query.context) for query in new],
            windower=adapter.windower,
            run=run.of(adapter.key),
            config=adapter.config,
            top_k=[query.top_k for query in new],
            borders=[query.borders for query in new],
            priors=[query.priors for query in new],
            rounds=[query.rounds for query in new],
            abstain=[query.abstain for query in new],
        )
        for query, answer in zip(new, found, strict=True):
            self._cache.put(adapter.key, query, answer)
        fresh = iter(found)
        return [answer or next(fresh) for answer in answers]

    def embed(
        self, texts: Sequence[str], *, truncate: bool = True, patience: Patience | None = None
    ) -> tuple[NDArray[np.float32], int]:
        """Texts as vectors of length one, shape (texts, length), and their tokens; see `Embedder.embed`."""
        return self._embedder.embed(texts, truncate=truncate, patience=patience)

    def embedder(self) -> EmbedderInfo:
        """What embeds."""
        return self._embedder.info()

    def load_adapter(self, name: str, folder: Path | None = None) -> bool:
        """Load an adapter, by its name or from a folder; says whether it was new.

        One whose files have changed since it was loaded is loaded anew.

        Raises:
            AdapterNotFoundError: no such name.
            AdapterError: damaged, made for another base, or a name that another folder has already.
        """
        return self._table.load(name, folder)

    def remove_adapter(self, name: str) -> None:
        """Unload an adapter; its folder stays. Queries that use it now are answered by it still.

        Raises:
            AdapterNotFoundError: it is not loaded.
            InvalidInputError: it is the one that answers when a query names none.
        """
        self._table.remove(name)

    def loaded(self) -> list[str]:
        """Names of the adapters in memory, in the order they came."""
        return self._table.loaded()

    def folder(self, name: str) -> Path:
        """The folder of an adapter, which is loaded if it is not yet."""
        with self._in_use(name) as adapter:
            return adapter.files.folder

    def adapters(self) -> list[str]:
        """Names of the known adapters, the default one first."""
        others = dict.fromkeys([*self.loaded(), *self._index.names()])
        return [self.default_adapter, *(name for name in others if name != self.default_adapter)]

    def broken(self) -> list[dict[str, str]]:
        """Name and problem of each folder that looks like an adapter and cannot be read."""
        found = self._index.broken()
        return [{"name": name, "problem": problem} for name, problem in found.items()]

    def info(self) -> ReaderInfo:
        """What answers when no adapter is named, what embeds, and which bases are in memory."""
        with self._in_use(self.default_adapter) as default:
            return ReaderInfo(
                default_adapter=self.default_adapter,
                base=self._pool.describe(default.config),
                max_length=default.config.max_length,
                stride=default.config.stride,
                max_question_tokens=default.windower.max_question_tokens,
                embedder=self.embedder(),
                bases=self._pool.loaded(),
            )

    def describe(self, name: str) -> AdapterState:
        """What is known of an adapter."""
        return self._table.describe(name)

    def stop(self) -> None:
        """Answer what was accepted, take nothing new."""
        if self._batcher is not None:
            self._batcher.stop()

    def _in_use(self, name: str) -> AbstractContextManager[LoadedAdapter]:
        """An adapter, loaded if need be, whose weights stay until the block ends."""
        return self._table.in_use(name)


def _check_abstains(name: str, adapter: LoadedAdapter) -> None:
    if adapter.config.null_threshold is None:
        raise InvalidInputError(
            f"abstain: the adapter '{name}' always answers.",
            remedy="Ask an adapter that abstains, such as squad2, or leave abstain out and give a min_score.",
        )


@dataclass(frozen=True, slots=True)
class _Runs:
    """How the windows of one call of `answer` are run."""

    pool: Pool
    batcher: Batcher | None
    max_windows: int | None
    on_batch: OnBatch
    patience: Patience

    def of(self, key: str) -> Callable[[Sequence[Window]], list[Logits]]:
        def run(windows: Sequence[Window]) -> list[Logits]:
            if self.max_windows is not None and len(windows) > self.max_windows:
                raise TooLargeError(
                    f"The text makes {len(windows):,} windows, at most {self.max_windows:,} are allowed.",
                    remedy="Send less text at once, or start the server with a larger QA_MAX_WINDOWS.",
                )
            if self.batcher is None:
                return self.pool.run(windows, key, self.on_batch)
            patience = self.patience
            return self.batcher.run(windows, key, deadline=patience.deadline, cancelled=patience.cancelled)

        return run

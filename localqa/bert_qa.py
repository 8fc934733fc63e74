"""Extractive question answering: a base and a small adapter find the exact span that answers.

>>> from localqa import BertQA
>>> qa = BertQA.load(adapter="squad")
>>> qa.answer("Who wrote it?", "The report was written by Ada.").answer
'Ada'
"""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from localqa.config import Combination, EngineName, Precision, Settings, models_dirs
from localqa.engine.choosing import make_engine
from localqa.errors import InvalidInputError
from localqa.extraction.answers import Answer, Query
from localqa.extraction.qa_config import QAConfig
from localqa.model.adapter_files import locate_adapter
from localqa.model.bases import Base, resolve_base
from localqa.reading.pool import Pool
from localqa.reading.reader import Reader

__all__ = ["Answer", "BertQA"]


class BertQA:
    """Answers questions about a context, with one base and any number of adapters over it.

    >>> qa = BertQA.load(adapter="squad")
    >>> qa.add("contracts")
    'contracts'
    >>> qa.answer("Who must pay?", "The tenant must pay.", adapter="contracts").answer
    'The tenant'
    """

    def __init__(self, reader: Reader) -> None:
        self.reader = reader

    @classmethod
    def load(
        cls,
        base: str | None = None,
        adapter: str | Path | None = None,
        *,
        engine: EngineName = "auto",
        precision: Precision = "auto",
        threads: int = 0,
    ) -> "BertQA":
        """Load a base and an adapter.

        Args:
            base: Hub name or folder; None: the base that the adapter was trained on.
            adapter: its name, looked for in `QA_MODELS_DIR` and among the shipped ones, or the path of an
                adapter folder; None: the one that `QA_ADAPTER` names, or `squad2` where it names none.
            engine: "openvino" runs LoRA adapters on a CPU, "torch" everything, GPUs too; "auto" takes
                torch where OpenVINO cannot run this base or adapter.
            precision: of OpenVINO's arithmetic: "fp32", "bf16", "int8", "int4"; "auto" decides by the
                processor's instructions.
            threads: processor threads; 0: all cores.

        Raises:
            AdapterNotFoundError: no such adapter; the message lists the known ones.
            AdapterError: a damaged adapter, or one made for another base.
            BaseModelError: the base is not on this machine and cannot be fetched.
        """
        settings = Settings.load()
        folder = locate_adapter(settings.models_dirs, settings.adapter if adapter is None else adapter)
        config = QAConfig.load(folder)
        found = resolve_base(base or config.base)
        runs = make_engine(found, config, engine=engine, precision=precision, threads=threads)
        # What lies beside it is found by name before what lies elsewhere.
        models = dict.fromkeys([folder.parent, *settings.models_dirs])
        return cls(Reader(Pool.of(runs), list(models), folder.name).load())

    @property
    def adapters(self) -> list[str]:
        """Names of the loaded adapters; the first one answers when a question names none."""
        return self.reader.loaded()

    def add(self, adapter: str | Path) -> str:
        """Load another adapter over the same base and return its name; see `load` for errors."""
        folder = locate_adapter(models_dirs(), adapter)
        self.reader.load_adapter(folder.name, folder)
        return folder.name

    def remove(self, name: str) -> None:
        """Unload an adapter; its folder stays.

        Raises:
            AdapterNotFoundError: it is not loaded.
            InvalidInputError: it is the one loaded first.
        """
        self.reader.remove_adapter(name)

    def merge(self, name: str, output: str | Path) -> Path:
        """Write the base with an adapter folded into it as a full model; it loads like an adapter.

        Raises:
            AdapterError: it is not LoRA.
        """
        # Here, not above: it needs torch, which answering does not.
        from localqa.model.combine import merge_into_base

        return self._written(output, lambda folder: merge_into_base(self._base, self._folder(name), folder))

    def combine(
        self,
        weights: Mapping[str, float],
        output: str | Path,
        *,
        method: Combination = "cat",
        rank: int | None = None,
    ) -> Path:
        """Write a new adapter that is the weighted sum of loaded ones; see `localqa.model.combine`.

        Raises:
            AdapterError: they do not fit together.
        """
        from localqa.model.combine import combine

        folders = {self._folder(name): weight for name, weight in weights.items()}
        return self._written(
            output, lambda folder: combine(self._base, folders, folder, method=method, rank=rank)
        )

    def answer(
        self,
        question: str,
        context: str,
        top_k: int = 1,
        *,
        adapter: str | None = None,
        abstain: bool | None = None,
        min_score: float = 0.0,
    ) -> Answer:
        """Answer one question; `top_k - 1` further spans come as `Answer.alternatives`.

        `context[start:end] == answer` always holds, in code points; a context of any length is
        read through to its end.

        Args:
            question: what to ask.
            context: the text.
            top_k: spans to find.
            adapter: name of a loaded one; None: the one loaded first.
            abstain: False gives the best span at any rate, also of an adapter that abstains; None: as the
                adapter was made to.
            min_score: an answer that scores less, 0 to 1, is held back: not answerable.

        Raises:
            AdapterNotFoundError: no such adapter is loaded, nor lies beside the first one.
            InvalidInputError: blank text, a question too long, `top_k` below 1, `min_score` outside of 0
                to 1, or `abstain` true of an adapter that always answers.
        """
        pairs = [(question, context)]
        return self.answer_batch(pairs, top_k, adapter=adapter, abstain=abstain, min_score=min_score)[0]

    def answer_batch(
        self,
        pairs: Iterable[tuple[str, str]],
        top_k: int = 1,
        *,
        adapter: str | None = None,
        abstain: bool | None = None,
        min_score: float = 0.0,
        on_batch: Callable[[int], object] = lambda windows_done: None,
    ) -> list[Answer]:
        """Answer many (question, context) pairs, in their order, in batches of similar length.

        Args:
            pairs: questions with their contexts.
            top_k: spans to find for each.
            adapter: name of the one that answers; None: the one loaded first.
            abstain: see `answer`.
            min_score: see `answer`.
            on_batch: called with the number of windows just done, for progress bars.

        Raises:
            InvalidInputError: see `answer`.
        """
        if top_k < 1:
            raise InvalidInputError(f"top_k is {top_k}.", remedy="Ask for one answer or more.")
        if not 0 <= min_score <= 1:
            raise InvalidInputError(f"min_score is {min_score}.", remedy="Give a probability, 0 to 1.")
        queries = [
            Query(question, context, adapter, top_k, abstain=abstain, min_score=min_score)
            for question, context in pairs
        ]
        return self.reader.answer(queries, on_batch)

    @property
    def _base(self) -> Base:
        return self.reader.base

    def _folder(self, name: str) -> Path:
        return self.reader.folder(name)

    @staticmethod
    def _written(output: str | Path, write: Callable[[Path], None]) -> Path:
        folder = Path(output)
        folder.mkdir(parents=True, exist_ok=True)
        write(folder)
        return folder

"""The reader: queries in, answers out, each by its own adapter."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from localqa.engine.torch_engine import TorchEngine
from localqa.errors import AdapterError, AdapterNotFoundError, InvalidInputError
from localqa.extraction.answers import Answer, Query
from localqa.extraction.pipeline import answer_pairs
from localqa.extraction.qa_config import QAConfig
from localqa.extraction.windows import Windower
from localqa.model.adapters import adapter_folder, known_adapters


@dataclass(frozen=True, slots=True)
class _Adapter:
    folder: Path
    config: QAConfig
    windower: Windower


class Reader:
    """Answers queries with one base and the adapters of one folder, which are loaded at first use."""

    def __init__(self, engine: TorchEngine, models_dir: Path, default_adapter: str) -> None:
        self.engine = engine
        self.models_dir = models_dir
        self.default_adapter = default_adapter
        self._adapters: dict[str, _Adapter] = {}
        self._loading = threading.Lock()

    def load(self) -> "Reader":
        """Load the default adapter.

        Raises:
            AdapterNotFoundError: there is none of that name.
            AdapterError: it is damaged or made for another base.
        """
        self._adapter(self.default_adapter)
        return self

    def answer(
        self, queries: Sequence[Query], on_batch: Callable[[int], object] = lambda windows_done: None
    ) -> list[Answer]:
        """Answer queries in order; adapters may be mixed.

        Args:
            queries: any number.
            on_batch: called with the number of windows done (for progress bars).

        Raises:
            AdapterNotFoundError: an unknown adapter; the message lists the known ones.
            InvalidInputError: blank text, or a question that leaves no room for context.
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
        # All adapters are found before the first one runs, so that a wrong name costs nothing.
        adapters = {name: self._adapter(name) for name in groups}
        answers: dict[int, Answer] = {}
        for name, indices in groups.items():
            adapter = adapters[name]
            found = answer_pairs(
                [(queries[i].question, queries[i].context) for i in indices],
                windower=adapter.windower,
                run=lambda windows, name=name: self.engine.run(windows, name, on_batch),  # type: ignore[misc]
                config=adapter.config,
                top_k=[queries[i].top_k for i in indices],
            )
            answers.update((i, answer.named(name)) for i, answer in zip(indices, found, strict=True))
        return [answers[index] for index in range(len(queries))]

    def add(self, folder: Path) -> str:
        """Load an adapter from any folder and return the name it answers to: the folder's.

        Raises:
            AdapterError: damaged, made for another base, or a name that another folder has already.
        """
        name = folder.name
        with self._loading:
            known = self._adapters.get(name)
            if known is None:
                self._load(name, folder)
            elif known.folder.resolve() != folder.resolve():
                raise AdapterError(
                    f"An adapter '{name}' is loaded already, from {known.folder}.",
                    remedy="Remove it first, or rename one of the folders.",
                )
        return name

    def remove(self, name: str) -> None:
        """Forget a loaded adapter; its folder stays.

        Raises:
            AdapterNotFoundError: it is not loaded.
            InvalidInputError: it is the one that answers when a question names none.
        """
        with self._loading:
            if name not in self._adapters:
                raise AdapterNotFoundError(
                    f"No adapter {name!r} is loaded.", remedy=f"Loaded: {', '.join(self.loaded())}."
                )
            if name == self.default_adapter:
                raise InvalidInputError(
                    f"'{name}' is the default adapter.", remedy="Make another one the default first."
                )
            del self._adapters[name]
            self.engine.remove_adapter(name)

    def loaded(self) -> list[str]:
        """Names of the adapters in memory, in the order they came."""
        return list(self._adapters)

    def folder(self, name: str) -> Path:
        """The folder of an adapter, which is loaded if it is not yet."""
        return self._adapter(name).folder

    def adapters(self) -> list[str]:
        """Names of the known adapters, the default one first."""
        names = known_adapters(self.models_dir, self.engine.base)
        return [self.default_adapter, *(name for name in names if name != self.default_adapter)]

    def info(self) -> dict[str, Any]:
        """What runs: base, checksum, engine, precision, parameters, adapters and window settings."""
        base, default = self.engine.base, self._adapter(self.default_adapter).config
        return {
            "base": base.name,
            "checksum": base.sha256,
            "base_origin": base.origin,
            **self.engine.info(),
            "default_adapter": self.default_adapter,
            "adapters": [self._describe(name) for name in self.adapters()],
            "max_length": default.max_length,
            "stride": default.stride,
            "max_question_tokens": self._adapter(self.default_adapter).windower.max_question_tokens,
        }

    def _describe(self, name: str) -> dict[str, Any]:
        loaded = self._adapters.get(name)
        folder = loaded.folder if loaded else self.models_dir / name
        size = sum(file.stat().st_size for file in folder.glob("*.safetensors"))
        return {"name": name, "loaded": loaded is not None, "bytes": size}

    def _adapter(self, name: str) -> _Adapter:
        loaded = self._adapters.get(name)
        if loaded is None:
            with self._loading:
                known = self._adapters.get(name)
                loaded = known or self._load(name, adapter_folder(self.models_dir, name))
        return loaded

    def _load(self, name: str, folder: Path) -> _Adapter:
        config = self.engine.load_adapter(name, folder)
        windower = Windower.from_folder(
            self.engine.base.folder, max_length=config.max_length, stride=config.stride
        )
        self._adapters[name] = _Adapter(folder, config, windower)
        return self._adapters[name]

"""The OpenVINO engine: one base without torch, any number of LoRA adapters over it."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from localqa.config import Precision
from localqa.engine.base_weights import Array, BaseWeights, read_shape
from localqa.engine.embeddings import Embeddings, padded_length, padded_lengths
from localqa.engine.graph import GraphBuilder
from localqa.engine.memory import give_back
from localqa.engine.session import Session, weights_of
from localqa.errors import AdapterError
from localqa.extraction.batches import batches_of_few_sizes, in_batches
from localqa.extraction.qa_config import QAConfig
from localqa.extraction.spans import Logits
from localqa.extraction.windows import Window
from localqa.model.adapter_files import HEAD, check_base
from localqa.model.bases import Base
from localqa.model.lora_weights import LoraWeights, read_lora

_BATCH_TOKENS = 512
"""Padded tokens in one batch: two windows of 200 tokens are as fast as sixteen, and each further size of
a batch that is seen costs about a megabyte of prepared kernels."""
_KEPT: Mapping[str, Literal["fp32", "fp16", "int8"]] = {
    "fp32": "fp32",
    "bf16": "fp16",
    "int8": "int8",
    "int4": "int8",
}
"""How the vectors of words are kept in each precision: half of a small base's weights are these."""
_NO_LORA = 1
"""Rank of the zeros that stand for a layer without LoRA matrices."""


class OpenVINOEngine:
    """Runs windows through a base with any of its LoRA adapters.

    The first adapter, unless it was trained over a rounded base, is folded into a graph of its own, which
    is half as fast again; all others share a second graph, made when the first of them is loaded, that
    takes their matrices as inputs.
    Thread-safe: runs take turns, for they already use all cores.

    Args:
        base: found and verified.
        precision: of the arithmetic and the weights; not "auto".
        threads: processor threads; 0: all cores.
    """

    name = "openvino"

    def __init__(self, base: Base, *, precision: Precision = "fp32", threads: int = 0) -> None:
        self.base = base
        self.precision = precision
        self._threads = threads
        self._shape = read_shape(base.folder)
        self._weights = BaseWeights(base.folder, self._shape.family.prefix)
        self._layers = self._weights.linears(self._shape)
        self._embeddings = Embeddings(self._weights, self._shape, _KEPT[precision])
        self._run_lock = threading.Lock()
        self._load_lock = threading.Lock()
        self._merged: tuple[str, Session] | None = None
        self._shared: Session | None = None
        self._headless: Session | None = None
        self._adapters: dict[str, dict[str, NDArray[np.floating]]] = {}
        self._active: str | None = None

    def load_adapter(self, key: str, folder: Path) -> QAConfig:
        """Load an adapter from its folder and return its settings.

        Raises:
            AdapterError: a damaged folder, one made for another base, or no LoRA adapter.
        """
        config = QAConfig.load(folder)
        check_base(config, self.base, folder, rounded=self.precision)
        if config.method != "lora":
            raise AdapterError(
                f"'{folder.name}' is no LoRA adapter (method {config.method}): this engine runs no other.",
                remedy="Serve it with QA_ENGINE=torch.",
            )
        weights = read_lora(folder, self._shape.family.prefix)
        self._check_shapes(weights, folder)
        with self._load_lock:
            # Merged weights would be rounded anew, otherwise than those that it learned over.
            mergeable = config.rounded_base is None
            if mergeable and self._merged is None and not self._adapters:
                self._merged = key, self._session(weights, longest=config.max_length)
            else:
                if self._shared is None:
                    self._shared = self._session(None, longest=0)
                self._adapters[key] = {name: _compact(values) for name, values in self._inputs(weights)}
        del weights
        give_back()
        return config

    def remove_adapter(self, key: str) -> None:
        """Forget a loaded adapter and free its weights."""
        with self._load_lock, self._run_lock:
            if self._merged is not None and self._merged[0] == key:
                self._merged = None
                return
            del self._adapters[key]
            if self._active == key:
                self._active = None

    def run(
        self,
        windows: Sequence[Window],
        key: str,
        on_batch: Callable[[int], object] = lambda windows_done: None,
    ) -> list[Logits]:
        """Logits of each window under a loaded adapter, in order."""
        with self._run_lock:
            session = self._session_for(key)

            def infer(batch: Sequence[Window]) -> tuple[Array, Array]:
                logits = session.infer(self._embeddings(batch))
                return logits[:, :, 0], logits[:, :, 1]

            return in_batches(windows, infer, batches=_batches(windows), on_batch=on_batch)

    @property
    def hidden(self) -> int:
        """Length of the base's vectors."""
        return self._shape.hidden

    def embed(self, windows: Sequence[Window]) -> list[Array]:
        """Vectors of windows by the base alone: the mean of its output, shape (hidden,) each.

        Its graph is made at the first call.
        """
        with self._load_lock:
            if self._headless is None:
                graph = GraphBuilder(
                    self._weights, self._shape, weights=weights_of(self.precision), headless=True
                ).build()
                self._headless = Session(graph, self.precision, self._threads, self._shape.hidden)
                del graph
                give_back()
            session = self._headless
        vectors: dict[int, Array] = {}
        for indices in _batches(windows):
            # Between batches whoever waits for the engine gets it.
            with self._run_lock:
                outputs = session.infer(self._embeddings([windows[at] for at in indices]))
            vectors.update(
                (at, outputs[row, : len(windows[at])].mean(axis=0)) for row, at in enumerate(indices)
            )
        return [vectors[at] for at in range(len(windows))]

    def info(self) -> dict[str, Any]:
        """Engine, precision, device and number of parameters of the base with a head."""
        return {
            "engine": self.name,
            "precision": self.precision,
            "device": "cpu",
            "parameters": self._weights.count() + 2 * self._shape.hidden + 2,
        }

    def _session(self, merged: LoraWeights | None, *, longest: int) -> Session:
        graph = GraphBuilder(self._weights, self._shape, merged, weights_of(self.precision)).build()
        session = Session(graph, self.precision, self._threads, self._shape.hidden)
        # A lone question then never waits for its size of graph to be prepared.
        for tokens in padded_lengths(longest):
            embedded = np.zeros((1, tokens, self._shape.hidden), dtype=np.float32)
            session.infer({"embedded": embedded, "mask": np.zeros((1, 1, 1, tokens), dtype=np.float32)})
        return session

    def _session_for(self, key: str) -> Session:
        """The graph that runs an adapter, with its matrices before it."""
        if self._merged is not None and self._merged[0] == key:
            return self._merged[1]
        adapter = self._adapters[key]
        # Made with the first adapter that was not merged.
        session = self._shared
        assert session is not None  # noqa: S101 - for mypy; see load_adapter
        if self._active != key:
            self._active = None
            session.bind(adapter)
            self._active = key
        return session

    def _inputs(self, weights: LoraWeights) -> list[tuple[str, Array]]:
        """The shared graph's inputs for an adapter; layers that it has no matrices for get zeros."""
        inputs = [("head", weights.head), ("head_bias", weights.head_bias)]
        for name, (outputs, width) in self._layers.items():
            nothing = (_NO_LORA, width), (outputs, _NO_LORA)
            down, up = (np.zeros(size, dtype=np.float32) for size in nothing)
            inputs += [
                (f"{name}.down", weights.down.get(name, down)),
                (f"{name}.up", weights.up.get(name, up)),
            ]
        return inputs

    def _check_shapes(self, weights: LoraWeights, folder: Path) -> None:
        """Compare an adapter's matrices with the layers of the base.

        Raises:
            AdapterError: matrices for a layer that the base does not have, or of another shape.
        """
        for name in weights.down:
            outputs, width = self._layers.get(name, (0, 0))
            if weights.down[name].shape[1] != width or weights.up[name].shape[0] != outputs:
                raise _misfit(folder, name)
        if weights.head.shape != (2, self._shape.hidden):
            raise _misfit(folder, HEAD)


def _batches(windows: Sequence[Window]) -> Iterator[list[int]]:
    """Indices of the windows of each batch."""
    lengths = [len(window) for window in windows]
    return batches_of_few_sizes(lengths, padded_length=padded_length, max_tokens=_BATCH_TOKENS)


def _compact(values: Array) -> NDArray[np.floating]:
    """The values in fp16 where that loses nothing, as of the adapters that this project writes."""
    with np.errstate(over="ignore"):
        half = values.astype(np.float16)
    return half if np.array_equal(half, values) else values


def _misfit(folder: Path, layer: str) -> AdapterError:
    return AdapterError(
        f"The adapter in '{folder}' does not fit the base: its matrices for {layer} have another shape.",
        remedy="Restore the folder or train again.",
    )

"""The OpenVINO engine: one base without torch, any number of LoRA adapters over it."""

import threading
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from localqa.config import Precision
from localqa.engine.base_weights import Array, BaseWeights, read_shape
from localqa.engine.bert_graph import BertGraph
from localqa.engine.checked import checked_logits, trial
from localqa.engine.embeddings import Embeddings, padded_length, padded_lengths
from localqa.engine.memory import give_back
from localqa.engine.running import NOBODY, OnBatch, Portions, Ready
from localqa.engine.session import Session, weights_of
from localqa.engine.turns import Turns
from localqa.errors import AdapterError
from localqa.extraction.batches import batches_of_few_sizes
from localqa.extraction.qa_config import QAConfig
from localqa.extraction.spans import Logits
from localqa.extraction.windows import Window
from localqa.model.adapter_files import check_base, check_positions, damage_named
from localqa.model.bases import Base
from localqa.model.lora_weights import BaseSizes, LoraWeights, read_lora
from localqa.model.pooling import Pooling, pooled
from localqa.model.snapshot import AdapterFiles

_BATCH_TOKENS = 512
"""Padded tokens in one batch: two windows of 200 tokens are as fast as sixteen, and each further size of
a batch that is seen costs about a megabyte of prepared kernels."""
_STREAM_TOKENS = 384
"""The same of a batch that one thread computes, beside others."""
_AT_WORK = 0.8
"""Share of the time in which threads with batches of their own are at work; below it they share batches."""
_SMALL = 50_000_000
"""Parameters of a base up to which the first adapter's graph is kept twice, to run batches side by side."""
_TOKENS_AT_ONCE = 2 * _BATCH_TOKENS
"""With eight times as many, windows came 1 to 4 % faster, and whoever waited, waited eight times
as long."""
_KEPT: Mapping[str, Literal["fp32", "fp16", "int8"]] = {
    "fp32": "fp32",
    "bf16": "fp16",
    "int8": "int8",
    "int4": "int8",
}
"""How the vectors of words are kept in each precision: half of a small base's weights are these."""
_NO_LORA = 1
"""Rank of the zeros that stand for a layer without LoRA matrices."""


_Inputs: TypeAlias = dict[str, NDArray[np.floating]]


@dataclass(slots=True)
class _Merged:
    """An adapter with a graph of its own, and what that graph can be made of again."""

    session: Session | None
    inputs: _Inputs


class OpenVINOEngine:
    """Runs windows through a base with any of its LoRA adapters.

    The first adapter, unless it was trained over a rounded base, is folded into a graph of its own, which
    is half as fast again, and so are its later versions; all others share a second graph, made when the
    first of them is loaded, that takes their matrices as inputs. A graph in which a run has failed is made
    anew at its next use: what it holds of that run would fail the next ones, too.
    Thread-safe: runs take turns, for they already use all cores.

    Args:
        base: found and verified.
        precision: of the arithmetic and the weights; not "auto".
        threads: processor threads; 0: all cores.
        reason: why it has that precision, for whoever asks.
    """

    name = "openvino"

    def __init__(
        self, base: Base, *, precision: Precision = "fp32", threads: int = 0, reason: str = ""
    ) -> None:
        self.base = base
        self.precision = precision
        self._reason = reason
        self._threads = threads
        self._shape = read_shape(base.folder)
        self._weights = BaseWeights(base.folder, self._shape.family.prefix, base.sha256)
        self._sizes = BaseSizes(self._weights.linears(self._shape), self._shape.hidden)
        self._small = self._weights.count() <= _SMALL
        self._embeddings = Embeddings(self._weights, self._shape, _KEPT[precision])
        self._run_lock = Turns()
        self._load_lock = threading.Lock()
        self._merged: dict[str, _Merged] = {}
        self._shared: Session | None = None
        self._headless: tuple[Session, Embeddings] | None = None
        self._adapters: dict[str, _Inputs] = {}
        self._active: str | None = None

    def load_adapter(self, key: str, folder: Path | AdapterFiles, *, replaces: str | None = None) -> QAConfig:
        """Load an adapter from its folder and return its settings.

        Args:
            key: to run it by.
            folder: of the adapter, or its files.
            replaces: key of an earlier version of it, which may be in use still.

        Raises:
            AdapterError: a damaged folder, one made for another base, or no LoRA adapter; the message
                names what does not fit.
        """
        files = AdapterFiles.of(folder)
        config = files.config()
        self._check(config, files)
        weights = read_lora(files, self._shape.family.prefix, self._sizes)
        with self._load_lock:
            # Merged weights would be rounded anew, otherwise than those that it learned over.
            mergeable = config.rounded_base is None
            first = not self._merged and not self._adapters
            if mergeable and (first or replaces in self._merged):
                session = self._session(weights, longest=config.max_length)
                self._try_out(session, files)
                self._merged[key] = _Merged(session, _compacted(self._inputs(weights)))
            else:
                self._share(key, weights, files)
        del weights
        give_back()
        return config

    def remove_adapter(self, key: str) -> None:
        """Forget a loaded adapter and free its weights."""
        with self._load_lock, self._run_lock:
            if self._merged.pop(key, None) is not None:
                return
            del self._adapters[key]
            if self._active == key:
                self._active = None

    def run(self, windows: Sequence[Window], key: str, on_batch: OnBatch = NOBODY) -> list[Logits]:
        """Logits of each window under a loaded adapter, in order.

        Raises:
            AdapterError: its weights give values that are no numbers for these windows.
        """
        found: dict[int, Logits] = {}
        for numbers, logits in self.run_each([windows], key):
            found.update(zip(numbers, logits, strict=True))
            on_batch(len(numbers))
        return [found[number] for number in range(len(windows))]

    def run_each(self, portions: Portions, key: str) -> Ready:
        """Logits of windows as they are ready, while more of them come; see `Engine.run_each`.

        Nothing more is asked for while others want the engine, to load or to remove an adapter.

        Raises:
            AdapterError: the adapter's weights give values that are no numbers for some of them.
        """
        with self._run_lock, closing(self._each(portions, key)) as found:
            for numbers, logits in found:
                yield numbers, checked_logits(logits)

    def _each(self, portions: Portions, key: str) -> Generator[tuple[list[int], list[Logits]]]:
        session = self._session_for(key)
        coming = self._unless_wanted(portions)
        begun: deque[tuple[list[int], list[Window]]] = deque()
        counted = count()

        def embedded(windows: Sequence[Window], batches: Iterable[list[int]]) -> Iterator[dict[str, Array]]:
            numbers = list(islice(counted, len(windows)))
            for indices in batches:
                some = [windows[index] for index in indices]
                begun.append(([numbers[index] for index in indices], some))
                yield self._embeddings(some)

        def embedded_on(
            windows: Sequence[Window], batches: Iterable[list[int]]
        ) -> Iterator[dict[str, Array] | None]:
            while True:
                yield from embedded(windows, batches)
                # With nothing begun it is to be seen anew whether what comes next is enough for all streams.
                while begun and not (windows := next(coming, ())):
                    yield None
                if not begun:
                    return
                batches = _batches(windows, _STREAM_TOKENS)

        try:
            for windows in coming:
                if not windows:
                    return
                batches = _even(windows, session.streams)
                outputs = (
                    session.infer_each(embedded_on(windows, batches))
                    if batches
                    else map(session.infer, embedded(windows, _batches(windows)))
                )
                for logits in outputs:
                    numbers, some = begun.popleft()
                    yield numbers, [_own(rows, window) for rows, window in zip(logits, some, strict=True)]
        except Exception:
            self._discard(key)
            raise

    def _unless_wanted(self, portions: Portions) -> Iterator[Sequence[Window]]:
        for windows in portions:
            yield windows
            if self._run_lock.wanted:
                return

    @property
    def hidden(self) -> int:
        """Length of the base's vectors."""
        return self._shape.hidden

    @property
    def max_tokens(self) -> int:
        """Longest window in tokens, special tokens included."""
        positions = self._weights.rows("embeddings.position_embeddings.weight")
        return positions - self._shape.padding_id - 1 if self._shape.family.counts_from_padding else positions

    @property
    def tokens_at_once(self) -> int:
        """Padded tokens of a portion above which windows come no faster."""
        return _TOKENS_AT_ONCE

    def embed(self, windows: Sequence[Window], pooling: Pooling = "mean") -> list[Array]:
        """Vectors of windows by the base alone, shape (hidden,) each.

        Always in fp32, whatever the precision of answers: vectors are kept and compared with those that other
        machines and other programs made, and rounded weights move each of them by a hundredth and more.
        The graph is made at the first call.
        """
        session, embeddings = self._headless or self._made_headless()
        vectors: dict[int, Array] = {}
        for indices in _batches(windows):
            # Between batches whoever waits for the engine gets it.
            with self._run_lock:
                outputs = session.infer(embeddings([windows[at] for at in indices]))
            vectors.update(
                (at, pooled(outputs[row, : len(windows[at])], pooling)) for row, at in enumerate(indices)
            )
        return [vectors[at] for at in range(len(windows))]

    def _made_headless(self) -> tuple[Session, Embeddings]:
        # Only the first text waits for an adapter that is being loaded.
        with self._load_lock:
            if self._headless is None:
                graph = BertGraph(self._weights, self._shape, headless=True).build()
                session = Session(graph, "fp32", self._threads, self._shape.hidden)
                del graph
                exact = self.precision in ("fp32", "bf16")
                words = self._embeddings if exact else Embeddings(self._weights, self._shape, "fp16")
                self._headless = session, words
                give_back()
            return self._headless

    def info(self) -> dict[str, Any]:
        """Engine, precision and why, device, and number of parameters of the base with a head."""
        return {
            "engine": self.name,
            "precision": self.precision,
            "precision_reason": self._reason,
            "device": "cpu",
            "parameters": self._weights.count() + 2 * self._shape.hidden + 2,
        }

    def _check(self, config: QAConfig, files: AdapterFiles) -> None:
        check_base(config, self.base, files.folder, rounded=self.precision)
        if config.method != "lora":
            raise AdapterError(
                f"'{files.folder.name}' is no LoRA adapter (method {config.method}): "
                "this engine runs no other.",
                remedy="Serve it with QA_ENGINE=torch.",
            )
        check_positions(config, files.folder, self.max_tokens)

    def _share(self, key: str, weights: LoraWeights, files: AdapterFiles) -> None:
        """Put an adapter among those of the shared graph, and see that it runs there."""
        inputs = _compacted(self._inputs(weights))
        session = self._session(None, longest=0) if self._shared is None else None
        with self._run_lock:
            self._shared = self._shared or session
            self._adapters[key] = inputs
            try:
                self._try_out(self._session_for(key), files)
            except BaseException:
                self._discard(key)
                del self._adapters[key]
                raise

    def _try_out(self, session: Session, files: AdapterFiles) -> None:
        """Run a few words; raises AdapterError where that fails."""
        with damage_named(files.folder):
            logits = session.infer(self._embeddings(trial()))
        checked_logits([(logits[0, :, 0], logits[0, :, 1])])

    def _discard(self, key: str) -> None:
        """Forget the graph of an adapter; it is made anew when it is needed."""
        if key in self._merged:
            self._merged[key].session = None
        else:
            self._shared = None
            self._active = None

    def _session(self, merged: LoraWeights | None, *, longest: int) -> Session:
        graph = BertGraph(self._weights, self._shape, merged, weights_of(self.precision)).build()
        beside = merged is not None and self._small
        session = Session(graph, self.precision, self._threads, self._shape.hidden, streams=beside)
        # A lone question then never waits for its size of graph to be prepared.
        for tokens in padded_lengths(longest):
            embedded = np.zeros((1, tokens, self._shape.hidden), dtype=np.float32)
            session.infer({"embedded": embedded, "mask": np.zeros((1, 1, 1, tokens), dtype=np.float32)})
        return session

    def _session_for(self, key: str) -> Session:
        """The graph that runs an adapter, with its matrices before it."""
        if key in self._merged:
            merged = self._merged[key]
            if merged.session is None:
                merged.session = self._session(self._restored(merged.inputs), longest=0)
            return merged.session
        adapter = self._adapters[key]
        if self._shared is None:
            self._shared = self._session(None, longest=0)
        session = self._shared
        if self._active != key:
            self._active = None
            session.bind(adapter)
            self._active = key
        return session

    def _inputs(self, weights: LoraWeights) -> list[tuple[str, Array]]:
        """The shared graph's inputs for an adapter; layers that it has no matrices for get zeros."""
        inputs = [("head", weights.head), ("head_bias", weights.head_bias)]
        for name, (outputs, width) in self._sizes.layers.items():
            nothing = (_NO_LORA, width), (outputs, _NO_LORA)
            down, up = (np.zeros(size, dtype=np.float32) for size in nothing)
            inputs += [
                (f"{name}.down", weights.down.get(name, down)),
                (f"{name}.up", weights.up.get(name, up)),
            ]
        return inputs

    def _restored(self, inputs: _Inputs) -> LoraWeights:
        """The adapter that these inputs were made of."""
        values = {name: value.astype(np.float32) for name, value in inputs.items()}
        down, up = (
            {name: values[f"{name}.{part}"] for name in self._sizes.layers} for part in ("down", "up")
        )
        return LoraWeights(down, up, values["head"], values["head_bias"])


def _compacted(inputs: Sequence[tuple[str, Array]]) -> _Inputs:
    """The values in fp16 where that loses nothing, as of the adapters that this project writes."""
    return {name: _compact(values) for name, values in inputs}


def _batches(windows: Sequence[Window], most: int = _BATCH_TOKENS) -> Iterator[list[int]]:
    """Indices of the windows of each batch, which has so many padded tokens at most."""
    lengths = [len(window) for window in windows]
    return batches_of_few_sizes(lengths, padded_length=padded_length, max_tokens=most)


def _even(windows: Sequence[Window], streams: int) -> list[list[int]]:
    """The same in batches that keep all streams at work; none where too few of them would have some."""
    if streams == 1:
        return []
    batches = list(_batches(windows, _STREAM_TOKENS))
    rounds = -(-len(batches) // streams)
    return batches if len(batches) >= _AT_WORK * rounds * streams else []


def _own(logits: Array, window: Window) -> Logits:
    """Start and end logits of a window, out of its row of a padded batch, shape (tokens, 2)."""
    return logits[: len(window), 0], logits[: len(window), 1]


def _compact(values: Array) -> NDArray[np.floating]:
    with np.errstate(over="ignore"):
        half = values.astype(np.float16)
    return half if np.array_equal(half, values) else values

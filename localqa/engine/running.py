"""What every engine can do: run windows through one base, with adapters over it."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from localqa.extraction.qa_config import QAConfig
from localqa.extraction.spans import Logits
from localqa.extraction.windows import Window
from localqa.model.bases import Base
from localqa.model.pooling import Pooling
from localqa.model.snapshot import AdapterFiles

OnBatch = Callable[[int], object]
"""Told the number of windows of each batch that is done."""
NOBODY: Final[OnBatch] = lambda windows_done: None  # noqa: E731 - a default, not a function of its own
Portions: TypeAlias = Iterable[Sequence[Window]]
"""Windows as they come. An empty portion says that there are no more for now."""
Ready: TypeAlias = Iterator[tuple[Sequence[int], list[Any]]]
"""Numbers of windows, counted over all portions, and what was made of each of them: logits, or a vector."""


class Engine(Protocol):
    """One base, with adapters under keys of the caller's choice."""

    @property
    def base(self) -> Base:
        """The base that all adapters share."""

    @property
    def hidden(self) -> int:
        """Length of the base's vectors."""

    @property
    def max_tokens(self) -> int | None:
        """Longest window in tokens, special tokens included; None: the base sets no limit."""

    @property
    def tokens_at_once(self) -> int:
        """Padded tokens of a portion above which windows come no faster."""

    def load_adapter(self, key: str, folder: AdapterFiles, *, replaces: str | None = None) -> QAConfig:
        """Load an adapter, maybe a new version of another; raises AdapterError for what cannot be used."""

    def remove_adapter(self, key: str) -> None:
        """Free an adapter's weights; no run of it is going on."""

    def run(self, windows: Sequence[Window], key: str, on_batch: OnBatch = NOBODY) -> list[Logits]:
        """Logits of each window, in order."""

    def run_each(self, portions: Portions, key: str) -> Ready:
        """Logits of windows as they are ready, while more of them come.

        A portion is asked for when there is room for it. After an empty one what has begun is finished, and
        portions are asked for again, until nothing is left.
        """

    def embed(self, windows: Sequence[Window], pooling: Pooling = "mean") -> list[NDArray[np.float32]]:
        """Vectors of windows by the base alone, shape (hidden,) each."""

    def info(self) -> dict[str, Any]:
        """Engine, precision, precision_reason, device and number of parameters."""


def one_by_one(run: Callable[[Sequence[Window]], list[Any]], portions: Portions) -> Ready:
    """Windows as `Engine.run_each` gives them, by running a portion after the other."""
    first = 0
    for windows in portions:
        if not windows:
            return
        yield range(first, first + len(windows)), run(windows)
        first += len(windows)

"""The first layer of a base in NumPy: a table that is looked up once for all compiled graphs."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from localqa.engine.base_weights import Array, BaseWeights, Shape
from localqa.extraction.batches import padded
from localqa.extraction.windows import Window
from localqa.model.rounding import rounded

_STEP, _LONG, _LONG_STEP = 16, 192, 32


def padded_length(tokens: int) -> int:
    """The length that windows of so many tokens are padded to.

    A graph is prepared anew for each new size of a batch, which takes as long as a short answer and
    a megabyte or two for good; so there are few sizes, those at which the kernels are fastest.
    """
    step = _STEP if tokens <= _LONG else _LONG_STEP
    return -(-tokens // step) * step


def padded_lengths(longest: int) -> list[int]:
    """All of them up to that of the longest window."""
    return sorted({padded_length(tokens) for tokens in range(1, longest + 1)})


class Embeddings:
    """Sums of word, position and segment vectors.

    Half of a small base's weights are these tables. Outside the graphs there is one copy of them.

    Args:
        weights: of the base.
        shape: of the base.
        kept: how the words are kept: "fp32", "fp16" or, with a scale for each of them, "int8".
    """

    def __init__(
        self, weights: BaseWeights, shape: Shape, kept: Literal["fp32", "fp16", "int8"] = "fp32"
    ) -> None:
        self._shape = shape
        words = weights["embeddings.word_embeddings.weight"]
        self._words: Any = words.astype(np.float16) if kept == "fp16" else words
        self._scale: Array | None = None
        if kept == "int8":
            self._words, self._scale, _ = rounded(words, "int8")
        self._positions = weights["embeddings.position_embeddings.weight"]
        self._types: Array | None = None
        if "embeddings.token_type_embeddings.weight" in weights:
            types = weights["embeddings.token_type_embeddings.weight"]
            # All tokens are of the first type but those of the second segment, where there are two.
            self._positions = self._positions + types[0]
            self._types = types - types[0] if shape.token_types else None

    def __call__(self, windows: Sequence[Window]) -> dict[str, Array]:
        """A batch as a graph takes it, padded to `tokens`, see `padded_length`.

        Returns `embedded`, shape (batch, tokens, hidden), and `mask`, shape (batch, 1, 1, tokens), which
        is added to attention scores.
        """
        batch = padded(
            windows,
            pad_id=self._shape.padding_id,
            token_types=self._types is not None,
            length=padded_length(max(len(window) for window in windows)),
            dtype=np.int32,
        )
        mask = batch["attention_mask"]
        embedded = self._words[batch["input_ids"]].astype(np.float32, copy=False)
        if self._scale is not None:
            embedded *= self._scale[batch["input_ids"]]
        embedded += self._positions[self._places(mask)]
        if self._types is not None:
            embedded += self._types[batch["token_type_ids"]]
        return {"embedded": embedded, "mask": ((mask - 1).astype(np.float32) * 1e4)[:, None, None, :]}

    def _places(self, mask: NDArray[np.integer]) -> NDArray[np.integer]:
        if self._shape.family.counts_from_padding:
            places = np.cumsum(mask, axis=1) * mask + self._shape.padding_id
        else:
            places = np.arange(mask.shape[1])
        # Padding may reach beyond the last position; it is masked and may have any.
        return np.minimum(places, len(self._positions) - 1)

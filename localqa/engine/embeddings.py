"""The first layer of a base in NumPy: a table that is looked up once for all compiled graphs."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from localqa.engine.base_weights import Array, BaseWeights, Shape
from localqa.extraction.batches import padded
from localqa.extraction.windows import Window

LENGTH_STEP = 16
"""Batches are padded to a multiple of so many tokens: a graph is prepared anew for each new size of a
batch, which takes as long as a short answer, and the kernels are fastest at such sizes."""


class Embeddings:
    """Sums of word, position and segment vectors.

    Half of a small base's weights are these tables. Outside the graphs there is one copy of them.

    Args:
        weights: of the base.
        shape: of the base.
        half: keep the words in fp16, half the memory.
    """

    def __init__(self, weights: BaseWeights, shape: Shape, *, half: bool) -> None:
        self._shape = shape
        words = weights["embeddings.word_embeddings.weight"]
        self._words = words.astype(np.float16) if half else words
        self._positions = weights["embeddings.position_embeddings.weight"]
        self._types: Array | None = None
        if "embeddings.token_type_embeddings.weight" in weights:
            types = weights["embeddings.token_type_embeddings.weight"]
            # All tokens are of the first type but those of the second segment, where there are two.
            self._positions = self._positions + types[0]
            self._types = types - types[0] if shape.token_types else None

    def __call__(self, windows: Sequence[Window]) -> dict[str, Array]:
        """A batch as a graph takes it, padded to `tokens`, a multiple of `LENGTH_STEP`.

        Returns `embedded`, shape (batch, tokens, hidden), and `mask`, shape (batch, 1, 1, tokens), which
        is added to attention scores.
        """
        batch = padded(
            windows,
            pad_id=self._shape.padding_id,
            token_types=self._types is not None,
            multiple=LENGTH_STEP,
            dtype=np.int32,
        )
        mask = batch["attention_mask"]
        embedded = self._words[batch["input_ids"]].astype(np.float32, copy=False)
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

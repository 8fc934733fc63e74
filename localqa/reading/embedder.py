"""The embedder: texts in, unit vectors out, by one base and nothing else."""

import os
from collections.abc import Sequence
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from localqa.extraction.answers import Patience
from localqa.extraction.windows import Window
from localqa.model.bases import WEIGHTS_FILE
from localqa.reading.batcher import NO_ADAPTER, Batcher
from localqa.reading.pool import LoadedBase, Pool
from localqa.reading.told import EmbedderInfo

_TEXTS_AT_A_TIME: Final = 32
"""Texts of one request that are embedded before others get their turn."""


class Embedder:
    """Makes vectors of texts as the base's own files say: they do not depend on any adapter.

    Args:
        pool: holds the base that embeds.
        batcher: puts the texts of concurrent requests together; None: each call runs for itself.
    """

    def __init__(self, pool: Pool, batcher: Batcher | None = None) -> None:
        self._pool = pool
        self._batcher = batcher
        self._has_embedded = False

    @property
    def identity(self) -> str:
        """What the vectors are made by: the base's checksum, the pooling and the most tokens of a text.

        Vectors can be compared where it is equal, whichever machine and program made them.
        """
        recipe = self._pool.recipe
        return f"{self._pool.base.sha256}:{recipe.pooling}:{recipe.max_tokens}"

    def embed(
        self, texts: Sequence[str], *, truncate: bool = True, patience: Patience | None = None
    ) -> tuple[NDArray[np.float32], int]:
        """Texts as vectors of length one.

        They run a few at a time, so that questions get their turn, and no longer than they are waited for.

        Args:
            texts: any number.
            truncate: cut a text that has more tokens than the base takes; else it is refused.
            patience: how long the vectors are wanted; None: for ever.

        Returns:
            The vectors, shape (texts, length), and the number of tokens.

        Raises:
            InvalidInputError: a text that is too long, or not Unicode.
            BaseModelError: the base makes vectors in a way that is not known.
            OverloadedError, DeadlineError: see `Batcher.run`, and `Pool.load_adapter`.
        """
        patience = patience or Patience()
        self._pool.recipe.known_pooling()
        # In memory from the first text to the last, so that the batcher never waits for it.
        with self._pool.embedding() as home:
            vectors, tokens = self._embedded(home, texts, truncate, patience)
        self._has_embedded |= bool(texts)
        return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12), tokens

    def info(self) -> EmbedderInfo:
        """What embeds; raises BaseModelError where the base's files cannot be read any more."""
        pool, recipe = self._pool, self._pool.recipe
        return EmbedderInfo(
            identity=self.identity,
            base=pool.describe(),
            pooling=recipe.pooling,
            max_tokens=recipe.max_tokens,
            length=pool.length,
            loaded=self._has_embedded,
            bytes=self._file.st_size,
            modified=self._file.st_mtime,
        )

    @cached_property
    def _file(self) -> os.stat_result:
        return (self._pool.base.folder / WEIGHTS_FILE).stat()

    def _embedded(
        self, home: LoadedBase, texts: Sequence[str], truncate: bool, patience: Patience
    ) -> tuple[NDArray[np.float32], int]:
        windower = home.windower.of_sizes(max_length=self._pool.recipe.max_tokens, stride=0)
        vectors = np.zeros((len(texts), home.engine.hidden), dtype=np.float32)
        tokens = 0
        # Those of a like length run together.
        order = sorted(range(len(texts)), key=lambda at: len(texts[at]))
        for first in range(0, len(order), _TEXTS_AT_A_TIME):
            places = order[first : first + _TEXTS_AT_A_TIME]
            windows = windower.alone([texts[at] for at in places], truncate=truncate, names=places)
            tokens += sum(map(len, windows))
            vectors[places] = self._run(windows, patience)
        return vectors, tokens

    def _run(self, windows: Sequence[Window], patience: Patience) -> list[NDArray[np.float32]]:
        if self._batcher is None:
            return self._pool.run(windows, NO_ADAPTER)
        return self._batcher.run(
            windows, NO_ADAPTER, deadline=patience.deadline, cancelled=patience.cancelled
        )

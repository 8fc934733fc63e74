"""The vectors of a library's passages in memory, searched by a scan.

Up to some thousand passages the vectors themselves are compared. Beyond, one bit of each number is kept in
memory (48 bytes a passage for 384 numbers), and the vectors of the nearest by bits are read from the library
to be compared (Yamada et al. 2021: binary candidates, full rescoring).
"""

import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from localqa.documents.library import Vectors

HALF: Final = np.float16
"""How vectors are kept: a cosine of theirs is off by 1e-4 at most."""
_WHOLE: Final = 20_000
"""Passages up to which whole vectors stay in memory: 30 MB."""
_CANDIDATES: Final = 8
"""So many times the passages that are wanted are compared by their whole vectors."""

Row: TypeAlias = tuple[int, int, bytes]
"""A passage's number, its document's, and its vector in halves."""
RowsAfter: TypeAlias = Callable[[int], Iterable[Row]]
"""The rows behind a number, in their order."""
Numbers: TypeAlias = Callable[[int], tuple[int, list[int] | None]]
"""Removals known -> removals now, and the numbers of all passages where these differ."""
Halves: TypeAlias = Callable[[Sequence[int]], dict[int, bytes]]


class VectorIndex:
    """Follows what is in a library and finds the nearest vectors. Thread-safe.

    Args:
        rows_after: reads the library.
        numbers: tells of removals.
        halves: reads the vectors of some passages.
    """

    def __init__(self, rows_after: RowsAfter, numbers: Numbers, halves: Halves) -> None:
        self._rows_after, self._left, self._halves = rows_after, numbers, halves
        self._lock = threading.Lock()
        self._removals = 0
        self._numbers: NDArray[np.int64] = np.zeros(0, np.int64)
        self._documents: NDArray[np.int64] = np.zeros(0, np.int64)
        self._bits: NDArray[np.uint64] = np.zeros((0, 0), np.uint64)
        self._whole: Vectors | None = np.zeros((0, 0), np.float32)

    def nearest(
        self, vector: Vectors, most: int, among: NDArray[np.int64] | None = None
    ) -> list[tuple[int, float]]:
        """Numbers and cosines of the nearest passages, nearest first.

        Args:
            vector: of length one.
            most: passages at most.
            among: numbers of the documents that are searched; None: all.
        """
        with self._lock:
            self._follow()
            numbers, documents, bits, whole = self._numbers, self._documents, self._bits, self._whole
        if among is not None:
            inside = np.flatnonzero(np.isin(documents, among))
            numbers, bits = numbers[inside], bits[inside]
            whole = None if whole is None else whole[inside]
        if not len(numbers):
            return []
        if whole is not None:
            return _best(numbers, whole @ vector, most)
        differing = np.bitwise_count(bits ^ _bits_of(vector[None])[0]).sum(1, dtype=np.int16)
        count = min(most * _CANDIDATES, len(numbers))
        near = numbers[np.argpartition(differing, count - 1)[:count]]
        return _best(near, np.array(self.cosines(vector, near.tolist())), most)

    def cosines(self, vector: Vectors, numbers: Sequence[int]) -> list[float]:
        """Cosines of some passages; -1 for one that is gone."""
        halves = self._halves(numbers)
        return [
            float(np.frombuffer(halves[number], HALF).astype(np.float32) @ vector)
            if number in halves
            else -1.0
            for number in numbers
        ]

    def _follow(self) -> None:
        """Take in what is new in the library, let go of what is gone."""
        self._removals, left = self._left(self._removals)
        if left is not None:
            kept = np.isin(self._numbers, np.array(left, np.int64))
            self._numbers, self._documents = self._numbers[kept], self._documents[kept]
            self._bits = self._bits[kept]
            self._whole = None if self._whole is None else self._whole[kept]
        last = int(self._numbers[-1]) if len(self._numbers) else 0
        numbers, documents, vectors = [], [], bytearray()
        for number, document, half in self._rows_after(last):
            numbers.append(number)
            documents.append(document)
            vectors += half
        if numbers:
            self._take(numbers, documents, np.frombuffer(vectors, HALF).reshape(len(numbers), -1))

    def _take(self, numbers: list[int], documents: list[int], halves: NDArray[np.float16]) -> None:
        self._numbers = np.append(self._numbers, numbers)
        self._documents = np.append(self._documents, documents)
        bits = np.concatenate([_bits_of(halves[at : at + _WHOLE]) for at in range(0, len(halves), _WHOLE)])
        self._bits = np.concatenate([self._bits, bits]) if self._bits.size else bits
        if self._whole is None or len(self._numbers) > _WHOLE:
            self._whole = None
        else:
            new = halves.astype(np.float32)
            self._whole = np.concatenate([self._whole, new]) if self._whole.size else new


def _best(numbers: NDArray[np.int64], cosines: Vectors, most: int) -> list[tuple[int, float]]:
    count = min(most, len(numbers))
    top = np.argpartition(-cosines, count - 1)[:count]
    top = top[np.argsort(-cosines[top], kind="stable")]
    return [(int(numbers[at]), float(cosines[at])) for at in top]


def _bits_of(vectors: NDArray[np.floating]) -> NDArray[np.uint64]:
    """The signs of vectors, shape (N, length) -> (N, ceil(length / 64))."""
    packed = np.packbits(vectors > 0, axis=1)
    missing = -packed.shape[1] % 8
    return np.ascontiguousarray(np.pad(packed, ((0, 0), (0, missing)))).view(np.uint64)

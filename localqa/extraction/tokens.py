"""Texts as tokens, a part of them at a time: what a tokenizer makes of a text takes 500 times its size."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

from localqa.extraction.grouping import in_groups

IntArray = NDArray[np.int32]

_PIECE: Final = 16_000
"""Characters after which a text is cut."""
_AT_ONCE: Final = 64_000
"""Characters that are with the tokenizer at a time."""
_WORD: Final = 200
_SPACE: Final = re.compile(r"(?<=\S)(?= \S)")
_SIGN: Final = re.compile(r"(?<=[^\w\s])(?=\w)")


@dataclass(frozen=True, slots=True)
class Tokens:
    """A text as tokens: ids, shape (T,), and offsets in code points, shape (T, 2)."""

    ids: IntArray
    offsets: IntArray

    @classmethod
    def of(cls, encoding: Encoding, start: int = 0, known: int = 0) -> "Tokens":
        """What a tokenizer made of a text, or of a part of it.

        Args:
            encoding: of the part.
            start: of the part in the text.
            known: where in the text what is not known of it yet begins.
        """
        offsets = np.array(encoding.offsets, dtype=np.int32).reshape(-1, 2) + np.int32(start)
        ids = np.array(encoding.ids, dtype=np.int32)
        if start == known:
            return cls(ids, offsets)
        new = np.logical_or.accumulate(offsets[:, 1] > known)
        return cls(ids[new], offsets[new])

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True)
class _Piece:
    """A part of a text, from `start` on; up to `known` it is in the piece before as well."""

    text: int
    start: int
    known: int
    part: str


def tokens_of(tokenizer: Tokenizer, texts: Sequence[str]) -> list[Tokens]:
    """The tokens of each text, without special ones."""
    found: list[list[Tokens]] = [[] for _ in texts]
    pieces = [piece for at, text in enumerate(texts) for piece in _pieces(at, text)]
    for group in in_groups(pieces, lambda piece: len(piece.part), _AT_ONCE):
        encoded = tokenizer.encode_batch([piece.part for piece in group], add_special_tokens=False)
        for piece, encoding in zip(group, encoded, strict=True):
            found[piece.text].append(Tokens.of(encoding, piece.start, piece.known))
    return [_joined(parts) for parts in found]


def _pieces(number: int, text: str) -> Iterator[_Piece]:
    """A long text in pieces, cut where tokenizers see no difference, if it can be.

    Some take the first word of what they are given otherwise than the next ones: it is the last one again.
    """
    start = known = 0
    while len(text) - known > _PIECE:
        end = _seam(text, known + _PIECE // 2, known + _PIECE)
        yield _Piece(number, start, known, text[start:end])
        known = end
        before = [match.start() for match in _SPACE.finditer(text, known - _WORD, known)]
        start = next((at for at in reversed(before) if at < known), known)
    yield _Piece(number, start, known, text[start:])


def _seam(text: str, first: int, last: int) -> int:
    for kind in (_SPACE, _SIGN):
        found = [match.start() for match in kind.finditer(text, first, last)]
        if found:
            return found[-1]
    # One word of thousands of characters: anywhere, but not before a mark on the letter before it.
    return next((at for at in range(last, first, -1) if not unicodedata.combining(text[at])), last)


def _joined(parts: Sequence[Tokens]) -> Tokens:
    if len(parts) == 1:
        return parts[0]
    return Tokens(
        np.concatenate([part.ids for part in parts]), np.concatenate([part.offsets for part in parts])
    )

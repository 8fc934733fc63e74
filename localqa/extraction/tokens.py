"""Texts as tokens, a part of them at a time: what a tokenizer makes of a text takes 500 times its size."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

IntArray = NDArray[np.int32]

_PIECE: Final = 16_000
"""Characters after which a text is cut."""
_AT_ONCE: Final = 64_000
"""Characters that are with the tokenizer at a time."""
_SPACE: Final = re.compile(r"(?<=\S)(?= \S)")
_SIGN: Final = re.compile(r"(?<=[^\w\s])(?=\w)")


@dataclass(frozen=True, slots=True)
class Tokens:
    """A text as tokens: ids, shape (T,), and offsets in code points, shape (T, 2)."""

    ids: IntArray
    offsets: IntArray

    @classmethod
    def of(cls, encoding: Encoding, start: int = 0) -> "Tokens":
        """What a tokenizer made of a text, or of the part of it that begins at `start`."""
        offsets = np.array(encoding.offsets, dtype=np.int32).reshape(-1, 2) + np.int32(start)
        return cls(np.array(encoding.ids, dtype=np.int32), offsets)

    def __len__(self) -> int:
        return len(self.ids)


def tokens_of(tokenizer: Tokenizer, texts: Sequence[str]) -> list[Tokens]:
    """The tokens of each text, without special ones."""
    parts: list[list[Tokens]] = [[] for _ in texts]
    pieces = [(at, start, piece) for at, text in enumerate(texts) for start, piece in _pieces(text)]
    for group in _groups(pieces):
        encoded = tokenizer.encode_batch([piece for _, _, piece in group], add_special_tokens=False)
        for (at, start, _), encoding in zip(group, encoded, strict=True):
            parts[at].append(Tokens.of(encoding, start))
    return [_joined(part) for part in parts]


def _pieces(text: str) -> Iterator[tuple[int, str]]:
    """A long text in pieces, each with its place; cut where tokenizers see no difference, if it can be."""
    start = 0
    while len(text) - start > _PIECE:
        end = _seam(text, start + _PIECE // 2, start + _PIECE)
        yield start, text[start:end]
        start = end
    yield start, text[start:] if start else text


def _seam(text: str, first: int, last: int) -> int:
    for kind in (_SPACE, _SIGN):
        found = [match.start() for match in kind.finditer(text, first, last)]
        if found:
            return found[-1]
    # One word of thousands of characters: anywhere, but not before a mark on the letter before it.
    return next((at for at in range(last, first, -1) if not unicodedata.combining(text[at])), last)


def _groups(pieces: Sequence[tuple[int, int, str]]) -> Iterator[list[tuple[int, int, str]]]:
    group: list[tuple[int, int, str]] = []
    size = 0
    for piece in pieces:
        if group and size + len(piece[2]) > _AT_ONCE:
            yield group
            group, size = [], 0
        group.append(piece)
        size += len(piece[2])
    if group:
        yield group


def _joined(parts: Sequence[Tokens]) -> Tokens:
    if len(parts) == 1:
        return parts[0]
    return Tokens(
        np.concatenate([part.ids for part in parts]), np.concatenate([part.offsets for part in parts])
    )

"""Texts in parts of whole sentences, and summaries of so many words."""

import re
from collections.abc import Iterator
from typing import Final

from tokenizers import Tokenizer

SENTENCE_END: Final = re.compile(r"(?<=[.!?])\s+")


def within(text: str, max_words: int) -> str:
    """A text's sentences that fit into so many words; where not even the first does, its first words.

    A text that fits is returned as it is.
    """
    if len(text.split()) <= max_words:
        return text
    kept: list[str] = []
    for sentence in SENTENCE_END.split(text.strip()):
        if len(" ".join([*kept, sentence]).split()) > max_words:
            break
        kept.append(sentence)
    return " ".join(kept) or " ".join(text.split()[:max_words])


def split(text: str, tokenizer: Tokenizer, room: int) -> list[str]:
    """A text in parts of whole sentences and at most `room` tokens, all about as long.

    A sentence that is longer by itself is split between words, and a word between its tokens.
    """
    sentences = SENTENCE_END.split(text.strip())
    pieces = [piece for sentence in sentences for piece in _pieces(sentence, tokenizer, room)]
    sizes = [_size(piece, tokenizer) for piece in pieces]
    target = sum(sizes) / max(1, -(-sum(sizes) // room))
    parts: list[list[str]] = [[]]
    filled = 0
    for piece, size in zip(pieces, sizes, strict=True):
        if parts[-1] and (filled + size > room or filled + size / 2 > target):
            parts.append([])
            filled = 0
        parts[-1].append(piece)
        filled += size
    return [" ".join(part) for part in parts]


def _pieces(sentence: str, tokenizer: Tokenizer, room: int) -> Iterator[str]:
    """The sentence, or stretches of its words where it has more tokens than there is room for."""
    if _size(sentence, tokenizer) <= room:
        yield sentence
        return
    stretch: list[str] = []
    filled = 0
    words = (part for word in sentence.split() for part in _parts(word, tokenizer, room))
    for word in words:
        size = _size(word, tokenizer)
        if stretch and filled + size > room:
            yield " ".join(stretch)
            stretch, filled = [], 0
        stretch.append(word)
        filled += size
    if stretch:
        yield " ".join(stretch)


def _parts(word: str, tokenizer: Tokenizer, room: int) -> Iterator[str]:
    """The word, or parts of it where it alone is too long, as a text in a script without spaces is."""
    places = tokenizer.encode(word, add_special_tokens=False).offsets
    if len(places) <= room:
        yield word
        return
    for at in range(0, len(places), room):
        yield word[places[at][0] : places[min(at + room, len(places)) - 1][1]]


def _size(text: str, tokenizer: Tokenizer) -> int:
    return len(tokenizer.encode(text, add_special_tokens=False).ids)

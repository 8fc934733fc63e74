"""What carries the sentences of a generated answer: the words of a passage, or nothing."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import regex

from localqa.answering.library import Place
from localqa.answering.support import counts_up, is_supported, overlap, without_item
from localqa.documents.search import Found

_CITED: Final = r"[\[【]\d{1,3}(?:\s*[,;–-]\s*\d{1,3}){0,9}[\]】]"
_BORDER: Final = regex.compile(
    rf"(?<=[.!?…](?:[\"'”’)\]*_]|{_CITED}){{0,8}})"
    r"(?<!^[ \t]*\d{1,3}\.)\s+|(?<=[。！？])|\n+",
    regex.MULTILINE,
)
"""Between two sentences; the number of an item is a part of its first one."""
_MARKS: Final = re.compile(rf"\s*{_CITED}")
"""Numbers of passages, as models put them behind a sentence."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence and what carries it.

    Attributes:
        text: of the sentence.
        place: the words that carry it; None: nothing that was read does.
    """

    text: str
    place: Place | None


def held_against(text: str, question: str, read: Sequence[Found]) -> list[Sentence]:
    """The sentences of a generated answer, each with the passage that its content stands in.

    Words are compared, see `support.is_supported`; of the passages that hold all of a sentence, the one with
    the likest sentence carries it.

    Args:
        text: what was generated.
        question: its own words may be repeated.
        read: the passages that it was generated from.
    """
    is_list = counts_up(text)
    return [
        Sentence(one, _carried(without_item(one) if is_list else one, question, read))
        for one in sentences(text)
    ]


def sentences(text: str) -> list[str]:
    """The sentences of a text, without white space around them."""
    return [text[start:end] for start, end in _parts(text)]


def numbered(read: Sequence[Found]) -> str:
    """The passages as a model is given them: each with its number and where it is from."""
    return "\n\n".join(
        f"[{number}] {' > '.join((one.passage.document.name, *one.passage.headings))}\n{one.passage.text}"
        for number, one in enumerate(read, 1)
    )


def _carried(sentence: str, question: str, read: Sequence[Found]) -> Place | None:
    said = _MARKS.sub("", sentence)
    best: tuple[float, Place] | None = None
    for found in read:
        # The model was given the headings, too.
        if not is_supported(said, question, "\n".join((*found.passage.headings, found.passage.text))):
            continue
        for start, end in _parts(found.passage.text):
            likeness = overlap(said, found.passage.text[start:end])
            if likeness and (best is None or likeness > best[0]):
                best = likeness, Place(found, found.passage.start + start, found.passage.start + end)
    return best[1] if best else None


def _parts(text: str) -> Iterator[tuple[int, int]]:
    """Where the sentences of a text stand; what says nothing is none."""
    cuts = [0, *(at for border in _BORDER.finditer(text) for at in border.span()), len(text)]
    for start, end in zip(cuts[::2], cuts[1::2], strict=True):
        words = text[start:end].strip()
        if any(map(str.isalnum, words)):
            first = text.index(words, start)
            yield first, first + len(words)

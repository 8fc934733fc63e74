"""What carries the sentences of a generated answer: the words of a passage, or nothing."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from localqa.answering.library import Place
from localqa.answering.support import is_supported
from localqa.documents.search import Found
from localqa.squad.metrics import f1

_SENTENCE: Final = re.compile(
    r"[^.!?。！？\n]*(?:[.!?。！？](?=\S)[^.!?。！？\n]*)*[.!?。！？]*[\"')\]]*\s*", re.UNICODE
)
_MARKS: Final = re.compile(r"\s*\[\d+\]")
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
    return [Sentence(sentence, _carried(sentence, question, read)) for sentence in sentences(text)]


def sentences(text: str) -> list[str]:
    """The sentences of a text, without white space around them."""
    return [one.strip() for one in _SENTENCE.findall(text) if any(map(str.isalnum, one))]


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
        if not is_supported(said, question, found.passage.text):
            continue
        for match in _SENTENCE.finditer(found.passage.text):
            words = match.group().strip()
            likeness = f1(said, [words]) if words else 0.0
            if likeness and (best is None or likeness > best[0]):
                start = found.passage.start + match.start() + match.group().index(words)
                best = likeness, Place(found, start, start + len(words))
    return best[1] if best else None

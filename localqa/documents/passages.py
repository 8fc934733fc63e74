"""A document as passages of about a hundred words, on the borders of paragraphs and sentences."""

import bisect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import Final, NamedTuple

import regex

from localqa.documents.document import Document, Heading
from localqa.documents.indexed import UNSPACED

WORDS: Final = 100
_LONGEST: Final = 1.5
"""So many times the words that are wanted, at most."""
_BLOCK: Final = regex.compile(r"(?>\r\n|\r|\n)(?:[^\S\r\n]*+(?>\r\n|\r|\n))++")
_SENTENCE: Final = regex.compile(
    r"(?<=[.!?…][\"'”’)\]]{0,3})\s+(?=[\p{Lu}\p{Lt}\p{Lo}\p{N}\"'“‘(\[])|(?<=[。！？])(?=\S)|(?P<line>\r\n?|\n)"
)
_PLACE: Final = regex.compile(rf"\s+|(?<=[{UNSPACED}])(?!\p{{M}})")
_WORD: Final = regex.compile(rf"[{UNSPACED}]|[^\s{UNSPACED}]+")
_SPACED: Final = regex.compile(r"\S+")
_WIDEST: Final = 200
"""Characters of a line in texts whose lines are broken for reading."""
_CHARACTERS: Final = 10
"""Of a word, on the average, in texts that have few spaces: they are measured by it."""
_DEPTH: Final = 6
_HEADING: Final = 200
"""Characters of a heading that its passages are found by."""


@dataclass(frozen=True, slots=True)
class Passage:
    """The part [start, end) of a text, and the headings that it stands under, the highest first."""

    start: int
    end: int
    headings: tuple[str, ...] = ()


class _Piece(NamedTuple):
    start: int
    end: int
    words: int


def split_passages(document: Document, *, words: int = WORDS) -> list[Passage]:
    """The passages of a document, in their order; together they hold all of its words.

    A heading begins a new passage, together with those right above it, and so does a paragraph that would
    make it too long; a paragraph that is too long itself is cut between sentences, and a sentence without an
    end between words.

    Args:
        document: to be split.
        words: in a passage, about.
    """
    found = []
    for start, end, path in _sections(document):
        pieces = list(_pieces(document.text, start, end, words))
        for first, last in _groups(pieces, words):
            found.append(Passage(pieces[first].start, pieces[last].end, path))
    return found


def _sections(document: Document) -> Iterator[tuple[int, int, tuple[str, ...]]]:
    """The parts of the text between headings, each with the headings above it."""
    text, headings = document.text, document.headings
    ends = [*(heading.start for heading in headings[1:]), len(text)][: len(headings)]
    if not headings or text[: headings[0].start].strip():
        yield 0, headings[0].start if headings else len(text), ()
    above: list[Heading] = []
    begins: int | None = None
    for heading, end in zip(headings, ends, strict=True):
        above = [one for one in above if one.level < heading.level] + [heading]
        begins = heading.start if begins is None else begins
        if text[heading.end : end].strip() or end == len(text):
            path = tuple(_named(text, one) for one in above[-_DEPTH:])
            yield begins, end, path
            begins = None


def _named(text: str, heading: Heading) -> str:
    """A heading on one line; every passage below it holds it, so that a long one is cut."""
    return " ".join(text[heading.start : heading.end][: 2 * _HEADING].split())[:_HEADING]


def _pieces(text: str, start: int, end: int, words: int) -> Iterator[_Piece]:
    """Paragraphs, and parts of those that are too long."""
    for at, until in _between(_BLOCK, text, start, end):
        count = _count(text, at, until)
        if count <= words * _LONGEST:
            yield _Piece(at, until, count)
            continue
        width = max(map(len, text[at:until].splitlines()))
        begin = at
        for border in _SENTENCE.finditer(text, at, until):
            if border["line"] is None or not _is_wrapped(text, border.start(), border.end(), width):
                for first, last in _told(text, begin, border.start()):
                    yield from _cut(text, first, last, words)
                begin = border.end()
        for first, last in _told(text, begin, until):
            yield from _cut(text, first, last, words)


def _is_wrapped(text: str, end: int, start: int, width: int) -> bool:
    """Whether a line ends only because the next word had no room in it, so that a sentence goes on.

    Args:
        text: of the lines.
        end: of the line.
        start: of the next one.
        width: of the longest line in the paragraph.
    """
    line = text[text.rfind("\n", 0, end) + 1 : end]
    following = _SPACED.match(text, start)
    word = following.end() - start if following else 0
    is_row = " | " in line or not word
    return not is_row and width <= _WIDEST and len(line) + 1 + word > width


def _cut(text: str, start: int, end: int, words: int) -> Iterator[_Piece]:
    """A sentence, in parts where it is too long to be one; in one pass, however long it is."""
    cuts = [start]
    if _count(text, start, end) > words * _LONGEST:
        cuts += [
            place.end() for place in islice(_PLACE.finditer(text, start + 1, end), words - 1, None, words)
        ]
    for first, last in pairwise([*cuts, end]):
        # Where there is hardly any place between words, one is cut.
        for at in range(first, last, words * _CHARACTERS):
            part = _trimmed(text, at, min(last, at + words * _CHARACTERS))
            if part[0] < part[1]:
                yield _Piece(*part, _count(text, *part))


def _groups(pieces: Sequence[_Piece], words: int) -> Iterator[tuple[int, int]]:
    """First and last of the pieces that make a passage: as even as they can be, none too long."""
    sums = [0]
    for piece in pieces:
        sums.append(sums[-1] + piece.words)
    first = 0
    while first < len(pieces):
        rest = sums[-1] - sums[first]
        parts = max(1, round(rest / words))
        last = bisect.bisect_left(sums, sums[first] + rest / parts, first + 1) - 1
        last = max(first, min(last, len(pieces) - 1))
        while last > first and sums[last + 1] - sums[first] > words * _LONGEST:
            last -= 1
        yield first, last
        first = last + 1


def _between(parting: "regex.Pattern[str]", text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The parts of a text between what parts them, without white space at their edges."""
    at = start
    for found in parting.finditer(text, start, end):
        yield from _told(text, at, found.start())
        at = found.end()
    yield from _told(text, at, end)


def _told(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    first, last = _trimmed(text, start, end)
    if first < last:
        yield first, last


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end


def _count(text: str, start: int, end: int) -> int:
    """Words, or as many as its characters are worth."""
    part = text[start:end]
    # Most texts are of no script without spaces, and splitting is many times faster.
    words = len(part.split()) if part.isascii() else len(_WORD.findall(part))
    return max(words, len(part) // _CHARACTERS)

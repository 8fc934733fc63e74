"""A document as it was read: one text, and the way back from each character to its page and place."""

import json
from array import array
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from localqa.errors import LocalQAError

_KEPT: Final = ("name", "media_type", "digest", "title", "text")
"""What of a document is written as it is."""
_NO_WIDTH: Final = 0.5
"""Points below which a box is none."""


class DocumentError(LocalQAError):
    """A file that cannot be read as a document.

    Attributes:
        reason: in a word: "unsupported", "empty", "scanned", "encrypted", "corrupted", "too_large",
            "timeout", "memory" or "unreadable".
    """

    code = "unreadable_document"

    def __init__(self, message: str, *, reason: str, remedy: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Page:
    """A page: its number from 1 on, its part [start, end) of the text, and its size in points."""

    number: int
    start: int
    end: int
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading: its part [start, end) of the text and its level, 1 for the highest."""

    start: int
    end: int
    level: int


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle on a page, in points from its top left corner."""

    page: int
    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True, slots=True)
class Run:
    """Characters beside each other on a line of a page.

    Attributes:
        page: number of the page.
        start: first character in the text.
        top, bottom: of the line, in points from the top of the page.
        edges: left edge of each character and, last, the right edge of the last one, in points from the left.
    """

    page: int
    start: int
    top: float
    bottom: float
    edges: tuple[float, ...]

    @property
    def end(self) -> int:
        """One past the last character in the text."""
        return self.start + len(self.edges) - 1


@dataclass(frozen=True, slots=True)
class PageStarts:
    """Where the pages of a text begin, and their numbers: all that is needed to tell the page of a place."""

    starts: "array[int]"
    numbers: "array[int]"

    def page_at(self, at: int) -> int | None:
        """Number of the page that a character of the text is on; None for formats without pages."""
        found = bisect_right(self.starts, at) - 1
        return self.numbers[found] if found >= 0 else None


@dataclass(frozen=True, slots=True)
class Document:
    """What was read from a file.

    Attributes:
        name: of the file.
        media_type: such as "application/pdf".
        digest: SHA-256 of its bytes.
        title: its own, or its name.
        text: all of it, paragraphs parted by blank lines, cells of a table's row by " | ".
        pages: in their order; empty for formats without.
        headings: in their order.
        runs: where the characters are on the pages, in the order of the text; empty where there are none.
        notes: what was set aside or could not be read, for people.
        unrecognised: whether pages are pictures that nobody tried to recognise.
    """

    name: str
    media_type: str
    digest: str
    title: str
    text: str
    pages: tuple[Page, ...] = ()
    headings: tuple[Heading, ...] = ()
    runs: tuple[Run, ...] = ()
    notes: tuple[str, ...] = ()
    unrecognised: bool = False

    def page_at(self, at: int) -> int | None:
        """Number of the page that a character of the text is on; None for formats without pages."""
        return self.page_starts.page_at(at)

    @property
    def page_starts(self) -> "PageStarts":
        """Where its pages begin."""
        return PageStarts(
            array("q", (page.start for page in self.pages)), array("q", (page.number for page in self.pages))
        )

    def boxes(self, start: int, end: int) -> tuple[Box, ...]:
        """Where the part [start, end) of the text is, a box a line; none for formats without pages."""
        return tuple(self._boxes(start, end))

    def _boxes(self, start: int, end: int) -> Iterator[Box]:
        first = max(0, bisect_right(self.runs, start, key=lambda run: run.start) - 1)
        for run in self.runs[first:]:
            if run.start >= end:
                break
            left, right = max(start, run.start) - run.start, min(end, run.end) - run.start
            if left < right:
                edges = run.edges[left : right + 1]
                if max(edges) - min(edges) < _NO_WIDTH:
                    # A line that runs up or down the page is told as a whole.
                    edges = run.edges
                yield Box(run.page, min(edges), run.top, max(edges), run.bottom)

    def to_json(self) -> str:
        """Everything as JSON text, to be kept."""
        return json.dumps(
            {
                **{name: getattr(self, name) for name in (*_KEPT, "notes", "unrecognised")},
                "pages": [
                    [page.number, page.start, page.end, page.width, page.height] for page in self.pages
                ],
                "headings": [[one.start, one.end, one.level] for one in self.headings],
                "runs": [_packed(run) for run in self.runs],
            },
            ensure_ascii=False,
            separators=(",", ":"),
        )

    @classmethod
    def from_json(cls, text: str) -> "Document":
        """What `to_json` wrote; places are exact to a tenth of a point."""
        values = json.loads(text)
        return cls(
            **{name: values[name] for name in _KEPT},
            notes=tuple(values["notes"]),
            # Libraries made before it was kept go on.
            unrecognised=values.get("unrecognised", False),
            pages=tuple(Page(*page) for page in values["pages"]),
            headings=tuple(Heading(*one) for one in values["headings"]),
            runs=tuple(map(_unpacked, values["runs"])),
        )


def _packed(run: Run) -> list[Any]:
    """A run in whole tenths of points, each edge as its step from the one before: small numbers pack well."""
    tenths = [round(10 * edge) for edge in run.edges]
    steps = [after - before for before, after in zip(tenths, tenths[1:], strict=False)]
    return [run.page, run.start, round(10 * run.top), round(10 * run.bottom), tenths[0], *steps]


def _unpacked(values: list[int]) -> Run:
    page, start, top, bottom, left, *steps = values
    edges = [left]
    for step in steps:
        edges.append(edges[-1] + step)
    return Run(page, start, top / 10, bottom / 10, tuple(edge / 10 for edge in edges))

"""From the lines of a PDF to its text: paragraphs, headings, rows of tables, without running heads."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Final

from localqa.documents.building import CELL, cleaned, too_long
from localqa.documents.document import Document, Heading, Page, Run
from localqa.documents.formats import Source
from localqa.documents.limits import Limits
from localqa.documents.pdf_lines import Line

_EDGE: Final = 0.12
"""Share of a page's height at its top and bottom where running heads stand."""
_EDGE_LINES: Final = 3
_REPEATED: Final = 3
"""Pages that must have a line before it counts as a running head."""
_PAGE_NUMBER: Final = re.compile(
    r"\W*(page|seite|p\.)?\W*(\d{1,4}|[ivxlc]{1,7})(\W+(of|von|/)?\W*\d{1,4})?\W*", re.I
)
_BULLET: Final = re.compile(r"[•▪◦●○■□–—*‣⁃·-]\s|\(?(\d{1,3}|[a-zA-Z]|[ivx]{1,5})[.)]\s|§")
_LARGER: Final = 1.15
_HEADING_WORDS: Final = 16
_LEVELS: Final = 4
_NEXT: Final = 1.9
"""Letter heights from one line to the next of a paragraph, at most."""
_BEHIND: Final = 1.0
"""Letter heights to a note's mark, or to what else stands behind a line."""
_ROW: Final = 2.6
"""The same from one row of a table to the next."""
_SHORT: Final = 0.8
"""A line that ends before this share of its column's width ends there for a reason."""

Sheet = tuple[float, float, list[Line]]
"""Width and height of a page, and its lines."""


class PdfText:
    """The text of a PDF as it grows.

    Args:
        limits: of its length.
        body: size of most letters, in points.
        bold: whether so much is bold that it tells nothing.
    """

    def __init__(self, limits: Limits, body: float, *, bold: bool = False) -> None:
        self._most = limits.characters
        self._body = body
        self._all_bold = bold
        self._parts: list[str] = []
        self._length = 0
        self._runs: list[Run] = []
        self._headings: list[tuple[int, int, float]] = []
        self._words: Counter[str] = Counter()

    def __len__(self) -> int:
        return self._length

    def begin_page(self) -> int:
        """Where the text of a new page begins."""
        return self._length + (2 if self._length else 0)

    def add(self, page: int, lines: Sequence[Line]) -> None:
        """Add the lines of a page."""
        for line in lines:
            self._words.update(re.findall(r"[^\W\d_]+(?:-[^\W\d_]+)*", line.text.lower()))
        before: Line | None = None
        row: Line | None = None
        widest = _column_widths(lines)
        for line in lines:
            between, cut = self._between(before, row, line, widest)
            if cut:
                self._take_back_hyphen()
            self._add(page, line, between)
            before, row = line, row if line.cell else line

    def document(self, source: Source, title: str, pages: Sequence[Page], notes: Sequence[str]) -> Document:
        """All of it as a document."""
        sizes = sorted({size for _, _, size in self._headings}, reverse=True)
        levels = {size: min(level, _LEVELS) for level, size in enumerate(sizes, 1)}
        headings = tuple(Heading(start, end, levels[size]) for start, end, size in self._headings)
        text = "".join(self._parts)
        kept = tuple(
            Page(one.number, min(one.start, len(text)), min(one.end, len(text)), one.width, one.height)
            for one in pages
        )
        runs = tuple(self._runs)
        return Document(
            source.name, source.media_type, source.digest, title, text, kept, headings, runs, tuple(notes)
        )

    def _between(self, before: Line | None, row: Line | None, line: Line, widest: float) -> tuple[str, bool]:
        """What parts a line from the one before, and whether that one's hyphen goes.

        `row` is where the row began that the line before belongs to.
        """
        if before is None or row is None:
            return ("\n\n" if self._length else ""), False
        if line.cell:
            return CELL, False
        if _is_raised(before, line):
            return ("" if line.left - before.right < 0.2 * before.size else " "), False
        if before.cell and 0 < line.top - row.top <= _ROW * row.size:
            return "\n", False
        step = line.bottom - before.bottom
        close = 0 < step <= _NEXT * max(line.size, before.size) or line.top < before.top - 3 * line.size
        alike = abs(line.size - before.size) <= 0.1 * before.size and line.bold == before.bold
        beside = line.left < before.right and before.left < line.right or line.top < before.top
        if not (close and alike and beside):
            return "\n\n", False
        if line.top < before.top and not _goes_on(before, line):
            return "\n\n", False
        if self._is_heading(line) or _BULLET.match(line.text):
            return "\n", False
        joined = self._joined(before.text, line.text)
        if joined is not None:
            return "", joined
        ended = before.cell or before.right - before.left < _SHORT * widest
        return ("\n" if ended and not _goes_on(before, line) else " "), False

    def _joined(self, before: str, after: str) -> bool | None:
        """Whether a hyphen between two lines parts a word, or belongs to it; None: there is none."""
        end = re.search(r"([^\W\d_]+)[-‐]$", before)
        start = re.match(r"[^\W\d_]+", after)
        if end is None or start is None:
            return None
        whole, parted = (end.group(1) + start.group()).lower(), f"{end.group(1)}-{start.group()}".lower()
        if start.group()[0].isupper() and self._words[whole] == 0:
            return False
        return self._words[parted] <= self._words[whole]

    def _take_back_hyphen(self) -> None:
        self._parts[-1] = self._parts[-1][:-1]
        self._length -= 1
        run = self._runs[-1]
        self._runs[-1] = Run(run.page, run.start, run.top, run.bottom, run.edges[:-1])

    def _add(self, page: int, line: Line, between: str) -> None:
        text, edges = _tidied(line)
        if not text:
            return
        start = self._length + len(between)
        self._parts += (between, text)
        self._length = start + len(text)
        if self._length > self._most:
            raise too_long(self._most)
        self._runs.append(Run(page, start, line.top, line.bottom, tuple(edges)))
        if self._is_heading(line):
            self._note_heading(start, line, goes_on=between == " ")

    def _note_heading(self, start: int, line: Line, *, goes_on: bool) -> None:
        size = max(round(2 * line.size) / 2, self._body)
        if goes_on and self._headings and self._headings[-1][1] == start - 1:
            first, _, size = self._headings.pop()
            start = first
        self._headings.append((start, self._length, size))

    def _is_heading(self, line: Line) -> bool:
        words = len(line.text.split())
        stands_out = line.size >= _LARGER * self._body or (
            line.bold and not self._all_bold and line.size >= 0.95 * self._body
        )
        named = bool(re.search(r"[^\W\d_]{2}", line.text)) and line.text[-1] not in ".,;:"
        return stands_out and words <= _HEADING_WORDS and named and not line.cell


def body_size(pages: Sequence[Sequence[Line]]) -> float:
    """The size of most letters, in points."""
    counts: Counter[float] = Counter()
    for lines in pages:
        for line in lines:
            counts[round(2 * line.size) / 2] += len(line.text)
    return counts.most_common(1)[0][0] if counts else 10.0


def is_mostly_bold(pages: Sequence[Sequence[Line]]) -> bool:
    """Whether a third of the letters or more are bold: fonts say so of themselves that are not."""
    counts = Counter[bool]()
    for lines in pages:
        for line in lines:
            counts[line.bold] += len(line.text)
    return counts[True] * 2 > counts[False]


def running_heads(sheets: Sequence[Sheet]) -> set[int]:
    """Ids of the lines that stand at the edge of many pages, and of numbers of pages."""
    places: dict[str, list[int]] = {}
    edge: list[tuple[str, Line]] = []
    for number, (_, height, lines) in enumerate(sheets):
        for line in _at_edges(lines, height):
            key = re.sub(r"\d+", "#", line.text.casefold())
            edge.append((key, line))
            places.setdefault(key, []).append(number)
    many = {key for key, pages in places.items() if len(set(pages)) >= max(_REPEATED, 0.1 * len(sheets))}
    numbered = len(sheets) > 1
    return {
        id(line)
        for key, line in edge
        if key in many or (numbered and _PAGE_NUMBER.fullmatch(line.text) and len(line.text) <= 20)
    }


def _at_edges(lines: Sequence[Line], height: float) -> list[Line]:
    """The first and last few lines of a page, where they are near its edges."""
    ordered = sorted(lines, key=lambda line: line.top)
    tops = [line for line in ordered[:_EDGE_LINES] if line.bottom < _EDGE * height]
    bottoms = [line for line in ordered[-_EDGE_LINES:] if line.top > (1 - _EDGE) * height]
    return tops + [line for line in bottoms if line not in tops]


def _column_widths(lines: Sequence[Line]) -> float:
    """The width of most full lines of a page, in points."""
    widths = sorted(line.right - line.left for line in lines if not line.cell)
    return widths[int(0.75 * (len(widths) - 1))] if widths else 0.0


def _is_raised(before: Line, line: Line) -> bool:
    """Whether a piece stands behind the line before, at its height or a little above or below it."""
    shared = min(before.bottom, line.bottom) - max(before.top, line.top)
    smaller = min(before.bottom - before.top, line.bottom - line.top)
    return shared > 0.4 * smaller and -2 <= line.left - before.right < _BEHIND * before.size


def _goes_on(before: Line, line: Line) -> bool:
    """Whether a sentence goes on: it has not ended, and the next line begins with a small letter."""
    return line.text[:1].islower() and before.text[-1:] not in ".!?:;"


def _tidied(line: Line) -> tuple[str, list[float]]:
    """A line with single spaces and without what cannot be seen, and the edges of what is left."""
    text: list[str] = []
    edges: list[float] = []
    for at, char in enumerate(line.text):
        shown = " " if char.isspace() else cleaned(char)
        if shown and not (shown == " " and (not text or text[-1] == " ")):
            # One character may stand for several letters.
            text += shown
            edges += [line.edges[at]] * len(shown)
    while text and text[-1] == " ":
        text.pop()
        edges.pop()
    return "".join(text), [*edges, line.edges[-1]] if text else []

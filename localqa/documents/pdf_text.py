"""From the sheets of a PDF to its text: paragraphs, headings, rows of tables."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from localqa.documents.building import CELL, cleaned, too_long
from localqa.documents.document import Document, Heading, Page, Run
from localqa.documents.formats import Source
from localqa.documents.limits import Limits
from localqa.documents.pdf_rows import (
    TABLE_ROW,
    Row,
    Style,
    breaks_early,
    goes_on,
    heading_rows,
    line_ends,
    rows_of,
)
from localqa.documents.pdf_sheets import Line, Sheet

_BULLET: Final = re.compile(r"[•▪◦●○■□–—*‣⁃·-]\s|\(?(\d{1,3}|[a-zA-Z]|[ivx]{1,5})[.)]\s|§")
_NUMBERED: Final = re.compile(r"\W*\d|[•▪◦●§]")
_LEVELS: Final = 4
_WORD: Final = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_AND: Final = frozenset(
    ["and", "or", "to", "und", "oder", "bzw", "bis", "sowie", "et", "ou", "en", "of", "y", "o", "e"]
)
"""What a hyphen stays before: pre- and post-war."""
_CUT: Final = re.compile(r"(?<=\w)[-‐–]$|://$|(?<=\w)[@/_]$")
"""The end of a line in the middle of a number or an address."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the text stands: the row before, on which sheet, and how wide the columns of that are."""

    sheet: Sheet
    row: Row
    last: Line
    is_heading: bool


class PdfText:
    """The text of a PDF as it grows.

    Args:
        limits: of its length.
        sheets: all of its pages; their words tell which hyphens part a word.
    """

    def __init__(self, limits: Limits, sheets: Sequence[Sheet]) -> None:
        self._most = limits.characters
        self._style = Style.of(sheets)
        self._parts: list[str] = []
        self._length = 0
        self._runs: list[Run] = []
        self._headings: list[tuple[int, int, float]] = []
        self._pages: list[Page] = []
        self._words = Counter(
            word for sheet in sheets for line in sheet.lines for word in _WORD.findall(line.text.lower())
        )
        self._at: _Place | None = None

    def add(self, number: int, sheet: Sheet, lines: Sequence[Line]) -> None:
        """Add a page, with those of its lines that are read."""
        rows = rows_of(lines)
        headings = heading_rows(rows, self._style)
        ends = line_ends(rows)
        first = len(self._runs)
        for row in rows:
            for line in row.lines:
                between, cut = self._between(sheet, row, line, ends, id(row) in headings)
                if cut:
                    self._take_back_hyphen()
                self._add(number, sheet, line, between)
                self._at = _Place(sheet, row, line, id(row) in headings)
            if id(row) in headings:
                self._note_heading(row)
        start = self._runs[first].start if len(self._runs) > first else self._length
        self._pages.append(Page(number, start, self._length, sheet.width, sheet.height))

    def document(self, source: Source, title: str, notes: Sequence[str]) -> Document:
        """All of it as a document."""
        sizes = sorted({size for _, _, size in self._headings}, reverse=True)
        levels = {size: min(level, _LEVELS) for level, size in enumerate(sizes, 1)}
        headings = tuple(Heading(start, end, levels[size]) for start, end, size in self._headings)
        return Document(
            source.name,
            source.media_type,
            source.digest,
            title,
            "".join(self._parts),
            tuple(self._pages),
            headings,
            tuple(self._runs),
            tuple(notes),
        )

    def _between(
        self, sheet: Sheet, row: Row, line: Line, ends: Mapping[int, float], is_heading: bool
    ) -> tuple[str, bool]:
        """What parts a line from the one before, and whether that one's hyphen goes."""
        at = self._at
        if at is None:
            return "", False
        if at.row is row:
            if line.cell:
                return CELL, False
            return ("" if line.left - at.last.right < 0.2 * at.last.size else " "), False
        if line.stray or at.last.stray:
            return "\n\n", False
        moved = at.sheet is not sheet or line.top < at.last.top - 3 * line.size
        if at.row.has_cells and not moved and 0 < row.top - at.row.top <= TABLE_ROW * at.row.size:
            return "\n", False
        if not (_is_alike(at.row, row) and (moved or at.row.is_close_above(row))):
            return "\n\n", False
        if moved and (at.row.has_cells or row.has_cells or not goes_on(at.row, row)):
            return "\n\n", False
        early = not moved and breaks_early(at.row, row, ends[id(at.row)])
        return self._joined(at, row, early, is_heading)

    def _joined(self, at: _Place, row: Row, early: bool, is_heading: bool) -> tuple[str, bool]:
        """What parts the rows of a block."""
        if is_heading or at.is_heading:
            one = is_heading and at.is_heading and not _NUMBERED.match(row.text)
            return (" " if one else "\n\n"), False
        if row.has_cells or _BULLET.match(row.text) or (row.mono and at.row.mono and not self._style.mono):
            return "\n", False
        hyphen = self._hyphen(at.row.text, row.text)
        if hyphen is not None:
            return "", hyphen
        return ("\n" if (at.row.has_cells or early) and not goes_on(at.row, row) else " "), False

    def _hyphen(self, before: str, after: str) -> bool | None:
        """Whether a hyphen between two lines parts a word, or belongs to it; None: there is none."""
        end = re.search(r"([^\W\d_]+)[-‐]$", before)
        start = re.match(r"[^\W\d_]+", after)
        if end is None or start is None:
            return False if _CUT.search(before) and after[:1].isalnum() else None
        whole, parted = (end.group(1) + start.group()).lower(), f"{end.group(1)}-{start.group()}".lower()
        if start.group() in _AND and not self._words[whole]:
            return None
        if start.group()[0].isupper() and self._words[whole] == 0:
            return False
        return self._words[parted] <= self._words[whole]

    def _take_back_hyphen(self) -> None:
        self._parts[-1] = self._parts[-1][:-1]
        self._length -= 1
        run = self._runs[-1]
        self._runs[-1] = Run(run.page, run.start, run.top, run.bottom, run.edges[:-1])
        if self._pages and self._pages[-1].end > self._length:
            page = self._pages[-1]
            self._pages[-1] = Page(page.number, page.start, self._length, page.width, page.height)

    def _add(self, number: int, sheet: Sheet, line: Line, between: str) -> None:
        text, edges = _tidied(line)
        if not text:
            return
        start = self._length + len(between)
        self._parts += (between, text)
        self._length = start + len(text)
        if self._length > self._most:
            raise too_long(self._most)
        self._runs.append(Run(number, start, *sheet.on_page(line, edges)))

    def _note_heading(self, row: Row) -> None:
        """Note the row that was added last; the one before it, too, where this one goes on with it."""
        size = max(round(2 * row.size) / 2, self._style.body)
        start = self._runs[-len(row.lines)].start
        if self._headings and self._headings[-1][1] == start - 1 and self._parts[-2 * len(row.lines)] == " ":
            start, _, size = self._headings.pop()
        self._headings.append((start, self._length, size))


def _is_alike(before: Row, row: Row) -> bool:
    return abs(row.size - before.size) <= 0.1 * before.size and row.bold == before.bold


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

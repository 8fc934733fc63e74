"""Rows of lines that stand beside each other, and which of them are headings."""

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from localqa.documents.pdf_layout import is_beside, is_point_of
from localqa.documents.pdf_sheets import Line, Sheet

TABLE_ROW: Final = 2.6
"""Letter heights from one row of a table to the next, at most."""
NEXT: Final = 1.9
"""Letter heights from one line to the next of a paragraph, at most."""
_INDENT: Final = 4
"""Letter heights by which the first line of a paragraph may begin further in."""
_PROSE: Final = 30
"""Characters that a line of a column of text has, or another one of its lines."""
_RAGGED: Final = 0.2
"""Share of their width by which lines of a paragraph end before each other."""
_FULL: Final = 0.6
"""Share of the lines of a paragraph that end no earlier."""
LARGER: Final = 1.15
_HEADING_WORDS: Final = 16
_HEADING_ROWS: Final = 3


class Row:
    """Lines beside each other: cells, or parts of a line of text with marks of notes between them.

    Args:
        lines: from left to right; at least one.
    """

    def __init__(self, lines: Sequence[Line]) -> None:
        self.lines = lines
        main = max(lines, key=lambda line: len(line.text))
        self.text = " ".join(line.text for line in lines) if len(lines) > 1 else main.text
        self.size, self.bold, self.mono = main.size, main.bold, main.mono
        self.top, self.bottom = main.top, main.bottom
        self.left = min(line.left for line in lines)
        self.right = max(line.right for line in lines)
        self.has_cells = any(line.cell for line in lines)

    def is_close_above(self, row: "Row") -> bool:
        """Whether a row is the next one of the same paragraph, as far as places tell."""
        step = row.bottom - self.bottom
        beside = row.left < self.right and self.left < row.right
        return 0 < step <= NEXT * max(row.size, self.size) and beside


@dataclass(frozen=True, slots=True)
class Style:
    """What most letters of a document are like.

    Attributes:
        body: their size, in points.
        bold: whether so many are bold that it tells nothing.
        mono: whether most are of one width.
    """

    body: float
    bold: bool
    mono: bool

    @classmethod
    def of(cls, sheets: Sequence[Sheet]) -> "Style":
        """That of all pages."""
        sizes: Counter[float] = Counter()
        bold: Counter[bool] = Counter()
        mono: Counter[bool] = Counter()
        for sheet in sheets:
            for line in sheet.lines:
                sizes[round(2 * line.size) / 2] += len(line.text)
                bold[line.bold] += len(line.text)
                mono[line.mono] += len(line.text)
        body = sizes.most_common(1)[0][0] if sizes else 10.0
        return cls(body, bold[True] * 2 > bold[False], mono[True] > mono[False])

    def stands_out(self, row: Row) -> bool:
        """Whether a row is larger than most, or bold where little is."""
        bold = row.bold and not self.bold and row.size >= 0.95 * self.body
        return row.size >= LARGER * self.body or bold


def rows_of(lines: Sequence[Line]) -> list[Row]:
    """Lines in reading order, those beside each other together."""
    rows: list[list[Line]] = []
    for line in lines:
        if (
            rows
            and not line.stray
            and (line.cell or is_beside(rows[-1][-1], line) or is_point_of(rows[-1][-1], line))
        ):
            rows[-1].append(line)
        else:
            rows.append([line])
    return [Row(row) for row in rows]


def line_ends(rows: Sequence[Row]) -> dict[int, float]:
    """How far to the right the lines of each row's paragraph go, in points, by the row's id.

    Of a few lines, or lines of all lengths, the page tells, where it has wider ones that begin at the same
    place; where it has none they are a list, and a line has no end to reach but its own.
    """
    found: dict[int, float] = {}
    for block in _blocks(rows):
        end = max(row.right for row in block)
        least = end - _RAGGED * (end - min(row.left for row in block))
        full = sum(row.right >= least for row in block[:-1])
        wide = max(len(row.text) for row in block) >= _PROSE
        if len(block) <= _HEADING_ROWS or full < _FULL * (len(block) - 1) or not wide:
            column = [row for row in rows if not row.has_cells and _begins_with(block[0], row)]
            longest = max((len(row.text) for row in column), default=0)
            end = max(row.right for row in column) if longest >= _PROSE else math.inf
        found.update((id(row), end) for row in block)
    return found


def breaks_early(before: Row, row: Row, end: float) -> bool:
    """Whether a row whose lines may go on to an end could have held the first word of the next one."""
    word = len(row.text.split(maxsplit=1)[0]) + 1 if row.text.strip() else 1
    width = (row.right - row.left) / max(1, len(row.text))
    return before.right + word * width < end


def _begins_with(row: Row, other: Row) -> bool:
    alike = abs(row.size - other.size) <= 0.1 * row.size and row.bold == other.bold
    return alike and abs(row.left - other.left) < _INDENT * row.size


def goes_on(before: Row, row: Row) -> bool:
    """Whether a sentence goes on: it has not ended, and the next row begins with a small letter."""
    return row.text[:1].islower() and before.text[-1:] not in ".!?:;"


def heading_rows(rows: Sequence[Row], style: Style) -> set[int]:
    """Ids of the rows that are headings: few large or bold rows below each other, and no sentence of text."""
    found: set[int] = set()
    for block in _blocks(rows):
        if len(block) <= _HEADING_ROWS and all(_is_title(row, style) for row in block):
            found.update(map(id, block))
    return found


def _blocks(rows: Sequence[Row]) -> Iterator[list[Row]]:
    """Rows of the same letters close below each other."""
    block: list[Row] = []
    for row in rows:
        alike = block and abs(row.size - block[-1].size) <= 0.1 * row.size and row.bold == block[-1].bold
        if alike and block[-1].is_close_above(row):
            block.append(row)
        else:
            if block:
                yield block
            block = [row]
    if block:
        yield block


def _is_title(row: Row, style: Style) -> bool:
    named = bool(re.search(r"[^\W\d_]{2}", row.text)) and row.text[-1] not in ".,;:"
    few = len(row.text.split()) <= _HEADING_WORDS
    whole = not row.has_cells and not any(line.stray for line in row.lines)
    return style.stands_out(row) and few and named and whole

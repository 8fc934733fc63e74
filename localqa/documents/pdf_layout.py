"""How the lines of a page stand on it: cells of rows, columns, numbers in the margin, notes at the foot."""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, pairwise, product
from typing import Final
from unicodedata import bidirectional

import numpy as np

from localqa.documents.pdf_sheets import Line

_GAP: Final = 1.6
"""Heights of the letters that part the cells of a row, or two columns."""
_ALIGNED_GAP: Final = 0.5
"""The same where a cell of a row near by begins or ends at the same place."""
_LABEL_GAP: Final = 0.25
_MONO_GAP: Final = 1.0
_COPIED: Final = 2.0
"""Points between a line and its copy over it, at most."""
_ALIGNED: Final = 2.0
"""Points between such places, at most."""
_NEAR: Final = 8
"""Heights of the letters to a row near by."""
_LEADER: Final = re.compile(r"(?:\s*\.){4,}\s*(?=\w{1,8}$)")
"""Dots that lead to the number of a page."""
_CELL_CHARS: Final = 50
"""Characters of a cell, at most, in a table that was drawn column by column."""
_MEAN_CELL_CHARS: Final = 25
_TABLE_ROWS: Final = 6
_COLUMN_CELLS: Final = 3
"""Other cells that a cell's column has."""
_IN_COLUMNS: Final = 0.8
_LEVEL: Final = 0.3
"""Heights of the letters between the cells of a row, up or down."""
_SHARED: Final = 0.6
"""Share of the lines that come by themselves, and have another one beside them."""
_COUNTED: Final = 8
"""Numbers below each other, each one more than the one before, that count the lines of a page."""
_NUMBERED: Final = 0.8
"""Share of the lines of a text that have a number, where its lines are counted."""
_RUNNING: Final = 0.2
"""Share of the lines of a text that begin in the middle of a sentence, at least."""
_COLUMN_CHARS: Final = 18
"""Mean length of what stands beside a gap in columns of text; cells of tables are shorter."""
_COLUMN_LINES: Final = 6
_FORWARDS: Final = frozenset(("L", "EN", "AN"))
_BEHIND: Final = 1.0
"""Letter heights to a note's mark, or to what else stands behind a line."""
_OVER: Final = 0.6
"""The same that it may begin before the line's end."""
_MARK: Final = re.compile(r"\W{0,2}\d{1,3}\b|\d{1,2}(?=\D)|[*∗†‡§¶]")
"""How a note begins."""
_POINT: Final = re.compile(r"[•▪◦●○■□–—*‣⁃·✓➢❖-]|\(?(\d{1,3}|[a-zA-Z]|[ivx]{1,5})[.)]")
_TAB: Final = 4
"""Letter heights between the mark of a point in a list and its text."""
_SMALL: Final = 0.9
"""Size of the letters of notes, as a share of the text's."""


def laid_out(lines: Iterable[Line], *, turned: bool = False) -> list[Line]:
    """Lines in reading order, parted into the cells of their rows; what runs otherwise comes last.

    On sheets that are turned PDFium's own order is not that of reading.
    """
    whole = list(_without_copies(lines))
    if turned:
        whole.sort(key=lambda line: line.top)
    rows = _by_rows(_pieces(line) for line in whole if not line.stray)
    pieces = _without_line_numbers([piece for row in _aligned(list(rows)) for piece in row])
    for before, piece in pairwise(pieces):
        piece.cell = piece.cell and not is_point_of(before, piece)
    return _notes_last(_in_columns(pieces)) + [line for line in whole if line.stray]


def _without_copies(lines: Iterable[Line]) -> Iterator[Line]:
    """Lines but for those that are printed over themselves, to look bold."""
    seen: dict[tuple[str, int, int], list[Line]] = {}
    for line in lines:
        across, down = int(line.left // _COPIED), int(line.top // _COPIED)
        near = product(range(across - 1, across + 2), range(down - 1, down + 2))
        copies = (one for place in near for one in seen.get((line.text, *place), ()))
        if all(max(abs(line.left - one.left), abs(line.top - one.top)) > _COPIED for one in copies):
            seen.setdefault((line.text, across, down), []).append(line)
            yield line


def _by_rows(rows: Iterable[list[Line]]) -> Iterator[list[Line]]:
    """Rows, with those of tables that were drawn column by column put together from their cells."""
    for short, group in groupby(rows, key=lambda row: all(len(one.text) <= _CELL_CHARS for one in row)):
        table = list(group)
        yield from _rows_of_columns(table) if short and len(table) >= _TABLE_ROWS else table


def _rows_of_columns(rows: list[list[Line]]) -> list[list[Line]]:
    """Rows of short lines as they stand, where they come column by column; as they come where they do not."""
    lines = [line for row in rows for line in row]
    jumps = any(after.top < before.top - before.size for before, after in pairwise(lines))
    single = sum(len(row) == 1 for row in rows) >= _SHARED * len(rows)
    if not jumps or not single or not _stand_in_columns(lines):
        return rows
    found: list[list[Line]] = []
    for line in sorted(lines, key=lambda one: one.top):
        if found and abs(line.top - found[-1][0].top) < _LEVEL * line.size:
            found[-1].append(line)
        else:
            found.append([line])
    for row in found:
        row.sort(key=lambda line: line.left)
    apart = all(one.right <= two.left for row in found for one, two in pairwise(row))
    if not apart or sum(len(row) for row in found if len(row) > 1) < _SHARED * len(lines):
        return rows
    for row in found:
        for at, line in enumerate(row):
            line.cell = at > 0
    return found


def _stand_in_columns(lines: Sequence[Line]) -> bool:
    """Whether nearly all lines are short and begin or end where several others do."""
    if sum(len(line.text) for line in lines) > _MEAN_CELL_CHARS * len(lines):
        return False
    sides = np.array([(line.left, line.right) for line in lines]).T
    ordered = np.sort(sides)
    counts = [
        np.searchsorted(known, side + _ALIGNED) - np.searchsorted(known, side - _ALIGNED, "right")
        for side, known in zip(sides, ordered, strict=True)
    ]
    return bool((np.max(counts, axis=0) > _COLUMN_CELLS).mean() >= _IN_COLUMNS)


def _without_line_numbers(lines: list[Line]) -> list[Line]:
    """Lines but for the numbers that count them in the margin."""
    numbers = [line for line in lines if line.text.isdecimal() and not line.cell]
    counted = [
        pair
        for pair in pairwise(numbers)
        if int(pair[1].text) == int(pair[0].text) + 1 and abs(pair[1].right - pair[0].right) < 3
    ]
    aside = {id(line) for pair in counted for line in pair}
    rest = [line for line in lines if id(line) not in aside]
    if len(counted) < _COUNTED or not _is_margin([line for line in numbers if id(line) in aside], rest):
        return lines
    for before, line in pairwise(lines):
        line.cell = line.cell and id(before) not in aside
    return rest


def _is_margin(numbers: Sequence[Line], lines: Sequence[Line]) -> bool:
    """Whether numbers stand left of all else, one beside each line of a text that runs on."""
    last = max(line.bottom for line in numbers)
    edge = max(line.right for line in numbers)
    if any(line.left < edge for line in lines if line.top < last):
        return False
    first = min(line.top for line in numbers)
    beside = [one for one in lines if one.text[:1].isalpha() and one.bottom > first and one.top < last]
    level = sum(
        any(one.top < (line.top + line.bottom) / 2 < one.bottom for one in numbers) for line in beside
    )
    running = sum(line.text[:1].islower() for line in beside)
    length = sum(len(line.text) for line in beside)
    return (
        level >= _NUMBERED * max(1, len(beside))
        and running >= _RUNNING * len(beside)
        and length >= _COLUMN_CHARS * len(beside)
    )


def _pieces(line: Line) -> list[Line]:
    """A line, parted where a wide gap or a row of dots stands in it."""
    if leader := _LEADER.search(line.text):
        number = line.part(leader.end(), len(line.text), cell=True)
        title = _pieces(line.part(0, leader.start(), cell=line.cell)) if leader.start() else []
        return [*title, number]
    cuts = [at for at, gap in _gaps(line) if gap > _GAP * line.size]
    return _cut(line, cuts)


def _cut(line: Line, cuts: Sequence[int]) -> list[Line]:
    places = [0, *cuts, len(line.text)]
    return [
        line.part(start, end, cell=line.cell or start > 0)
        for start, end in zip(places, places[1:], strict=False)
    ]


def _gaps(line: Line) -> Iterator[tuple[int, float]]:
    """Where words begin behind a space, and how far it is from the word before, in points.

    Numbers and foreign words in a line from right to left run the other way, and their gaps are not known.
    """
    backwards = line.edges[-1] < line.edges[0]
    for at in range(1, len(line.text)):
        if line.text[at - 1].isspace() and not line.text[at].isspace():
            before = len(line.text[:at].rstrip())
            gap = line.edges[at] - line.edges[before]
            ends = {bidirectional(line.text[place]) for place in (before - 1, at)} if before else set()
            if before and not (backwards and ends & _FORWARDS):
                yield at, -gap if backwards else gap


def _aligned(rows: Sequence[Sequence[Line]]) -> Iterator[list[Line]]:
    """Rows, parted where a smaller gap stands at the place of a cell in rows near by, too."""
    known = np.array([(cell.top, cell.left, cell.right) for row in rows for cell in row if cell.cell])
    known = known.reshape(-1, 3)
    for row in rows:
        made: list[Line] = []
        for piece in row:
            cuts = [at for at, gap in _gaps(piece) if gap > _least_gap(piece, at) * piece.size]
            if cuts and len(known):
                away = np.abs(known[:, 0] - piece.top)
                near = known[(away > 1) & (away < _NEAR * piece.size), 1:]
                parts = _cut(piece, [at for at in cuts if _stands_at(piece, at, near)])
            else:
                parts = [piece]
            made += parts
            # What was found here helps with the rows below.
            new = [(cell.top, cell.left, cell.right) for cell in parts[1:]]
            known = np.concatenate([known, np.array(new).reshape(-1, 3)]) if new else known
        yield made


def _least_gap(piece: Line, at: int) -> float:
    """Letter heights: less behind a label than between words that may be of one sentence."""
    if piece.mono:
        return _MONO_GAP
    return _LABEL_GAP if piece.text[:at].rstrip().endswith(":") else _ALIGNED_GAP


def _stands_at(piece: Line, at: int, others: "np.ndarray[tuple[int, int], np.dtype[np.float64]]") -> bool:
    """Whether the word at a place begins where cells do, or the one before it ends where they do."""
    before = len(piece.text[:at].rstrip())
    begins = np.abs(others[:, 0] - piece.edges[at]) < _ALIGNED
    ends = np.abs(others[:, 1] - piece.edges[before]) < _ALIGNED
    return bool(begins.any() or ends.any())


def _in_columns(pieces: list[Line]) -> list[Line]:
    """Where lines run through columns at once, the left column first, then those at its right."""
    gutter = _gutter(pieces)
    if gutter is None:
        return pieces
    ordered: list[Line] = []
    left: list[Line] = []
    right: list[Line] = []
    for piece in pieces:
        if piece.left < gutter - 2 and piece.right > gutter + 2:
            # A heading or a table over both columns ends them.
            ordered += left + _in_columns(right) + [piece]
            left, right = [], []
        else:
            side = right if piece.left >= gutter - 2 else left
            # The cells of a table within a column stay what they are.
            piece.cell = piece.cell and bool(side) and abs(side[-1].top - piece.top) < _LEVEL * piece.size
            side.append(piece)
    return ordered + left + _in_columns(right)


def _gutter(pieces: Sequence[Line]) -> float | None:
    """Where two columns of text part; None where what stands side by side is no text in columns."""
    pairs = [(one, two) for one, two in zip(pieces, pieces[1:], strict=False) if two.cell and not one.cell]
    if len(pairs) < _COLUMN_LINES:
        return None
    starts = np.array([two.left for _, two in pairs])
    middle = float(np.median(starts))
    aligned = [(one, two) for (one, two), at in zip(pairs, starts, strict=True) if abs(at - middle) < 12]
    if len(aligned) < max(_COLUMN_LINES, 0.5 * len(pairs)):
        return None
    lengths = np.array([[len(line.text) for line in pair] for pair in aligned]).mean(axis=0)
    return middle if lengths.mean() >= _COLUMN_CHARS and lengths.min() >= _COLUMN_CHARS / 2 else None


def _notes_last(lines: list[Line]) -> list[Line]:
    """Lines with the notes at the foot of columns behind all others, so that the text goes on."""
    if not lines:
        return lines
    sizes = np.array([line.size for line in lines])
    lengths = np.array([len(line.text) for line in lines])
    order = np.argsort(sizes)
    body = float(sizes[order][np.searchsorted(np.cumsum(lengths[order]), lengths.sum() / 2)])
    half = (min(line.top for line in lines) + max(line.bottom for line in lines)) / 2
    text = [line for line in lines if line.size > _SMALL * body]
    row = {id(line) for pair in pairwise(lines) if pair[1].cell for line in pair}
    notes: set[int] = set()
    last = None
    for line in lines:
        small = line.size <= _SMALL * body and line.top > half and id(line) not in row
        begun = _MARK.match(line.text) or last in notes
        if small and begun and not any(_is_above(line, one) or _touch(line, one) for one in text):
            notes.add(id(line))
        last = id(line)
    return [line for line in lines if id(line) not in notes] + [line for line in lines if id(line) in notes]


def _touch(line: Line, other: Line) -> bool:
    return is_beside(line, other) or is_beside(other, line)


def _is_above(line: Line, other: Line) -> bool:
    return other.top > line.top - 1 and other.left < line.right and line.left < other.right


def is_point_of(before: Line, line: Line) -> bool:
    """Whether a line stands behind the mark of its point in a list."""
    level = not before.cell and abs(before.bottom - line.bottom) < 0.5 * line.size
    return level and bool(_POINT.fullmatch(before.text)) and 0 < line.left - before.right < _TAB * line.size


def is_beside(before: Line, line: Line) -> bool:
    """Whether a piece stands close behind a line, at its height or a little above or below it."""
    shared = min(before.bottom, line.bottom) - max(before.top, line.top)
    smaller = min(before.bottom - before.top, line.bottom - line.top)
    gap = line.left - before.right
    return shared > 0.4 * smaller and -_OVER * before.size <= gap < _BEHIND * before.size

"""The lines of a PDF's page: characters with their places, in the order in which people read them."""

import ctypes
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pypdfium2 as pdfium
import pypdfium2.raw as raw
from numpy.typing import NDArray

Places = NDArray[np.float64]
_ENDS: Final = frozenset("\r\n")
_BREAKS: Final = frozenset("\x02\ufffe")
"""What PDFium gives for a hyphen at the end of a line."""
_HYPHENS: Final = {"\x02": "-", "\ufffe": "-", "\xad": "-"}
_LAM: Final = "\u0644"
_ALEFS: Final = frozenset("\u0622\u0623\u0625\u0627")
_GAP: Final = 1.6
"""Heights of the letters that part the cells of a row, or two columns."""
_BOLD: Final = 600
_COUNTED: Final = 8
"""Numbers below each other, each one more than the one before, that count the lines of a page."""
_COLUMN_CHARS: Final = 18
"""Mean length of what stands beside a gap in columns of text; cells of tables are shorter."""
_COLUMN_LINES: Final = 6


@dataclass(slots=True, eq=False)
class Line:
    """Characters beside each other.

    Attributes:
        text: of the line, as it is read.
        edges: left edges of its characters and the right edge of the last, in points from the left.
        top, bottom: in points from the top of the page as it is shown.
        size: height of its letters, in points.
        bold: whether it is.
        cell: whether it stands beside the line before, as another cell of a row.
    """

    text: str
    edges: list[float]
    top: float
    bottom: float
    size: float
    bold: bool = False
    cell: bool = False

    @property
    def left(self) -> float:
        """Of the line."""
        return min(self.edges)

    @property
    def right(self) -> float:
        """Of the line."""
        return max(self.edges)


def lines_of(page: pdfium.PdfPage) -> list[Line]:
    """The lines of a page; those of columns one column after the other."""
    textpage = page.get_textpage()
    try:
        count = textpage.count_chars()
        if count <= 0:
            return []
        chars, places = _characters(textpage, count)
        shown = _as_shown(page, places)
        found = [line for part in _parts(chars) if (line := _line(textpage, chars, shown, part))]
    finally:
        textpage.close()
    width, height = page.get_size()
    # What lies beside the page is not seen; pages cut out of a spread hold all of it.
    seen = (
        one for one in found if one.right > 0 and one.left < width and one.bottom > 0 and one.top < height
    )
    pieces = [piece for line in _without_copies(seen) for piece in _pieces(line)]
    return _in_columns(_without_line_numbers(pieces))


def _characters(textpage: pdfium.PdfTextPage, count: int) -> tuple[list[str], Places]:
    """All characters, and their left, bottom, right and top in the page's own units, shape (count, 4).

    As high as their font, so that those of a line are of one height.
    """
    handle = textpage.raw
    box = raw.FS_RECTF()
    place = ctypes.byref(box)
    places = np.zeros((count, 4))
    chars = []
    for at in range(count):
        code = raw.FPDFText_GetUnicode(handle, at)
        chars.append(chr(code) if code < 0x110000 and not 0xD800 <= code < 0xE000 else "\ufffd")
        if raw.FPDFText_GetLooseCharBox(handle, at, place):
            places[at] = box.left, box.bottom, box.right, box.top
    _right_ligatures(chars, places)
    return chars, places


def _right_ligatures(chars: list[str], places: Places) -> None:
    """Turn round the letters of an Arabic lam-alef, one sign that comes out in the order of its shape."""
    same = (places[1:] == places[:-1]).all(axis=1)
    for at in np.flatnonzero(same).tolist():
        if chars[at] in _ALEFS and chars[at + 1] == _LAM:
            chars[at], chars[at + 1] = chars[at + 1], chars[at]


def _as_shown(page: pdfium.PdfPage, places: Places) -> Places:
    """Left, top, right and bottom in points from the top left corner of the page as it is shown."""
    scale = 1000
    width, height = page.get_size()
    x, y = ctypes.c_int(), ctypes.c_int()

    def seen(at_x: float, at_y: float) -> tuple[float, float]:
        size = (int(width * scale), int(height * scale))
        raw.FPDF_PageToDevice(page.raw, 0, 0, *size, 0, at_x, at_y, ctypes.byref(x), ctypes.byref(y))
        return x.value / scale, y.value / scale

    origin, along, up = np.array(seen(0, 0)), np.array(seen(1000, 0)), np.array(seen(0, 1000))
    matrix = np.stack([along - origin, up - origin]) / 1000
    one, other = places[:, :2] @ matrix + origin, places[:, 2:] @ matrix + origin
    return np.hstack([np.minimum(one, other), np.maximum(one, other)])


def _parts(chars: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Where each line of PDFium's begins and ends."""
    start = 0
    for at, char in enumerate(chars):
        if char in _ENDS:
            if at > start:
                yield start, at
            start = at + 1
        elif char in _BREAKS:
            # Without a line break behind it.
            yield start, at + 1
            start = at + 1
    if start < len(chars):
        yield start, len(chars)


def _line(
    textpage: pdfium.PdfTextPage, chars: Sequence[str], places: Places, part: tuple[int, int]
) -> Line | None:
    start, end = part
    while start < end and chars[start].isspace():
        start += 1
    while start < end and chars[end - 1].isspace():
        end -= 1
    if start == end:
        return None
    inside = places[start:end]
    # Spaces that PDFium has put in have no place of their own.
    real = np.array([not char.isspace() for char in chars[start:end]]) & (inside[:, 2] > inside[:, 0])
    if not real.any():
        return None
    edges = _edges(inside, real)
    seen = inside[real]
    first, last = (start + int(np.flatnonzero(real)[at]) for at in (0, -1))
    return Line(
        "".join(_HYPHENS.get(char, char) for char in chars[start:end]),
        edges,
        float(seen[:, 1].min()),
        float(seen[:, 3].max()),
        float(np.median(seen[:, 3] - seen[:, 1])),
        all(raw.FPDFText_GetFontWeight(textpage.raw, at) >= _BOLD for at in (first, last)),
    )


def _edges(inside: Places, real: NDArray[np.bool_]) -> list[float]:
    """The left edge of each character, and the right edge of the last."""
    lefts, rights = inside[:, 0].copy(), inside[:, 2]
    known = np.flatnonzero(real)
    for at in np.flatnonzero(~real):
        before = known[known < at]
        lefts[at] = rights[before[-1]] if len(before) else inside[known[0], 0]
    return [*lefts.tolist(), float(rights[known[-1]])]


def _without_copies(lines: Iterable[Line]) -> Iterator[Line]:
    """Lines but for those that are printed over themselves, to look bold."""
    seen: dict[str, list[Line]] = {}
    for line in lines:
        near = seen.setdefault(line.text, [])
        if all(abs(line.left - one.left) > 2 or abs(line.top - one.top) > 2 for one in near):
            near.append(line)
            yield line


def _without_line_numbers(lines: list[Line]) -> list[Line]:
    """Lines but for the numbers that count them in the margin."""
    numbers = [line for line in lines if line.text.isdecimal()]
    counted = [
        one
        for before, one in zip(numbers, numbers[1:], strict=False)
        if int(one.text) == int(before.text) + 1 and abs(one.right - before.right) < 3
    ]
    if len(counted) < _COUNTED:
        return lines
    aside = {id(numbers[0]), *map(id, counted)}
    return [line for line in lines if id(line) not in aside]


def _pieces(line: Line) -> list[Line]:
    """A line, parted where a wide gap stands in it."""
    wide = _GAP * line.size
    cuts = [0]
    for at in range(1, len(line.text)):
        if line.text[at - 1].isspace() and not line.text[at].isspace():
            before = len(line.text[:at].rstrip())
            if line.edges[at] - line.edges[before] > wide and before > cuts[-1]:
                cuts.append(at)
    pieces = []
    for start, end in zip(cuts, [*cuts[1:], len(line.text)], strict=True):
        text = line.text[start:end].rstrip()
        edges = line.edges[start : start + len(text) + 1]
        pieces.append(Line(text, edges, line.top, line.bottom, line.size, line.bold, cell=start > 0))
    return pieces


def _in_columns(pieces: list[Line]) -> list[Line]:
    """Where lines run through two columns at once, the left column first, then the right one."""
    gutter = _gutter(pieces)
    if gutter is None:
        return pieces
    ordered: list[Line] = []
    left: list[Line] = []
    right: list[Line] = []
    for piece in pieces:
        if piece.left < gutter - 2 and piece.right > gutter + 2:
            # A heading or a table over both columns ends them.
            ordered += left + right + [piece]
            left, right = [], []
        else:
            piece.cell = False
            (right if piece.left >= gutter - 2 else left).append(piece)
    return ordered + left + right


def _gutter(pieces: Sequence[Line]) -> float | None:
    """Where two columns of text part; None where what stands side by side is no text in columns."""
    pairs = [(one, two) for one, two in zip(pieces, pieces[1:], strict=False) if two.cell and not one.cell]
    if len(pairs) < _COLUMN_LINES:
        return None
    starts = np.array([two.left for _, two in pairs])
    middle = float(np.median(starts))
    aligned = [(one, two) for (one, two), at in zip(pairs, starts, strict=True) if abs(at - middle) < 12]
    lengths = [len(line.text) for pair in aligned for line in pair]
    enough = len(aligned) >= max(_COLUMN_LINES, 0.5 * len(pairs))
    return middle if enough and float(np.mean(lengths)) >= _COLUMN_CHARS else None

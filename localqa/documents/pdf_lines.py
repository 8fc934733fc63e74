"""The lines of a PDF's page: its characters with their places, as they stand beside each other."""

import ctypes
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
import pypdfium2 as pdfium
import pypdfium2.raw as raw
from numpy.typing import NDArray

from localqa.documents.pdf_fields import among, fields_of
from localqa.documents.pdf_layout import laid_out
from localqa.documents.pdf_sheets import Line, Places, Sheet, Turn, direction, turned

_ENDS: Final = frozenset("\r\n")
_BREAKS: Final = frozenset("\x02\ufffe")
"""What PDFium gives for a hyphen at the end of a line."""
_HYPHENS: Final = re.compile("[\x02\ufffe\xad]")
_SOFT: Final = re.compile(r"(?<=[^\W\d_])\xad(?=[^\W\d_])")
"""A hyphen where a word may be parted, in the middle of a line: it is none there."""
_LAM: Final = "\u0644"
_ALEFS: Final = frozenset("\u0622\u0623\u0625\u0627")
_VOWELS: Final = frozenset(map(chr, (*range(0x064B, 0x0660), 0x0670)))
"""Arabic marks above and below letters."""
_UNSEEN: Final = "\u200b"
_UNKNOWN: Final = "\ufffd"
_PAIR: Final = re.compile("[\ud800-\udbff][\udc00-\udfff]")
_BOLD: Final = re.compile(r"bold|black|heavy|demi|medi$|bx\d", re.IGNORECASE)
_MONO: Final = re.compile(r"mono|courier|consol|typewriter|cmtt", re.IGNORECASE)
_FORCE_BOLD: Final = 1 << 18
_FIXED_PITCH: Final = 1
_NAME_BYTES: Final = 128


def sheet_of(page: pdfium.PdfPage) -> Sheet:
    """The lines of a page; those of columns one column after the other."""
    width, height = page.get_size()
    textpage = page.get_textpage()
    try:
        chars, places = _characters(textpage, max(0, textpage.count_chars()))
        shown = _as_shown(page, places)
        parts = [part for whole in _parts(chars) if (part := _trimmed(chars, *whole))]
        turn = _turn(shown, parts)
        placed = turned(shown, turn, width, height)
        lines = [line for part in parts if (line := _line(textpage, chars, placed, part))]
    finally:
        textpage.close()
    usual = float(np.median([line.size for line in lines])) if lines else 0.0
    fields = fields_of(page, lambda own: turned(_as_shown(page, own), turn, width, height), usual)
    lines = among(lines, fields) if fields else lines
    across, tall = (height, width) if turn else (width, height)
    # What lies beside the page is not seen; pages cut out of a spread hold all of it.
    seen = (one for one in lines if one.right > 0 and one.left < across and one.bottom > 0 and one.top < tall)
    return Sheet(width, height, laid_out(seen, turned=bool(turn)), turn)


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
        chars.append(chr(code) if code < 0x110000 else _UNKNOWN)
        if raw.FPDFText_GetLooseCharBox(handle, at, place):
            places[at] = box.left, box.bottom, box.right, box.top
    _whole_pairs(chars, places)
    _right_ligatures(chars, places)
    _right_vowels(chars, places)
    return chars, places


def _whole_pairs(chars: list[str], places: Places) -> None:
    """Make one character of the two halves that those beyond U+FFFF come out as; halves alone are none."""
    for at in [at for at, char in enumerate(chars) if "\ud800" <= char <= "\udfff"]:
        pair = "".join(chars[at : at + 2])
        if _PAIR.fullmatch(pair):
            chars[at : at + 2] = pair.encode("utf-16", "surrogatepass").decode("utf-16"), _UNSEEN
            places[at + 1] = places[at]
        elif chars[at] != _UNSEEN:
            chars[at] = _UNKNOWN


def _right_ligatures(chars: list[str], places: Places) -> None:
    """Turn round the letters of an Arabic lam-alef, one sign that comes out in the order of its shape."""
    same = (places[1:] == places[:-1]).all(axis=1)
    for at in np.flatnonzero(same).tolist():
        if chars[at] in _ALEFS and chars[at + 1] == _LAM:
            chars[at], chars[at + 1] = chars[at + 1], chars[at]


def _right_vowels(chars: list[str], places: Places) -> None:
    """Put an Arabic mark behind its letter, where it comes out before it and with a space that is none."""
    for at in range(len(chars) - 2):
        if chars[at] == " " and chars[at + 1] in _VOWELS and unicodedata.bidirectional(chars[at + 2]) == "AL":
            chars[at : at + 3] = chars[at + 2], chars[at + 1], _UNSEEN
            places[at : at + 3] = places[at + 2], places[at + 1], places[at]


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


def _trimmed(chars: Sequence[str], start: int, end: int) -> tuple[int, int] | None:
    while start < end and chars[start].isspace():
        start += 1
    while start < end and chars[end - 1].isspace():
        end -= 1
    return (start, end) if start < end else None


def _turn(shown: Places, parts: Sequence[tuple[int, int]]) -> Turn:
    """How most characters of a page run."""
    counts: Counter[Turn] = Counter()
    for start, end in parts:
        counts[_run(shown[start:end])] += end - start
    return counts.most_common(1)[0][0] if counts else ""


def _run(inside: Places) -> Turn:
    return direction(inside[(inside[:, 2] > inside[:, 0]) & (inside[:, 3] > inside[:, 1])])


def _line(
    textpage: pdfium.PdfTextPage, chars: Sequence[str], places: Places, part: tuple[int, int]
) -> Line | None:
    start, end = part
    inside = places[start:end]
    # Spaces that PDFium has put in have no place of their own.
    real = np.array([not char.isspace() for char in chars[start:end]]) & (inside[:, 2] > inside[:, 0])
    if not real.any():
        return None
    text = _HYPHENS.sub("-", _SOFT.sub(_UNSEEN, "".join(chars[start:end])))
    stray = bool(_run(inside))
    seen = inside[real]
    middle = start + int(np.flatnonzero(real)[real.sum() // 2])
    styles = [_style(textpage, at) for at in (start, middle, end - 1)]
    if stray:
        edges = [float(seen[:, 0].min())] * len(text) + [float(seen[:, 2].max())]
    else:
        edges = _edges(inside, real, backwards=_is_right_to_left(text))
    return Line(
        text,
        edges,
        float(seen[:, 1].min()),
        float(seen[:, 3].max()),
        float(np.median(seen[:, 2 if stray else 3] - seen[:, 0 if stray else 1])),
        bold=all(bold for bold, _ in styles),
        mono=all(mono for _, mono in styles),
        stray=stray,
    )


def _style(textpage: pdfium.PdfTextPage, at: int) -> tuple[bool, bool]:
    """Whether a character is bold, and whether its font has letters of one width: by its font's name.

    The weight that PDFium tells is a guess by the width of stems, and wrong for many a plain font.
    """
    name, flags = ctypes.create_string_buffer(_NAME_BYTES), ctypes.c_int()
    raw.FPDFText_GetFontInfo(textpage.raw, at, name, _NAME_BYTES, ctypes.byref(flags))
    told = name.value.decode("latin-1")
    bold = bool(_BOLD.search(told) or flags.value & _FORCE_BOLD)
    return bold, bool(_MONO.search(told) or flags.value & _FIXED_PITCH)


def _is_right_to_left(text: str) -> bool:
    kinds = Counter(map(unicodedata.bidirectional, text))
    return kinds["R"] + kinds["AL"] > kinds["L"]


def _edges(inside: Places, real: NDArray[np.bool_], *, backwards: bool) -> list[float]:
    """The edge of each character on the side where reading begins, and the other edge of the last."""
    begins, ends = (inside[:, 2], inside[:, 0]) if backwards else (inside[:, 0], inside[:, 2])
    firsts = begins.copy()
    known = np.flatnonzero(real)
    for at in np.flatnonzero(~real):
        before = known[known < at]
        firsts[at] = ends[before[-1]] if len(before) else begins[known[0]]
    return [*firsts.tolist(), float(ends[known[-1]])]

"""The words on a page that is a picture, by Tesseract, in the process that reads files."""

import csv
import io
import os
import resource
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from statistics import median
from typing import Final

import numpy as np
import pypdfium2 as pdfium

from localqa.documents.document import DocumentError
from localqa.documents.pdf_layout import laid_out
from localqa.documents.pdf_sheets import Line, Places, Sheet, Turn, direction, turned

PROGRAM: Final = "tesseract"
_DPI: Final = 300
_MOST_PIXELS: Final = 30_000_000
_LOOK_HOW_IT_LIES: Final = "1"
_SECONDS: Final = 90
"""For one page; a usual one takes one to five."""
_SURE: Final = 30.0
"""Per cent that Tesseract gives a word which is one."""
_SAME: Final = 0.35
"""How much smaller or larger than most a line's letters look for what letters stand in it."""


@dataclass(frozen=True, slots=True)
class _Word:
    line: tuple[str, str, str]
    text: str
    left: float
    top: float
    right: float
    bottom: float


def recognised(page: pdfium.PdfPage, name: str) -> Sheet:
    """The lines on a page that is a picture; none where nothing is recognised.

    Raises:
        DocumentError: Tesseract is not installed.
    """
    program = shutil.which(PROGRAM)
    if program is None:
        raise DocumentError(
            f"{name} is scanned, and Tesseract, which would recognise its text, is not installed.",
            reason="scanned",
            remedy="Install it, such as with `apt install tesseract-ocr`.",
        )
    width, height = page.get_size()
    scale = min(_DPI / 72, (_MOST_PIXELS / max(1.0, width * height)) ** 0.5)
    stream = io.BytesIO()
    page.render(scale=scale, grayscale=True).to_pil().save(stream, "PNG")
    words = list(_words(_told(program, stream.getvalue(), round(72 * scale)), scale))
    turn = _turn(words)
    if turn:
        words = _turned(words, turn, width, height)
    return Sheet(width, height, laid_out(_lines(words), turned=bool(turn)), turn)


def _told(program: str, picture: bytes, dpi: int) -> str:
    """What it tells of a picture as tab-separated values; nothing where it fails."""
    command = [program, "stdin", "stdout", "--dpi", str(dpi), "--psm", _LOOK_HOW_IT_LIES, "tsv"]
    try:
        done = subprocess.run(  # noqa: S603 - Tesseract, as the user asked
            command,
            input=picture,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            # Its threads wait for each other more than they help.
            env=os.environ | {"OMP_THREAD_LIMIT": "1"},
            preexec_fn=_limited,
            timeout=_SECONDS,
            check=True,
        )
    except (subprocess.SubprocessError, OSError):
        return ""
    return done.stdout.decode(errors="replace")


def _limited() -> None:
    # It ends by itself, too, when the process that waits for it is ended.
    resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS, _SECONDS))


def _words(told: str, scale: float) -> Iterator[_Word]:
    for row in csv.DictReader(io.StringIO(told), delimiter="\t", quoting=csv.QUOTE_NONE):
        try:
            sure = float(row["conf"])
            left, top, width, height = (int(row[key]) / scale for key in ("left", "top", "width", "height"))
            line = (row["block_num"], row["par_num"], row["line_num"])
            text = row["text"].strip()
        except (KeyError, TypeError, ValueError, AttributeError):
            continue
        if text and sure >= _SURE:
            yield _Word(line, text, left, top, left + width, top + height)


def _rows(words: Sequence[_Word]) -> list[list[_Word]]:
    return [list(row) for _, row in groupby(words, key=lambda word: word.line)]


def _places(words: Sequence[_Word]) -> Places:
    return np.array([(word.left, word.top, word.right, word.bottom) for word in words]).reshape(-1, 4)


def _turn(words: Sequence[_Word]) -> Turn:
    """How most words follow each other."""
    counts: Counter[Turn] = Counter()
    for row in _rows(words):
        counts[direction(_places(row))] += len(row)
    return counts.most_common(1)[0][0] if counts else ""


def _turned(words: Sequence[_Word], turn: Turn, width: float, height: float) -> list[_Word]:
    places = turned(_places(words), turn, width, height).tolist()
    return [_Word(word.line, word.text, *place) for word, place in zip(words, places, strict=True)]


def _lines(words: Sequence[_Word]) -> list[Line]:
    """The words of each line as one, with letters of equal width within a word."""
    rows = _rows(words)
    heights = [max(word.bottom for word in row) - min(word.top for word in row) for row in rows]
    usual = median(heights) if heights else 0.0
    return [_line(row, usual) for row in rows]


def _line(words: Sequence[_Word], usual: float) -> Line:
    edges: list[float] = []
    for word in words:
        step = (word.right - word.left) / len(word.text)
        edges += [word.left + step * at for at in range(len(word.text))]
        edges.append(word.right)
    top, bottom = min(word.top for word in words), max(word.bottom for word in words)
    size = bottom - top
    if abs(size - usual) <= _SAME * usual:
        size = usual
    return Line(" ".join(word.text for word in words), edges, top, bottom, size)

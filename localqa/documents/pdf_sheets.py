"""A page of a PDF as a sheet of lines, laid so that they run from left to right."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

Places = NDArray[np.float64]
"""Left, top, right and bottom of each character, in points from the top left corner, shape (count, 4)."""
Turn = Literal["", "down", "up"]
"""How the lines of a page run on it as it is shown: from left to right, down, or up."""
_ALONG: Final = 2.0


@dataclass(slots=True, eq=False)
class Line:
    """Characters beside each other.

    Attributes:
        text: of the line, as it is read.
        edges: left edges of its characters and the right edge of the last, in points from the left of its
            sheet; of a line that is read from right to left the right edges, and the left edge of the last.
        top, bottom: in points from the top of its sheet.
        size: height of its letters, in points.
        bold: whether it is.
        mono: whether its letters are all of one width, as those of programs are.
        cell: whether it stands beside the line before, as another cell of a row.
        stray: whether it runs otherwise than the lines of its sheet do.
    """

    text: str
    edges: list[float]
    top: float
    bottom: float
    size: float
    bold: bool = False
    mono: bool = False
    cell: bool = False
    stray: bool = False

    @property
    def left(self) -> float:
        """Of the line."""
        return min(self.edges)

    @property
    def right(self) -> float:
        """Of the line."""
        return max(self.edges)

    def part(self, start: int, end: int, *, cell: bool) -> "Line":
        """Some of its characters, without white space at their end."""
        text = self.text[start:end].rstrip()
        edges = self.edges[start : start + len(text) + 1]
        return Line(
            text, edges, self.top, self.bottom, self.size, self.bold, self.mono, cell=cell, stray=self.stray
        )


@dataclass(frozen=True, slots=True)
class Sheet:
    """A page with its lines.

    Attributes:
        width, height: of the page as it is shown, in points.
        lines: in the order in which people read them.
        turn: how they run; the sheet is the page turned so that they run from left to right.
    """

    width: float
    height: float
    lines: Sequence[Line] = ()
    turn: Turn = ""

    @property
    def tall(self) -> float:
        """From the top of the sheet to its bottom, in points."""
        return self.width if self.turn else self.height

    def on_page(self, line: Line, edges: Sequence[float]) -> tuple[float, float, tuple[float, ...]]:
        """Top and bottom of a line on the page as it is shown, and the edges of its characters.

        Of a line that runs up or down the page all left edges are its own.
        """
        if not self.turn:
            return line.top, line.bottom, tuple(edges)
        one = np.array([[min(edges), line.top, max(edges), line.bottom]])
        left, top, right, bottom = turned_back(one, self.turn, self.width, self.height)[0].tolist()
        return top, bottom, (*[left] * (len(edges) - 1), right)


def direction(places: Places) -> Turn:
    """How characters that follow each other run on the page as it is shown."""
    if len(places) < 2:
        return ""
    middles = (places[:, :2] + places[:, 2:]) / 2
    across, down = (middles[-1] - middles[0]).tolist()
    if abs(down) <= _ALONG * abs(across):
        return ""
    return "down" if down > 0 else "up"


def turned(places: Places, turn: Turn, width: float, height: float) -> Places:
    """Places on a page, on a sheet on which lines that run so run from left to right."""
    left, top, right, bottom = places.T
    if turn == "down":
        return np.stack([top, width - right, bottom, width - left], axis=1)
    if turn == "up":
        return np.stack([height - bottom, left, height - top, right], axis=1)
    return places


def turned_back(places: Places, turn: Turn, width: float, height: float) -> Places:
    """Places on a sheet, on its page of this width and height."""
    left, top, right, bottom = places.T
    if turn == "down":
        return np.stack([width - bottom, left, width - top, right], axis=1)
    if turn == "up":
        return np.stack([top, height - right, bottom, height - left], axis=1)
    return places

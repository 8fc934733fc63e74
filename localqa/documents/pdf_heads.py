"""What the pages of a PDF have beside their text: running heads, numbers of pages, stamps."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, NamedTuple

from localqa.documents.pdf_rows import LARGER, TABLE_ROW, Row, Style
from localqa.documents.pdf_sheets import Line, Sheet

_EDGE: Final = 0.12
"""Share of a page's height at its top and bottom where running heads stand."""
_INNER: Final = 0.06
"""The same from where the text of most pages begins and ends."""
_WIDEST: Final = 0.2
"""Such a share of a page, at most; what ends higher up is a short page."""
_EDGE_LEVELS: Final = 3
_REPEATED: Final = 3
"""Pages that must have a line before it counts as a running head."""
_SHARE: Final = 0.1
"""Share of the pages that must have it, where it does not stand at the same height on so many."""
_STEPS: Final = 5
"""Pages that must have a number in step with them before it counts as theirs beside what is text."""
_HEIGHT: Final = 8
"""Points within which lines count as at the same height."""
_LINE: Final = 1.5
"""Letter heights from one line of a paragraph to the next, at most."""
_SAME: Final = 0.05
"""Share of their height by which the letters of its lines differ, at most."""
_FORM_ROW: Final = 4.0
"""Letter heights from one row of a form to the next, at most."""
_ALIGNED: Final = 2.0
"""Points between where cells below each other begin, at most."""
_STAMPED: Final = 0.5
"""Share of the pages that have a stamp at the same place."""
_OVER: Final = 2.0
"""Points that such a one and a line of the text have of the same place, at least."""
_SHORT: Final = 20
"""Characters of a line that is nothing but the number of a page, at most."""
_PAGE: Final = r"\b(?:page|pagina|página|seite|blatt|sida|strona|folio|frm|pg|p)\b\W{0,3}"
_NUMBER: Final = re.compile(rf"(?:^\W*|\s[|•·–—-]\s+|(?P<page>{_PAGE}))(?P<number>\d{{1,5}})(?!\w|[.,:-]\d)")
"""A number where that of a page stands in a line: first, behind a dash, or behind a word for a page."""
_LABEL: Final = re.compile(r"(?:[:№]|\b(?:no|nr|number|nummer|id)\b\.?)\s*$", re.I)
"""How what names something ends."""
_ROMAN: Final = re.compile(r"\W*(?=\w)(?P<number>c{0,3}(?:xc|xl|l?x{0,3})(?:ix|iv|v?i{0,3}))\W*")
_VALUES: Final = {"i": 1, "v": 5, "x": 10, "l": 50, "c": 100}
_WORD: Final = re.compile(r"[^\W\d_]{2}")

_Level = Sequence[Line]
"""Lines at one height of a page."""


class _Name(NamedTuple):
    """What is the same in a line of several pages.

    Attributes:
        side: of the page where it stands, "top" or "bottom".
        text: in small letters, without the number that is in step with the pages.
        step: from the number of the page to that number; None: all of the text is the same.
        is_told: whether a word says that it is the number of a page.
    """

    side: str
    text: str
    step: int | None = None
    is_told: bool = False

    @property
    def is_number(self) -> bool:
        """Whether there is nothing but a number in step, its word and how many pages there are."""
        bare = self.is_told or not _WORD.search(self.text)
        return self.step is not None and bare and len(self.text) <= _SHORT


@dataclass(frozen=True, slots=True)
class _Edge:
    """The top or the bottom of a page.

    Attributes:
        page: its number.
        side: "top" or "bottom".
        near: levels from the edge inwards, as far as running heads may stand.
        inner: the level behind them; empty where there is none.
    """

    page: int
    side: str
    near: Sequence[_Level]
    inner: _Level

    def text(self, line: Line) -> _Name:
        """The name of all of a line that stands here."""
        return _Name(self.side, line.text.casefold())

    def number(self, line: Line) -> _Name | None:
        """The name of it by the number in it that may be the page's."""
        text = line.text.casefold()
        found = _NUMBER.search(text) or _ROMAN.fullmatch(text)
        if found is None:
            return None
        start, end = found.span("number")
        value = int(text[start:end]) if text[start].isdecimal() else _value(text[start:end])
        is_told = bool(found.groupdict().get("page"))
        return _Name(self.side, f"{text[:start]}#{text[end:]}", value - self.page, is_told)


def set_aside(sheets: Sequence[Sheet]) -> set[int]:
    """Ids of the lines that are no text; cells behind those of them that began a row begin it now."""
    aside = _running_heads(sheets) | _stamps(sheets)
    for sheet in sheets:
        for before, line in pairwise(sheet.lines):
            line.cell = line.cell and (before.cell or id(before) not in aside)
    return aside


def _running_heads(sheets: Sequence[Sheet]) -> set[int]:
    """Lines outside of the text that many pages have, and numbers in step with the pages."""
    edges = list(_edges(sheets))
    common = _Common(edges, len(sheets))
    known = {id(line) for edge in edges for line in _lines(edge) if common.has(edge, line)}
    # Pages of nothing else do not tell which of their lines are text.
    bare = {number for number, sheet in enumerate(sheets, 1) if known.issuperset(map(id, sheet.lines))}
    common = _Common([edge for edge in edges if edge.page not in bare], len(sheets))
    style = Style.of(sheets)
    heads = [(edge, line) for edge in edges for line in _heads_at(edge, common, style)]
    # The first one that stands out may be the title.
    titles = {
        line.text: id(line)
        for edge, line in reversed(heads)
        if style.stands_out(Row([line])) and not common.steps(edge, line)
    }
    return {id(line) for _, line in heads} - set(titles.values())


class _Common:
    """What too many pages have at their edges for being text."""

    def __init__(self, edges: Sequence[_Edge], count: int) -> None:
        pages: dict[_Name, set[int]] = {}
        heights: dict[tuple[_Name, int], set[int]] = {}
        for edge in edges:
            for line in _lines(edge):
                for name in (edge.text(line), edge.number(line)):
                    if name:
                        pages.setdefault(name, set()).add(edge.page)
                        heights.setdefault((name, round(line.top / _HEIGHT)), set()).add(edge.page)
        many = {name for name, found in pages.items() if len(found) >= max(_REPEATED, _SHARE * count)}
        # That the numbers of both of two pages, or of two of three, are in step is no chance either.
        few = max(2, min(_REPEATED, count // 2 + 1))
        many |= {
            name
            for (name, _), found in heights.items()
            if len(found) >= (few if name.is_number else _REPEATED)
        }
        self._pages = {name: len(pages[name]) for name in many}

    def has(self, edge: _Edge, line: Line) -> bool:
        """Whether a line is the same on many pages, or in step with them."""
        return edge.text(line) in self._pages or self.steps(edge, line) > 0

    def steps(self, edge: _Edge, line: Line) -> int:
        """How many pages have a number that is in step as that of a line is."""
        name = edge.number(line)
        return self._pages.get(name, 0) if name else 0

    def is_told(self, edge: _Edge, line: Line) -> bool:
        """Whether a line has a number in step, and a word that says what it is."""
        name = edge.number(line)
        return name is not None and name.is_told and name in self._pages


def _edges(sheets: Sequence[Sheet]) -> Iterator[_Edge]:
    """Top and bottom of each page that has lines."""
    laid = enumerate(map(_levels, sheets), 1)
    pages = [(number, sheets[number - 1].tall, levels) for number, levels in laid if levels]
    begins = sorted(levels[0][0].top / tall for _, tall, levels in pages)
    ends = sorted(1 - max(line.bottom for line in levels[-1]) / tall for _, tall, levels in pages)
    for number, tall, levels in pages:
        upper, lower = _edge(begins) * tall, (1 - _edge(ends)) * tall
        top = sum(level[0].bottom < upper for level in levels[:_EDGE_LEVELS])
        bottom = sum(level[0].top > lower for level in levels[top:][-_EDGE_LEVELS:])
        rest = levels[top : len(levels) - bottom] or [[]]
        yield _Edge(number, "top", levels[:top], rest[0])
        yield _Edge(number, "bottom", levels[::-1][:bottom], rest[-1])


def _edge(margins: Sequence[float]) -> float:
    """How far from the edge running heads may stand, by the margins of all pages in rising order."""
    usual = margins[len(margins) // 2]
    return max(_EDGE, usual + _INNER if usual < _WIDEST else 0)


def _levels(sheet: Sheet) -> list[list[Line]]:
    """Lines from the top of a page to its bottom, those at one height together."""
    found: list[list[Line]] = []
    for line in sorted((line for line in sheet.lines if not line.stray), key=lambda line: line.top):
        if found and _middle(line) < found[-1][0].bottom:
            found[-1].append(line)
        else:
            found.append([line])
    return found


def _lines(edge: _Edge) -> Iterator[Line]:
    return (line for level in edge.near for line in level)


def _heads_at(edge: _Edge, common: _Common, style: Style) -> list[Line]:
    """The running heads there: levels of nothing else from the edge inwards, apart from the text.

    Of the next level the number of the page alone, where it is sure to be one.
    """
    numbers = [line for line in _lines(edge) if common.is_told(edge, line)]
    told = set(map(id, numbers))
    levels = [[line for line in level if id(line) not in told] for level in edge.near]
    count = 0
    while count < len(levels) and _is_running(edge, edge.near[count], common, style):
        count += 1
    inner = [*levels, edge.inner, []]
    while count and _belongs_to(levels[count - 1], inner[count]):
        count -= 1
    heads = [line for level in levels[:count] for line in level]
    rest = levels[count] if count < len(levels) else []
    if len(rest) > 1 and not (_has_label(rest) or _belongs_to(rest, inner[count + 1])):
        numbers += [line for line in rest if common.steps(edge, line) >= _STEPS]
    return numbers + heads


def _is_running(edge: _Edge, level: _Level, common: _Common, style: Style) -> bool:
    """Whether many pages have all of a level; what is large, or a bold number alone, is a title."""
    numbers = [line for line in level if common.steps(edge, line)]
    worded = any(_WORD.search(line.text) for line in level)
    large = any(line.size >= LARGER * style.body for line in level)
    if _has_label(level) or (large and not (worded and numbers)):
        return False
    if worded:
        return all(common.has(edge, line) for line in level)
    return len(numbers) == len(level) and not style.stands_out(Row(level))


def _has_label(level: _Level) -> bool:
    """Whether a line of a level names what stands beside or below it, other than the number of the page."""
    return any(_LABEL.search(line.text) and not re.search(_PAGE, line.text, re.I) for line in level)


def _belongs_to(level: _Level, inner: _Level) -> bool:
    """Whether a level is a line of the paragraph, or a row of the table or form, that the next one is of."""
    if not level or not inner:
        return False
    one, other = level[0], inner[0]
    apart = abs(other.top - one.top) / min(one.size, other.size)
    in_line = all(any(abs(cell.left - line.left) < _ALIGNED for cell in inner) for line in level)
    if len(level) == 1:
        alike = abs(one.size - other.size) < _SAME * one.size and one.bold == other.bold
        return in_line and alike and apart <= _LINE
    over = all(any(cell.left < line.right and line.left < cell.right for cell in inner) for line in level)
    return any(cell.cell for cell in inner) and (
        (over and apart <= TABLE_ROW) or (in_line and apart <= _FORM_ROW)
    )


def _value(roman: str) -> int:
    values = [_VALUES[letter] for letter in roman]
    return sum(-one if one < after else one for one, after in zip(values, [*values[1:], 0], strict=True))


def _stamps(sheets: Sequence[Sheet]) -> set[int]:
    """Lines at the same place of many pages that run otherwise than the text, or lie over it.

    Of those that run otherwise the first one stays: tables over several pages have such heads.
    """
    places: dict[tuple[str, int, int], list[tuple[Sequence[Line], Line]]] = {}
    for sheet in sheets:
        ordered = sorted(sheet.lines, key=_middle)
        for line in ordered:
            place = (line.text, round(line.left / 4), round(line.top / 4))
            places.setdefault(place, []).append((ordered, line))
    stamps: set[int] = set()
    for found in places.values():
        if len(found) >= max(_REPEATED, _STAMPED * len(sheets)):
            over = sum(_lies_over(line, ordered) for ordered, line in found) >= _STAMPED * len(found)
            stray = all(line.stray for _, line in found)
            if over or stray:
                stamps.update(id(line) for _, line in found[0 if over else 1 :])
    return stamps


def _lies_over(line: Line, ordered: Sequence[Line]) -> bool:
    """Whether it lies over another one of lines from the top of their page to its bottom."""
    start = bisect_right(ordered, line.top, key=_middle)
    end = bisect_left(ordered, line.bottom, key=_middle)
    return any(
        min(line.right, one.right) - max(line.left, one.left) > _OVER
        for one in ordered[start:end]
        if one is not line
    )


def _middle(line: Line) -> float:
    return (line.top + line.bottom) / 2

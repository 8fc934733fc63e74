"""The numbers that Word shows before paragraphs: "4.2", "(a)", "Article IV"."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from lxml import etree

from localqa.documents.archives import namespace
from localqa.documents.numerals import numeral, whole

_KINDS: Final = {
    "lowerLetter": "a",
    "upperLetter": "A",
    "lowerRoman": "i",
    "upperRoman": "I",
}
_SHOWS_NOTHING: Final = ("bullet", "none")
_PLACE: Final = re.compile(r"%([1-9])")
_LEVELS: Final = 9
_LONGEST: Final = 200
"""Characters before a paragraph; more is nobody's number, and would be written again and again."""
_CHAIN: Final = 20
"""Styles that are based on each other, at most: some files have them in a circle."""
_OFF: Final = ("0", "false", "off")


@dataclass(frozen=True, slots=True)
class _Level:
    """How the numbers of a level are counted and written.

    Attributes:
        start: the first number.
        kind: `numFmt` of the file.
        text: with %1 to %9 in place of the numbers of the levels.
        restarts_after: level, from 1 on, which makes it begin anew, as those above that do; 0: none does;
            None: all above its own.
        is_legal: whether the numbers of the levels above are written in figures.
    """

    start: int = 1
    kind: str = "decimal"
    text: str = ""
    restarts_after: int | None = None
    is_legal: bool = False

    def written(self, number: int, *, plain: bool) -> str:
        if self.kind in _SHOWS_NOTHING:
            return ""
        if self.kind == "decimalZero":
            return f"{number:02}"
        return str(number) if plain else numeral(number, _KINDS.get(self.kind, "1"), repeats=True)


class _List(NamedTuple):
    """A list that paragraphs belong to: whose counts it shares, its levels, and where it begins anew."""

    shared: str
    levels: dict[int, _Level]
    begins: dict[int, int]


@dataclass(slots=True)
class WordNumbers:
    """What a document says of its lists, and how far each has been counted.

    Attributes:
        lists: by their id.
        styles: list and level of each paragraph style that has one.
    """

    lists: dict[str, _List] = field(default_factory=dict)
    styles: dict[str, tuple[str, int]] = field(default_factory=dict)
    _counts: dict[str, dict[int, int]] = field(default_factory=dict)
    _begun: set[tuple[str, int]] = field(default_factory=set)

    @classmethod
    def of(cls, numbering: etree._Element, styles: etree._Element | None) -> "WordNumbers":
        """Those of a document with these parts: word/numbering.xml and word/styles.xml."""
        word = namespace(numbering)
        shared = {
            one.get(f"{word}abstractNumId", ""): one for one in numbering.iterfind(f"{word}abstractNum")
        }
        linked = {
            link.get(f"{word}val"): number
            for number, one in shared.items()
            for link in one.iterfind(f"{word}styleLink")
        }
        lists = {}
        for one in numbering.iterfind(f"{word}num"):
            number = _value(one.find(f"{word}abstractNumId"), word)
            link = _value(shared[number].find(f"{word}numStyleLink"), word) if number in shared else ""
            number = linked.get(link, number)
            if number in shared:
                lists[one.get(f"{word}numId", "")] = _list(number, shared[number], one, word)
        found = cls(lists)
        if styles is not None:
            found.styles = dict(found._of_styles(styles, shared, word))
        return found

    def next_of(self, paragraph: etree._Element, word: str) -> str:
        """Count a paragraph of the document; give what Word shows before its text, with a space behind."""
        number, level = self._place(paragraph, word)
        known = self.lists.get(number)
        if known is None or not 0 <= level < _LEVELS:
            return ""
        counts = self._counts.setdefault(known.shared, {})
        if level in known.begins and (number, level) not in self._begun:
            counts[level] = known.begins[level] - 1
        self._begun.add((number, level))
        own = known.levels.get(level, _Level())
        counts[level] = counts.get(level, own.start - 1) + 1
        for deeper in [one for one in counts if one > level]:
            after = known.levels.get(deeper, _Level()).restarts_after
            if after is None or level < after:
                del counts[deeper]
        return self._written(known, counts, own)

    def _written(self, known: _List, counts: dict[int, int], own: _Level) -> str:
        def shown(place: "re.Match[str]") -> str:
            at = int(place.group(1)) - 1
            level = known.levels.get(at, _Level())
            return level.written(counts.get(at, level.start), plain=own.is_legal)

        text = "" if own.kind == "bullet" else _PLACE.sub(shown, own.text).strip()
        return f"{text} " if len(text) <= _LONGEST and any(map(str.isalnum, text)) else ""

    def _place(self, paragraph: etree._Element, word: str) -> tuple[str, int]:
        """The list and the level of a paragraph, by itself or by its style; nothing: none."""
        properties = paragraph.find(f"{word}pPr")
        if properties is None:
            return "", 0
        style = _value(properties.find(f"{word}pStyle"), word)
        by_style = self.styles.get(style, ("", 0))
        own = properties.find(f"{word}numPr")
        if own is None:
            return by_style
        number = _value(own.find(f"{word}numId"), word) or by_style[0]
        level = own.find(f"{word}ilvl")
        return number, by_style[1] if level is None else whole(_value(level, word), 0)

    def _of_styles(
        self, styles: etree._Element, shared: dict[str, etree._Element], word: str
    ) -> Iterator[tuple[str, tuple[str, int]]]:
        named = {one.get(f"{word}styleId", ""): one for one in styles.iterfind(f"{word}style")}
        levels = {
            (number, _value(link, word)): whole(level.get(f"{word}ilvl"), 0)
            for number, one in shared.items()
            for level in one.iterfind(f"{word}lvl")
            for link in level.iterfind(f"{word}pStyle")
        }
        for name in named:
            style, at = name, ""
            for _ in range(_CHAIN):
                found = named[style].find(f"{word}pPr/{word}numPr")
                if found is not None:
                    at = _value(found.find(f"{word}numId"), word)
                    level = whole(_value(found.find(f"{word}ilvl"), word), 0)
                    own = self.lists[at].shared if at in self.lists else ""
                    yield name, (at, levels.get((own, style), level))
                    break
                style = _value(named[style].find(f"{word}basedOn"), word)
                if style not in named:
                    break


def _list(number: str, shared: etree._Element, one: etree._Element, word: str) -> _List:
    levels = {at: _level(level, word) for at, level in _levels(shared, word)}
    begins = {}
    for change in one.iterfind(f"{word}lvlOverride"):
        at = whole(change.get(f"{word}ilvl"), -1)
        levels.update({at: _level(level, word) for at, level in _levels(change, word)})
        start = change.find(f"{word}startOverride")
        if start is not None:
            begins[at] = whole(_value(start, word), 1)
    return _List(number, levels, begins)


def _levels(element: etree._Element, word: str) -> Iterator[tuple[int, etree._Element]]:
    for level in element.iterfind(f"{word}lvl"):
        yield whole(level.get(f"{word}ilvl"), -1), level


def _level(level: etree._Element, word: str) -> _Level:
    restart = level.find(f"{word}lvlRestart")
    legal = level.find(f"{word}isLgl")
    return _Level(
        start=whole(_value(level.find(f"{word}start"), word), 1),
        kind=_value(level.find(f"{word}numFmt"), word) or "decimal",
        text=_value(level.find(f"{word}lvlText"), word),
        restarts_after=None if restart is None else whole(_value(restart, word), 0),
        is_legal=legal is not None and is_on(legal, word),
    )


def is_on(switch: etree._Element, word: str) -> bool:
    """Whether an element that switches something switches it on."""
    return switch.get(f"{word}val") not in _OFF


def _value(element: etree._Element | None, word: str) -> str:
    return "" if element is None else element.get(f"{word}val", "")

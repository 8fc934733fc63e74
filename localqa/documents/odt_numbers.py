"""The numbers that OpenDocument shows before the items of lists and before headings."""

from dataclasses import dataclass, field
from typing import Final

from lxml import etree

from localqa.documents.numerals import numeral, whole

_NS: Final = "urn:oasis:names:tc:opendocument:xmlns:"
_TEXT: Final = f"{{{_NS}text:1.0}}"
_STYLE: Final = f"{{{_NS}style:1.0}}"
_ID: Final = "{http://www.w3.org/XML/1998/namespace}id"
_NUMBERED: Final = (f"{_TEXT}list-level-style-number", f"{_TEXT}outline-level-style")
_OUTLINE: Final = ""
"""The name of the style of headings, which has none."""

Counts = dict[int, int]
"""How far each level has been counted."""


@dataclass(frozen=True, slots=True)
class _Level:
    """How the numbers of a level are written; `kind` is "1", "a", "A", "i", "I", or nothing for none."""

    kind: str = ""
    before: str = ""
    after: str = ""
    shown: int = 1
    start: int = 1


@dataclass(slots=True)
class _List:
    style: str
    level: int
    counts: Counts


@dataclass(slots=True)
class OdtNumbers:
    """Counts the lists and headings of a document as they come.

    Attributes:
        styles: levels of each style of lists, from 1, and of headings.
    """

    styles: dict[str, dict[int, _Level]] = field(default_factory=dict)
    _open: list[_List] = field(default_factory=list)
    _by_id: dict[str, Counts] = field(default_factory=dict)
    _by_style: dict[str, Counts] = field(default_factory=dict)
    _headings: Counts = field(default_factory=dict)

    @classmethod
    def of(cls, *roots: etree._Element) -> "OdtNumbers":
        """Those whose styles stand in these parts: content.xml and styles.xml."""
        styles: dict[str, dict[int, _Level]] = {}
        for root in roots:
            for style in root.iter(f"{_TEXT}list-style", f"{_TEXT}outline-style"):
                is_list = style.tag == f"{_TEXT}list-style"
                name = style.get(f"{_STYLE}name", "?") if is_list else _OUTLINE
                styles[name] = {
                    whole(level.get(f"{_TEXT}level"), 1): _level(level)
                    for level in style.iterchildren(*_NUMBERED)
                }
        return cls(styles)

    def begin_list(self, element: etree._Element) -> None:
        """A list begins, within the one that is open."""
        outer = self._open[-1] if self._open else None
        style = element.get(f"{_TEXT}style-name", outer.style if outer else "?")
        if outer is not None:
            counts, level = outer.counts, outer.level + 1
        else:
            continued = self._by_id.get(element.get(f"{_TEXT}continue-list", ""))
            if continued is None and element.get(f"{_TEXT}continue-numbering") == "true":
                continued = self._by_style.get(style)
            counts, level = {} if continued is None else continued, 1
            self._by_style[style] = counts
            if element.get(_ID):
                self._by_id[element.get(_ID)] = counts
        self._open.append(_List(style, level, counts))

    def end_list(self) -> None:
        """The innermost list ends."""
        self._open.pop()

    def next_item(self, item: etree._Element) -> str:
        """What stands before an item of the innermost list, with a space behind."""
        if not self._open:
            return ""
        own = self._open[-1]
        if next(item.iterchildren(f"{_TEXT}p", f"{_TEXT}h"), None) is None:
            # It only holds a list that goes on within it.
            own.counts.setdefault(own.level, self.styles.get(own.style, {}).get(own.level, _Level()).start)
            return ""
        return self._counted(own.style, own.level, own.counts, item.get(f"{_TEXT}start-value"))

    def next_heading(self, heading: etree._Element, level: int) -> str:
        """What stands before a heading that is in no list."""
        if heading.get(f"{_TEXT}is-list-header") == "true" or self._open:
            return ""
        return self._counted(_OUTLINE, level, self._headings, heading.get(f"{_TEXT}start-value"))

    def _counted(self, style: str, at: int, counts: Counts, start: str | None) -> str:
        levels = self.styles.get(style, {})
        own = levels.get(at, _Level())
        counts[at] = whole(start, counts.get(at, own.start - 1) + 1)
        for deeper in [one for one in counts if one > at]:
            del counts[deeper]
        if not own.kind:
            return ""
        parts = []
        for level in range(max(1, at - own.shown + 1), at + 1):
            one = levels.get(level, _Level())
            if one.kind:
                parts.append(numeral(counts.get(level, one.start), one.kind, repeats=True))
        return f"{own.before}{'.'.join(parts)}{own.after}".strip() + " "


def _level(level: etree._Element) -> _Level:
    return _Level(
        kind=level.get(f"{_STYLE}num-format", ""),
        before=level.get(f"{_STYLE}num-prefix", ""),
        after=level.get(f"{_STYLE}num-suffix", ""),
        shown=whole(level.get(f"{_TEXT}display-levels"), 1),
        start=whole(level.get(f"{_TEXT}start-value"), 1),
    )

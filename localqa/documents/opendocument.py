"""Reader of OpenDocument texts."""

from collections.abc import Iterator, Mapping
from typing import Final

from lxml import etree

from localqa.documents.archives import DC_TITLE, member, opened, xml_root
from localqa.documents.building import Builder
from localqa.documents.document import Document
from localqa.documents.formats import Source, encrypted
from localqa.documents.numerals import parting
from localqa.documents.odt_numbers import OdtNumbers

_NS: Final = "urn:oasis:names:tc:opendocument:xmlns:"
_TEXT: Final = f"{{{_NS}text:1.0}}"
_TABLE: Final = f"{{{_NS}table:1.0}}"
_DRAWING: Final = f"{{{_NS}drawing:1.0}}"
_SVG: Final = f"{{{_NS}svg-compatible:1.0}}"
_STYLE: Final = f"{{{_NS}style:1.0}}"
_ANNOTATION: Final = f"{{{_NS}office:1.0}}annotation"
_SET_ASIDE: Final = frozenset(
    (_ANNOTATION, f"{_SVG}title", f"{_SVG}desc")
    + tuple(f"{_TEXT}{name}" for name in ("tracked-changes", "note-citation", "ruby-text", "script"))
)
"""Comments, deleted text, descriptions of pictures, the numbers of notes, how letters are said."""

_GROUPS_OF_ROWS: Final = tuple(f"{_TABLE}table-{name}" for name in ("header-rows", "rows", "row-group"))


def read_odt(source: Source) -> Document:
    """An OpenDocument text with its notes and text boxes."""
    with opened(source) as archive:
        manifest = member(archive, "META-INF/manifest.xml", source, needed=False)
        if manifest and b"encryption-data" in manifest:
            raise encrypted(source.name)
        root = xml_root(member(archive, "content.xml", source))
        styles = member(archive, "styles.xml", source, needed=False)
        meta = member(archive, "meta.xml", source, needed=False)
    builder = Builder(source.limits)
    body = root.find(f"{{{_NS}office:1.0}}body")
    if body is not None:
        roots = [root, *([xml_root(styles)] if styles else [])]
        hidden = frozenset().union(*map(_hidden_styles, roots))
        raised = dict(style for one in roots for style in _raised_styles(one))
        _OdtWriter(builder, OdtNumbers.of(*roots), hidden=hidden, raised=raised).write(body)
    title = xml_root(meta).findtext(f".//{DC_TITLE}") if meta else ""
    return builder.built(source.name, source.media_type, source.digest, title=title or "")


def _hidden_styles(root: etree._Element) -> frozenset[str]:
    """Names of the styles in which nothing is shown."""
    return frozenset(
        style.get(f"{_STYLE}name", "")
        for style in root.iter(f"{_STYLE}style")
        if any(one.get(f"{_TEXT}display") == "none" for one in style.iter(f"{_STYLE}text-properties"))
    )


def _raised_styles(root: etree._Element) -> Iterator[tuple[str, str]]:
    """Names of the styles of raised or lowered letters, each with what stands before such a figure."""
    for style in root.iter(f"{_STYLE}style"):
        for one in style.iter(f"{_STYLE}text-properties"):
            position = one.get(f"{_STYLE}text-position", "").split(" ")[0]
            if position == "super" or position.strip("0%").isdigit():
                yield style.get(f"{_STYLE}name", ""), "^"
            elif position.startswith(("sub", "-")):
                yield style.get(f"{_STYLE}name", ""), "_"


class _OdtWriter:
    """Writes elements into a document: blocks one after the other, notes and boxes behind their paragraph."""

    def __init__(
        self, builder: Builder, numbers: OdtNumbers, *, hidden: frozenset[str], raised: Mapping[str, str]
    ) -> None:
        self._builder = builder
        self._numbers = numbers
        self._hidden = hidden
        self._raised = raised
        self._number = ""

    def write(self, element: etree._Element) -> None:
        for child in self._shown(element):
            if child.tag in (f"{_TEXT}h", f"{_TEXT}p"):
                self._write_paragraph(child)
            elif child.tag == f"{_TABLE}table":
                self._builder.end_table()
                for row in _rows(child):
                    self._builder.row([self._cell(cell) for cell in row.iterchildren(f"{_TABLE}table-cell")])
                self._builder.end_table()
            elif child.tag == f"{_TEXT}list":
                self._numbers.begin_list(child)
                self.write(child)
                self._numbers.end_list()
            elif child.tag == f"{_TEXT}list-item":
                self._number = self._numbers.next_item(child)
                self.write(child)
                self._number = ""
            else:
                self.write(child)

    def _write_paragraph(self, element: etree._Element) -> None:
        behind: list[etree._Element] = []
        text = self._inline(element, behind).strip()
        level = int(element.get(f"{_TEXT}outline-level", "1")) if element.tag == f"{_TEXT}h" else None
        if level is not None and text:
            self._number = self._numbers.next_heading(element, level) or self._number
        if text:
            text, self._number = self._number + text, ""
        if level is not None:
            self._builder.heading(text, level)
        else:
            self._builder.paragraph(text, lines=True)
        for one in behind:
            self.write(one)

    def _inline(self, element: etree._Element, behind: list[etree._Element]) -> str:
        """The words within a paragraph; tabs and breaks part them, and what stands behind it is gathered."""
        if any(
            one.get(f"{_TEXT}is-hidden") == "true" for one in element.iterchildren(f"{_TEXT}hidden-paragraph")
        ):
            return ""
        parts = [element.text]
        for child in element:
            if not self._is_shown(child):
                pass
            elif child.tag == f"{_TEXT}line-break":
                parts.append("\n")
            elif child.tag in (f"{_TEXT}tab", f"{_TEXT}s"):
                parts.append(" ")
            elif child.tag == f"{_TEXT}note-body" or child.tag.startswith(_DRAWING):
                behind.append(child)
            else:
                text = self._inline(child, behind)
                mark = self._raised.get(child.get(f"{_TEXT}style-name", ""), "")
                parts += (parting(mark, parts, text), text)
            parts.append(child.tail)
        return "".join(filter(None, parts))

    def _cell(self, cell: etree._Element) -> str:
        """The words of all blocks in a cell, also of a table within."""
        texts, behind = [], [cell]
        while behind:
            for child in self._shown(behind.pop(0)):
                if child.tag in (f"{_TEXT}h", f"{_TEXT}p"):
                    texts.append(self._inline(child, behind))
                else:
                    texts.append(self._cell(child))
        return "\n".join(texts)

    def _shown(self, element: etree._Element) -> Iterator[etree._Element]:
        return filter(self._is_shown, element)

    def _is_shown(self, element: etree._Element) -> bool:
        return (
            isinstance(element.tag, str)
            and element.tag not in _SET_ASIDE
            and element.get(f"{_TEXT}display") != "none"
            and element.get(f"{_TEXT}is-hidden") != "true"
            and element.get(f"{_TEXT}style-name") not in self._hidden
        )


def _rows(table: etree._Element) -> Iterator[etree._Element]:
    """The rows of a table, those in groups too, but not those of tables within."""
    for child in table:
        if child.tag == f"{_TABLE}table-row":
            yield child
        elif child.tag in _GROUPS_OF_ROWS:
            yield from _rows(child)

"""HTML, and what is made into HTML first: Markdown, DOCX and the chapters of an EPUB."""

import re
from collections.abc import Iterator
from typing import Final

from lxml import etree, html

from localqa.documents.building import Builder

_SET_ASIDE: Final = frozenset(
    ("script", "style", "noscript", "template", "svg", "math", "nav", "head", "iframe", "object", "button")
    + ("select", "input", "textarea", "canvas", "audio", "video", "footer")
)
"""What is no text of the document, or the same on every page of a site."""
_BLOCKS: Final = frozenset(
    (
        "address",
        "article",
        "aside",
        "blockquote",
        "body",
        "caption",
        "center",
        "dd",
        "details",
        "dialog",
        "div",
    )
    + ("dl", "dt", "fieldset", "figcaption", "figure", "form", "header", "hr", "html", "legend", "li", "main")
    + ("ol", "p", "section", "summary", "ul", "table", "tbody", "thead", "tfoot", "tr", "td", "th", "pre")
)
_HEADING: Final = re.compile(r"h([1-6])")
_HIDDEN: Final = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_MENU: Final = 5
"""Links that a menu has at least."""
_LINKED: Final = 0.85
_DEEPEST: Final = 200
"""Levels of elements that are looked into; real pages have some dozens."""


def parse(text: str) -> html.HtmlElement:
    """The tree of an HTML text; nothing is fetched and no entity is expanded."""
    parser = html.HTMLParser(no_network=True, remove_comments=True, remove_pis=True, huge_tree=False)
    # A declaration of an encoding would be refused beside text that is decoded already.
    return html.document_fromstring(re.sub(r"^\s*<\?xml[^>]*\?>", "", text) or "<p></p>", parser=parser)


def title_of(tree: html.HtmlElement) -> str:
    """The title that a page gives itself."""
    found = tree.find(".//title")
    return (found.text_content() if found is not None else "") or ""


class MarkupWriter:
    """Writes a tree of HTML into a document.

    Args:
        builder: of the document.
    """

    def __init__(self, builder: Builder) -> None:
        self._builder = builder
        self._inline: list[str] = []
        self._keeps_lines = False

    def write(self, tree: html.HtmlElement) -> None:
        """Write all of it."""
        body = tree.find("body")
        self._element(body if body is not None else tree, 0)
        self._flush()

    def _element(self, element: html.HtmlElement, depth: int) -> None:
        tag = element.tag if isinstance(element.tag, str) else ""
        heading = _HEADING.fullmatch(tag)
        if not tag or tag in _SET_ASIDE or _is_hidden(element):
            pass
        elif tag in ("ul", "ol") and _is_navigation(element):
            self._flush()
        elif tag == "br":
            self._inline.append("\n")
        elif depth > _DEEPEST:
            self._inline.append(" ".join(element.itertext()))
        elif heading:
            self._flush()
            self._builder.heading("".join(_texts(element)), int(heading.group(1)))
        elif tag == "table" and _is_data(element):
            self._flush()
            self._builder.end_table()
            for row in element.iter("tr"):
                self._builder.row(_cells(row))
            self._builder.end_table()
        elif tag in _BLOCKS:
            self._flush()
            kept, self._keeps_lines = self._keeps_lines, self._keeps_lines or tag == "pre"
            self._inside(element, depth)
            self._flush()
            self._keeps_lines = kept
        else:
            self._inside(element, depth)

    def _inside(self, element: html.HtmlElement, depth: int) -> None:
        self._text(element.text)
        for child in element:
            self._element(child, depth + 1)
            self._text(child.tail)

    def _text(self, text: str | None) -> None:
        if text:
            # Outside of <pre> a line break in the source is a space.
            self._inline.append(text if self._keeps_lines else re.sub(r"\s+", " ", text))

    def _flush(self) -> None:
        text = "".join(self._inline)
        self._inline.clear()
        self._builder.paragraph(text, lines=True)


def _is_hidden(element: html.HtmlElement) -> bool:
    style = element.get("style", "")
    return "hidden" in element.attrib or element.get("aria-hidden") == "true" or bool(_HIDDEN.search(style))


def _is_navigation(element: html.HtmlElement) -> bool:
    """Whether a list is links and nothing else, as menus are."""
    links = element.findall(".//a[@href]")
    if len(links) < _MENU:
        return False
    linked = sum(len("".join(link.itertext()).strip()) for link in links)
    return linked >= _LINKED * len(re.sub(r"\s+", " ", "".join(element.itertext())).strip())


def _is_data(table: html.HtmlElement) -> bool:
    """Whether a table holds data; one that lays a page out has paragraphs, lists or tables in its cells."""
    inner = table.xpath(".//td//table | .//td//h1 | .//td//h2 | .//td//ul/li[8] | .//td//p[4]")
    rows = table.xpath("count(.//tr)")
    cells = table.xpath("count(.//td | .//th)")
    return not inner and bool(cells) and not (rows == 1 and cells == 1)


def _cells(row: html.HtmlElement) -> list[str]:
    return ["".join(_texts(cell)) for cell in row if cell.tag in ("td", "th")]


def _texts(element: html.HtmlElement) -> Iterator[str]:
    """Texts within an element but for what is set aside; blocks and breaks part words."""
    if element.text:
        yield element.text
    for child in element:
        if isinstance(child.tag, str) and child.tag not in _SET_ASIDE:
            inner = "".join(_texts(child)) if child.tag not in _BLOCKS and child.tag != "br" else None
            if inner is None:
                yield from ("\n", *_texts(child), "\n")
            else:
                yield inner
        if child.tail:
            yield child.tail


def xml_root(data: bytes) -> etree._Element:
    """The root of an XML file: no network, no entities, no endless depth."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    return etree.fromstring(data, parser=parser)

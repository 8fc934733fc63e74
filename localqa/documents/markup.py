"""HTML, and what is made into HTML first: Markdown, DOCX and the chapters of an EPUB."""

import re
from collections.abc import Iterator, Sequence, Set
from itertools import repeat
from typing import Final

from lxml import etree, html
from lxml.html import defs

from localqa.documents.building import Builder
from localqa.documents.numerals import numeral, parting

_SET_ASIDE: Final = frozenset(
    ("script", "style", "noscript", "template", "svg", "math", "nav", "head", "iframe", "object", "button")
    + ("select", "input", "textarea", "canvas", "audio", "video")
)
"""What is no text of the document."""
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
    + ("dl", "dt", "fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6")
    + ("header", "hr", "html", "legend", "li", "main", "menu", "nav", "ol", "p", "pre", "section", "summary")
    + ("table", "tbody", "td", "tfoot", "th", "thead", "tr", "ul")
)
_LISTS: Final = ("ol", "ul", "menu")
_ELEMENTS: Final = defs.tags | {"picture", "template", "slot", "data", "dialog", "search", "bdi"}
_HEADING: Final = re.compile(r"h([1-6])")
_WHOLE: Final = re.compile(r"\s*([+-]?\d{1,9})(?!\d)")
_NO_NUMBERS: Final = re.compile(
    r"list-style(?:-type)?\s*:[^;]*\b(?:none|disc|circle|square)\b", re.IGNORECASE
)
_HIDDEN: Final = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_RAISED: Final = {"sup": "^", "sub": "_"}
"""What stands before a raised or lowered figure that follows another one; see `parting`."""
_MARK: Final = re.compile(r"\s*(?:\d{1,3}|[*†‡§]+)\s*")
"""Of a note, as it stands behind a word."""
_MENU: Final = 5
"""Links that a menu has at least."""
_LINKED: Final = 0.85


def is_element(name: str) -> bool:
    """Whether a tag of this name is HTML's; "Object" is somebody's own."""
    return name.lower() in _ELEMENTS and (name.islower() or name.isupper())


class MarkupWriter:
    """Writes HTML into a document.

    Args:
        builder: of the document.
        of_site: whether it is a page of a site, whose menus and footers are the same on every page.
    """

    def __init__(self, builder: Builder, *, of_site: bool = False) -> None:
        self._builder = builder
        self._of_site = of_site
        self._inline: list[str] = []
        self._pre: html.HtmlElement | None = None
        self._lists: list[tuple[html.HtmlElement, Iterator[str]]] = []
        self._number = ""

    def write(self, text: str) -> str:
        """Write all of it; give the title that it gives itself."""
        tree, is_whole = _parsed(text)
        body = tree.find("body")
        root = body if body is not None else tree
        walk = etree.iterwalk(root, events=("start", "end"))
        for event, element in walk:
            if event == "end":
                self._end(element)
                if element is not root:
                    self._text(element.tail)
            elif self._is_aside(element) or self._write_whole(element):
                walk.skip_subtree()
            else:
                self._begin(element)
        self._flush()
        if not is_whole:
            self._builder.note("nested too deep to be read to its end")
        return tree.findtext(".//title") or ""

    def _is_aside(self, element: html.HtmlElement) -> bool:
        is_same_everywhere = self._of_site and (element.tag == "footer" or _is_menu(element))
        return is_same_everywhere or _is_aside(element)

    def _write_whole(self, element: html.HtmlElement) -> bool:
        """Write an element that is a heading or a table of data; tell whether it is."""
        heading = _HEADING.fullmatch(element.tag)
        if heading:
            self._flush()
            # A question that opens its answer is a button within a heading.
            text = _text_of(element).strip() or _text_of(element, _SET_ASIDE - {"button"})
            self._builder.heading(self._numbered(text), int(heading.group(1)))
        elif element.tag == "table" and _is_data(element):
            self._flush()
            for caption in element.iterfind("caption"):
                self._builder.paragraph("" if _is_hidden(caption) else _text_of(caption))
            self._builder.end_table()
            for row in element.iter("tr"):
                if not any(map(_is_hidden, (row, row.getparent()))):
                    self._builder.row(_cells(row))
            self._builder.end_table()
        else:
            return False
        return True

    def _begin(self, element: html.HtmlElement) -> None:
        if element.tag == "br":
            self._inline.append("\n")
        elif element.tag in _BLOCKS:
            self._flush()
        elif element.tag in _RAISED:
            self._inline.append(_parting(element, self._inline))
        if element.tag == "pre" and self._pre is None:
            self._pre = element
        if element.tag in _LISTS:
            self._lists.append((element, _numbers(element)))
        elif element.tag == "li" and self._lists:
            self._number = next(self._lists[-1][1])
        self._text(element.text)

    def _end(self, element: html.HtmlElement) -> None:
        if element.tag in _BLOCKS:
            self._flush()
        if element is self._pre:
            self._pre = None
        if self._lists and element is self._lists[-1][0]:
            self._lists.pop()
        if element.tag == "li":
            self._number = ""

    def _text(self, text: str | None) -> None:
        if text:
            # Outside of <pre> a line break in the source is a space.
            self._inline.append(text if self._pre is not None else re.sub(r"\s+", " ", text))

    def _flush(self) -> None:
        text = "".join(self._inline)
        self._inline.clear()
        self._builder.paragraph(self._numbered(text), lines=True)

    def _numbered(self, text: str) -> str:
        """A text behind the number of its item, if it is the first one there."""
        if not text.strip():
            return text
        number, self._number = self._number, ""
        return f"{number}{text.lstrip()}" if number else text


def _parsed(text: str) -> tuple[html.HtmlElement, bool]:
    """The tree of an HTML text, and whether it is all of it; nothing is fetched, no entity expanded."""
    parser = html.HTMLParser(no_network=True, remove_comments=True, remove_pis=True, huge_tree=True)
    # A declaration of an encoding would be refused beside text that is decoded already.
    bare = re.sub(r"^\s*<\?xml[^>]*\?>", "", text)
    try:
        tree = html.document_fromstring(bare, parser=parser)
    except etree.ParserError:
        # It is empty, or holds nothing but comments.
        tree = html.document_fromstring("<p></p>", parser=parser)
    return tree, not parser.error_log.filter_from_fatals()


def _numbers(element: html.HtmlElement) -> Iterator[str]:
    """What stands before each item of a list, in turn."""
    if element.tag != "ol" or _NO_NUMBERS.search(element.get("style", "")):
        yield from repeat("")
    items = [child for child in element if child.tag == "li"]
    backwards = "reversed" in element.attrib
    number = _whole(element.get("start"), len(items) if backwards else 1)
    kind = element.get("type", "1")
    for item in items:
        number = _whole(item.get("value"), number)
        yield f"{numeral(number, item.get('type', kind))}. "
        number += -1 if backwards else 1
    yield from repeat("")


def _whole(text: str | None, otherwise: int) -> int:
    found = _WHOLE.match(text or "")
    return int(found.group(1)) if found else otherwise


def _is_aside(element: html.HtmlElement, aside: Set[str] = _SET_ASIDE) -> bool:
    """Whether an element is no text of the document."""
    return element.tag in aside or _is_hidden(element) or _is_mark_of_note(element)


def _is_mark_of_note(element: html.HtmlElement) -> bool:
    """Whether an element is a raised number that leads to a note: it would grow into the word before it."""
    if element.tag != "sup" and (element.tag != "a" or element.find("sup") is None):
        return False
    link = element if element.tag == "a" else next(element.iter("a"), None)
    leads = link is not None and "#" in link.get("href", "")
    return leads and bool(_MARK.fullmatch("".join(element.itertext())))


def _parting(element: html.HtmlElement, before: Sequence[str | None]) -> str:
    """What keeps a raised or lowered element apart from a figure right before it."""
    return parting(_RAISED[element.tag], before, next(filter(str.strip, element.itertext()), ""))


def _is_hidden(element: html.HtmlElement) -> bool:
    style = element.get("style", "")
    return "hidden" in element.attrib or element.get("aria-hidden") == "true" or bool(_HIDDEN.search(style))


def _is_menu(element: html.HtmlElement) -> bool:
    """Whether an element is a list of links and nothing else, but not one of the page's own text."""
    if element.tag not in ("ul", "ol"):
        return False
    around = next(element.iterancestors("article", "main", "aside"), None)
    if around is not None and around.tag != "aside":
        return False
    links = element.findall(".//a[@href]")
    if len(links) < _MENU:
        return False
    linked = sum(len("".join(link.itertext()).strip()) for link in links)
    return linked >= _LINKED * len(re.sub(r"\s+", " ", "".join(element.itertext())).strip())


def _is_data(table: html.HtmlElement) -> bool:
    """Whether a table holds data; one that lays a page out has paragraphs, lists or tables in its cells."""
    inner = table.xpath(".//table | .//td//h1 | .//td//h2 | .//td//ul/li[8] | .//p[4]")
    rows = table.xpath("count(.//tr)")
    cells = table.xpath("count(.//td | .//th)")
    return not inner and bool(cells) and not (rows == 1 and cells == 1)


def _cells(row: html.HtmlElement) -> list[str]:
    """The cells of a row, those in a form too, but not those of a row that libxml2 took for a part of it."""
    cells = (cell for cell in row.iter("td", "th") if next(cell.iterancestors("tr")) is row)
    return [_text_of(cell) for cell in cells if not _is_hidden(cell)]


def _text_of(root: html.HtmlElement, aside: Set[str] = _SET_ASIDE) -> str:
    """The text within an element but for what is set aside or hidden; blocks and breaks part words."""
    parts = []
    walk = etree.iterwalk(root, events=("start", "end"))
    for event, element in walk:
        if element.tag in _BLOCKS or element.tag == "br":
            parts.append("\n")
        if event == "end":
            parts.append(element.tail if element is not root else "")
        elif element is not root and _is_aside(element, aside):
            walk.skip_subtree()
        else:
            if element.tag in _RAISED:
                parts.append(_parting(element, parts))
            parts.append(element.text)
    return "".join(filter(None, parts))

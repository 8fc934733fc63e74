"""Reader of Word."""

import io
import re
import zipfile
from typing import Final

from lxml import etree

from localqa.documents.archives import core_title, namespace, opened, xml_root
from localqa.documents.building import Builder
from localqa.documents.document import Document
from localqa.documents.formats import Source
from localqa.documents.markup import MarkupWriter
from localqa.documents.word_numbers import WordNumbers, is_on

_MENDED: Final = re.compile(r"word/(?:document|footnotes|endnotes)\d*\.xml")
_STYLES: Final = "word/styles.xml"
_NUMBERING: Final = "word/numbering.xml"
_READ_AS: Final = {
    **dict.fromkeys(("fldSimple", "dir", "bdo", "ruby", "rubyBase", "oMathPara"), "smartTag"),
    **{"ptab": "tab", "cr": "br"},
}
"""Elements that mammoth leaves out, and those that it reads in their place."""
_KEPT_IN_HIDDEN: Final = ("rPr", "fldChar", "instrText")
"""Of a hidden run: what says where fields begin and end."""
_GONE: Final = ("vanish", "del", "moveFrom")
"""Of the mark at a paragraph's end: it is hidden, or deleted or moved away in a change that is tracked."""
_FOOTNOTE_MARK: Final = re.compile(
    r"<sup><a href=\"#[^\"]*\"[^>]*>\[\d+\]</a></sup>|<a href=\"#[^\"]*-ref-\d+\">↑</a>"
)
_LIST: Final = re.compile("(?<=[</])ol>")


def read_docx(source: Source) -> Document:
    """A Word document with its notes; running heads, comments and pictures are set aside."""
    import mammoth

    with opened(source) as archive:
        title = core_title(archive)
        data = _mended(archive)
    made = mammoth.convert_to_html(io.BytesIO(data), convert_image=mammoth.images.img_element(lambda _: {}))
    builder = Builder(source.limits)
    # The numbers of notes would stand in the middle of sentences, and before the notes at the end.
    text = _LIST.sub("ul>", _FOOTNOTE_MARK.sub("", made.value))
    MarkupWriter(builder).write(f"<body>{text}</body>")
    return builder.built(source.name, source.media_type, source.digest, title=title)


def _mended(archive: zipfile.ZipFile) -> bytes:
    """A Word document without pictures, in which mammoth finds the words that are shown, and no others."""
    names = [name for name in dict.fromkeys(archive.namelist()) if name.endswith((".xml", ".rels"))]
    styles = _part(archive, _STYLES)
    numbering = _part(archive, _NUMBERING)
    hidden = frozenset() if styles is None else _hidden_styles(styles)
    numbers = None if numbering is None else WordNumbers.of(numbering, styles)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as made:
        for name in names:
            content = archive.read(name)
            if _MENDED.fullmatch(name):
                content = _mended_part(content, hidden, numbers)
            elif name == _NUMBERING and numbering is not None:
                # The numbers stand in the text; mammoth would count anew what it takes for a list.
                content = etree.tostring(etree.Element(numbering.tag, nsmap=numbering.nsmap))
            made.writestr(name, content)
    return stream.getvalue()


def _part(archive: zipfile.ZipFile, name: str) -> etree._Element | None:
    """The root of a part; None: it is not there, or longer in one piece than libxml2 reads."""
    try:
        return xml_root(archive.read(name))
    except (KeyError, etree.XMLSyntaxError):
        return None


def _mended_part(content: bytes, hidden: frozenset[str], numbers: WordNumbers | None) -> bytes:
    try:
        root = xml_root(content)
    except etree.XMLSyntaxError:
        # Deeper, or longer in one piece, than libxml2 reads; mammoth has no such limits.
        return content
    word = namespace(root)
    kept = [f"{word}{name}" for name in _KEPT_IN_HIDDEN]
    for run in root.iter(f"{word}r"):
        if _is_hidden(run, word, hidden):
            for child in [child for child in run if child.tag not in kept]:
                run.remove(child)
    for formula in root.findall(".//{*}oMath"):
        letters = "".join(part.text or "" for part in formula.iterfind(".//{*}t"))
        tail = formula.tail
        formula.clear()
        formula.tag, formula.tail = f"{word}r", tail
        etree.SubElement(formula, f"{word}t").text = letters
    if numbers is not None:
        for paragraph in root.iter(f"{word}p"):
            _write_number(paragraph, word, numbers)
    for element in root.iter(*(f"{{*}}{name}" for name in _READ_AS)):
        element.tag = word + _READ_AS[etree.QName(element).localname]
    for line_break in root.iter(f"{word}br"):
        line_break.attrib.clear()
    return etree.tostring(root)


def _write_number(paragraph: etree._Element, word: str, numbers: WordNumbers) -> None:
    """Put the number of a paragraph before its words; one that is not shown has none, and is not counted."""
    if next(paragraph.iterancestors("{*}Choice"), None) is not None:
        # What stands there stands in the Fallback beside it once more, which is what is read.
        return
    is_empty = all(
        next(text.iterancestors(f"{word}moveFrom"), None) is not None for text in paragraph.iter(f"{word}t")
    )
    mark = paragraph.find(f"{word}pPr/{word}rPr")
    if is_empty and mark is not None and any(mark.find(f"{word}{name}") is not None for name in _GONE):
        return
    number = numbers.next_of(paragraph, word)
    properties = paragraph.find(f"{word}pPr")
    if number and properties is not None and not is_empty:
        run = etree.Element(f"{word}r")
        etree.SubElement(run, f"{word}t").text = number
        properties.addnext(run)


def _is_hidden(run: etree._Element, word: str, hidden: frozenset[str]) -> bool:
    """Whether a run is not shown, by itself or by a style."""
    own = run.find(f"{word}rPr/{word}vanish")
    if own is not None or not hidden:
        return own is not None and is_on(own, word)
    paragraph = next(run.iterancestors(f"{word}p"), run)
    styles = (run.find(f"{word}rPr/{word}rStyle"), paragraph.find(f"{word}pPr/{word}pStyle"))
    return any(style is not None and style.get(f"{word}val") in hidden for style in styles)


def _hidden_styles(root: etree._Element) -> frozenset[str]:
    word = namespace(root)
    return frozenset(
        style.get(f"{word}styleId", "")
        for style in root.iter(f"{word}style")
        if any(is_on(one, word) for one in style.iterfind(f"{word}rPr/{word}vanish"))
    )

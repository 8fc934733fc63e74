"""Reader of Word."""

import io
import re
import zipfile
from collections.abc import Iterator
from typing import Final

from lxml import etree

from localqa.documents.archives import core_title, opened, xml_root
from localqa.documents.building import Builder
from localqa.documents.document import Document
from localqa.documents.formats import Source
from localqa.documents.markup import MarkupWriter

_MENDED: Final = re.compile(r"word/(?:document|footnotes|endnotes)\d*\.xml")
_READ_THROUGH: Final = "smartTag"
"""Of what may hold runs in a paragraph, mammoth reads those in smart tags."""
_HOLDERS: Final = ("fldSimple", "dir", "bdo", "ruby", "rubyBase", "oMathPara")
"""What holds runs, too, and mammoth leaves out."""
_KEPT_IN_HIDDEN: Final = ("rPr", "fldChar", "instrText")
"""Of a hidden run: what says where fields begin and end."""
_OFF: Final = ("0", "false", "off")
_FOOTNOTE_MARK: Final = re.compile(
    r"<sup><a href=\"#[^\"]*\"[^>]*>\[\d+\]</a></sup>|<a href=\"#[^\"]*-ref-\d+\">↑</a>"
)


def read_docx(source: Source) -> Document:
    """A Word document with its notes; running heads, comments and pictures are set aside."""
    import mammoth

    with opened(source) as archive:
        title = core_title(archive)
        data = _mended(archive)
    made = mammoth.convert_to_html(io.BytesIO(data), convert_image=mammoth.images.img_element(lambda _: {}))
    builder = Builder(source.limits)
    # The numbers of notes would stand in the middle of sentences.
    MarkupWriter(builder).write(f"<body>{_FOOTNOTE_MARK.sub('', made.value)}</body>")
    return builder.built(source.name, source.media_type, source.digest, title=title)


def _mended(archive: zipfile.ZipFile) -> bytes:
    """A Word document in which mammoth finds all words that are shown, and only those."""
    names = dict.fromkeys(archive.namelist())
    hidden = _hidden_styles(archive.read("word/styles.xml")) if "word/styles.xml" in names else frozenset()
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as made:
        for name in names:
            content = archive.read(name)
            made.writestr(name, _mended_part(content, hidden) if _MENDED.fullmatch(name) else content)
    return stream.getvalue()


def _mended_part(content: bytes, hidden: frozenset[str]) -> bytes:
    root = xml_root(content)
    word = root.tag.partition("}")[0] + "}"
    for run in list(_hidden_runs(root, word, hidden)):
        for child in list(run):
            if child.tag not in [f"{word}{name}" for name in _KEPT_IN_HIDDEN]:
                run.remove(child)
    for formula in root.findall(".//{*}oMath"):
        letters = "".join(part.text or "" for part in formula.iterfind(".//{*}t"))
        tail = formula.tail
        formula.clear()
        formula.tag, formula.tail = f"{word}r", tail
        etree.SubElement(formula, f"{word}t").text = letters
    for holder in root.iter(*(f"{{*}}{name}" for name in _HOLDERS)):
        holder.tag = f"{word}{_READ_THROUGH}"
    for tab in root.iter(f"{word}ptab"):
        tab.tag = f"{word}tab"
    for page_end in root.iter(f"{word}br"):
        page_end.attrib.clear()
    return etree.tostring(root)


def _hidden_runs(root: etree._Element, word: str, hidden: frozenset[str]) -> Iterator[etree._Element]:
    """Runs that are not shown, by themselves or by a style."""
    for run in root.iter(f"{word}r"):
        properties = run.find(f"{word}rPr")
        own = properties.find(f"{word}vanish") if properties is not None else None
        styles = run.xpath(
            "w:rPr/w:rStyle/@w:val | ancestor::w:p[1]/w:pPr/w:pStyle/@w:val", namespaces={"w": word[1:-1]}
        )
        if _is_on(own, word) if own is not None else not hidden.isdisjoint(styles):
            yield run


def _hidden_styles(content: bytes) -> frozenset[str]:
    root = xml_root(content)
    word = root.tag.partition("}")[0] + "}"
    return frozenset(
        style.get(f"{word}styleId", "")
        for style in root.iter(f"{word}style")
        if any(_is_on(one, word) for one in style.iterfind(f"{word}rPr/{word}vanish"))
    )


def _is_on(switch: etree._Element, word: str) -> bool:
    return switch.get(f"{word}val") not in _OFF

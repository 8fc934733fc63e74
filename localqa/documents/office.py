"""Readers of formats that are archives of XML: Word, PowerPoint, Excel, OpenDocument and EPUB."""

import io
import posixpath
import re
import zipfile
from collections.abc import Iterator
from datetime import datetime, time
from typing import Any, Final
from urllib.parse import unquote

from lxml import etree

from localqa.documents.building import Builder
from localqa.documents.document import Document, DocumentError
from localqa.documents.formats import Source, corrupted, encrypted
from localqa.documents.markup import MarkupWriter, parse, xml_root
from localqa.documents.plain import decoded

_WORD_BODY: Final = "word/document.xml"
_EMU: Final = 914_400 // 72
"""Of a point, in the units of Office."""
_OFFICE_NS: Final = "urn:oasis:names:tc:opendocument:xmlns:"
_TEXT: Final = f"{{{_OFFICE_NS}text:1.0}}"
_TABLE: Final = f"{{{_OFFICE_NS}table:1.0}}"
_DC_TITLE: Final = "{http://purl.org/dc/elements/1.1/}title"
_ROWS: Final = 200_000
"""Of a sheet; those behind it are most likely empty cells with a colour."""
_FOOTNOTE_MARK: Final = re.compile(
    r"<sup><a href=\"#[^\"]*\"[^>]*>\[\d+\]</a></sup>|<a href=\"#[^\"]*-ref-\d+\">↑</a>"
)


def read_docx(source: Source) -> Document:
    """A Word document with its notes; running heads, comments and pictures are set aside."""
    import mammoth

    with _opened(source) as archive:
        title = _core_title(archive)
        data = _with_formulas_as_text(archive, source.data)
    made = mammoth.convert_to_html(io.BytesIO(data), convert_image=mammoth.images.img_element(lambda _: {}))
    builder = Builder(source.limits)
    # The numbers of notes would stand in the middle of sentences.
    MarkupWriter(builder).write(parse(f"<body>{_FOOTNOTE_MARK.sub('', made.value)}</body>"))
    return builder.built(source.name, source.media_type, source.digest, title=title)


def _with_formulas_as_text(archive: zipfile.ZipFile, data: bytes) -> bytes:
    """A Word document whose formulas are the letters that they show; mammoth leaves them out."""
    if _WORD_BODY not in archive.namelist() or b"oMath" not in (body := archive.read(_WORD_BODY)):
        return data
    root = xml_root(body)
    word = root.tag.partition("}")[0] + "}"
    for formula in root.findall(".//{*}oMath"):
        letters = "".join(part.text or "" for part in formula.iterfind(".//{*}t"))
        tail = formula.tail
        formula.clear()
        formula.tag, formula.tail = f"{word}r", tail
        etree.SubElement(formula, f"{word}t").text = letters
    for paragraph in root.findall(".//{*}oMathPara"):
        # Of what may hold runs in a paragraph, mammoth reads those in smart tags.
        paragraph.tag = f"{word}smartTag"
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as made:
        for name in dict.fromkeys(archive.namelist()):
            made.writestr(name, etree.tostring(root) if name == _WORD_BODY else archive.read(name))
    return stream.getvalue()


def read_pptx(source: Source) -> Document:
    """A presentation: a page for each slide, with its tables, its charts' titles and the notes below it."""
    from pptx import Presentation

    with _opened(source) as archive:
        title = _core_title(archive)
    deck = Presentation(io.BytesIO(source.data))
    builder = Builder(source.limits)
    for number, slide in enumerate(deck.slides, 1):
        builder.begin_page(number)
        heading = slide.shapes.title
        if heading is not None and heading.has_text_frame:
            builder.heading(heading.text_frame.text, 1)
        for shape in _shapes(slide.shapes):
            if heading is None or shape.shape_id != heading.shape_id:
                _write_shape(shape, builder)
        if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
            builder.paragraph(slide.notes_slide.notes_text_frame.text, lines=True)
    return builder.built(source.name, source.media_type, source.digest, title=title)


def read_xlsx(source: Source) -> Document:
    """A workbook: a page for each sheet, rows as they are shown; formulas by the values that were kept."""
    from openpyxl import load_workbook

    with _opened(source) as archive:
        title = _core_title(archive)
    book = load_workbook(io.BytesIO(source.data), read_only=True, data_only=True, keep_links=False)
    builder = Builder(source.limits)
    cut = []
    for number, sheet in enumerate(book.worksheets, 1):
        builder.begin_page(number)
        builder.heading(sheet.title, 1)
        for at, row in enumerate(sheet.iter_rows(values_only=True)):
            if at == _ROWS:
                cut.append(f"of the sheet {sheet.title} the first {_ROWS:,} rows were read")
                break
            builder.row([_shown(value) for value in row])
    return builder.built(source.name, source.media_type, source.digest, title=title, notes=cut)


def read_odt(source: Source) -> Document:
    """An OpenDocument text."""
    with _opened(source) as archive:
        manifest = _member(archive, "META-INF/manifest.xml", source, needed=False)
        if manifest and b"encryption-data" in manifest:
            raise encrypted(source.name)
        root = xml_root(_member(archive, "content.xml", source))
        meta = _member(archive, "meta.xml", source, needed=False)
    builder = Builder(source.limits)
    body = root.find(f"{{{_OFFICE_NS}office:1.0}}body")
    if body is not None:
        _write_odt(body, builder)
    title = xml_root(meta).findtext(f".//{_DC_TITLE}") if meta else ""
    return builder.built(source.name, source.media_type, source.digest, title=title or "")


def read_epub(source: Source) -> Document:
    """A book: its chapters in reading order."""
    with _opened(source) as archive:
        if "META-INF/encryption.xml" in archive.namelist() and b"EncryptedData" in archive.read(
            "META-INF/rights.xml"
            if "META-INF/rights.xml" in archive.namelist()
            else "META-INF/encryption.xml"
        ):
            raise encrypted(source.name)
        container = xml_root(_member(archive, "META-INF/container.xml", source))
        rootfile = container.find(".//{*}rootfile")
        path = rootfile.get("full-path", "") if rootfile is not None else ""
        package = xml_root(_member(archive, path, source))
        builder = Builder(source.limits)
        for chapter in _chapters(package, posixpath.dirname(path)):
            if chapter in archive.namelist():
                MarkupWriter(builder).write(parse(decoded(archive.read(chapter))))
    return builder.built(
        source.name, source.media_type, source.digest, title=package.findtext(f".//{_DC_TITLE}") or ""
    )


def _opened(source: Source) -> zipfile.ZipFile:
    """The archive, if what it holds is within the limits.

    Raises:
        DocumentError: it is damaged, encrypted or too large.
    """
    try:
        archive = zipfile.ZipFile(io.BytesIO(source.data))
    except (zipfile.BadZipFile, ValueError, OSError) as e:
        raise corrupted(source.name, e) from e
    members = archive.infolist()
    if any(member.flag_bits & 1 for member in members):
        raise encrypted(source.name)
    most = source.limits.unpacked_bytes
    if sum(member.file_size for member in members) > most:
        raise DocumentError(
            f"{source.name} holds more than {most:,} bytes when it is unpacked.",
            reason="too_large",
            remedy="Split it, or save it without pictures.",
        )
    return archive


def _member(archive: zipfile.ZipFile, name: str, source: Source, *, needed: bool = True) -> bytes:
    try:
        return archive.read(name)
    except KeyError as e:
        if needed:
            raise corrupted(source.name, f"it has no {name or 'package'}") from e
        return b""


def _core_title(archive: zipfile.ZipFile) -> str:
    """The title in the properties of an Office file."""
    if "docProps/core.xml" not in archive.namelist():
        return ""
    try:
        return xml_root(archive.read("docProps/core.xml")).findtext(f".//{_DC_TITLE}") or ""
    except etree.XMLSyntaxError:
        return ""


def _shapes(shapes: Any) -> Iterator[Any]:
    """All shapes, those in groups too, as they stand on a slide: from top to bottom, from left to right."""
    from pptx.enum.shapes import MSO_SHAPE_TYPE

    for shape in sorted(shapes, key=lambda one: ((one.top or 0) // (20 * _EMU), one.left or 0)):
        if shape.shape_type == MSO_SHAPE_TYPE.GROUP:
            yield from _shapes(shape.shapes)
        else:
            yield shape


def _write_shape(shape: Any, builder: Builder) -> None:
    if getattr(shape, "has_table", False) and shape.has_table:
        builder.end_table()
        for row in shape.table.rows:
            builder.row([cell.text for cell in row.cells])
        builder.end_table()
    elif getattr(shape, "has_chart", False) and shape.has_chart:
        _write_chart(shape.chart, builder)
    elif shape.has_text_frame:
        for paragraph in shape.text_frame.paragraphs:
            builder.paragraph("".join(run.text for run in paragraph.runs) or paragraph.text)


def _write_chart(chart: Any, builder: Builder) -> None:
    """Its title, and its numbers as the table that they are."""
    if chart.has_title and chart.chart_title.has_text_frame:
        builder.paragraph(chart.chart_title.text_frame.text)
    builder.end_table()
    for plot in chart.plots:
        builder.row(["", *(str(series.name) for series in plot.series)])
        for at, category in enumerate(plot.categories):
            values = [series.values[at] if at < len(series.values) else None for series in plot.series]
            builder.row([str(category), *map(_shown, values)])
    builder.end_table()


def _shown(value: object) -> str:
    """A cell as people read it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, datetime) and value.time() == time():
        return value.date().isoformat()
    return str(value)


def _write_odt(element: etree._Element, builder: Builder) -> None:
    for child in element:
        if child.tag == f"{_TEXT}h":
            builder.heading(_odt_text(child), int(child.get(f"{_TEXT}outline-level", "1")))
        elif child.tag == f"{_TEXT}p":
            builder.paragraph(_odt_text(child), lines=True)
        elif child.tag == f"{_TABLE}table":
            builder.end_table()
            for row in child.iter(f"{_TABLE}table-row"):
                builder.row([_odt_text(cell) for cell in row.iter(f"{_TABLE}table-cell")])
            builder.end_table()
        elif isinstance(child.tag, str) and not child.tag.endswith("}tracked-changes"):
            _write_odt(child, builder)


def _odt_text(element: etree._Element) -> str:
    """The words within an element; notes and comments are left out, tabs and breaks are what they are."""
    parts = [element.text or ""]
    for child in element:
        tag = child.tag if isinstance(child.tag, str) else ""
        if tag == f"{_TEXT}line-break":
            parts.append("\n")
        elif tag in (f"{_TEXT}tab", f"{_TEXT}s"):
            parts.append(" ")
        elif tag and not tag.endswith("}annotation"):
            parts.append(_odt_text(child) + ("\n" if tag == f"{_TEXT}p" else ""))
        parts.append(child.tail or "")
    return "".join(parts)


def _chapters(package: etree._Element, folder: str) -> Iterator[str]:
    """Paths in the archive of the chapters, in reading order; none that leads out of it."""
    items = {item.get("id"): item for item in package.iterfind(".//{*}manifest/{*}item")}
    for reference in package.iterfind(".//{*}spine/{*}itemref"):
        item = items.get(reference.get("idref"))
        if item is not None and "nav" not in item.get("properties", "").split():
            yield posixpath.normpath(posixpath.join(folder, unquote(item.get("href", ""))))

"""PDF: its lines in reading order, made into paragraphs, with the place of every character."""

import ctypes
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import PurePath

import pypdfium2 as pdfium
import pypdfium2.raw as raw

from localqa.documents.building import cleaned
from localqa.documents.document import Document, DocumentError
from localqa.documents.formats import Source, corrupted, encrypted
from localqa.documents.pdf_heads import set_aside
from localqa.documents.pdf_lines import sheet_of
from localqa.documents.pdf_sheets import Sheet
from localqa.documents.pdf_text import PdfText
from localqa.documents.recognition import recognised

_WRONG_PASSWORD = raw.FPDF_ERR_PASSWORD
_MOST_PAGES = 20_000
_STAMP = 200
"""Characters of a stamp, at most."""
_EDGE = 0.12
"""How much of a page its edge is."""
_SCANNED = 0.7
"""How much of a page the picture of a scan covers, at least."""


def read_pdf(source: Source) -> Document:
    """The text of a PDF.

    Raises:
        DocumentError: it is damaged, needs a password, or holds pictures of text alone.
    """
    pdf = opened(source)
    try:
        # Pages know of the form's fields only if it was there before them.
        pdf.init_forms()
        return _read(pdf, source)
    finally:
        pdf.close()


def opened(source: Source) -> pdfium.PdfDocument:
    """The file, ready to be read page by page.

    Raises:
        DocumentError: it is damaged or needs a password.
    """
    try:
        pdf = pdfium.PdfDocument(source.data, password=source.password)
        count = len(pdf)
    except pdfium.PdfiumError as e:
        if raw.FPDF_GetLastError() == _WRONG_PASSWORD or "password" in str(e).lower():
            raise encrypted(source.name, wrong=source.password is not None) from e
        raise corrupted(source.name, e) from e
    if not count:
        raise corrupted(source.name, "it has no pages")
    if count > _MOST_PAGES:
        raise DocumentError(f"{source.name} has {count:,} pages.", reason="too_large", remedy="Split it.")
    return pdf


def _read(pdf: pdfium.PdfDocument, source: Source) -> Document:
    sheets: list[Sheet] = []
    bare: list[int] = []
    failed: list[int] = []
    read_from_pictures: list[int] = []
    for number in range(1, len(pdf) + 1):
        try:
            page = pdf[number - 1]
        except pdfium.PdfiumError:
            failed.append(number)
            sheets.append(Sheet(0.0, 0.0))
            continue
        sheet = sheet_of(page)
        if (not sheet.lines and _has_pictures(page)) or _is_stamped_scan(page, sheet):
            found = recognised(page, source.name) if source.limits.ocr else Sheet(0.0, 0.0)
            (read_from_pictures if found.lines else bare).append(number)
            sheet = found if found.lines else sheet
        sheets.append(sheet)
        page.close()
    if not any(sheet.lines for sheet in sheets):
        raise _nothing(source.name, pictures=bool(bare), failed=bool(failed))
    text = PdfText(source.limits, sheets)
    aside = set_aside(sheets)
    for number, sheet in enumerate(sheets, 1):
        text.add(number, sheet, [line for line in sheet.lines if id(line) not in aside])
    notes = list(_notes(bare, failed, read_from_pictures))
    document = text.document(source, _title(pdf, source.name), notes)
    return replace(document, unrecognised=bool(bare) and not source.limits.ocr)


def _nothing(name: str, *, pictures: bool, failed: bool) -> DocumentError:
    if pictures:
        return DocumentError(
            f"{name} is scanned: its pages are pictures, without any text.",
            reason="scanned",
            remedy="Install Tesseract and add it with --ocr (a server: QA_OCR=true), or run "
            "`ocrmypdf in.pdf out.pdf` over it first.",
        )
    if failed:
        return corrupted(name, "no page of it can be read")
    return DocumentError(
        f"{name} holds no text.", reason="empty", remedy="Its pages are blank: save it again from its source."
    )


def _notes(bare: Sequence[int], failed: Sequence[int], read_from_pictures: Sequence[int]) -> Iterator[str]:
    if read_from_pictures:
        yield f"recognised from pictures: page {_listed(read_from_pictures)}"
    if bare:
        yield f"pictures without text: page {_listed(bare)}"
    if failed:
        yield f"damaged: page {_listed(failed)}"


def _listed(numbers: Sequence[int]) -> str:
    shown = ", ".join(map(str, numbers[:10]))
    return shown if len(numbers) <= 10 else f"{shown} and {len(numbers) - 10} more"


def _has_pictures(page: pdfium.PdfPage) -> bool:
    kinds = (raw.FPDF_PAGEOBJ_IMAGE, raw.FPDF_PAGEOBJ_PATH, raw.FPDF_PAGEOBJ_SHADING, raw.FPDF_PAGEOBJ_FORM)
    return any(True for _ in page.get_objects(filter=kinds, max_depth=2))


def _is_stamped_scan(page: pdfium.PdfPage, sheet: Sheet) -> bool:
    """Whether a page is a picture with nothing but a stamp at its edges, such as a court's or a library's.

    A picture behind text has it elsewhere, too, and a scan whose text was recognised has more of it.
    """
    if not 0 < sum(len(line.text) for line in sheet.lines) <= _STAMP:
        return False
    tall = sheet.tall
    across = sheet.height if sheet.turn else sheet.width
    edges = all(
        line.bottom <= _EDGE * tall
        or line.top >= (1 - _EDGE) * tall
        or line.right <= _EDGE * across
        or line.left >= (1 - _EDGE) * across
        for line in sheet.lines
    )
    return edges and _covered(page) >= _SCANNED


def _covered(page: pdfium.PdfPage) -> float:
    """How much of a page pictures cover; a scan may be one in strips."""
    width, height = page.get_size()
    boxes = (one.get_bounds() for one in page.get_objects(filter=(raw.FPDF_PAGEOBJ_IMAGE,), max_depth=2))
    areas = ((right - left) * (top - bottom) for left, bottom, right, top in boxes)
    return sum(areas) / max(1.0, width * height)


def _title(pdf: pdfium.PdfDocument, name: str) -> str:
    """The title in its properties, where it is one: programs put file names there, and worse."""
    size = raw.FPDF_GetMetaText(pdf.raw, b"Title", None, 0)
    buffer = ctypes.create_string_buffer(size)
    raw.FPDF_GetMetaText(pdf.raw, b"Title", buffer, size)
    # pypdfium2's own way to it fails where there are halves of characters.
    title = cleaned(buffer.raw[:size].decode("utf-16-le", errors="ignore"))
    plain = re.search(r"\w{2}", title) and not re.search(
        r"\.\w{2,4}$|^\W*(untitled|anonymous|microsoft|powerpoint)", title, re.IGNORECASE
    )
    return title if plain else PurePath(name).name

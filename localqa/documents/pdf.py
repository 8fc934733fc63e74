"""PDF: its lines in reading order, made into paragraphs, with the place of every character."""

import re
from collections.abc import Iterator, Sequence
from pathlib import PurePath

import pypdfium2 as pdfium
import pypdfium2.raw as raw

from localqa.documents.document import Document, DocumentError, Page
from localqa.documents.formats import Source, corrupted, encrypted
from localqa.documents.pdf_lines import Line, lines_of
from localqa.documents.pdf_text import PdfText, body_size, is_mostly_bold, running_heads

_WRONG_PASSWORD = raw.FPDF_ERR_PASSWORD
_MOST_PAGES = 20_000


def read_pdf(source: Source) -> Document:
    """The text of a PDF.

    Raises:
        DocumentError: it is damaged, needs a password, or holds pictures of text alone.
    """
    pdf = opened(source)
    try:
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
    sheets: list[tuple[float, float, list[Line]]] = []
    bare, failed = [], []
    for number in range(1, len(pdf) + 1):
        try:
            page = pdf[number - 1]
        except pdfium.PdfiumError:
            failed.append(number)
            sheets.append((0.0, 0.0, []))
            continue
        lines = lines_of(page)
        if not lines and _has_pictures(page):
            bare.append(number)
        sheets.append((*page.get_size(), lines))
        page.close()
    if not any(lines for _, _, lines in sheets):
        raise _nothing(source.name, pictures=bool(bare), failed=bool(failed))
    every = [lines for _, _, lines in sheets]
    text = PdfText(source.limits, body_size(every), bold=is_mostly_bold(every))
    aside = running_heads(sheets)
    pages = []
    for number, (width, height, lines) in enumerate(sheets, 1):
        start = text.begin_page()
        text.add(number, [line for line in lines if id(line) not in aside])
        pages.append(Page(number, start, max(start, len(text)), width, height))
    return text.document(source, _title(pdf, source.name), pages, list(_notes(bare, failed)))


def _nothing(name: str, *, pictures: bool, failed: bool) -> DocumentError:
    if pictures:
        return DocumentError(
            f"{name} is scanned: its pages are pictures, without any text.",
            reason="scanned",
            remedy="Run a text recognition over it first, such as `ocrmypdf in.pdf out.pdf`.",
        )
    if failed:
        return corrupted(name, "no page of it can be read")
    return DocumentError(f"{name} holds no text.", reason="empty")


def _notes(bare: Sequence[int], failed: Sequence[int]) -> Iterator[str]:
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


def _title(pdf: pdfium.PdfDocument, name: str) -> str:
    """The title in its properties, where it is one: programs put file names there, and worse."""
    title = " ".join(pdf.get_metadata_value("Title").split())
    plain = re.search(r"\w{2}", title) and not re.search(
        r"\.\w{2,4}$|^\W*(untitled|anonymous|microsoft|powerpoint)", title, re.IGNORECASE
    )
    return title if plain else PurePath(name).name

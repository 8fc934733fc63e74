"""Drawing a page of a PDF, in the process that reads files."""

import base64
import io

from localqa.documents.document import DocumentError
from localqa.documents.formats import Source
from localqa.documents.limits import Limits
from localqa.documents.pdf import opened

_MOST_PIXELS = 20_000_000


def picture_of(data: bytes, name: str, page: int, *, dpi: int, password: str | None) -> str:
    """A page as a PNG, in base64.

    Raises:
        DocumentError: the file cannot be read, or has no such page.
    """
    pdf = opened(Source(data, name, "application/pdf", "", Limits(), password))
    try:
        if not 1 <= page <= len(pdf):
            raise DocumentError(
                f"{name} has no page {page}.", reason="unreadable", remedy=f"It has {len(pdf)}."
            )
        sheet = pdf[page - 1]
        width, height = sheet.get_size()
        # A page of a poster, or of a liar, is drawn smaller.
        scale = min(dpi / 72, (_MOST_PIXELS / max(1.0, width * height)) ** 0.5)
        stream = io.BytesIO()
        # Whoever lays boxes over it is told how large it is drawn.
        sheet.render(scale=scale).to_pil().save(stream, "PNG", dpi=(scale * 72, scale * 72))
    finally:
        pdf.close()
    return base64.b64encode(stream.getvalue()).decode()

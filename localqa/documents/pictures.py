"""Pictures of the pages of a PDF."""

import base64

from localqa.documents.limits import Limits
from localqa.documents.process import ReadingProcess


def page_picture(data: bytes, number: int, *, dpi: int = 110, password: str | None = None) -> bytes:
    """A page as a PNG; a point of the page is `dpi / 72` pixels, less where it would be a poster.

    Args:
        data: of the PDF.
        number: of the page, from 1 on.
        dpi: dots in an inch.
        password: of the PDF.

    Raises:
        DocumentError: the file cannot be read, or has no such page.
    """
    limits = Limits(seconds=30)
    with ReadingProcess(limits) as process:
        answer = process.ask(
            data, "page.pdf", do="picture", page=number, dpi=dpi, digest="", password=password
        )
    return base64.b64decode(answer["picture"])

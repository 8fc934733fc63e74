"""Which formats are read, how they are known, and who reads each."""

import codecs
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import PurePath
from typing import Final

from localqa.documents.document import Document, DocumentError
from localqa.documents.encodings import wide_encoding
from localqa.documents.limits import Limits


@dataclass(frozen=True, slots=True)
class Source:
    """A file as its reader gets it."""

    data: bytes
    name: str
    media_type: str
    digest: str
    limits: Limits
    password: str | None = None


Read = Callable[[Source], Document]

_OFFICE: Final = "application/vnd.openxmlformats-officedocument."
FORMATS: Final[Mapping[str, tuple[str, str]]] = {
    ".pdf": ("application/pdf", "pdf.read_pdf"),
    ".docx": (f"{_OFFICE}wordprocessingml.document", "word.read_docx"),
    ".pptx": (f"{_OFFICE}presentationml.presentation", "slides.read_pptx"),
    ".xlsx": (f"{_OFFICE}spreadsheetml.sheet", "sheets.read_xlsx"),
    ".odt": ("application/vnd.oasis.opendocument.text", "opendocument.read_odt"),
    ".epub": ("application/epub+zip", "books.read_epub"),
    ".rtf": ("application/rtf", "rich.read_rtf"),
    ".html": ("text/html", "plain.read_html"),
    ".htm": ("text/html", "plain.read_html"),
    ".xhtml": ("text/html", "plain.read_html"),
    ".eml": ("message/rfc822", "mails.read_eml"),
    ".md": ("text/markdown", "plain.read_markdown"),
    ".markdown": ("text/markdown", "plain.read_markdown"),
    ".txt": ("text/plain", "plain.read_text"),
    ".text": ("text/plain", "plain.read_text"),
    ".rst": ("text/plain", "plain.read_text"),
    ".log": ("text/plain", "plain.read_text"),
}
"""End of a name -> media type, and the function that reads it, loaded when it is needed."""
_OLE: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
"""How old Office files begin, and encrypted new ones."""
_ZIP: Final = (b"PK\x03\x04", b"PK\x05\x06")
_DOCUMENTS: Final = (b"%PDF-", b"{\\rtf", *_ZIP, _OLE)
"""How documents begin that would be taken for text, or for nothing, under another name."""
_ZIPPED: Final = frozenset((".docx", ".pptx", ".xlsx", ".odt", ".epub"))
_HEAD: Final = 1024
"""Bytes in which a PDF's own beginning is looked for."""


def is_known(name: str) -> bool:
    """Whether files of this name are read."""
    return PurePath(name).suffix.lower() in FORMATS


def media_type_of(name: str) -> str:
    """The media type of a name that is known."""
    return FORMATS[PurePath(name).suffix.lower()][0]


def reader_of(data: bytes, name: str) -> Read:
    """What reads a file, after a look at how it begins.

    Raises:
        DocumentError: nothing reads it, it is empty, or it is not what its name says.
    """
    suffix = PurePath(name).suffix.lower()
    if suffix not in FORMATS:
        raise unsupported(name)
    if not data.strip(b"\x00 \t\r\n"):
        raise DocumentError(
            f"{name} is empty.", reason="empty", remedy="Save or fetch it again: it may have been cut off."
        )
    _check_beginning(data, name, suffix)
    module, _, function = FORMATS[suffix][1].partition(".")
    found: Read = getattr(import_module(f"localqa.documents.{module}"), function)
    return found


def unsupported(name: str) -> DocumentError:
    """The error of a file that nothing reads."""
    return DocumentError(
        f"{name} is of no format that is read.",
        reason="unsupported",
        remedy=f"Read are {', '.join(FORMATS)}; save it as one of them.",
    )


def corrupted(name: str, why: object = "") -> DocumentError:
    """The error of a damaged file."""
    told = " ".join(str(why).split())[:200]
    return DocumentError(
        f"{name} is damaged{f' ({told})' if told else ''}.",
        reason="corrupted",
        remedy="Save or fetch it again.",
    )


def encrypted(name: str, *, wrong: bool = False) -> DocumentError:
    """The error of a file that needs a password, or another one."""
    return DocumentError(
        f"{name} is encrypted{', and the password is not its' if wrong else ''}.",
        reason="encrypted",
        remedy="Give its password, or save it without one."
        if PurePath(name).suffix.lower() == ".pdf"
        else "Save it without a password.",
    )


def _check_beginning(data: bytes, name: str, suffix: str) -> None:
    if suffix == ".pdf":
        if b"%PDF-" not in data[:_HEAD]:
            raise corrupted(name, "it does not begin as a PDF does")
    elif suffix in _ZIPPED:
        if data.startswith(_OLE):
            raise encrypted(name)
        if not data.startswith(_ZIP):
            raise corrupted(name, "it is no ZIP archive, as this format is")
    elif is_binary(data):
        raise DocumentError(
            f"{name} is no text, whatever its name says.",
            reason="unsupported",
            remedy="Give it the ending of its format, or save it as text.",
        )


def is_document(data: bytes) -> bool:
    """Whether it begins as a document does that is no plain text."""
    return data.startswith(_DOCUMENTS)


def is_binary(data: bytes) -> bool:
    """Whether it begins with zeros as no encoding of text has them."""
    head = data[:_HEAD]
    marked = head.startswith((codecs.BOM_UTF16_BE, codecs.BOM_UTF16_LE))
    return b"\x00" in head and not marked and not wide_encoding(head)

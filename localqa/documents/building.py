"""Putting the text of a document together from blocks: headings, paragraphs, rows of tables, pages."""

import re
from collections.abc import Sequence
from typing import Final

from localqa.documents.document import Document, DocumentError, Heading, Page
from localqa.documents.limits import Limits

CELL: Final = " | "
"""Parts the cells of a row."""
_SPACE: Final = re.compile(r"[^\S\n]+")
_LINES: Final = re.compile(r" ?\n[ \n]*")
_LINE_ENDS: Final = re.compile("\r\n|[\r\v\f]")
"""But for the usual one: those of other systems, soft ones, and ends of pages."""
_INVISIBLE: Final = re.compile("[\x00-\x08\x0e-\x1f\x7f\u00ad\u200b\u2060\ufeff\ufffe\uffff\ud800-\udfff]")
"""Controls, soft hyphens, marks without width, and what is no text."""


class Builder:
    """The text of a document as it grows.

    Args:
        limits: of its length.
    """

    def __init__(self, limits: Limits) -> None:
        self._most = limits.characters
        self._parts: list[str] = []
        self._length = 0
        self._headings: list[Heading] = []
        self._pages: list[Page] = []
        self._notes: list[str] = []
        self._in_table = False

    @property
    def is_empty(self) -> bool:
        """Whether nothing was added."""
        return not self._length

    def paragraph(self, text: str, *, lines: bool = False) -> None:
        """Add a paragraph; its line breaks count as spaces, unless `lines` keeps them."""
        clean = cleaned(text, lines=lines)
        if clean:
            self._add(clean, "\n\n")
            self._in_table = False

    def heading(self, text: str, level: int) -> None:
        """Add a heading."""
        clean = cleaned(text)
        if clean:
            start = self._add(clean, "\n\n")
            self._headings.append(Heading(start, start + len(clean), level))
            self._in_table = False

    def row(self, cells: Sequence[str]) -> None:
        """Add a row of a table below the one before."""
        texts = [cleaned(cell) for cell in cells]
        while texts and not texts[-1]:
            texts.pop()
        if any(texts):
            self._add(CELL.join(texts), "\n" if self._in_table else "\n\n")
            self._in_table = True

    def end_table(self) -> None:
        """What follows is no row of the table before."""
        self._in_table = False

    def begin_page(self, number: int) -> None:
        """What follows is on a new page (a slide, a sheet)."""
        self._in_table = False
        start = self._length + (2 if self._length else 0)
        self._pages.append(Page(number, start, start, 0.0, 0.0))

    def note(self, text: str) -> None:
        """Tell people of what was set aside or could not be read."""
        self._notes.append(text)

    def built(self, name: str, media_type: str, digest: str, *, title: str = "") -> Document:
        """The document.

        Raises:
            DocumentError: there is no text.
        """
        if self.is_empty:
            raise empty(name, self._notes)
        ends = [*(page.start for page in self._pages[1:]), self._length][: len(self._pages)]
        pages = [
            Page(page.number, min(page.start, self._length), min(end, self._length), 0.0, 0.0)
            for page, end in zip(self._pages, ends, strict=True)
        ]
        shown = cleaned(title) or name
        return Document(
            name,
            media_type,
            digest,
            shown,
            "".join(self._parts),
            tuple(pages),
            tuple(self._headings),
            (),
            tuple(dict.fromkeys(self._notes)),
        )

    def _add(self, text: str, before: str) -> int:
        before = before if self._length else ""
        start = self._length + len(before)
        self._parts += (before, text)
        self._length = start + len(text)
        if self._length > self._most:
            raise too_long(self._most)
        return start


def cleaned(text: str, *, lines: bool = False) -> str:
    """A text without what cannot be seen, and with single spaces."""
    visible = _INVISIBLE.sub("", _LINE_ENDS.sub("\n", text))
    spaced = _SPACE.sub(" ", visible)
    return _LINES.sub("\n" if lines else " ", spaced).strip()


def empty(name: str, notes: Sequence[str] = ()) -> DocumentError:
    """The error of a file without any text that is read."""
    told = f" ({'; '.join(notes)})" if notes else ""
    return DocumentError(
        f"{name} holds no text{told}.",
        reason="empty",
        remedy="Text in pictures: save it as a PDF and add that with --ocr. Attached files: add them, too.",
    )


def too_long(most: int) -> DocumentError:
    """The error of a text over the limit."""
    return DocumentError(
        f"It holds more than {most:,} characters.", reason="too_large", remedy="Split it into several files."
    )

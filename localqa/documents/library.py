"""What a library of documents is, whatever keeps it: collections, passages found by words and vectors."""

import hashlib
import re
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from localqa.documents.document import Document
from localqa.documents.passages import Passage
from localqa.errors import LocalQAError

DEFAULT_COLLECTION: Final = "default"
COLLECTION_NAME: Final = r"^[a-z0-9][a-z0-9._-]{0,63}$"
"""What a collection may be called (for pydantic, whose `$` is the very end of the text)."""

_ID: Final = re.compile("[0-9a-f]{16}")

Vectors = NDArray[np.float32]


class LibraryError(LocalQAError):
    """The library cannot be opened, or was made with another embedder."""

    code = "bad_library"


class LibraryUnavailableError(LibraryError):
    """The library's server is away for now, or busy; nothing is there by half, and asking again may help."""

    code = "library_unavailable"


class DocumentNotFoundError(LocalQAError):
    """No document of that id is in the library."""

    code = "document_not_found"


class CollectionNotFoundError(LocalQAError):
    """No collection of that name is in the library."""

    code = "collection_not_found"


@dataclass(frozen=True, slots=True)
class Item:
    """A document about to be kept.

    Attributes:
        collection: it belongs to.
        source: what it is known by in there: a path, or the name that it was sent by.
        document: what was read.
        passages: of its text.
        vectors: of the passages, of length one, shape (passages, length).
        embedder: identity of what made the vectors.
        original: the file's bytes, where pictures of its pages are to be made.
    """

    collection: str
    source: str
    document: Document
    passages: Sequence[Passage]
    vectors: Vectors
    embedder: str
    original: bytes | None = None

    @property
    def id(self) -> str:
        """See `document_id`."""
        return document_id(self.collection, self.source)

    def entry(self) -> "Entry":
        """What is told of it once it is kept, which is now."""
        document = self.document
        return Entry(
            self.id,
            self.collection,
            document.name,
            self.source,
            document.media_type,
            document.digest,
            document.title,
            len(document.text),
            len(document.pages),
            len(self.passages),
            time.time(),
            self.embedder,
        )


@dataclass(frozen=True, slots=True)
class Entry:
    """What is told of a document in the library.

    Attributes:
        id: stays the same when the document is read anew.
        collection: it belongs to.
        name: file name, or what it was sent as.
        source: the path it was read from, or the name that it was sent by.
        media_type: of the file.
        digest: SHA-256 of the file's bytes.
        title: its own, or its name.
        characters: code points of its text.
        pages: how many; 0 for formats without pages.
        passages: how many.
        added: seconds since 1970.
        embedder: identity of what made its vectors.
    """

    id: str
    collection: str
    name: str
    source: str
    media_type: str
    digest: str
    title: str
    characters: int
    pages: int
    passages: int
    added: float
    embedder: str


@dataclass(frozen=True, slots=True)
class Scope:
    """What a search looks through: all, a collection, or some documents by their ids."""

    collection: str | None = None
    documents: tuple[str, ...] = ()


ALL: Final = Scope()
ENTRY_COLUMNS: Final = tuple(field.name for field in fields(Entry))
"""The columns of a table of documents."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A passage in the library: its number, its document, and where its text stands there."""

    number: int
    document: Entry
    start: int
    end: int
    headings: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Collection:
    """A collection and what it holds."""

    name: str
    documents: int
    passages: int


class Library(Protocol):
    """Keeps documents and finds their passages; safe to use from several threads and processes."""

    def put(self, item: Item, *, instead_of: Entry | None = None) -> Entry:
        """Keep a document, in place of the one of the same id; whole or not at all.

        Args:
            item: the document.
            instead_of: what is there of it now, as far as is known; None: it may be anything, or nothing.

        Raises:
            DocumentNotFoundError: that has been changed or removed meanwhile.
            ResourceError: the disk is full.
            LibraryError: the library cannot be written.
        """

    def remove(self, document: str) -> None:
        """Forget a document; none of its text is left in a library's file, see there for a server's disk.

        Raises:
            DocumentNotFoundError: it is not there.
        """

    def removing(self) -> AbstractContextManager[None]:
        """Within it this thread removes and replaces documents and tidies up once, at the end."""

    def entries(self, scope: Scope = ALL, *, first: int = 0, most: int | None = None) -> list[Entry]:
        """The documents, in the order of their collections and names."""

    def entry(self, document: str) -> Entry:
        """A document by its id; raises DocumentNotFoundError."""

    def document(self, document: str) -> Document:
        """Its text with pages and places; raises DocumentNotFoundError."""

    def original(self, document: str) -> bytes | None:
        """The file's bytes, where they were kept; raises DocumentNotFoundError."""

    def collections(self) -> list[Collection]:
        """The collections, by name."""

    def embedders(self) -> set[str]:
        """The identities of what made the vectors of its documents."""

    def by_words(self, words: Sequence[str], scope: Scope, most: int) -> list[tuple[int, float]]:
        """Numbers and BM25 scores (higher is better) of the passages that share most with some words."""

    def by_vector(self, vector: Vectors, scope: Scope, most: int) -> list[tuple[int, float]]:
        """Numbers and cosines of the passages whose vectors are nearest to one of length one."""

    def cosines(self, vector: Vectors, numbers: Sequence[int]) -> list[float]:
        """Cosines of some passages' vectors with one of length one."""

    def passages(self, numbers: Sequence[int]) -> list[Kept]:
        """Passages by their numbers, in this order; those that were removed meanwhile are left out."""

    def size(self) -> int:
        """Bytes of the library on its disk."""

    def close(self) -> None:
        """Let go of files and connections."""


class ReadOnce:
    """Documents by their ids, each read when it is first asked for, and once.

    Args:
        read: `document` of a library, or of what opens one when it is first needed.
        pages: tells pages.
    """

    def __init__(self, read: Callable[[str], Document], pages: "Pages") -> None:
        self._read = read
        self._known: dict[str, Document] = {}
        self.page_at = pages.page_at

    def __getitem__(self, document: str) -> Document:
        if document not in self._known:
            self._known[document] = self._read(document)
        return self._known[document]


class Pages:
    """Where the pages of documents begin: for that alone no document is unpacked twice. Thread-safe.

    Args:
        read: see `ReadOnce`.
        most: documents that are remembered.
    """

    def __init__(self, read: Callable[[str], Document], most: int = 1000) -> None:
        self._starts = lru_cache(most)(lambda document, added: read(document).page_starts)

    def page_at(self, document: Entry, at: int) -> int | None:
        """Number of the page that a character of a document is on; None for formats without pages."""
        return self._starts(document.id, document.added).page_at(at) if document.pages else None


def document_id(collection: str, source: str) -> str:
    """The id of a document: the same whenever the same file is read into the same collection."""
    return hashlib.sha256(f"{collection}\0{source}".encode()).hexdigest()[:16]


def is_id(text: str) -> bool:
    """Whether it is written as the ids of documents are."""
    return _ID.fullmatch(text) is not None


def not_there(document: str) -> DocumentNotFoundError:
    """The error of an id that no document has."""
    return DocumentNotFoundError(f"There is no document '{document}' in the library.")

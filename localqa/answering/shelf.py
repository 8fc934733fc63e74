"""The library of a server: opened when it is first needed, its documents embedded by the reader."""

import threading
from collections.abc import Callable, Sequence

from localqa.documents.document import Document
from localqa.documents.importing import Importer
from localqa.documents.library import (
    DEFAULT_COLLECTION,
    CollectionNotFoundError,
    DocumentNotFoundError,
    Library,
    LibraryError,
    Pages,
    ReadOnce,
    Scope,
    Vectors,
    is_id,
    not_there,
)
from localqa.documents.limits import Limits
from localqa.documents.opening import open_library
from localqa.documents.places import is_there
from localqa.reading.reads import Reads


class ReaderEmbedder:
    """The reader as that which makes the vectors of passages; see `Embedder`.

    Args:
        reader: gives BERT, or raises NotReadyError while it is loaded.
    """

    def __init__(self, reader: Callable[[], Reads]) -> None:
        self._reader = reader

    @property
    def identity(self) -> str:
        """Of the base that embeds."""
        return self._reader().embedder().identity

    def vectors(self, texts: Sequence[str]) -> Vectors:
        """Vectors of length one, shape (texts, length)."""
        return self._reader().embed(texts)[0]


class Shelf:
    """One library for all requests.

    Args:
        where: it is, see `open_library`.
        reader: gives BERT.
        ocr: whether scanned pages are recognised.
    """

    def __init__(self, where: str, reader: Callable[[], Reads], *, ocr: bool = False) -> None:
        self._limits = Limits(ocr=ocr)
        self.embedder = ReaderEmbedder(reader)
        self._where = where
        self._library: Library | None = None
        self._pages = Pages(self.document)
        self._opening = threading.Lock()

    @property
    def library(self) -> Library:
        """The library, which is made where it is not there yet; raises as `open_library` does."""
        with self._opening:
            if self._library is None:
                self._library = open_library(self._where)
            return self._library

    @property
    def holds_documents(self) -> bool:
        """Whether there is a library with something in it; none is made."""
        if self._library is None and not is_there(self._where):
            return False
        return bool(self.library.entries(most=1))

    @property
    def searched(self) -> Library:
        """The library, whose vectors can be compared with those of questions.

        Raises:
            LibraryError: another base made some of them.
        """
        if self.library.embedders() - {self.embedder.identity}:
            raise LibraryError(
                "Another base than the one that is served made the vectors of the library.",
                remedy="Run `localqa documents reindex`, or set QA_BASE to the base of before.",
            )
        return self.library

    def document(self, document: str) -> Document:
        """A document of the library by its id; raises DocumentNotFoundError."""
        return self.library.document(document)

    def documents(self) -> ReadOnce:
        """Those of one answer."""
        return ReadOnce(self.document, self._pages)

    def holding(self, document: str) -> Library:
        """The library, if it holds a document of this id; raises DocumentNotFoundError."""
        if not is_id(document) or not self.holds_documents:
            raise not_there(document)
        self.library.entry(document)
        return self.library

    def check(self, scope: Scope) -> None:
        """Refuse to look where nothing is.

        Raises:
            CollectionNotFoundError, DocumentNotFoundError: naming what is not there.
        """
        known = self.library.collections() if self.holds_documents else []
        if scope.collection is not None and scope.collection not in {one.name for one in known}:
            raise CollectionNotFoundError(f"There is no collection '{scope.collection}' in the library.")
        for document in scope.documents:
            library = self.holding(document)
            if scope.collection is None:
                continue
            own = library.entry(document).collection
            if own != scope.collection:
                raise DocumentNotFoundError(
                    f"The document '{document}' is not in the collection '{scope.collection}'.",
                    remedy=f"It is in '{own}'.",
                )

    def importer(self, collection: str = DEFAULT_COLLECTION, password: str | None = None) -> Importer:
        """What brings documents into a collection."""
        return Importer(self.library, self.embedder, collection, self._limits, password)

    def close(self) -> None:
        """Let go of the library."""
        with self._opening:
            if self._library is not None:
                self._library.close()
                self._library = None

"""Files into the library: the unchanged are passed over, the changed read anew, the vanished may go."""

import contextlib
import hashlib
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, Protocol, TypeAlias

from localqa.documents.building import empty
from localqa.documents.document import Document, DocumentError
from localqa.documents.library import (
    DEFAULT_COLLECTION,
    DocumentNotFoundError,
    Entry,
    Item,
    Library,
    Scope,
    Vectors,
    document_id,
)
from localqa.documents.limits import Limits
from localqa.documents.passages import Passage, split_passages
from localqa.documents.process import ReadingProcess
from localqa.documents.reading import check_size, read_bytes
from localqa.documents.walk import Found, Skipped, is_gone, walk

PDF: Final = "application/pdf"
_MOST_PASSAGES: Final = 50_000
"""Of a document; the longest text that is read has fewer, but for one of hardly more than headings."""
_REMOVE: Final = "Remove them with `localqa documents remove`, if they are gone for good."
State: TypeAlias = Literal["added", "replaced", "unchanged", "removed", "skipped", "failed"]


class Embedder(Protocol):
    """Makes the vectors of passages and questions."""

    @property
    def identity(self) -> str:
        """What they are made by; those of different identities cannot be compared."""

    def vectors(self, texts: Sequence[str]) -> Vectors:
        """Vectors of length one, shape (texts, length)."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a file.

    Attributes:
        name: of the file, as it was found.
        state: what was done.
        reason: why it was skipped or failed; "" else.
        entry: what the library has of it.
        remedy: what to do about it.
    """

    name: str
    state: State
    reason: str = ""
    entry: Entry | None = None
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Importer:
    """Brings files into a collection of a library.

    Attributes:
        library: that keeps them.
        embedder: of their passages.
        collection: they belong to.
        limits: of reading a file.
        password: of encrypted files.
    """

    library: Library
    embedder: Embedder
    collection: str = DEFAULT_COLLECTION
    limits: Limits = Limits()
    password: str | None = None

    def add(self, paths: Sequence[Path], *, sync: bool = False) -> Iterator[Outcome]:
        """Read files and folders, and tell of each file once it is done.

        Args:
            paths: files, and folders with all that is below them.
            sync: remove documents that were read from these paths and are there no longer.

        Raises:
            ResourceError: the disk is full; what was told of before is kept.
            LibraryError: the library cannot be written.
        """
        seen: set[str] = set()
        with self.library.removing(), ReadingProcess(self.limits) as process:
            for one in walk(paths):
                if isinstance(one, Skipped):
                    yield Outcome(str(one.path), "skipped", one.reason)
                    continue
                source = str(one.path.resolve())
                seen.add(source)
                yield self._add_file(one, source, process)
            if sync:
                yield from self._remove_vanished(paths, seen)

    def add_all(self, files: Iterable[tuple[str, bytes]]) -> Generator[Outcome, None, None]:
        """Read files that were sent, each by its name and its bytes; as `add` does."""
        with self.library.removing(), ReadingProcess(self.limits) as process:
            for name, data in files:
                yield self._add_bytes(data, name, process)

    def _add_file(self, found: Found, source: str, process: ReadingProcess) -> Outcome:
        if self._is_unchanged(known := self._known(source), found.digest):
            return Outcome(found.name, "unchanged", entry=known)
        try:
            check_size(found.path.stat().st_size, found.name, self.limits)
            data = found.path.read_bytes()
        except DocumentError as e:
            return Outcome(found.name, "failed", e.message, known, e.remedy)
        except OSError as e:
            return Outcome(found.name, "failed", f"cannot be read: {e.strerror}", known)
        return self._read(data, found.name, source, known, process)

    def _add_bytes(self, data: bytes, name: str, process: ReadingProcess) -> Outcome:
        if self._is_unchanged(known := self._known(name), hashlib.sha256(data).hexdigest()):
            return Outcome(name, "unchanged", entry=known)
        return self._read(data, name, name, known, process)

    def _read(
        self, data: bytes, name: str, source: str, known: Entry | None, process: ReadingProcess
    ) -> Outcome:
        """Read a file that is new, or has changed: what was kept of it before stays where that fails."""
        try:
            document = read_bytes(data, name, limits=self.limits, password=self.password, process=process)
            original = data if document.media_type == PDF else None
            item = item_of(
                document, self.embedder, collection=self.collection, source=source, original=original
            )
            entry = self.library.put(item)
        except DocumentError as e:
            return Outcome(name, "failed", e.message, known, e.remedy)
        return Outcome(name, "added" if known is None else "replaced", "; ".join(document.notes), entry)

    def _is_unchanged(self, known: Entry | None, digest: str) -> bool:
        if known is None or (known.digest, known.embedder) != (digest, self.embedder.identity):
            return False
        # What was added before recognition was switched on has pages to recognise now.
        return not (
            self.limits.ocr and known.media_type == PDF and self.library.document(known.id).unrecognised
        )

    def _known(self, source: str) -> Entry | None:
        found = self.library.entries(Scope(documents=(document_id(self.collection, source),)))
        return found[0] if found else None

    def _remove_vanished(self, paths: Sequence[Path], seen: set[str]) -> Iterator[Outcome]:
        kept = self.library.entries(Scope(self.collection))
        for root in dict.fromkeys(path.resolve() for path in paths):
            inside = [one for one in kept if root in (Path(one.source), *Path(one.source).parents)]
            if root.is_dir() and inside and not any(one.source in seen for one in inside):
                # Such is a place where a disk or a share is not mounted now.
                told = (
                    f"the library has {len(inside)} documents from here, and none is here: nothing is removed"
                )
                yield Outcome(str(root), "skipped", told, remedy=_REMOVE)
                continue
            for entry in inside:
                if entry.source in seen or not is_gone(Path(entry.source)):
                    continue
                seen.add(entry.source)
                with contextlib.suppress(DocumentNotFoundError):
                    self.library.remove(entry.id)
                    yield Outcome(entry.source, "removed", entry=entry)


def item_of(
    document: Document, embedder: Embedder, *, collection: str, source: str, original: bytes | None = None
) -> Item:
    """A document with its passages and their vectors, ready to be kept.

    Raises:
        DocumentError: it has no text.
    """
    passages = split_passages(document)
    if not passages:
        raise empty(document.name)
    if len(passages) > _MOST_PASSAGES:
        raise DocumentError(
            f"{document.name} makes {len(passages):,} passages, at most {_MOST_PASSAGES:,} are kept.",
            reason="too_large",
            remedy="Split it.",
        )
    texts = [embedded(passage, document.text) for passage in passages]
    return Item(collection, source, document, passages, embedder.vectors(texts), embedder.identity, original)


def embedded(passage: Passage, text: str) -> str:
    """What a passage's vector is made of: its words below the headings that it stands under."""
    return "\n".join((*passage.headings, text[passage.start : passage.end]))


def reindex(library: Library, embedder: Embedder) -> Iterator[Outcome]:
    """Make passages and vectors of all documents anew, where another embedder made them."""
    for entry in library.entries():
        if entry.embedder == embedder.identity:
            yield Outcome(entry.name, "unchanged", entry=entry)
            continue
        try:
            item = item_of(
                library.document(entry.id),
                embedder,
                collection=entry.collection,
                source=entry.source,
                original=library.original(entry.id),
            )
            yield Outcome(entry.name, "replaced", entry=library.put(item, instead_of=entry))
        except DocumentNotFoundError:
            yield Outcome(entry.name, "skipped", "was changed or removed meanwhile")

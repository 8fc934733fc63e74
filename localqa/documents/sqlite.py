"""A library in one SQLite file: FTS5 finds words, a scan over the vectors finds meanings.

Readers never wait for the writer (write-ahead log), and several processes can use the file at once. What was
removed is overwritten: SQLite's secure_delete sees to the rows, and after a removal the index of words is
merged anew and the log emptied, so that no page of the file holds a word of it.
"""

import contextlib
import json
import sqlite3
import threading
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import astuple
from pathlib import Path
from typing import Final

import numpy as np

from localqa.documents.document import Document
from localqa.documents.indexed import TOKENIZE, any_of, indexed
from localqa.documents.library import (
    ALL,
    ENTRY_COLUMNS,
    Collection,
    Entry,
    Item,
    Kept,
    LibraryError,
    Scope,
    Vectors,
    not_there,
)
from localqa.documents.sqlite_connections import connected, make_file, told
from localqa.documents.vectors import HALF, Row, VectorIndex
from localqa.errors import ResourceError

_VERSION: Final = 1
_TABLES: Final = f"""
CREATE TABLE IF NOT EXISTS documents (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, collection TEXT NOT NULL,
    name TEXT NOT NULL, source TEXT NOT NULL, media_type TEXT NOT NULL, digest TEXT NOT NULL,
    title TEXT NOT NULL, characters INTEGER NOT NULL, pages INTEGER NOT NULL, passages INTEGER NOT NULL,
    added REAL NOT NULL, embedder TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS documents_of_collections ON documents (collection, name);
CREATE TABLE IF NOT EXISTS texts (
    document INTEGER PRIMARY KEY REFERENCES documents (number), content BLOB NOT NULL, original BLOB
);
CREATE TABLE IF NOT EXISTS passages (
    number INTEGER PRIMARY KEY AUTOINCREMENT, document INTEGER NOT NULL REFERENCES documents (number),
    start INTEGER NOT NULL, "end" INTEGER NOT NULL, headings TEXT NOT NULL, text TEXT NOT NULL,
    vector BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS passages_of_documents ON passages (document);
CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
INSERT OR IGNORE INTO counters VALUES ('removals', 0), ('untidy', 0);
CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5(
    text, content='', tokenize='{TOKENIZE}'
);
"""
_ENTRY: Final = ", ".join(ENTRY_COLUMNS)
_RANKED: Final = 120_000
"""Places of words that are ranked for a question, which takes a twentieth of a second."""


class SqliteLibrary:
    """See `Library`.

    Args:
        path: of the file; it is made, with its folder, where it is not there yet.

    Raises:
        LibraryError: it cannot be opened, or is no library.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._local = threading.local()
        self._opened: list[sqlite3.Connection] = []
        self._writing = threading.RLock()
        self._vectors = VectorIndex(self._rows_after, self._numbers, self._halves)
        try:
            make_file(path)
            connection = self._connection
            found = connection.execute("PRAGMA user_version").fetchone()[0]
            if found > _VERSION:
                raise LibraryError(
                    f"The library {path} was made by a newer version.", remedy="Upgrade this program."
                )
            if found < _VERSION:
                self._make()
            if self._counter("untidy"):
                # Where the disk is full it can be read all the same.
                with contextlib.suppress(ResourceError, LibraryError, sqlite3.OperationalError):
                    self._tidy()
        except (OSError, sqlite3.Error) as e:
            raise LibraryError(
                f"The library {path} cannot be opened: {e}.",
                remedy="Name a file that you may write with QA_LIBRARY, or restore this one.",
            ) from e

    def put(self, item: Item, *, instead_of: Entry | None = None) -> Entry:
        """See `Library.put`."""
        document, entry = item.document, item.entry()
        content = zlib.compress(document.to_json().encode(), 6)
        values = astuple(entry)
        with self._written() as connection:
            if instead_of is not None and self.entries(Scope(documents=(item.id,))) != [instead_of]:
                raise not_there(item.id)
            untidy = self._forget(connection, item.id)
            marks = ", ".join("?" * len(values))
            added = connection.execute(f"INSERT INTO documents ({_ENTRY}) VALUES ({marks})", values)  # noqa: S608 - constants
            number = added.lastrowid
            connection.execute("INSERT INTO texts VALUES (?, ?, ?)", (number, content, item.original))
            for passage, vector in zip(item.passages, item.vectors, strict=True):
                text = document.text[passage.start : passage.end]
                headings = json.dumps(passage.headings, ensure_ascii=False)
                row = (number, passage.start, passage.end, headings, text, vector.astype(HALF).tobytes())
                of_passage = connection.execute(
                    'INSERT INTO passages (document, start, "end", headings, text, vector) '
                    "VALUES (?, ?, ?, ?, ?, ?)",
                    row,
                )
                connection.execute(
                    "INSERT INTO words (rowid, text) VALUES (?, ?)",
                    (of_passage.lastrowid, indexed(passage.headings, text)),
                )
        if untidy:
            self._tidy_unless_later()
        return entry

    def remove(self, document: str) -> None:
        """See `Library.remove`."""
        with self._written() as connection:
            if not self._forget(connection, document):
                raise not_there(document)
        self._tidy_unless_later()

    @contextlib.contextmanager
    def removing(self) -> Iterator[None]:
        """See `Library.removing`."""
        # Of this thread alone: what another one removes meanwhile is gone when that one is told so.
        self._local.later = self._later + 1
        try:
            yield
        finally:
            self._local.later = self._later - 1
            if self._counter("untidy"):
                self._tidy_unless_later()

    def entries(self, scope: Scope = ALL, *, first: int = 0, most: int | None = None) -> list[Entry]:
        """See `Library.entries`."""
        where, values = _within(scope)
        rows = self._connection.execute(
            f"SELECT {_ENTRY} FROM documents {where} ORDER BY collection, name, id LIMIT ? OFFSET ?",  # noqa: S608 - constants
            (*values, -1 if most is None else most, first),
        )
        return [Entry(*row) for row in rows]

    def entry(self, document: str) -> Entry:
        """See `Library.entry`."""
        found = self.entries(Scope(documents=(document,)))
        if not found:
            raise not_there(document)
        return found[0]

    def document(self, document: str) -> Document:
        """See `Library.document`."""
        row = self._text(document, "content")
        return Document.from_json(zlib.decompress(row).decode())

    def original(self, document: str) -> bytes | None:
        """See `Library.original`."""
        found = self._text(document, "original")
        return None if found is None else bytes(found)

    def collections(self) -> list[Collection]:
        """See `Library.collections`."""
        rows = self._connection.execute(
            "SELECT collection, count(*), sum(passages) FROM documents GROUP BY 1 ORDER BY 1"
        )
        return [Collection(*row) for row in rows]

    def embedders(self) -> set[str]:
        """See `Library.embedders`."""
        return {name for (name,) in self._connection.execute("SELECT DISTINCT embedder FROM documents")}

    def by_words(self, words: Sequence[str], scope: Scope, most: int) -> list[tuple[int, float]]:
        """See `Library.by_words`."""
        if not words:
            return []
        where, values = _within(scope)
        if where:
            where = (
                "AND rowid IN (SELECT passages.number FROM passages "
                f"JOIN documents ON documents.number = passages.document {where})"
            )
        rows = self._connection.execute(
            f"SELECT rowid, -rank FROM words WHERE words MATCH ? {where} ORDER BY rank LIMIT ?",  # noqa: S608 - constants
            (any_of(self._rarest(words)), *values, most),
        )
        return rows.fetchall()

    def _rarest(self, words: Sequence[str]) -> Sequence[str]:
        """All words; of a large library the rarest: BM25 counts others little, and looks at all places."""
        passages = self._connection.execute("SELECT max(number) FROM passages").fetchone()[0] or 0
        if passages * len(words) <= _RANKED:
            return words
        query = "SELECT count(*) FROM words WHERE words MATCH ?"
        counts = {word: self._connection.execute(query, (any_of([word]),)).fetchone()[0] for word in words}
        kept, places = [], 0
        for word in sorted(words, key=counts.__getitem__):
            if places and places + counts[word] > _RANKED:
                break
            kept.append(word)
            places += counts[word]
        return kept

    def by_vector(self, vector: Vectors, scope: Scope, most: int) -> list[tuple[int, float]]:
        """See `Library.by_vector`."""
        among = None
        where, values = _within(scope)
        if where:
            rows = self._connection.execute(f"SELECT number FROM documents {where}", values)  # noqa: S608 - constants
            among = np.array([number for (number,) in rows], dtype=np.int64)
        return self._vectors.nearest(vector, most, among)

    def cosines(self, vector: Vectors, numbers: Sequence[int]) -> list[float]:
        """See `Library.cosines`."""
        return self._vectors.cosines(vector, numbers)

    def passages(self, numbers: Sequence[int]) -> list[Kept]:
        """See `Library.passages`."""
        columns = ", ".join(f"documents.{name}" for name in ENTRY_COLUMNS)
        rows = self._connection.execute(
            'SELECT passages.number, start, "end", headings, text, '
            f"{columns} FROM passages JOIN documents ON documents.number = passages.document "  # noqa: S608 - constants
            f"WHERE passages.number IN ({', '.join('?' * len(numbers))})",
            tuple(numbers),
        )
        found = {
            number: Kept(number, Entry(*entry), start, end, tuple(json.loads(headings)), text)
            for number, start, end, headings, text, *entry in rows
        }
        return [found[number] for number in numbers if number in found]

    def size(self) -> int:
        """See `Library.size`."""
        beside = (self._path.with_name(self._path.name + end) for end in ("", "-wal"))
        return sum(file.stat().st_size for file in beside if file.is_file())

    def close(self) -> None:
        """See `Library.close`."""
        with self._writing:
            for connection in self._opened:
                connection.close()
            self._opened.clear()
            self._local = threading.local()

    @property
    def _later(self) -> int:
        """Within how many blocks of `removing` this thread is."""
        return getattr(self._local, "later", 0)

    @property
    def _connection(self) -> sqlite3.Connection:
        """This thread's own."""
        found = getattr(self._local, "connection", None)
        if found is None:
            found = connected(self._path)
            self._local.connection = found
            with self._writing:
                self._opened.append(found)
        return found

    @contextlib.contextmanager
    def _written(self) -> Iterator[sqlite3.Connection]:
        """A transaction: what is done within is in the file at once, or not at all."""
        connection = self._connection
        with self._writing, told(self._path):
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def _make(self) -> None:
        with self._written() as connection:
            # Another program may have made it in the meantime.
            if connection.execute("PRAGMA user_version").fetchone()[0] == _VERSION:
                return
            if connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                raise LibraryError(
                    f"{self._path} is a database, but no library of documents.",
                    remedy="Name another file with QA_LIBRARY.",
                )
            for statement in _TABLES.split(";\n"):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {_VERSION}")

    def _forget(self, connection: sqlite3.Connection, document: str) -> bool:
        """Take a document out, in a transaction; says whether it was there."""
        row = connection.execute("SELECT number FROM documents WHERE id = ?", (document,)).fetchone()
        if row is None:
            return False
        rows = connection.execute(
            "SELECT number, headings, text FROM passages WHERE document = ?", row
        ).fetchall()
        # An index without a content of its own is told what it had.
        connection.executemany(
            "INSERT INTO words (words, rowid, text) VALUES ('delete', ?, ?)",
            ((number, indexed(json.loads(headings), text)) for number, headings, text in rows),
        )
        connection.execute("DELETE FROM passages WHERE document = ?", row)
        connection.execute("DELETE FROM texts WHERE document = ?", row)
        connection.execute("DELETE FROM documents WHERE number = ?", row)
        connection.execute("UPDATE counters SET value = value + 1 WHERE name IN ('removals', 'untidy')")
        return True

    def _tidy_unless_later(self) -> None:
        if self._later:
            return
        try:
            self._tidy()
        except ResourceError as e:
            raise ResourceError(
                f"This is done, but the disk of the library {self._path} is full: traces of what was removed "
                "stay in the file.",
                remedy="Make room: whoever opens the library next tidies up.",
            ) from e

    def _tidy(self) -> None:
        """Merge the index of words, so that those of removed passages go, and empty the log."""
        with self._written() as connection:
            seen = self._counter("removals")
            connection.execute("INSERT INTO words (words) VALUES ('optimize')")
        with self._writing:
            busy = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        if not busy:
            # Else a reader holds on to the log: the next one who tidies empties it. What others removed
            # meanwhile is left to them.
            with self._written() as connection:
                left = self._counter("removals") - seen
                connection.execute("UPDATE counters SET value = ? WHERE name = 'untidy'", (left,))

    def _counter(self, name: str) -> int:
        row = self._connection.execute("SELECT value FROM counters WHERE name = ?", (name,)).fetchone()
        return int(row[0])

    def _text(self, document: str, column: str) -> bytes:
        row = self._connection.execute(
            f"SELECT {column} FROM texts JOIN documents ON number = document WHERE id = ?",  # noqa: S608 - constants
            (document,),
        ).fetchone()
        if row is None:
            raise not_there(document)
        found: bytes = row[0]
        return found

    def _rows_after(self, number: int) -> Iterator[Row]:
        return iter(
            self._connection.execute(
                "SELECT number, document, vector FROM passages WHERE number > ? ORDER BY number", (number,)
            )
        )

    def _numbers(self, known: int) -> tuple[int, list[int] | None]:
        """How many removals there were, and the passages that are left where that is not what is known."""
        removals = self._counter("removals")
        if removals == known:
            return removals, None
        return removals, [
            row[0] for row in self._connection.execute("SELECT number FROM passages ORDER BY number")
        ]

    def _halves(self, numbers: Sequence[int]) -> dict[int, bytes]:
        rows = self._connection.execute(
            f"SELECT number, vector FROM passages WHERE number IN ({', '.join('?' * len(numbers))})",  # noqa: S608 - constants
            tuple(numbers),
        )
        return dict(rows.fetchall())


def _within(scope: Scope) -> tuple[str, tuple[str, ...]]:
    """A WHERE clause for the documents of a scope, "" for all, and its values."""
    if scope.documents:
        ids = scope.documents
        clause = f"WHERE documents.id IN ({', '.join('?' * len(ids))})"
        if scope.collection is None:
            return clause, ids
        return f"{clause} AND documents.collection = ?", (*ids, scope.collection)
    if scope.collection is None:
        return "", ()
    return "WHERE documents.collection = ?", (scope.collection,)

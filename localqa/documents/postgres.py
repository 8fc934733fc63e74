"""A library in PostgreSQL with pgvector, for several servers and large collections.

Documents are in the schema `localqa` of a database, which can hold other things beside. What was removed is
found by no one from then on. On the server's disk its bytes stay until VACUUM, which PostgreSQL runs by
itself, has freed their place and other rows have taken it, and in its log and in backups for as long as these
are kept.
"""

import contextlib
import json
import zlib
from collections.abc import Sequence
from dataclasses import astuple, replace
from typing import Any, Final

from psycopg import sql

from localqa.documents.document import Document
from localqa.documents.indexed import indexed
from localqa.documents.library import (
    ALL,
    ENTRY_COLUMNS,
    Collection,
    Entry,
    Item,
    Kept,
    Scope,
    Vectors,
    not_there,
)
from localqa.documents.postgres_connections import Connection, Connections
from localqa.documents.postgres_tables import SCHEMA, open_tables, write_alone
from localqa.documents.postgres_vectors import add_vectors, cosines, nearest
from localqa.documents.postgres_words import Clause, WordIndex

_ENTRY: Final = ", ".join(ENTRY_COLUMNS)
_ENTRY_BESIDE: Final = ", ".join(f"documents.{name}" for name in ENTRY_COLUMNS)


class PostgresLibrary:
    """See `Library`.

    Args:
        address: of the database, postgresql://USER:PASSWORD@HOST:PORT/DATABASE.

    Raises:
        LibraryError: it cannot be reached, has no pgvector, or holds no library that this version reads.
    """

    def __init__(self, address: str) -> None:
        self._connections = Connections(address)
        self._words = WordIndex()
        open_tables(self._connections)

    def put(self, item: Item, *, instead_of: Entry | None = None) -> Entry:
        """See `Library.put`."""
        document = item.document
        source, name, title = (_storable(text) for text in (item.source, document.name, document.title))
        content = zlib.compress(document.to_json().encode(), 6)
        entry = replace(item.entry(), source=source, name=name, title=title)
        values = astuple(entry)
        with self._connections.transaction() as connection:
            write_alone(connection)
            if instead_of is not None:
                query = "SELECT digest, added FROM documents WHERE id = %s"
                known = connection.execute(query, (item.id,)).fetchone()
                if known != (instead_of.digest, instead_of.added):
                    raise not_there(item.id)
            self._forget(connection, item.id)
            marks = ", ".join(["%s"] * len(values))
            added = connection.execute(
                f"INSERT INTO documents ({_ENTRY}) VALUES ({marks}) RETURNING number", values
            ).fetchone()
            number = int(added[0]) if added else 0
            connection.execute("INSERT INTO texts VALUES (%s, %s, %s)", (number, content, item.original))
            self._add_passages(connection, number, item)
        return entry

    def remove(self, document: str) -> None:
        """See `Library.remove`, and what is said above of the server's disk."""
        with self._connections.transaction() as connection:
            write_alone(connection)
            if not self._forget(connection, document):
                raise not_there(document)

    def removing(self) -> contextlib.AbstractContextManager[None]:
        """See `Library.removing`; the server tidies by itself."""
        return contextlib.nullcontext()

    def entries(self, scope: Scope = ALL, *, first: int = 0, most: int | None = None) -> list[Entry]:
        """See `Library.entries`."""
        condition, values = _within(scope)
        query = sql.SQL(
            f"SELECT {_ENTRY} FROM documents WHERE {{condition}} "
            "ORDER BY collection, name, id LIMIT %(most)s OFFSET %(first)s"
        ).format(condition=condition)
        with self._connections.one() as connection:
            rows = connection.execute(query, {**values, "most": most, "first": first})
            return [Entry(*row) for row in rows]

    def entry(self, document: str) -> Entry:
        """See `Library.entry`."""
        found = self.entries(Scope(documents=(document,)))
        if not found:
            raise not_there(document)
        return found[0]

    def document(self, document: str) -> Document:
        """See `Library.document`."""
        return Document.from_json(zlib.decompress(self._text(document, "content")).decode())

    def original(self, document: str) -> bytes | None:
        """See `Library.original`."""
        found: bytes | None = self._text(document, "original")
        return found

    def collections(self) -> list[Collection]:
        """See `Library.collections`."""
        with self._connections.one() as connection:
            rows = connection.execute(
                "SELECT collection, count(*), sum(passages)::bigint FROM documents GROUP BY 1 ORDER BY 1"
            )
            return [Collection(*row) for row in rows]

    def embedders(self) -> set[str]:
        """See `Library.embedders`."""
        with self._connections.one() as connection:
            return {name for (name,) in connection.execute("SELECT DISTINCT embedder FROM documents")}

    def by_words(self, words: Sequence[str], scope: Scope, most: int) -> list[tuple[int, float]]:
        """See `Library.by_words`."""
        with self._connections.one() as connection:
            inside = self._inside(connection, scope)
            return self._words.best(connection, words, _rows_within(scope), inside, most) if inside else []

    def by_vector(self, vector: Vectors, scope: Scope, most: int) -> list[tuple[int, float]]:
        """See `Library.by_vector`."""
        with self._connections.one() as connection:
            inside = self._inside(connection, scope)
            if not inside:
                return []
            return nearest(connection, vector, _rows_within(scope), inside, most)

    def cosines(self, vector: Vectors, numbers: Sequence[int]) -> list[float]:
        """See `Library.cosines`."""
        if not numbers:
            return []
        with self._connections.one() as connection:
            return cosines(connection, vector, numbers)

    def passages(self, numbers: Sequence[int]) -> list[Kept]:
        """See `Library.passages`."""
        with self._connections.one() as connection:
            rows = connection.execute(
                f'SELECT passages.number, start, "end", headings, text, {_ENTRY_BESIDE} FROM passages '
                "JOIN documents ON documents.number = passages.document WHERE passages.number = ANY(%s)",
                (list(numbers),),
            )
            found = {
                number: Kept(number, Entry(*entry), start, end, tuple(headings), text)
                for number, start, end, headings, text, *entry in rows
            }
        return [found[number] for number in numbers if number in found]

    def size(self) -> int:
        """See `Library.size`."""
        with self._connections.one() as connection:
            found = connection.execute(
                "SELECT coalesce(sum(pg_total_relation_size(pg_class.oid)), 0)::bigint FROM pg_class "
                "JOIN pg_namespace ON pg_namespace.oid = relnamespace WHERE nspname = %s AND relkind = 'r'",
                (SCHEMA,),
            ).fetchone()
        return int(found[0]) if found else 0

    def close(self) -> None:
        """See `Library.close`."""
        self._connections.close()

    def _add_passages(self, connection: Connection, document: int, item: Item) -> None:
        rows = connection.execute(
            "SELECT nextval('passage_numbers') FROM generate_series(1, %s)", (len(item.passages),)
        )
        numbers = [number for (number,) in rows]
        texts = [item.document.text[one.start : one.end] for one in item.passages]
        with connection.cursor().copy(
            'COPY passages (number, document, start, "end", headings, text) FROM STDIN'
        ) as copy:
            for number, passage, text in zip(numbers, item.passages, texts, strict=True):
                headings = json.dumps(passage.headings, ensure_ascii=False)
                copy.write_row((number, document, passage.start, passage.end, headings, text))
        found_by = [indexed(one.headings, text) for one, text in zip(item.passages, texts, strict=True)]
        self._words.add(connection, document, dict(zip(numbers, found_by, strict=True)))
        add_vectors(connection, document, dict(zip(numbers, item.vectors, strict=True)))

    def _forget(self, connection: Connection, document: str) -> bool:
        """Take a document out, in a transaction; says whether it was there."""
        number = connection.execute("SELECT number FROM documents WHERE id = %s", (document,)).fetchone()
        if number is None:
            return False
        self._words.remove(connection, number[0])
        for table in ("vectors", "passages", "texts"):
            connection.execute(f"DELETE FROM {table} WHERE document = %s", number)
        connection.execute("DELETE FROM documents WHERE number = %s", number)
        return True

    def _inside(self, connection: Connection, scope: Scope) -> int:
        """Passages that a scope holds."""
        condition, values = _within(scope)
        query = "SELECT coalesce(sum(passages), 0)::bigint FROM documents WHERE {condition}"
        if scope == ALL:
            query = "SELECT passages FROM totals"
        found = connection.execute(sql.SQL(query).format(condition=condition), values).fetchone()
        return int(found[0]) if found else 0

    def _text(self, document: str, column: str) -> Any:
        with self._connections.one() as connection:
            row = connection.execute(
                f"SELECT {column} FROM texts JOIN documents ON number = document WHERE id = %s", (document,)
            ).fetchone()
        if row is None:
            raise not_there(document)
        return row[0]


def _storable(text: str) -> str:
    """A text without what PostgreSQL cannot keep in one: NUL. Readers leave none in what is read."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")


def _within(scope: Scope) -> Clause:
    """A condition for rows of `documents`."""
    parts = ["true"]
    if scope.documents:
        parts.append("id = ANY(%(ids)s)")
    if scope.collection is not None:
        parts.append("collection = %(collection)s")
    values = {"ids": list(scope.documents), "collection": scope.collection}
    return sql.SQL(" AND ".join(parts)), values


def _rows_within(scope: Scope) -> Clause:
    """A condition for rows that have a document."""
    condition, values = _within(scope)
    if scope == ALL:
        return condition, values
    inner = sql.SQL("document IN (SELECT number FROM documents WHERE {})")
    return inner.format(condition), values

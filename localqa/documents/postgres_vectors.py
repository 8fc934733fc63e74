"""The vectors of passages in PostgreSQL: pgvector, in halves."""

from collections.abc import Mapping, Sequence
from typing import Final

from psycopg import sql

from localqa.documents.library import Vectors
from localqa.documents.postgres_connections import Connection
from localqa.documents.postgres_words import Clause

_SCANNED: Final = 20_000
"""Passages up to which all vectors are compared, which takes 12 ms; beyond, the index finds them in 4 ms."""


def add_vectors(connection: Connection, document: int, vectors: Mapping[int, Vectors]) -> None:
    """Take in vectors of a document's passages: number -> vector of length one."""
    for length in {len(vector) for vector in vectors.values()}:
        _see_to_index(connection, length)
    with connection.cursor().copy("COPY vectors (passage, document, vector) FROM STDIN") as copy:
        for number, vector in vectors.items():
            copy.write_row((number, document, _text(vector)))


def nearest(
    connection: Connection, vector: Vectors, scope: Clause, inside: int, most: int
) -> list[tuple[int, float]]:
    """Numbers and cosines of the nearest passages, nearest first.

    Args:
        connection: to ask.
        vector: of length one.
        scope: condition for rows of `vectors`.
        inside: passages that the scope holds.
        most: passages at most.
    """
    condition, values = scope
    # The index knows the vectors by their length: without it each is compared.
    kind = sql.SQL("halfvec" if inside <= _SCANNED else f"halfvec({len(vector)})")
    query = sql.SQL(
        "SELECT passage, -(vector::vector <#> %(vector)s::vector) FROM ("
        "SELECT passage, vector FROM vectors WHERE vector_dims(vector) = {length} AND {condition} "
        "ORDER BY vector::{kind} <#> %(half)s::{kind} LIMIT %(most)s) nearest ORDER BY 2 DESC, 1"
    ).format(length=sql.Literal(len(vector)), condition=condition, kind=kind)
    # Given twice: a value has one type in a query, and the cosine is that of the vector as it is asked for.
    asked = {"vector": _text(vector), "half": _text(vector)}
    return connection.execute(query, {**values, **asked, "most": most}).fetchall()


def cosines(connection: Connection, vector: Vectors, numbers: Sequence[int]) -> list[float]:
    """Cosines of some passages; -1 for one that is gone."""
    rows = connection.execute(
        "SELECT passage, -(vector::vector <#> %s::vector) FROM vectors WHERE passage = ANY(%s)",
        (_text(vector), list(numbers)),
    )
    found: dict[int, float] = dict(rows.fetchall())
    return [found.get(number, -1.0) for number in numbers]


def _see_to_index(connection: Connection, length: int) -> None:
    """Make the index of vectors of a length where there is none.

    "IF NOT EXISTS" alone would lock the table each time, and end a VACUUM of it.
    """
    name = f"vectors_{length}"
    found = connection.execute("SELECT to_regclass(%s)", (name,)).fetchone()
    if found is None or found[0] is None:
        query = (
            "CREATE INDEX {} ON vectors USING hnsw ((vector::halfvec({length})) halfvec_ip_ops) "
            "WHERE vector_dims(vector) = {length}"
        )
        connection.execute(sql.SQL(query).format(sql.Identifier(name), length=sql.Literal(length)))


def _text(vector: Vectors) -> str:
    return "[" + ",".join(f"{value:.7g}" for value in vector.tolist()) + "]"

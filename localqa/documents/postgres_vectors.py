"""The vectors of passages in PostgreSQL: pgvector, in halves."""

from collections.abc import Mapping, Sequence
from typing import Final

from psycopg import sql

from localqa.documents.library import Vectors
from localqa.documents.postgres_connections import Connection
from localqa.documents.postgres_words import Clause

_SCANNED: Final = 20_000
"""Passages up to which all vectors are compared."""


class VectorTable:
    """Brings vectors into the table `vectors` and finds the nearest. Thread-safe."""

    def __init__(self) -> None:
        self._indexed: set[int] = set()

    def add(self, connection: Connection, document: int, vectors: Mapping[int, Vectors]) -> None:
        """Take in vectors of a document's passages: number -> vector of length one."""
        for length in {len(vector) for vector in vectors.values()} - self._indexed:
            connection.execute(
                sql.SQL(
                    "CREATE INDEX IF NOT EXISTS {} ON vectors "
                    "USING hnsw ((vector::halfvec({length})) halfvec_ip_ops) WHERE vector_dims(vector) = {length}"
                ).format(sql.Identifier(f"vectors_{length}"), length=sql.Literal(length))
            )
        with connection.cursor().copy("COPY vectors (passage, document, vector) FROM STDIN") as copy:
            for number, vector in vectors.items():
                copy.write_row((number, document, _text(vector)))

    def nearest(
        self, connection: Connection, vector: Vectors, scope: Clause, inside: int, most: int
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
        whole = inside <= _SCANNED
        kind = sql.SQL("halfvec" if whole else f"halfvec({len(vector)})")
        query = sql.SQL(
            "SELECT passage, -(vector::vector <#> %(vector)s::vector) FROM ("
            "SELECT passage, vector FROM vectors WHERE vector_dims(vector) = {length} AND {condition} "
            "ORDER BY vector::{kind} <#> %(vector)s::{kind} LIMIT %(most)s) nearest ORDER BY 2 DESC, 1"
        ).format(length=sql.Literal(len(vector)), condition=condition, kind=kind)
        return connection.execute(query, {**values, "vector": _text(vector), "most": most}).fetchall()

    def cosines(self, connection: Connection, vector: Vectors, numbers: Sequence[int]) -> list[float]:
        """Cosines of some passages; -1 for one that is gone."""
        rows = connection.execute(
            "SELECT passage, -(vector::vector <#> %s::vector) FROM vectors WHERE passage = ANY(%s)",
            (_text(vector), list(numbers)),
        )
        found = dict(rows.fetchall())
        return [found.get(number, -1.0) for number in numbers]


def _text(vector: Vectors) -> str:
    return "[" + ",".join(f"{value:.7g}" for value in vector.tolist()) + "]"

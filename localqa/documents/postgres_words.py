"""The words of passages in PostgreSQL, ranked by BM25.

PostgreSQL finds the passages that hold a word (GIN over tsvector), but its own ranks know nothing of how rare
a word is, or how long a passage. So how many passages hold each word is counted beside, and BM25 made of it
(Robertson and Zaragoza 2009, with the constants of SQLite's FTS5).
"""

import math
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias

import regex
from psycopg import sql

from localqa.documents.indexed import WORD
from localqa.documents.postgres_connections import Connection

_K1: Final = 1.2
_B: Final = 0.75
_LEAST: Final = 1e-6
"""What a word counts that is in more than half of the passages."""
_LOOKED_AT: Final = 20_000
"""Passages that one search looks at, about: those of the rarest words.

Of SQuAD's 48 articles 4 % are enough to stay within one point of recall@1, 5 and 10.
"""
_COMPARED: Final = 8
"""So many times the passages that are wanted are compared by how often they hold the words."""
_WORDS: Final = 32
"""Words of a question that are looked for, the rarest first."""
_LONGEST: Final = 200
"""Characters of a word that count."""
_MARKS: Final = {"D": 1, "C": 2, "B": 4, "A": 8}
"""How often a word is in a passage, as the sum of the marks that a tsvector gives it: 15 times at most.

A mark is asked for in a tenth of the time that counting a word's places takes.
"""
_MARKED: Final = [
    ",".join(f"{at}{mark}" for at, (mark, times) in enumerate(_MARKS.items(), 1) if count & times)
    for count in range(16)
]
"""The marks of each count."""
_STEMS: Final = 200_000
"""Stems remembered: some 20 MB."""
_ACCENT: Final = regex.compile("[\u0300-\u036f]+")

Clause: TypeAlias = tuple[sql.Composable, Mapping[str, Any]]
"""A condition that rows of a scope fulfil, with its values."""


class WordIndex:
    """Brings words into the tables `words` and `lexemes`, and finds passages by them. Thread-safe."""

    def __init__(self) -> None:
        self._stems: dict[str, str] = {}

    def add(self, connection: Connection, document: int, passages: Mapping[int, str]) -> None:
        """Take in passages of a document: number -> what they are found by."""
        found = {number: _tokens(text) for number, text in passages.items()}
        stems = self._stemmed(connection, {token for tokens in found.values() for token in tokens})
        held: Counter[str] = Counter()
        length = 0
        with connection.cursor().copy("COPY words (passage, document, length, lexemes) FROM STDIN") as copy:
            for number, tokens in found.items():
                counts = Counter(stems[token] for token in tokens)
                held.update(counts.keys())
                length += len(tokens)
                copy.write_row((number, document, len(tokens), _tsvector(counts)))
        connection.execute(
            "INSERT INTO lexemes SELECT * FROM unnest(%s::text[], %s::bigint[]) "
            "ON CONFLICT (lexeme) DO UPDATE SET passages = lexemes.passages + excluded.passages",
            (list(held.keys()), list(held.values())),
        )
        _count(connection, len(found), length)

    def remove(self, connection: Connection, document: int) -> None:
        """Forget the words of a document's passages."""
        held = connection.execute(
            "SELECT lexeme, count(*) FROM words, unnest(lexemes) WHERE document = %s GROUP BY 1", (document,)
        ).fetchall()
        values = ([lexeme for lexeme, _ in held], [count for _, count in held])
        gone = "FROM unnest(%s::text[], %s::bigint[]) gone (lexeme, passages)"
        connection.execute(
            f"UPDATE lexemes SET passages = lexemes.passages - gone.passages {gone} "
            "WHERE lexemes.lexeme = gone.lexeme",
            values,
        )
        connection.execute("DELETE FROM lexemes WHERE lexeme = ANY(%s) AND passages <= 0", (values[0],))
        removed = connection.execute(
            "WITH removed AS (DELETE FROM words WHERE document = %s RETURNING length) "
            "SELECT count(*), coalesce(sum(length), 0)::bigint FROM removed",
            (document,),
        ).fetchone()
        passages, length = removed or (0, 0)
        _count(connection, -passages, -length)

    def best(
        self, connection: Connection, words: Sequence[str], scope: Clause, inside: int, most: int
    ) -> list[tuple[int, float]]:
        """Numbers and BM25 scores of the best passages, best first.

        Args:
            connection: to ask.
            words: to look for.
            scope: condition for rows of `words`.
            inside: passages that the scope holds.
            most: passages at most.
        """
        stems = self._stemmed(connection, {token for word in words for token in _tokens(word)})
        rows = connection.execute(
            "SELECT totals.passages, totals.words, lexeme, lexemes.passages "
            "FROM totals, lexemes WHERE lexeme = ANY(%s) ORDER BY 4, 3 LIMIT %s",
            (list(set(stems.values())), _WORDS),
        ).fetchall()
        if not rows:
            return []
        total, length = rows[0][:2]
        held = {lexeme: count for _, _, lexeme, count in rows}
        query, values = _search({lexeme: _idf(total, count) for lexeme, count in held.items()})
        looked_at, values_of_them = _looked_at(held, scope, inside)
        values |= {"compared": most * _COMPARED, "most": most, "mean": max(1.0, length / total)}
        return connection.execute(query.format(looked_at=looked_at), {**values, **values_of_them}).fetchall()

    def _stemmed(self, connection: Connection, tokens: Iterable[str]) -> dict[str, str]:
        """Words -> their stems, as PostgreSQL's Snowball has them; words that are no English stay."""
        known = self._stems
        found = {token: known.get(token) for token in tokens}
        unknown = [token for token, stem in found.items() if stem is None]
        if unknown:
            # The dictionary knows common words by giving nothing; they are looked for like any other.
            rows = connection.execute(
                "SELECT token, coalesce((ts_lexize('pg_catalog.english_stem', token))[1], token) "
                "FROM unnest(%s::text[]) token",
                (unknown,),
            ).fetchall()
            if len(known) + len(rows) > _STEMS:
                self._stems = known = {}
            known.update(rows)
            found.update(rows)
        return {token: stem for token, stem in found.items() if stem is not None}


def _search(weights: Mapping[str, float]) -> tuple[sql.SQL, dict[str, Any]]:
    """The query for the best of the passages that are looked at.

    These are ordered by which words they hold; in the first of them is counted how often.
    """
    presence = " + ".join(
        f"CASE WHEN lexemes @@ %(word{at})s::tsquery THEN %(weight{at})s::float8 ELSE 0 END"
        for at in range(len(weights))
    )
    dampened = f"{_K1} * ({1 - _B} + {_B} * length / %(mean)s::float8)"
    score = " + ".join(
        f"CASE WHEN lexemes @@ %(word{at})s::tsquery THEN %(weight{at})s::float8 * {_K1 + 1} * "
        f"(1 - {dampened} / ({_times(at)} + {dampened})) ELSE 0 END"
        for at in range(len(weights))
    )
    values: dict[str, Any] = {}
    for at, (lexeme, weight) in enumerate(weights.items()):
        values |= {f"word{at}": _quoted(lexeme), f"weight{at}": weight}
        values |= {f"word{at}{mark}": f"{_quoted(lexeme)}:{mark}" for mark in _MARKS}
    # An array, not a join, which would read the whole table where the planner knows too little of it.
    query = (
        f"SELECT passage, {score} FROM words WHERE passage = ANY(ARRAY("
        "SELECT passage FROM ({looked_at}) looked_at "
        f"ORDER BY ({presence}) / (1 + {dampened}) DESC, passage LIMIT %(compared)s)) "
        "ORDER BY 2 DESC, 1 LIMIT %(most)s"
    )
    return sql.SQL(query), values


def _times(at: int) -> str:
    """How often a passage holds the word of that number."""
    parts = (
        f"CASE WHEN lexemes @@ %(word{at}{mark})s::tsquery THEN {times} ELSE 0 END"
        for mark, times in _MARKS.items()
    )
    return f"({' + '.join(parts)})"


def _looked_at(held: Mapping[str, int], scope: Clause, inside: int) -> Clause:
    """The passages that are looked at: those of the rarest words, as many as there is time for.

    Where even the rarest word is in too many, those that hold all words come first.
    """
    condition, values = scope
    rows = "SELECT passage, length, lexemes FROM words WHERE {condition} AND lexemes @@ %({words})s::tsquery"
    rarest = _rarest(held, inside)
    values = {**values, "any": " | ".join(map(_quoted, rarest)), "limit": _LOOKED_AT}
    if sum(held[lexeme] for lexeme in rarest) <= _LOOKED_AT or inside <= _LOOKED_AT:
        return sql.SQL(rows.replace("{words}", "any")).format(condition=condition), values
    values["all"] = " & ".join(map(_quoted, held))
    query = (
        f"({rows.replace('{words}', 'all')} LIMIT %(limit)s) UNION ALL "
        f"({rows.replace('{words}', 'any')} AND NOT lexemes @@ %(all)s::tsquery LIMIT %(limit)s)"
    )
    return sql.SQL(query).format(condition=condition), values


def _rarest(held: Mapping[str, int], inside: int) -> list[str]:
    """The words, the rarest first, whose passages can all be looked at; one at least.

    What holds none of them holds common words alone, and is seldom among the best.
    """
    chosen: list[str] = []
    sum_ = 0
    for lexeme, count in held.items():
        sum_ += count
        if chosen and min(sum_, inside) > _LOOKED_AT:
            break
        chosen.append(lexeme)
    return chosen


def _idf(total: int, held: int) -> float:
    return max(math.log((total - held + 0.5) / (held + 0.5)) if held <= total else 0.0, _LEAST)


def _count(connection: Connection, passages: int, length: int) -> None:
    connection.execute("UPDATE totals SET passages = passages + %s, words = words + %s", (passages, length))


def _tokens(text: str) -> list[str]:
    """The words of a text: without case and accents, as often as they are there."""
    decomposed = unicodedata.normalize("NFKD", text).casefold()
    plain = unicodedata.normalize("NFC", _ACCENT.sub("", decomposed))
    return [token[:_LONGEST] for token in WORD.findall(plain)]


def _tsvector(counts: Mapping[str, int]) -> str:
    """Words, and how often they are there in marks."""
    return " ".join(f"{_quoted(lexeme)}:{_MARKED[min(count, 15)]}" for lexeme, count in counts.items())


def _quoted(lexeme: str) -> str:
    return "'" + lexeme.replace("\\", "\\\\").replace("'", "''") + "'"

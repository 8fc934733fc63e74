"""Rows of a part to rows with answers; a row that cannot be answered keeps its error."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from localqa.bulk.parts import ERROR, Row
from localqa.engine.reader import Reader
from localqa.errors import InvalidInputError
from localqa.extraction.answers import Answer, Query

_FIELDS = ("answer", "score", "start", "end", "answerable", "null_score", "adapter")


@dataclass(frozen=True, slots=True)
class Columns:
    """Names of the fields of a row.

    Attributes:
        question: holds the question.
        context: holds the text.
        prefix: before the names of the fields that are added.
    """

    question: str = "question"
    context: str = "context"
    prefix: str = ""

    def added(self) -> list[str]:
        """The fields that an answered row has more."""
        return [self.prefix + name for name in _FIELDS]


def answer_rows(reader: Reader, rows: Sequence[Row], columns: Columns) -> list[Row]:
    """Each row with the answer's fields and a null `error`, or with its `error` and null fields.

    Args:
        reader: answers with its default adapter.
        rows: any; those without the two texts become errors.
        columns: names of the fields.
    """
    queries = [_query(row, columns) for row in rows]
    usable = [query for query in queries if isinstance(query, Query)]
    answers = iter(_answers(reader, usable))
    found = [next(answers) if isinstance(query, Query) else query for query in queries]
    # A field of the row's own is never written over.
    return [_outcome(one, columns.prefix) | row | _error(one) for row, one in zip(rows, found, strict=True)]


def _query(row: Row, columns: Columns) -> Query | str:
    """What a row asks, or what is wrong with it."""
    if isinstance(row.get(ERROR), str):
        return str(row[ERROR])
    for name in (columns.question, columns.context):
        if not isinstance(row.get(name), str):
            return f"no text in the field {name!r}"
    taken = [name for name in columns.added() if name in row]
    if taken:
        return f"has a field {taken[0]!r} of its own"
    return Query(row[columns.question], row[columns.context])


def _answers(reader: Reader, queries: Sequence[Query]) -> list[Answer | str]:
    if not queries:
        return []
    try:
        return list(reader.answer(queries))
    except InvalidInputError as e:
        if len(queries) == 1:
            return [str(e)]
    # One of them cannot be answered; halving finds it without asking each alone.
    middle = len(queries) // 2
    return _answers(reader, queries[:middle]) + _answers(reader, queries[middle:])


def _outcome(found: Answer | str, prefix: str) -> dict[str, Any]:
    return {prefix + name: None if isinstance(found, str) else getattr(found, name) for name in _FIELDS}


def _error(found: Answer | str) -> dict[str, Any]:
    return {ERROR: found if isinstance(found, str) else None}

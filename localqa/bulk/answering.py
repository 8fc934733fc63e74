"""Rows of a part to what is added to them: an answer, or why there is none."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from localqa.bulk.parts import BadLine, Row
from localqa.errors import InvalidInputError
from localqa.extraction.answers import Answer, Query
from localqa.reading.reader import Reader

_FIELDS = {
    "answer": "string",
    "score": "float64",
    "start": "int64",
    "end": "int64",
    "answerable": "bool",
    "null_score": "float64",
    "adapter": "string",
}
_ERROR = "error"


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

    def added(self) -> dict[str, str]:
        """The fields that every row has more in the end, and their types as Arrow calls them."""
        return {self.prefix + name: kind for name, kind in (_FIELDS | {_ERROR: "string"}).items()}

    def error(self) -> str:
        """The added field that says why a row was not answered; null where it was."""
        return self.prefix + _ERROR


def answer_rows(
    reader: Reader,
    rows: Sequence[Row | BadLine],
    columns: Columns,
    *,
    abstain: bool | None = None,
    min_score: float = 0.0,
) -> list[Row]:
    """For each row the answer's fields and a null error, or its error and null fields.

    Args:
        reader: answers with its default adapter.
        rows: any; those without the two texts become errors.
        columns: names of the fields.
        abstain: see `Query`.
        min_score: see `Query`.
    """
    queries = [_query(row, columns) for row in rows]
    usable = [
        replace(query, abstain=abstain, min_score=min_score) for query in queries if isinstance(query, Query)
    ]
    answers = iter(_answers(reader, usable))
    return [_added(next(answers) if isinstance(one, Query) else one, columns) for one in queries]


def _query(row: Row | BadLine, columns: Columns) -> Query | str:
    """What a row asks, or what is wrong with it."""
    if isinstance(row, BadLine):
        return row.problem
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


def _added(found: Answer | str, columns: Columns) -> Row:
    failed = isinstance(found, str)
    fields = {columns.prefix + name: None if failed else getattr(found, name) for name in _FIELDS}
    return fields | {columns.error(): found if failed else None}

"""One raw record of any supported shape -> one `Example`, or a `DataError` that names the record."""

import hashlib
from collections.abc import Collection, Mapping
from itertools import islice

from localqa.errors import ConfigError, DataError
from localqa.squad.golds import (
    NONE_WORDS,
    UNKNOWN_START,
    gold_answers,
    kind_of,
)
from localqa.squad.places import in_record, is_mark, is_null, start_beside
from localqa.squad.records import Example, GoldAnswer

__all__ = ["UNKNOWN_START", "kind_of"]

# What a flat record's fields are called unless `columns` says otherwise.
DEFAULT_COLUMNS: Mapping[str, str] = {
    "question": "question",
    "context": "context",
    "answer": "answer",
    "answer_start": "answer_start",
    "id": "id",
    "title": "title",
    "is_impossible": "is_impossible",
}

_TRUTH = {
    **dict.fromkeys(("true", "1", "1.0", "yes"), True),
    **dict.fromkeys(("false", "0", "0.0", "no"), False),
    **dict.fromkeys(NONE_WORDS, None),
}
_ANNOTATED_BY = {"annotator", "annotation_id", "lead_time", "_input_hash"}
"""Fields that tell Label Studio's short export and Prodigy's from other records, marked or not."""
_VERDICTS = ("accept", "reject", "ignore")
"""What an annotator says in Prodigy, in a field that is called "answer"."""
_NO_ANSWER_REMEDY = 'Give an answer, or mark the record as not answerable with "is_impossible": true.'


def parse_columns(text: str, fields: Collection[str] = DEFAULT_COLUMNS) -> dict[str, str]:
    """Read a `--columns` flag such as "question=q,context=passage" into {"question": "q", ...}.

    Raises ConfigError for anything that is not a list of field=column pairs, or a field that is none.
    """
    columns: dict[str, str] = {}
    for pair in text.split(","):
        field, equals, column = (part.strip() for part in pair.partition("="))
        if not equals or not column:
            raise ConfigError(
                f"--columns: {pair!r} is not of the form field=column.",
                remedy="Write for example question=q,context=passage,answer=a.",
            )
        if field in columns:
            raise ConfigError(f"--columns: {field!r} is given twice.", remedy="Name every field once.")
        columns[field] = column
    check_fields(columns, fields)
    return columns


def check_fields(columns: Collection[str], fields: Collection[str]) -> None:
    """Refuse a mapping of fields that there are none of. Raises ConfigError."""
    unknown = sorted(set(columns) - set(fields))
    if unknown:
        raise ConfigError(
            f"Unknown field {unknown[0]!r} in the column mapping.",
            remedy=f"The fields are: {', '.join(fields)}; write field=column.",
        )


def resolve_columns(columns: Mapping[str, str] | None) -> dict[str, str]:
    """The defaults with a user's mapping (field name -> column name) laid over them.

    Raises ConfigError when a field name is unknown.
    """
    check_fields(columns or (), DEFAULT_COLUMNS)
    return {**DEFAULT_COLUMNS, **(columns or {})}


def flat_example(record: object, *, where: str, columns: Mapping[str, str]) -> Example:
    """Read one flat record: the sample format, the Hub's columns, a JSONL line or a CSV row.

    `columns` is complete (see `resolve_columns`). Raises DataError naming `where`.
    """
    fields, columns = _annotated(as_object(record, where=where), columns)
    context = text_of(fields, columns["context"], where=where)
    title = _optional_text(fields, columns["title"], where=where)
    return _example(fields, where=where, context=context, title=title, columns=columns)


def qa_example(
    record: object, *, where: str, context: str, title: str, columns: Mapping[str, str]
) -> Example:
    """Read one entry of a SQuAD paragraph's "qas", see `flat_example`."""
    return _example(
        as_object(record, where=where), where=where, context=context, title=title, columns=columns
    )


def _example(
    fields: Mapping[str, object], *, where: str, context: str, title: str, columns: Mapping[str, str]
) -> Example:
    """Put one example together.

    An empty answer counts as "no answer" only where the record says so (`is_impossible`, null or
    an empty list), so that a wrong column name cannot turn a whole file unanswerable.
    """
    answer_key = _answer_key(fields, columns["answer"])
    answers = fields[answer_key] if answer_key else in_record(fields)
    starts = start_beside(fields, columns["answer_start"])
    question = text_of(fields, columns["question"], where=where)
    impossible = _truth(fields.get(columns["is_impossible"]), where=where)
    if answer_key is None and answers is None and impossible is not True:
        raise DataError(f"{where}: no answer field.", remedy=_NO_ANSWER_REMEDY)
    golds = gold_answers(answers, starts=starts, context=context, where=where, impossible=impossible is True)
    if impossible is True and all(not gold.text for gold in golds):
        golds = ()
    if impossible is not None and impossible is not (not golds):
        told = "is_impossible is true, but there is an answer" if impossible else "no answer is given"
        raise DataError(f"{where}: {told}.", remedy=_NO_ANSWER_REMEDY)
    return Example(
        id=_identifier(fields.get(columns["id"]), where=where) or content_id(question, context, golds),
        question=question,
        context=context,
        answers=golds,
        title=title,
        source=where,
    )


def content_id(question: str, context: str, answers: tuple[GoldAnswer, ...]) -> str:
    """A stable id for a record without one: the first 24 hex digits of its contents' sha256."""
    parts = [question, context, *(f"{answer.start}:{answer.text}" for answer in answers)]
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:24]


def as_object(record: object, *, where: str) -> Mapping[str, object]:
    """The record itself when it is an object. Raises DataError otherwise."""
    if isinstance(record, Mapping):
        return record
    raise DataError(f"{where}: expected an object with fields, found {kind_of(record)}.")


def as_list(fields: Mapping[str, object], name: str, *, where: str) -> list[object]:
    """The field as a list. Raises DataError when it is missing or something else."""
    if name not in fields:
        raise DataError(f'{where}: no "{name}" field.')
    value = fields[name]
    if isinstance(value, list):
        return value
    raise DataError(f'{where}: "{name}" must be a list, found {kind_of(value)}.')


def title_of(fields: Mapping[str, object], *, where: str) -> str:
    """A SQuAD article's title, "" when it has none. Raises DataError when it is not text."""
    return _optional_text(fields, "title", where=where)


def text_of(
    fields: Mapping[str, object], name: str, *, where: str, mapping: str = "question=q,context=passage"
) -> str:
    """A record's field that must be text. Raises DataError naming `where`, with an example of a mapping."""
    if name not in fields:
        present = ", ".join(str(key) for key in islice(fields, 12)) or "nothing"
        raise DataError(
            f'{where}: no "{name}" field (there: {present}).',
            remedy=f"Name the fields with a column mapping, such as --columns {mapping}.",
        )
    value = fields[name]
    if isinstance(value, str):
        return value
    raise DataError(f'{where}: "{name}" must be text, found {kind_of(value)}.')


def _optional_text(fields: Mapping[str, object], name: str, *, where: str) -> str:
    return text_of(fields, name, where=where) if not is_null(fields.get(name)) else ""


def _answer_key(fields: Mapping[str, object], name: str) -> str | None:
    """The field that holds the answers; the Hub's plural goes first unless a column was named.

    Tables that were joined have both, and nothing in the one that is not a row's own.
    """
    names = ("answers", name) if name == DEFAULT_COLUMNS["answer"] else (name,)
    there = [key for key in names if key in fields]
    return next((key for key in there if not _is_nothing(fields[key])), there[0] if there else None)


def _is_nothing(value: object) -> bool:
    return is_null(value) or (isinstance(value, str) and value.strip().lower() in NONE_WORDS)


def _annotated(
    fields: Mapping[str, object], columns: Mapping[str, str]
) -> tuple[Mapping[str, object], Mapping[str, str]]:
    """A record as Label Studio exports it, in whole or in short, as any other flat record.

    Its whole export keeps the texts under "data" and the marks under "annotations"; the short one names
    the marks as the project does, and the text, as its template does, "text".
    """
    data, annotations = fields.get("data"), fields.get("annotations")
    if isinstance(data, Mapping) and isinstance(annotations, list):
        spans = [
            result.get("value")
            for annotation in annotations
            if isinstance(annotation, Mapping) and not annotation.get("was_cancelled")
            for result in _entries(annotation.get("result"))
            if is_mark(result.get("value"))
        ]
        # Without a mark there is no answer field: what nobody has annotated says nothing.
        fields = {"id": fields.get("id"), **data, **({columns["answer"]: spans} if spans else {})}
    marks = [
        name
        for name, value in fields.items()
        if isinstance(value, list) and value and all(map(is_mark, value))
    ]
    if not marks and not fields.keys() & _ANNOTATED_BY:
        return fields, columns
    if fields.get("answer") in _VERDICTS:
        # Not what is asked for: what the annotator said of the marks.
        kept = marks if fields["answer"] == _VERDICTS[0] else ()
        fields = {
            name: one
            for name, one in fields.items()
            if name != "answer" and (name in kept or name not in marks)
        }
        marks = [*kept]
    # An empty list of marks is what nobody has marked, not a question that cannot be answered.
    fields = {name: value for name, value in fields.items() if marks or value != []}
    if _answer_key(fields, columns["answer"]) is None and len(marks) == 1:
        columns = {**columns, "answer": marks[0]}
    if columns["context"] == DEFAULT_COLUMNS["context"] not in fields and "text" in fields:
        columns = {**columns, "context": "text"}
    return fields, columns


def _entries(value: object) -> list[Mapping[str, object]]:
    """The objects of a list; none of anything else."""
    return [entry for entry in value if isinstance(entry, Mapping)] if isinstance(value, list) else []


def _identifier(value: object, *, where: str) -> str:
    if is_null(value):
        return ""
    if isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)):
        return str(value)
    raise DataError(f'{where}: "id" must be text or a whole number, found {kind_of(value)}.')


def _truth(value: object, *, where: str) -> bool | None:
    if is_null(value):
        return None
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower()
    if isinstance(value, (str, int, float)) and word in _TRUTH:
        return _TRUTH[word]
    raise DataError(f'{where}: "is_impossible" must be true or false, found {value!r:.40}.')

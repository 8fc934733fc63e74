"""One raw record of any supported shape -> one `Example`, or a `DataError` that names the record."""

import hashlib
from collections.abc import Collection, Mapping
from itertools import islice

from localqa.errors import ConfigError, DataError
from localqa.squad.align import occurrences
from localqa.squad.records import Example, GoldAnswer

UNKNOWN_START = -1

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

_TRUTH = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False, "": None}
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
    fields = as_object(record, where=where)
    context = text_of(fields, columns["context"], where=where)
    answer_key = _answer_key(fields, columns["answer"])
    start = _start(fields.get(columns["answer_start"]), where=where)
    return build_example(
        fields,
        where=where,
        context=context,
        title=_optional_text(fields, columns["title"], where=where),
        answers=fields.get(answer_key) if answer_key else None,
        has_answers=answer_key is not None,
        start=start,
        columns=columns,
    )


def qa_example(record: object, *, where: str, context: str, title: str) -> Example:
    """Read one entry of a SQuAD paragraph's "qas". Raises DataError naming `where`."""
    fields = as_object(record, where=where)
    return build_example(
        fields,
        where=where,
        context=context,
        title=title,
        answers=fields.get("answers"),
        has_answers="answers" in fields,
        start=UNKNOWN_START,
        columns=DEFAULT_COLUMNS,
    )


def build_example(
    fields: Mapping[str, object],
    *,
    where: str,
    context: str,
    title: str,
    answers: object,
    has_answers: bool,
    start: int,
    columns: Mapping[str, str],
) -> Example:
    """Put one example together; `start` belongs to an answer that is given as plain text.

    An empty answer counts as "no answer" only where the record says so (`is_impossible`, null or
    an empty list), so that a wrong column name cannot turn a whole file unanswerable.
    """
    question = text_of(fields, columns["question"], where=where)
    impossible = _truth(fields.get(columns["is_impossible"]), where=where)
    if not has_answers and impossible is not True:
        raise DataError(f"{where}: no answer field.", remedy=_NO_ANSWER_REMEDY)
    golds = _gold_answers(answers, start=start, context=context, where=where)
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


def context_of(fields: Mapping[str, object], *, where: str) -> str:
    """A SQuAD paragraph's context. Raises DataError when it is missing or not text."""
    return text_of(fields, "context", where=where)


def title_of(fields: Mapping[str, object], *, where: str) -> str:
    """A SQuAD article's title, "" when it has none. Raises DataError when it is not text."""
    return _optional_text(fields, "title", where=where)


def kind_of(value: object) -> str:
    """What a JSON value is, in words."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true/false"
    names = {str: "text", int: "a number", float: "a number", list: "a list", dict: "an object"}
    return names.get(type(value), type(value).__name__)


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
    return text_of(fields, name, where=where) if fields.get(name) is not None else ""


def _answer_key(fields: Mapping[str, object], name: str) -> str | None:
    """The field that holds the answers; the Hub's plural goes first unless a column was named."""
    names = ("answers", name) if name == DEFAULT_COLUMNS["answer"] else (name,)
    return next((key for key in names if key in fields), None)


def _identifier(value: object, *, where: str) -> str:
    if value is None:
        return ""
    if isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)):
        return str(value)
    raise DataError(f'{where}: "id" must be text or a whole number, found {kind_of(value)}.')


def _truth(value: object, *, where: str) -> bool | None:
    if value is None or isinstance(value, bool):
        return value
    word = str(value).strip().lower()
    if isinstance(value, (str, int)) and word in _TRUTH:
        return _TRUTH[word]
    raise DataError(f'{where}: "is_impossible" must be true or false, found {value!r:.40}.')


def _start(value: object, *, where: str) -> int:
    """An answer's start in code points; `UNKNOWN_START` when it is not given."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return UNKNOWN_START
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    # Spreadsheets and data frames write whole numbers as 17.0.
    if isinstance(value, (float, str)):
        try:
            number = float(value)
        except ValueError:
            number = float("nan")
        if number.is_integer():
            return int(number)
    raise DataError(f'{where}: "answer_start" must be a whole number, found {value!r:.40}.')


def _gold_answers(value: object, *, start: int, context: str, where: str) -> tuple[GoldAnswer, ...]:
    """Answers in any of the shapes in use: text, {text, answer_start}, {[..], [..]} or a list of these."""
    if value is None:
        return ()
    if isinstance(value, str):
        return (_located(value, start, context=context),)
    if isinstance(value, Mapping):
        return _answer_object(value, context=context, where=where)
    if isinstance(value, list):
        found: list[GoldAnswer] = []
        for index, entry in enumerate(value):
            if not isinstance(entry, (str, Mapping)):
                raise DataError(f"{where}: answer {index} must be text or an object, found {kind_of(entry)}.")
            # A start beside several answers cannot belong to all of them.
            own = start if len(value) == 1 else UNKNOWN_START
            found.extend(_gold_answers(entry, start=own, context=context, where=where))
        return tuple(found)
    raise DataError(f"{where}: the answer must be text, an object or a list, found {kind_of(value)}.")


def _answer_object(value: Mapping[str, object], *, context: str, where: str) -> tuple[GoldAnswer, ...]:
    if "text" not in value:
        raise DataError(f'{where}: the answer has no "text" field.')
    text, starts = value["text"], value.get("answer_start")
    if isinstance(text, str):
        if isinstance(starts, list):
            raise DataError(f'{where}: "text" is text, but "answer_start" is a list.')
        return (_located(text, _start(starts, where=where), context=context),)
    if not isinstance(text, list) or not all(isinstance(entry, str) for entry in text):
        raise DataError(f'{where}: the answer\'s "text" must be text or a list of texts.')
    if starts is None:
        starts = [None] * len(text)
    if not isinstance(starts, list) or len(starts) != len(text):
        raise DataError(f'{where}: "text" and "answer_start" must be lists of the same length.')
    pairs = zip(text, starts, strict=True)
    return tuple(_located(entry, _start(at, where=where), context=context) for entry, at in pairs)


def _located(text: str, start: int, *, context: str) -> GoldAnswer:
    """Fill in an unknown start where the text occurs exactly once; leave it unknown otherwise."""
    if start == UNKNOWN_START and text:
        places = list(islice(occurrences(context, text), 2))
        if len(places) == 1:
            start = places[0]
    return GoldAnswer(text, start)

"""The records of a data file as they are: JSON, JSONL, tables; nested or flat, good or bad."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from localqa.datafiles.encoding import BLANK, decode, not_text, stray
from localqa.datafiles.files import TextFormat, parse_json, read_bytes
from localqa.datafiles.tables import Needed, read_table
from localqa.errors import DataError
from localqa.squad.golds import kind_of
from localqa.squad.parsing import as_list, as_object, text_of, title_of

_WRAPPERS: Final = ("data", "qa_pairs", "examples")
_SHAPES_REMEDY = (
    'Expected SQuAD JSON ({"data": [{"paragraphs": ...}]}), a list of records with question, context '
    'and answer, or such a list under "data", "qa_pairs" or "examples".'
)
_QUESTIONS: Final = ("qas", "questions", "qa_pairs", "qa")
"""What the list of a paragraph's questions is called."""
_LINE_END = re.compile(r"\r\n|\r|\n")
_NEXT_OBJECT = re.compile(r"\}\s*,\s*(?=\{)")


@dataclass(frozen=True, slots=True)
class Paragraph:
    """What the questions of a SQuAD paragraph share."""

    context: str
    title: str


@dataclass(frozen=True, slots=True)
class Raw:
    """A record before anything is made of it.

    Attributes:
        where: its place as "file:record".
        record: what stands there.
        paragraph: that it is a question of; None: it is flat.
    """

    where: str
    record: object
    paragraph: Paragraph | None = None


Reader = Callable[["Source"], Iterator[Raw | DataError]]


@dataclass(frozen=True, slots=True)
class Source:
    """A file, and what of it is to be known.

    Attributes:
        path: of the file.
        text: its content.
        needed: what a table must have -> the columns that may hold it.
        mapping: of columns, for the message where there are none of these.
        nested: whether articles and paragraphs in SQuAD's shape are opened.
        delimiter: of a table; "": found by its header.
    """

    path: Path
    text: str
    needed: Needed
    mapping: str
    nested: bool
    delimiter: str

    @property
    def name(self) -> str:
        """Of the file, for messages."""
        return self.path.name

    @property
    def context(self) -> str:
        """What a context is called."""
        return next(iter(self.needed.get("context", ("context",))))

    def questions_in(self, record: object) -> str | None:
        """Under which name a record holds the questions about its context; None: it is no paragraph."""
        if not self.nested or not isinstance(record, dict):
            return None
        if "qas" in record or self.context not in record:
            return "qas" if "qas" in record else None
        return next((name for name in _QUESTIONS if _is_objects(record.get(name))), None)

    def is_nested(self, record: object) -> bool:
        """Whether a record is an article or a paragraph in SQuAD's shape."""
        return (
            self.nested
            and isinstance(record, dict)
            and "paragraphs" in record
            or bool(self.questions_in(record))
        )

    def holds_needed(self, record: Mapping[str, object]) -> bool:
        """Whether a record has what a table must have."""
        return all(any(name in record for name in names) for names in self.needed.values())


def read_raw(
    path: Path, *, needed: Needed, mapping: str, nested: bool, text_format: TextFormat
) -> Iterator[Raw | DataError]:
    """The records of a file, and an error for each that cannot be read.

    Raises DataError for a file that is none of the supported, or in which no record can be found.
    """
    reader = reader_of(path)
    text = decode(read_bytes(path), name=path.name, encoding=text_format.encoding)
    return reader(Source(path, text, needed, mapping, nested, text_format.delimiter))


def reader_of(path: Path) -> Reader:
    """What reads a file of this name. Raises DataError naming the kinds that there are."""
    readers: dict[str, Reader] = {
        ".json": _read_json,
        ".jsonl": _read_jsonl,
        ".ndjson": _read_jsonl,
        ".csv": _read_csv,
        ".tsv": _read_csv,
    }
    try:
        return readers[path.suffix.lower()]
    except KeyError as error:
        raise DataError(
            f"{path}: unknown kind of data file {path.suffix!r}.",
            remedy=f"Supported are {', '.join(readers)}, and the names squad and squad_v2.",
        ) from error


def _read_json(source: Source) -> Iterator[Raw | DataError]:
    try:
        root = parse_json(source.text, name=source.name)
    except DataError as error:
        yield from _read_damaged(source, error)
        return
    yield from _read_root(source, root)


def _read_root(source: Source, root: object) -> Iterator[Raw | DataError]:
    prefix, records = source.name + ":", root
    if isinstance(root, dict):
        if source.is_nested(root):
            yield from _opened(source, root, where=f"{source.name}:")
            return
        key = next((name for name in _WRAPPERS if name in root), None)
        if key is None and source.holds_needed(root):
            rows = _rows_of_columns(root, source.needed)
            yield from (
                [Raw(f"{source.name}:", root)]
                if rows is None
                else (Raw(f"{source.name}:[{index}]", row) for index, row in enumerate(rows))
            )
            return
        lists = [name for name, value in root.items() if _is_objects(value)]
        if key is None and len(lists) > 1:
            raise DataError(
                f"{source.name}: this JSON object holds {len(lists)} lists of records: {', '.join(lists)}.",
                remedy="Write each into a file of its own.",
            )
        key = key or next(iter(lists), None)
        if key is None:
            raise DataError(f"{source.name}: no list of records in this JSON object.", remedy=_SHAPES_REMEDY)
        prefix, records = f"{source.name}:{key}", root[key]
        if isinstance(records, dict) and source.is_nested(records):
            yield from _opened(source, records, where=prefix)
            return
    if not isinstance(records, list):
        raise DataError(
            f"{source.name}: expected a list of records, found {kind_of(records)}.", remedy=_SHAPES_REMEDY
        )
    damaged = stray(source.text) is not None
    for index, record in enumerate(records):
        where = f"{prefix}[{index}]"
        for found in _opened(source, record, where=where):
            yield _checked(found) if damaged else found


def _read_damaged(source: Source, error: DataError) -> Iterator[Raw | DataError]:
    """What is whole in a file that is not JSON as a whole: lines of records, or the good ones of a list."""
    text = source.text.lstrip()
    if text.startswith("{") and _is_json(_LINE_END.split(text, maxsplit=1)[0]):
        yield from _read_jsonl(source)
        return
    found = list(_whole_records(source, text)) if text.startswith("[") else []
    if not any(isinstance(one, Raw) for one in found):
        lines = _LINE_END.split(source.text)
        at = next((number for number, line in enumerate(lines, 1) if stray(line)), None)
        raise not_text(f"{source.name}:{at}", lines[at - 1]) if at else error
    yield from found


def _whole_records(source: Source, text: str) -> Iterator[Raw | DataError]:
    """The records of a list in which something is broken; what follows one begins at the next object."""
    decoder = json.JSONDecoder()
    before = len(source.text) - len(text)
    at, index = 1, 0
    while True:
        at = _behind(text, at, " \t\r\n,")
        # Behind a fault the end of a list may be that of one within the record.
        if at >= len(text) or (text[at] == "]" and not text[at + 1 :].strip()):
            return
        where = f"{source.name}:[{index}]"
        try:
            record, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError) as e:
            begun = source.text[: before + at]
            line = begun.count("\n") + 1
            told = e.msg if isinstance(e, json.JSONDecodeError) else str(e)
            fault = f"{where}: the record that begins in line {line} is malformed JSON: {told}."
            following = _NEXT_OBJECT.search(text, at)
            damaged = text[at : following.start() + 1] if following else text[at:].rstrip().removesuffix("]")
            yield _with_text(DataError(fault, remedy="Repair the JSON there."), damaged.strip())
            if following is None:
                return
            at = following.end()
        else:
            for found in _opened(source, record, where=where):
                yield _checked(found)
        index += 1


def _behind(text: str, at: int, skipped: str) -> int:
    while at < len(text) and text[at] in skipped:
        at += 1
    return at


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _checked(found: Raw | DataError) -> Raw | DataError:
    """An error for a record with bytes that are no text."""
    if isinstance(found, DataError):
        return found
    shared = [found.paragraph.context, found.paragraph.title] if found.paragraph else []
    text = json.dumps([found.record, *shared], ensure_ascii=False)
    if not stray(text):
        return found
    return _with_text(not_text(found.where, text), json.dumps(found.record, ensure_ascii=False))


def _with_text(error: DataError, text: str) -> DataError:
    error.text = text
    return error


def holds_others(record: Mapping[str, object]) -> bool:
    """Whether a JSON object is no record but holds records: SQuAD's shape, or a list of them."""
    return any(isinstance(record.get(name), list) for name in (*_WRAPPERS, "paragraphs", "qas"))


def _is_objects(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, dict) for one in value)


def _rows_of_columns(table: Mapping[str, object], needed: Needed) -> list[dict[str, object]] | None:
    """The rows of a table that was written by columns, as lists or as pandas does; None: it is one record."""
    columns: dict[str, list[object]] = {}
    for name, value in table.items():
        if isinstance(value, dict) and all(map(str.isdecimal, value)):
            value = list(value.values())
        if isinstance(value, list):
            columns[name] = value
    there = [name for names in needed.values() for name in names if name in table]
    lengths = {len(values) for values in columns.values()}
    if not there or len(lengths) != 1 or not set(there) <= columns.keys():
        return None
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def _opened(source: Source, record: object, *, where: str) -> Iterator[Raw | DataError]:
    """The questions of an article or a paragraph in SQuAD's shape; any other record as it is."""
    questions = source.questions_in(record)
    if source.nested and isinstance(record, dict) and "paragraphs" in record:
        yield from _article(source, record, where=where)
    elif questions is not None:
        yield from _paragraph(source, record, where=where, title="", name=questions)
    else:
        yield Raw(where, record)


def _article(source: Source, article: Mapping[str, object], *, where: str) -> Iterator[Raw | DataError]:
    try:
        title = title_of(article, where=where)
        paragraphs = as_list(article, "paragraphs", where=where)
    except DataError as error:
        yield _with_text(error, json.dumps(article, ensure_ascii=False))
        return
    for index, paragraph in enumerate(paragraphs):
        name = source.questions_in(paragraph) or "qas"
        yield from _paragraph(source, paragraph, where=f"{where}.paragraphs[{index}]", title=title, name=name)


def _paragraph(
    source: Source, paragraph: object, *, where: str, title: str, name: str
) -> Iterator[Raw | DataError]:
    try:
        fields = as_object(paragraph, where=where)
        own = title or title_of(fields, where=where)
        shared = Paragraph(text_of(fields, source.context, where=where), own)
        questions = as_list(fields, name, where=where)
    except DataError as error:
        yield _with_text(error, json.dumps(paragraph, ensure_ascii=False))
        return
    for index, record in enumerate(questions):
        yield Raw(f"{where}.{name}[{index}]", record, shared)


def _read_jsonl(source: Source) -> Iterator[Raw | DataError]:
    lines = _LINE_END.split(source.text)
    filled = [(number, line) for number, line in enumerate(lines, start=1) if not BLANK.fullmatch(line)]
    # One JSON text over many lines, or a list of records in one, under the name of the other kind.
    whole = _whole_text(source, first=filled[0][1]) if filled else None
    if whole is not None:
        yield from _read_root(source, whole)
        return
    for number, line in filled:
        where = f"{source.name}:{number}"
        if stray(line):
            yield _with_text(not_text(where, line), line)
            continue
        try:
            record = parse_json(line.lstrip("\ufeff"), name=source.name, line=number)
        except DataError as error:
            yield _with_text(error, line)
            continue
        yield from _opened(source, record, where=where)


def _whole_text(source: Source, *, first: str) -> Any:
    """The file as one JSON text that holds records; None: it is lines of them, of which this is the first."""
    try:
        line = json.loads(first.lstrip("\ufeff"))
    except (ValueError, RecursionError):
        line = None
    lists = isinstance(line, dict) and any(isinstance(line.get(name), list) for name in _WRAPPERS)
    if isinstance(line, dict) and (source.holds_needed(line) or not lists):
        return None
    try:
        found = json.loads(source.text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, (dict, list)) else None


def _read_csv(source: Source) -> Iterator[Raw | DataError]:
    default = "\t" if source.path.suffix.lower() == ".tsv" else ","
    table = read_table(
        source.text,
        name=source.name,
        needed=source.needed,
        mapping=source.mapping,
        delimiter=source.delimiter,
        default=default,
    )
    for row in table:
        yield row if isinstance(row, DataError) else Raw(row.where, row.cells)

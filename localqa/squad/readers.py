"""One reader for every supported data file: SQuAD JSON, Hub-style and flat JSON, JSONL, CSV, Hub names."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Generic, TypeVar

from localqa.errors import ConfigError, DataError, ResourceError
from localqa.squad.files import decode, find_file, parse_json, read_bytes
from localqa.squad.hub import is_hub_name, read_hub
from localqa.squad.parsing import (
    as_list,
    as_object,
    context_of,
    flat_example,
    kind_of,
    qa_example,
    resolve_columns,
    title_of,
)
from localqa.squad.records import Example

Record = TypeVar("Record")


@dataclass(frozen=True, slots=True)
class Kind(Generic[Record]):
    """What a file's records are read into.

    Attributes:
        flat: reads one flat record, given its place for messages; raises DataError.
        needed: what a table must have -> the columns that may hold it.
        mapping: of columns, for the message where there are none of these.
        nested: whether records in SQuAD's shape, articles with paragraphs, hold such records.
    """

    flat: Callable[..., Record]
    needed: Mapping[str, Sequence[str]]
    mapping: str
    nested: bool = False


_FAULTS_SHOWN = 10
_WRAPPERS = ("data", "qa_pairs", "examples")
_SHAPES_REMEDY = (
    'Expected SQuAD JSON ({"data": [{"paragraphs": ...}]}), a list of records with question, context '
    'and answer, or such a list under "data", "qa_pairs" or "examples".'
)


def read_examples(
    source: str | Path,
    *,
    columns: Mapping[str, str] | None = None,
    split: str | None = None,
    limit: int | None = None,
    faults: list[DataError] | None = None,
) -> list[Example]:
    """Read questions, contexts and answers from a file or from a dataset known by name.

    Examples come back as the file has them, wrong offsets included: `localqa.squad.checks` judges. An
    answer without a start is given one where its text occurs exactly once; otherwise its start is -1.
    SQuAD 2.0's "plausible_answers" are no answers and are not read.

    Args:
        source: a .json, .jsonl/.ndjson, .csv or .tsv file, or `squad`, `squad_v2`, `squad:validation`.
        columns: field name -> column name for flat records (fields: question, context, answer,
            answer_start, id, title, is_impossible); nested SQuAD JSON has no columns and ignores it.
        split: the split of a dataset known by name; `train` unless given here or after the name's colon.
        limit: read this many examples at most.
        faults: where given, records that cannot be read are put here, and the others are returned.

    Raises DataError naming file and record, line or column; ConfigError for a mapping, split or limit
    that makes no sense; ResourceError when the file does not fit into memory.
    """
    names = resolve_columns(columns)
    kind = Kind(
        flat=partial(flat_example, columns=names),
        needed={field: [names[field]] for field in ("question", "context")},
        mapping="question=q,context=passage,answer=a",
        nested=True,
    )
    if limit is not None and limit < 1:
        raise ConfigError(f"limit must be at least 1, not {limit}.")
    if is_hub_name(source):
        found = read_hub(str(source), columns=names, split=split, limit=limit)
        return _gather(found, limit=limit, faults=faults)
    if split is not None:
        raise ConfigError(
            f"split={split!r} applies to datasets known by name (squad, squad_v2), not to the file {source}.",
            remedy="Leave the split out and give the file of that split.",
        )
    return read_records(find_file(source, [Path()]), kind, limit=limit, faults=faults)


def read_records(
    path: Path,
    kind: Kind[Record],
    *,
    limit: int | None = None,
    faults: list[DataError] | None = None,
) -> list[Record]:
    """The records of a file of any supported format; see `read_examples`."""
    try:
        return _gather(_reader_for(path)(path, kind), limit=limit, faults=faults)
    except MemoryError as error:
        raise ResourceError(f"{path} does not fit into memory.", remedy="Split it into files.") from error


def _reader_for(path: Path) -> Callable[[Path, Kind[Any]], Iterator[Any]]:
    readers = {
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


def _gather(
    outcomes: Iterable[Record | DataError], *, limit: int | None, faults: list[DataError] | None
) -> list[Record]:
    """All records, and the faulty records in `faults`; without it one DataError that names those."""
    records: list[Record] = []
    found: list[DataError] = [] if faults is None else faults
    for outcome in outcomes:
        if isinstance(outcome, DataError):
            found.append(outcome)
        else:
            records.append(outcome)
        if len(records) == limit:
            break
    if not found or faults is not None:
        return records
    lines = [fault.message for fault in found[:_FAULTS_SHOWN]]
    if len(found) > _FAULTS_SHOWN:
        lines.append(f"... and {len(found) - _FAULTS_SHOWN:,} more records like these")
    remedy = next((fault.remedy for fault in found if fault.remedy), "Repair or remove these records.")
    raise DataError("\n".join(lines), remedy=remedy) from found[0]


def _read_flat(record: object, *, where: str, kind: Kind[Record]) -> Record | DataError:
    try:
        return kind.flat(record, where=where)
    except DataError as error:
        return error


def _read_json(path: Path, kind: Kind[Any]) -> Iterator[Any]:
    root = parse_json(decode(read_bytes(path), name=path.name), name=path.name)
    prefix, records = path.name + ":", root
    if isinstance(root, dict):
        key = next((name for name in _WRAPPERS if name in root), None)
        if key is None:
            raise DataError(f"{path.name}: no list of records in this JSON object.", remedy=_SHAPES_REMEDY)
        prefix, records = f"{path.name}:{key}", root[key]
    if not isinstance(records, list):
        raise DataError(
            f"{path.name}: expected a list of records, found {kind_of(records)}.", remedy=_SHAPES_REMEDY
        )
    for index, record in enumerate(records):
        where = f"{prefix}[{index}]"
        if kind.nested and isinstance(record, dict) and "paragraphs" in record:
            yield from _read_article(record, where=where)
        else:
            yield _read_flat(record, where=where, kind=kind)


def _read_article(article: Mapping[str, object], *, where: str) -> Iterator[Example | DataError]:
    try:
        title = title_of(article, where=where)
        paragraphs = as_list(article, "paragraphs", where=where)
    except DataError as error:
        yield error
        return
    for index, paragraph in enumerate(paragraphs):
        yield from _read_paragraph(paragraph, where=f"{where}.paragraphs[{index}]", title=title)


def _read_paragraph(paragraph: object, *, where: str, title: str) -> Iterator[Example | DataError]:
    try:
        fields = as_object(paragraph, where=where)
        context = context_of(fields, where=where)
        questions = as_list(fields, "qas", where=where)
    except DataError as error:
        yield error
        return
    for index, record in enumerate(questions):
        try:
            yield qa_example(record, where=f"{where}.qas[{index}]", context=context, title=title)
        except DataError as error:
            yield error


def _read_jsonl(path: Path, kind: Kind[Any]) -> Iterator[Any]:
    try:
        with path.open("rb") as lines:
            for number, raw in enumerate(lines, start=1):
                # A line of spaces, or the mark that some editors put before the first one.
                if raw.strip() and raw.strip() != b"\xef\xbb\xbf":
                    yield _read_line(raw, name=path.name, number=number, kind=kind)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from error


def _read_line(raw: bytes, *, name: str, number: int, kind: Kind[Record]) -> Record | DataError:
    try:
        record = parse_json(decode(raw, name=name, first_line=number), name=name, line=number)
    except DataError as error:
        return error
    return _read_flat(record, where=f"{name}:{number}", kind=kind)


def _read_csv(path: Path, kind: Kind[Any]) -> Iterator[Any]:
    # Bytes that are no text stay in their cells, so that one row does not spoil the file.
    text = read_bytes(path).decode("utf-8-sig", "surrogateescape")
    # The csv module's default limit of 131,072 characters is shorter than some contexts; it is global.
    before = csv.field_size_limit(2**31 - 1)
    try:
        delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
        yield from _read_rows(text, delimiter=delimiter, name=path.name, kind=kind)
    finally:
        csv.field_size_limit(before)


def _read_rows(text: str, *, delimiter: str, name: str, kind: Kind[Any]) -> Iterator[Any]:
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    header: list[str] | None = None
    line = 1
    try:
        for row in rows:
            where, line = f"{name}:{line}", rows.line_num + 1
            if not row:
                continue
            if not all(map(_is_text, row)):
                fault = DataError(f"{where}: not UTF-8 text.", remedy="Save the file as UTF-8.")
                if header is None:
                    raise fault
                yield fault
            elif header is None:
                header = _checked_header(row, where=where, kind=kind)
            elif len(row) != len(header):
                yield DataError(f"{where}: {len(row)} cells, but the header has {len(header)}.")
            else:
                record = dict(zip(header, row, strict=True))
                yield _read_flat(record, where=where, kind=kind)
    except csv.Error as error:
        raise DataError(f"{name}:{line}: malformed CSV: {error}.") from error
    if header is None:
        raise DataError(f"{name}: empty, not even a header row.")


def _is_text(cell: str) -> bool:
    """Whether a cell came from UTF-8; stray bytes were read as lone surrogates."""
    return cell.isascii() or not any("\udc80" <= char <= "\udcff" for char in cell)


def _checked_header(row: list[str], *, where: str, kind: Kind[Any]) -> list[str]:
    header = [cell.strip() for cell in row]
    named = ", ".join(header)
    twice = sorted({cell for cell in header if header.count(cell) > 1})
    if twice:
        raise DataError(f"{where}: the column {twice[0]!r} occurs twice.", remedy="Rename one of them.")
    missing = [
        f"{field} ({' or '.join(map(repr, names))})"
        for field, names in kind.needed.items()
        if not any(name in header for name in names)
    ]
    if missing:
        raise DataError(
            f"{where}: no column for {' and '.join(missing)}; the columns are: {named}.",
            remedy=f"Name them with a column mapping, such as {kind.mapping}.",
        )
    return header

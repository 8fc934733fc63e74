"""One reader for every supported data file: SQuAD JSON, Hub-style and flat JSON, JSONL, CSV, Hub names."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Generic, TypeVar

from localqa.datafiles.files import TextFormat, find_file
from localqa.datafiles.tables import Needed
from localqa.errors import ConfigError, DataError, ResourceError
from localqa.squad.hub import is_hub_name, read_hub
from localqa.squad.parsing import flat_example, qa_example, resolve_columns
from localqa.squad.raw import Raw, read_raw
from localqa.squad.records import Example

Record = TypeVar("Record")
_FOUND_OUT = TextFormat()


@dataclass(frozen=True, slots=True)
class Kind(Generic[Record]):
    """What a file's records are read into.

    Attributes:
        flat: reads one flat record, given its place for messages; raises DataError.
        needed: what a table must have -> the columns that may hold it.
        mapping: of columns, for the message where there are none of these.
        nested: reads one question of a SQuAD paragraph; None: there are no such records.
    """

    flat: Callable[..., Record]
    needed: Needed
    mapping: str
    nested: Callable[..., Record] | None = None


_FAULTS_SHOWN = 10


def read_examples(
    source: str | Path,
    *,
    columns: Mapping[str, str] | None = None,
    split: str | None = None,
    limit: int | None = None,
    faults: list[DataError] | None = None,
    text_format: TextFormat = _FOUND_OUT,
) -> list[Example]:
    """Read questions, contexts and answers from a file or from a dataset known by name.

    Examples come back as the file has them, wrong offsets included: `localqa.squad.checks` judges. An
    answer without a start is given one where its text occurs exactly once; otherwise its start is -1.
    SQuAD 2.0's "plausible_answers" are no answers and are not read.

    Args:
        source: a .json, .jsonl/.ndjson, .csv or .tsv file, or `squad`, `squad_v2`, `squad:validation`.
        columns: field name -> column name for flat records (fields: question, context, answer,
            answer_start, id, title, is_impossible).
        split: the split of a dataset known by name; `train` unless given here or after the name's colon.
        limit: read this many examples at most.
        faults: where given, records that cannot be read are put here, and the others are returned.
        text_format: encoding and delimiter, where they are known.

    Raises DataError naming file and record, line or column; ConfigError for a mapping, split or limit
    that makes no sense; ResourceError when the file does not fit into memory.
    """
    names = resolve_columns(columns)
    kind = Kind(
        flat=partial(flat_example, columns=names),
        needed={field: [names[field]] for field in ("question", "context")},
        mapping="question=q,context=passage,answer=a",
        nested=partial(qa_example, columns=names),
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
    path = find_file(source, [Path()])
    return read_records(path, kind, limit=limit, faults=faults, text_format=text_format)


def read_records(
    path: Path,
    kind: Kind[Record],
    *,
    limit: int | None = None,
    faults: list[DataError] | None = None,
    text_format: TextFormat = _FOUND_OUT,
) -> list[Record]:
    """The records of a file of any supported format; see `read_examples`."""
    try:
        raw = read_raw(
            path,
            needed=kind.needed,
            mapping=kind.mapping,
            nested=kind.nested is not None,
            text_format=text_format,
        )
        records: Iterator[Record | DataError] = _records(raw, kind)
        return _gather(records, limit=limit, faults=faults)
    except MemoryError as error:
        raise ResourceError(f"{path} does not fit into memory.", remedy="Split it into files.") from error


def _records(raw: Iterable[Raw | DataError], kind: Kind[Any]) -> Iterator[Any]:
    for one in raw:
        if isinstance(one, DataError):
            yield one
            continue
        try:
            yield _record(one, kind)
        except DataError as error:
            yield error


def _record(raw: Raw, kind: Kind[Any]) -> Any:
    if raw.paragraph is None or kind.nested is None:
        return kind.flat(raw.record, where=raw.where)
    shared = raw.paragraph
    return kind.nested(raw.record, where=raw.where, context=shared.context, title=shared.title)


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
    raise DataError("\n".join(told(found)), remedy=remedy_of(found)) from found[0]


def told(faults: list[DataError], most: int = _FAULTS_SHOWN) -> list[str]:
    """Lines that name the first faulty records and count the others."""
    lines = [fault.message for fault in faults[:most]]
    if len(faults) > most:
        lines.append(f"... and {len(faults) - most:,} more records like these")
    return lines


def remedy_of(faults: list[DataError]) -> str:
    """What to do about faulty records: what the first of them says."""
    return next((fault.remedy for fault in faults if fault.remedy), "Repair or remove these records.")

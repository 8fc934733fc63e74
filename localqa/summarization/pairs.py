"""A text and its summary: the record that summarisation learns from, and reading files of them."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count, takewhile
from pathlib import Path

from localqa.config import data_dir
from localqa.datafiles.files import TextFormat, find_file
from localqa.errors import ConfigError, DataError
from localqa.squad.parsing import as_object, check_fields, text_of
from localqa.squad.places import is_null
from localqa.squad.readers import Kind, read_records, remedy_of, told
from localqa.squad.records import Example
from localqa.squad.split import split_by_context, subset

FIELDS: Mapping[str, Sequence[str]] = {
    "document": ("document", "dialogue", "article", "text"),
    "summary": ("summary", "highlights", "summary1"),
}
"""Field -> what well-known data sets call it."""
_SHOWN = 10
_FOUND_OUT = TextFormat()
_MAPPING = "document=article,summary=abstract"


@dataclass(frozen=True, slots=True)
class Pair:
    """A text with its summary; `source` says where it came from as "file:record".

    `others` are more summaries that are as good; they count when one is judged.
    """

    document: str
    summary: str
    source: str = ""
    others: tuple[str, ...] = ()

    @property
    def references(self) -> tuple[str, ...]:
        """All its summaries."""
        return (self.summary, *self.others)


def read_pairs(
    sources: Sequence[str],
    *,
    columns: Mapping[str, str] | None = None,
    limit: int | None = None,
    text_format: TextFormat = _FOUND_OUT,
) -> list[Pair]:
    """Read .json, .jsonl, .csv and .tsv files; records that cannot be used are told and left out.

    Args:
        sources: files below the working directory or `data_dir()`.
        columns: field ("document", "summary") -> its name in the data; without it the names that XSum,
            CNN/DailyMail, SAMSum and DialogSum use are known. Behind summary1, summary2 and so on are read
            as other summaries of the same text.
        limit: take a fixed sample of this many only.
        text_format: encoding and delimiter, where they are known.

    Raises:
        DataError: a file that cannot be read, or nothing usable in it.
        ConfigError: a field that is none.
    """
    if limit is not None and limit < 1:
        raise ConfigError(f"limit must be at least 1, not {limit}.")
    names = _resolved(columns or {})
    kind = Kind(flat=partial(_pair, names=names), needed=names, mapping=_MAPPING)
    pairs: list[Pair] = []
    faults: list[DataError] = []
    for source in sources:
        path = find_file(source, [Path(), data_dir()])
        pairs += read_records(path, kind, faults=faults, text_format=text_format)
    for line in told(faults, _SHOWN):
        print(line)
    if not pairs:
        remedy = remedy_of(faults) if faults else "Give a file with records."
        raise DataError(f"No text with a summary in {', '.join(sources)}.", remedy=remedy)
    return subset(pairs, limit, seed=0) if limit else pairs


def fingerprint(pairs: Iterable[Pair]) -> str:
    """sha256, in hex, over texts and summaries in their order."""
    digest = hashlib.sha256()
    for pair in pairs:
        digest.update(json.dumps([pair.document, *pair.references]).encode("ascii") + b"\n")
    return digest.hexdigest()


def _resolved(columns: Mapping[str, str]) -> dict[str, Sequence[str]]:
    check_fields(columns, FIELDS)
    return {**FIELDS, **{field: (name,) for field, name in columns.items()}}


def _pair(record: object, *, where: str, names: Mapping[str, Sequence[str]]) -> Pair:
    fields = as_object(record, where=where)

    def named(field: str) -> str:
        return next((name for name in names[field] if name in fields), names[field][0])

    def text(name: str) -> str:
        found = text_of(fields, name, where=where, mapping=_MAPPING)
        if not found.isascii() and found.encode("utf-8", "replace").decode() != found:
            raise DataError(f'{where}: "{name}" holds half a surrogate pair.', remedy="Repair these records.")
        if not found.strip():
            raise DataError(f'{where}: "{name}" is empty.', remedy="Remove or complete these records.")
        return found

    summary = named("summary")
    others = (f"{summary[:-1]}{number}" for number in count(2)) if summary.endswith("1") else ()
    there = takewhile(fields.__contains__, others)
    # A table has a cell for each, also for a text with fewer summaries than others.
    more = tuple(text(name) for name in there if not _is_blank(fields[name]))
    return Pair(text(named("document")), text(summary), where, more)


def _is_blank(value: object) -> bool:
    return is_null(value) or (isinstance(value, str) and not value.strip())


def split_pairs(pairs: Sequence[Pair], *, held_out: int, seed: int) -> tuple[list[Pair], list[Pair]]:
    """Hold some pairs out so that no text is on both sides; see `localqa.squad.split.split_by_context`."""
    examples = [Example(str(at), "", pair.document) for at, pair in enumerate(pairs)]
    kept, held = split_by_context(examples, held_out=held_out, seed=seed)
    return [pairs[int(one.id)] for one in kept], [pairs[int(one.id)] for one in held]

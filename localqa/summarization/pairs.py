"""A text and its summary: the record that summarisation learns from, and reading files of them."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from localqa.config import data_dir
from localqa.errors import ConfigError, DataError
from localqa.squad.files import find_file
from localqa.squad.parsing import as_object, text_of
from localqa.squad.readers import Kind, read_records
from localqa.squad.records import Example
from localqa.squad.split import split_by_context

_NAMES: Mapping[str, Sequence[str]] = {
    "document": ("document", "dialogue", "article", "text"),
    "summary": ("summary", "highlights"),
}
"""Field -> what well-known data sets call it."""
_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Pair:
    """A text with its summary; `source` says where it came from as "file:record"."""

    document: str
    summary: str
    source: str = ""


def read_pairs(sources: Sequence[str], *, columns: Mapping[str, str] | None = None) -> list[Pair]:
    """Read .json, .jsonl, .csv and .tsv files; records that cannot be used are told and left out.

    Args:
        sources: files below the working directory or `data_dir()`.
        columns: field ("document", "summary") -> its name in the data; without it the names that XSum,
            CNN/DailyMail, SAMSum and DialogSum use are known.

    Raises:
        DataError: a file that cannot be read, or nothing usable in it.
        ConfigError: a field that is none.
    """
    names = _resolved(columns or {})
    kind = Kind(flat=partial(_pair, names=names), needed=names, mapping="document=article,summary=abstract")
    pairs: list[Pair] = []
    faults: list[DataError] = []
    for source in sources:
        found = read_records(find_file(source, [Path(), data_dir()]), kind, faults=faults)
        pairs += found
    for fault in faults[:_SHOWN]:
        print(fault.message)
    if len(faults) > _SHOWN:
        print(f"... and {len(faults) - _SHOWN:,} more records like these")
    if not pairs:
        remedy = next((fault.remedy for fault in faults if fault.remedy), "Give a file with records.")
        raise DataError(f"No text with a summary in {', '.join(sources)}.", remedy=remedy)
    return pairs


def fingerprint(pairs: Iterable[Pair]) -> str:
    """sha256, in hex, over texts and summaries in their order."""
    digest = hashlib.sha256()
    for pair in pairs:
        digest.update(json.dumps([pair.document, pair.summary]).encode("ascii") + b"\n")
    return digest.hexdigest()


def _resolved(columns: Mapping[str, str]) -> dict[str, Sequence[str]]:
    unknown = sorted(set(columns) - set(_NAMES))
    if unknown:
        raise ConfigError(
            f"Unknown field {unknown[0]!r} in the column mapping.",
            remedy=f"The fields are: {', '.join(_NAMES)}; write field=column.",
        )
    return {**_NAMES, **{field: (name,) for field, name in columns.items()}}


def _pair(record: object, *, where: str, names: Mapping[str, Sequence[str]]) -> Pair:
    fields = as_object(record, where=where)

    def text(field: str) -> str:
        known = names[field]
        found = text_of(fields, next((name for name in known if name in fields), known[0]), where=where)
        if not found.strip():
            raise DataError(f"{where}: the {field} is empty.", remedy="Remove or complete these records.")
        return found

    return Pair(text("document"), text("summary"), where)


def split_pairs(pairs: Sequence[Pair], *, held_out: int, seed: int) -> tuple[list[Pair], list[Pair]]:
    """Hold some pairs out so that no text is on both sides; see `localqa.squad.split.split_by_context`."""
    examples = [Example(str(at), "", pair.document) for at, pair in enumerate(pairs)]
    kept, held = split_by_context(examples, held_out=held_out, seed=seed)
    return [pairs[int(one.id)] for one in kept], [pairs[int(one.id)] for one in held]

"""What can be answered: files that are read in place, and others as a file of rows that is made of them."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from localqa.bulk.parts import write_whole
from localqa.bulk.rows import STAGED, is_blank
from localqa.datafiles.files import TextFormat, find_file
from localqa.errors import DataError
from localqa.squad.raw import Raw, holds_others, read_raw

_IN_PLACE: Final = (".jsonl", ".ndjson")
INPUTS: Final = (*_IN_PLACE, ".json", ".csv", ".tsv", ".parquet")
_HEAD_BYTES = 1 << 20


def check_input(path: Path) -> None:
    """Refuse a file that is not there, or of a kind that cannot be answered.

    Raises:
        DataError: naming the kinds that can.
    """
    if path.suffix.lower() not in INPUTS:
        raise DataError(
            f"{path} ends in none of {', '.join(INPUTS)}.", remedy="Convert it to one of them, or rename it."
        )
    find_file(path, [Path()])


def rows_file(path: Path, folder: Path, needed: Iterable[str], text_format: TextFormat) -> Path:
    """The file that the parts are read from: the input itself, or one of its rows in the folder of the run.

    Args:
        path: the input; see `check_input`.
        folder: of the run.
        needed: columns that a table must have.
        text_format: what is known of a text file.

    Raises:
        DataError: there is not one row in it that can be read.
    """
    kind, fields = path.suffix.lower(), list(needed)
    if kind == ".parquet" or (kind in _IN_PLACE and not text_format.encoding and _is_plain(path, fields)):
        return path
    rows = folder / STAGED
    if not rows.exists():
        lines = list(_staged(path, fields, text_format))
        write_whole(rows, "".join(json.dumps(line) + "\n" for line in lines))
    return rows


def _staged(path: Path, needed: list[str], text_format: TextFormat) -> Iterator[Any]:
    """Each row as an object; what is none as a list of its text and what is wrong with it."""
    raw = list(
        read_raw(
            path,
            needed={name: [name] for name in needed},
            mapping="question=q,context=passage",
            nested=True,
            text_format=text_format,
        )
    )
    if raw and all(isinstance(one, DataError) for one in raw):
        first = next(one for one in raw if isinstance(one, DataError))
        raise DataError(f"{path} holds no row that can be read. {first.message}", remedy=first.remedy)
    for one in raw:
        if isinstance(one, DataError):
            yield [one.text.encode("utf-8", "replace").decode(), one.message]
        elif isinstance(one.record, dict):
            yield _row(one, one.record)
        else:
            yield [json.dumps(one.record), f"{one.where}: not an object with fields"]


def _row(raw: Raw, fields: dict[str, Any]) -> dict[str, Any]:
    if raw.paragraph is None:
        return fields
    title = {"title": raw.paragraph.title} if raw.paragraph.title else {}
    return {**title, "context": raw.paragraph.context, **fields}


def _is_plain(path: Path, needed: list[str]) -> bool:
    """Whether a file is lines of UTF-8, each a record, as far as its beginning and its bytes tell.

    Raises:
        DataError: it cannot be read.
    """
    try:
        with path.open("rb") as lines:
            head = lines.read(_HEAD_BYTES)
            if b"\0" in head[:8] or (b"\r" in head and b"\n" not in head):
                return False
            lines.seek(0)
            first = next((line for line in lines if not is_blank(line)), b"{}")
            if not _is_record(first, needed):
                return False
            lines.seek(0)
            return _is_utf8(lines)
    except OSError as e:
        raise DataError(
            f"{path} cannot be read: {e.strerror or e}.", remedy="Check the path and its permissions."
        ) from e


def _is_record(line: bytes, needed: list[str]) -> bool:
    """Whether a line is a record by itself: no part of a longer text, and no list of others."""
    try:
        record = json.loads(line.decode("utf-8-sig").strip("\ufeff\u200b"))
    except (ValueError, RecursionError):
        return False
    return isinstance(record, dict) and (set(needed) <= record.keys() or not holds_others(record))


def _is_utf8(lines: Iterable[bytes]) -> bool:
    """Whether the lines are UTF-8, but for a few that are damaged."""
    damaged = beyond_ascii = False
    for line in lines:
        if line.isascii():
            continue
        try:
            line.decode("utf-8")
            beyond_ascii = True
        except UnicodeDecodeError:
            damaged = True
        if beyond_ascii and damaged:
            return True
    return not damaged

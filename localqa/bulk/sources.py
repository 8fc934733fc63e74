"""What can be answered: files that are read in place, and others as a file of rows that is made of them."""

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from localqa.bulk.parts import write_whole
from localqa.bulk.rows import STAGED
from localqa.datafiles.encoding import decode
from localqa.datafiles.files import TextFormat, find_file, read_bytes
from localqa.errors import DataError
from localqa.squad.raw import Raw, read_raw

_IN_PLACE: Final = (".jsonl", ".ndjson")
INPUTS: Final = (*_IN_PLACE, ".json", ".csv", ".tsv", ".parquet")
_HEAD_BYTES = 1 << 20
_PLACE = re.compile(r"^[^:]*:(\d+):")


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
    kind = path.suffix.lower()
    if kind == ".parquet" or (kind in _IN_PLACE and not text_format.encoding and _is_plain(path)):
        return path
    rows = folder / STAGED
    if not rows.exists():
        lines = list(_staged(path, list(needed), text_format))
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
    text = ""
    if any(isinstance(one, DataError) for one in raw):
        text = decode(read_bytes(path), name=path.name, encoding=text_format.encoding)
    lines = re.split(r"\r\n|\r|\n", text)
    for one in raw:
        if isinstance(one, DataError):
            place = _PLACE.match(one.message)
            shown = lines[int(place[1]) - 1] if place and int(place[1]) <= len(lines) else ""
            yield [shown.encode("utf-8", "replace").decode(), one.message]
        elif isinstance(one.record, dict):
            yield _row(one, one.record)
        else:
            yield [json.dumps(one.record), f"{one.where}: not an object with fields"]


def _row(raw: Raw, fields: dict[str, Any]) -> dict[str, Any]:
    if raw.paragraph is None:
        return fields
    title = {"title": raw.paragraph.title} if raw.paragraph.title else {}
    return {**title, "context": raw.paragraph.context, **fields}


def _is_plain(path: Path) -> bool:
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
            first = next((line for line in lines if line.strip(b"\xef\xbb\xbf \t\r\n")), b"{")
            if not first.lstrip(b"\xef\xbb\xbf \t").startswith(b"{") or first.strip() == b"{":
                return False
            lines.seek(0)
            return _is_utf8(lines)
    except OSError as e:
        raise DataError(
            f"{path} cannot be read: {e.strerror or e}.", remedy="Check the path and its permissions."
        ) from e


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

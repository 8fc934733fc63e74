"""The rows of a large file, in parts: where each part lies, and what it holds."""

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from localqa.datafiles.encoding import BLANK
from localqa.errors import ConfigError, DataError

Row = dict[str, Any]
STAGED: Final = "rows.staged"
"""A file of rows in the folder of a run: objects, and lists of a text that is no row and what is wrong."""
_LINES: Final = (".jsonl", ".ndjson", ".staged")
_BLANKS_BEGIN: Final = (b"", *(bytes([one]) for one in b" \t\r\n\f\v\x1c\x1d\x1e\x1f\xc2\xe1\xe2\xe3\xef"))
"""With these bytes white space begins in UTF-8."""
_DEEPEST = 200


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of the input: where it lies, and how many rows it has.

    Attributes:
        number: from 0, in the order of the input.
        at: JSONL: byte of the first row. Parquet: the row group.
        skip: Parquet: rows of that group before the first one.
        rows: how many.
    """

    number: int
    at: int
    skip: int
    rows: int


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line of a JSONL file that is no row, and what is wrong with it."""

    text: str
    problem: str


def is_blank(line: bytes) -> bool:
    """Whether a line holds nothing but white space, of any script."""
    # Most lines are told by their first letter.
    return line[:1] in _BLANKS_BEGIN and BLANK.fullmatch(line.decode("utf-8", "replace")) is not None


def find_parts(path: Path, size: int) -> list[Part]:
    """The parts of a JSONL or Parquet file, of `size` rows each or fewer.

    Raises:
        DataError: a file that cannot be read, or of another format.
        ConfigError: Parquet without pyarrow.
    """
    kind = path.suffix.lower()
    if kind not in (*_LINES, ".parquet"):
        raise DataError(f"{path} is neither .jsonl nor .parquet.", remedy="Convert it to one of them.")
    check_pyarrow(kind)
    try:
        return list(_parquet_parts(path, size) if kind == ".parquet" else _jsonl_parts(path, size))
    except (OSError, ValueError) as e:
        # pyarrow's own errors are ValueErrors or OSErrors, too.
        raise DataError(f"{path} cannot be read ({e}).", remedy="Give a .jsonl or .parquet file.") from e


def check_pyarrow(kind: str) -> None:
    """Refuse Parquet where it cannot be read. Raises ConfigError."""
    if kind == ".parquet":
        try:
            import pyarrow  # noqa: F401 - whether it is there
        except ImportError as e:
            raise ConfigError(
                "Parquet needs pyarrow.",
                remedy="pip install 'localqa[train]' (in a checkout make setup), or use .jsonl files.",
            ) from e


def read_part(path: Path, part: Part, columns: Sequence[str] | None = None) -> list[Row | BadLine]:
    """The rows of a part; of a Parquet file with some of its columns alone, if they are named."""
    if path.suffix.lower() == ".parquet":
        table: list[Row | BadLine] = table_of(path, part, columns).to_pylist()
        return table
    rows: list[Row | BadLine] = []
    with path.open("rb") as file:
        file.seek(part.at)
        while len(rows) < part.rows and (line := file.readline()):
            if not is_blank(line):
                rows.append(_parsed(line, staged=path.name == STAGED))
    return rows


def plain(value: Any) -> Any:
    """A value that JSON can hold: null for what is no number."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in value.items()}
    return [plain(one) for one in value] if isinstance(value, (list, tuple)) else value


def _jsonl_parts(path: Path, size: int) -> Iterator[Part]:
    number = first = at = rows = 0
    with path.open("rb") as file:
        for line in file:
            begins, at = at, at + len(line)
            if is_blank(line):
                continue
            first = first if rows else begins
            rows += 1
            if rows == size:
                yield Part(number, first, 0, rows)
                number, rows = number + 1, 0
    if rows:
        yield Part(number, first, 0, rows)


def _parquet_parts(path: Path, size: int) -> Iterator[Part]:
    import pyarrow.parquet as pq

    metadata = pq.ParquetFile(path).metadata
    number = 0
    for group in range(metadata.num_row_groups):
        total = metadata.row_group(group).num_rows
        for skip in range(0, total, size):
            yield Part(number, group, skip, min(size, total - skip))
            number += 1


def table_of(path: Path, part: Part, columns: Sequence[str] | None) -> Any:
    """A part of a Parquet file as an Arrow table."""
    return _group(path, part.at, None if columns is None else tuple(columns)).slice(part.skip, part.rows)


@lru_cache(maxsize=1)
def _group(path: Path, group: int, columns: tuple[str, ...] | None) -> Any:
    """A row group; it can only be read whole, and the parts of one group follow one another."""
    import pyarrow.parquet as pq

    return pq.ParquetFile(path).read_row_group(group, columns=columns)


def _parsed(line: bytes, *, staged: bool) -> Row | BadLine:
    text = line.decode("utf-8", "replace").rstrip("\r\n")
    try:
        # What is no number in JSON becomes null.
        row = json.loads(line, parse_constant=lambda _: None)
    except (ValueError, RecursionError) as e:
        return BadLine(text, f"not JSON: {e}")
    if staged and isinstance(row, list):
        return BadLine(*row)
    if not isinstance(row, dict):
        return BadLine(text, "not a JSON object")
    return row if _is_shallow(row) else BadLine(text, f"nested more than {_DEEPEST} levels deep")


def _is_shallow(row: Row) -> bool:
    """Whether a row can be written again: what was just read may be too deep for that."""
    level: list[Any] = [row]
    for _ in range(_DEEPEST):
        level = [
            inner
            for one in level
            for inner in (one.values() if isinstance(one, dict) else one)
            if isinstance(inner, (dict, list))
        ]
        if not level:
            return True
    return False

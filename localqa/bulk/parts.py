"""A large file of rows as parts: each is read, answered and written by itself, and then all are joined.

A part that was written is whole, so that a run that was ended goes on with the parts that are missing, and
any number of processes can share the work.
"""

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from localqa.errors import ConfigError, DataError

Row = dict[str, Any]
FORMATS: Final = (".jsonl", ".parquet")
ERROR: Final = "error"
"""Column of a row's error; null where it was answered."""


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


def find_parts(path: Path, size: int) -> list[Part]:
    """The parts of a JSONL or Parquet file, of `size` rows each or fewer.

    Raises:
        DataError: a file that cannot be read, or of another format.
    """
    check_format(path)
    try:
        return list(_jsonl_parts(path, size) if path.suffix == ".jsonl" else _parquet_parts(path, size))
    except (OSError, pa.ArrowException) as e:
        raise DataError(f"{path} cannot be read ({e}).", remedy="Give a .jsonl or .parquet file.") from e


def check_format(path: Path) -> None:
    """Refuse a file name that is neither JSONL nor Parquet.

    Raises:
        DataError: naming the formats.
    """
    if path.suffix not in FORMATS:
        raise DataError(f"{path} is neither .jsonl nor .parquet.", remedy="Convert it to one of them.")


def read_part(path: Path, part: Part) -> list[Row]:
    """The rows of a part; a line that is no JSON object becomes a row with its error."""
    if path.suffix == ".parquet":
        group = pq.ParquetFile(path).read_row_group(part.at)
        rows: list[Row] = group.slice(part.skip, part.rows).to_pylist()
        return rows
    with path.open("rb") as file:
        file.seek(part.at)
        return [_parsed(file.readline()) for _ in range(part.rows)]


class Work:
    """The folder beside the output that holds the parts that are done.

    Args:
        output: the file that they will become.
        run: what the rows were answered with; a folder of another run is refused.
    """

    def __init__(self, output: Path, run: Mapping[str, Any]) -> None:
        self.output = output
        self.folder = output.with_name(f"{output.name}.parts")
        self._run = dict(run)

    def begin(self) -> None:
        """Make the folder, or take up the one of the same run.

        Raises:
            ConfigError: it belongs to another run.
        """
        note = self.folder / "run.json"
        if note.exists() and json.loads(note.read_text(encoding="utf-8")) != self._run:
            raise ConfigError(
                f"{self.folder} holds a run with another input, adapter or size of parts.",
                remedy="Give the same arguments again to continue it, or --overwrite to start anew.",
            )
        self.folder.mkdir(parents=True, exist_ok=True)
        note.write_text(json.dumps(self._run), encoding="utf-8")

    def clear(self) -> None:
        """Forget what was done."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def missing(self, parts: Sequence[Part]) -> list[Part]:
        """The parts that are not done."""
        return [part for part in parts if not self._file(part).exists()]

    def write(self, part: Part, rows: Sequence[Row]) -> None:
        """Write the answered rows of a part: the whole file appears, or none."""
        partial = self._file(part).with_suffix(f".{os.getpid()}.partial")
        partial.write_text("".join(json.dumps(row, default=str) + "\n" for row in rows), encoding="utf-8")
        partial.replace(self._file(part))

    def join(self, parts: Sequence[Part]) -> int:
        """Make the output out of all parts, remove them, and say how many rows have an error."""
        partial = self.output.with_name(f"{self.output.name}.partial")
        write = _write_parquet if self.output.suffix == ".parquet" else _write_jsonl
        errors = write(partial, [self._file(part) for part in parts])
        partial.replace(self.output)
        self.clear()
        return errors

    def _file(self, part: Part) -> Path:
        return self.folder / f"{part.number:08}.jsonl"


def _jsonl_parts(path: Path, size: int) -> Iterator[Part]:
    number = first = at = rows = 0
    with path.open("rb") as file:
        for line in file:
            at += len(line)
            rows += 1
            if rows == size:
                yield Part(number, first, 0, rows)
                number, first, rows = number + 1, at, 0
    if rows:
        yield Part(number, first, 0, rows)


def _parquet_parts(path: Path, size: int) -> Iterator[Part]:
    metadata = pq.ParquetFile(path).metadata
    number = 0
    for group in range(metadata.num_row_groups):
        total = metadata.row_group(group).num_rows
        for skip in range(0, total, size):
            yield Part(number, group, skip, min(size, total - skip))
            number += 1


def _parsed(line: bytes) -> Row:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as e:
        return {"line": line.decode("utf-8", "replace").rstrip("\n"), ERROR: f"not JSON: {e}"}
    return row if isinstance(row, dict) else {"line": row, ERROR: "not a JSON object"}


def _rows(file: Path) -> list[Row]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def _write_jsonl(output: Path, files: Sequence[Path]) -> int:
    errors = 0
    with output.open("w", encoding="utf-8") as whole:
        for file in files:
            whole.write(file.read_text(encoding="utf-8"))
            errors += sum(row[ERROR] is not None for row in _rows(file))
    return errors


def _write_parquet(output: Path, files: Sequence[Path]) -> int:
    """Two passes: the columns and types of all rows are known only after the first."""
    schemas = [pa.Table.from_pylist(_rows(file)).schema for file in files]
    try:
        schema = pa.unify_schemas(schemas, promote_options="permissive")
    except pa.ArrowException as e:
        raise DataError(
            f"The rows do not fit into one Parquet table ({e}).", remedy="Write to a .jsonl file instead."
        ) from e
    errors = 0
    with pq.ParquetWriter(output, schema) as writer:
        for file in files:
            rows = _rows(file)
            writer.write_table(pa.Table.from_pylist(rows, schema=schema))
            errors += sum(row[ERROR] is not None for row in rows)
    return errors

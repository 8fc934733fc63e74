"""A large file of rows as parts: each is answered and written by itself, and then all are joined.

A part that was written is whole, so that a run that was ended goes on with the parts that are missing, and
any number of processes can share the work. Parts hold what is added to the rows alone; the rows' own
fields are read again when the output is made, and a Parquet file's keep their types.
"""

import fcntl
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from localqa.errors import ConfigError, DataError
from localqa.ownership import adopt, claim, clear, give_back, is_marked

Row = dict[str, Any]
FORMATS: Final = (".jsonl", ".parquet")


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


def find_parts(path: Path, size: int) -> list[Part]:
    """The parts of a JSONL or Parquet file, of `size` rows each or fewer.

    Raises:
        DataError: a file that cannot be read, or of another format.
        ConfigError: Parquet without pyarrow.
    """
    check_format(path)
    try:
        return list(_jsonl_parts(path, size) if path.suffix == ".jsonl" else _parquet_parts(path, size))
    except (OSError, ValueError) as e:
        # pyarrow's own errors are ValueErrors or OSErrors, too.
        raise DataError(f"{path} cannot be read ({e}).", remedy="Give a .jsonl or .parquet file.") from e


def check_format(path: Path) -> None:
    """Refuse a file name that is neither JSONL nor Parquet.

    Raises:
        DataError: naming the formats.
        ConfigError: Parquet without pyarrow.
    """
    if path.suffix not in FORMATS:
        raise DataError(f"{path} is neither .jsonl nor .parquet.", remedy="Convert it to one of them.")
    if path.suffix == ".parquet":
        try:
            import pyarrow  # noqa: F401 - whether it is there
        except ImportError as e:
            raise ConfigError("Parquet needs pyarrow.", remedy="Run make setup, or use .jsonl files.") from e


def read_part(path: Path, part: Part, columns: Sequence[str] | None = None) -> list[Row | BadLine]:
    """The rows of a part; of a Parquet file with some of its columns alone, if they are named."""
    if path.suffix == ".parquet":
        rows: list[Row | BadLine] = _table(path, part, columns).to_pylist()
        return rows
    with path.open("rb") as file:
        file.seek(part.at)
        return [_parsed(file.readline()) for _ in range(part.rows)]


_OWN = re.compile(
    r"\d{8,}(\.\d+)?\.(jsonl|partial)|run(\.\d+)?\.(json|partial)|joined\..+|rows\.(staged|\d+\.partial)"
)
"""What lies in the folder of a run."""


class Work:
    """The folder beside the output that holds the parts that are done.

    Args:
        output: the file that they will become.
        run: what the rows were answered with; parts of another run are refused.
    """

    def __init__(self, output: Path, run: Mapping[str, Any]) -> None:
        self.output = output
        # Of the name without its ending: what cannot become Parquet can still become JSONL.
        self.folder = output.with_name(f"{output.stem}.parts")
        self._run = dict(run)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the folder, so that no second run works in it; left without a part it goes again.

        Raises:
            ConfigError: another run is at work, or the folder is somebody else's.
        """
        held = self._held()
        try:
            yield
        finally:
            if self._is_at(held) and not any(self.folder.glob("0*.jsonl")):
                self.clear()
            os.close(held)

    def begin(self) -> None:
        """Make the folder, or take up the one of the same run.

        Raises:
            ConfigError: it belongs to another run, or to somebody else.
        """
        self._claim()
        known = self._note()
        if known == self._run:
            return
        if known is not None:
            raise ConfigError(
                f"{self.folder} holds a run with another input, adapter or size of parts.",
                remedy="Give the same arguments again to continue it, or --overwrite to start anew.",
            )
        # Parts without a note could be of any run.
        clear(self.folder, _OWN)
        _write_whole(self.folder / "run.json", json.dumps(self._run))

    def clear(self) -> None:
        """Forget what was done; what is not of a run stays."""
        give_back(self.folder, _OWN)

    def forget(self) -> None:
        """Begin anew with the next `begin`."""
        clear(self.folder, _OWN)

    def is_joined(self) -> bool:
        """Whether the output is what these parts became, and only their removal was cut off."""
        try:
            return bool(_identity(self.output) == json.loads((self.folder / "joined.json").read_bytes()))
        except (OSError, ValueError):
            return False

    def is_of_this_run(self) -> bool:
        """Whether the folder is that of a run with the same input and settings."""
        return self._note() == self._run

    def missing(self, parts: Sequence[Part]) -> list[Part]:
        """The parts that are not done."""
        return [part for part in parts if not self._file(part).exists()]

    def write(self, part: Part, added: Sequence[Row]) -> None:
        """Keep what is added to each row of a part: all of it, or nothing."""
        _write_whole(self._file(part), "".join(json.dumps(row) + "\n" for row in added))

    def count(self, parts: Sequence[Part], field: str) -> int:
        """How many rows of these parts have something in an added field."""
        return sum(row[field] is not None for part in parts for row in self._added(part))

    def join(self, source: Path, parts: Sequence[Part], types: Mapping[str, str]) -> None:
        """Make the output out of the rows and what is added to them, and remove the parts.

        Args:
            source: the input.
            parts: all of it.
            types: name of each added column -> its type, as Arrow calls it.

        Raises:
            DataError: rows that do not fit into one table, or a damaged part; the parts are kept.
        """
        partial = self.folder / f"joined{self.output.suffix}"
        try:
            if self.output.suffix == ".jsonl":
                self._write_jsonl(partial, source, parts)
            else:
                self._write_parquet(partial, source, parts, types)
        except ValueError as e:
            raise DataError(
                f"The rows cannot be joined in {self.output} ({e}).",
                remedy=f"Give {self.output.stem}.jsonl as the output: the answers in {self.folder} are kept.",
            ) from e
        # A kill before the parts are gone leaves a note by which the next run knows the output.
        _write_whole(self.folder / "joined.json", json.dumps(_identity(partial)))
        partial.replace(self.output)
        self.clear()

    def _held(self) -> int:
        """A descriptor of the folder that is locked for as long as it is open."""
        while True:
            self._claim()
            held = os.open(self.folder, os.O_RDONLY)
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # The run that had it may just have removed it.
                if self._is_at(held) and is_marked(self.folder):
                    return held
            except BlockingIOError as e:
                os.close(held)
                raise ConfigError(
                    f"Another run is at work on {self.output}.",
                    remedy="Wait until it has ended, or name another output.",
                ) from e
            os.close(held)

    def _is_at(self, held: int) -> bool:
        """Whether an open folder is still the one of this name."""
        try:
            return os.fstat(held).st_ino == self.folder.stat().st_ino
        except OSError:
            return False

    def _claim(self) -> None:
        known = self._note()
        # Runs before there was a mark are known by their note.
        if isinstance(known, dict) and {"adapter", "part_rows", "changed"} <= known.keys():
            adopt(self.folder)
        claim(self.folder, remedy=f"Rename it, or give {self.output.name} another name: its parts go there.")

    def _note(self) -> object:
        try:
            return json.loads((self.folder / "run.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None

    def _file(self, part: Part) -> Path:
        return self.folder / f"{part.number:08}.jsonl"

    def _added(self, part: Part) -> list[Row]:
        # JSON's own line ends alone: other characters that end a line are escaped.
        return [json.loads(line) for line in self._file(part).read_bytes().splitlines()]

    def _rows(self, source: Path, part: Part) -> Iterator[Row]:
        for row, added in zip(read_part(source, part), self._added(part), strict=True):
            # A field of the row's own is never written over.
            yield added | _own(row)

    def _write_jsonl(self, output: Path, source: Path, parts: Sequence[Part]) -> None:
        with output.open("w", encoding="utf-8") as whole:
            for part in parts:
                # Dates and bytes of a Parquet file have no form of their own in JSON.
                whole.writelines(json.dumps(row, default=str) + "\n" for row in self._rows(source, part))

    def _write_parquet(
        self, output: Path, source: Path, parts: Sequence[Part], types: Mapping[str, str]
    ) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        added = pa.schema([(name, pa.type_for_alias(kind)) for name, kind in types.items()])
        own = pq.read_schema(source) if source.suffix == ".parquet" else self._schema(source, parts)
        twice = set(own.names) & set(types)
        if twice:
            raise ValueError(f"the field {min(twice)!r} is there already")
        with pq.ParquetWriter(output, pa.schema([*own, *added])) as writer:
            for part in parts:
                if source.suffix == ".parquet":
                    table = _table(source, part, None)
                else:
                    table = pa.Table.from_pylist(list(self._rows(source, part)), schema=own)
                columns = pa.Table.from_pylist(self._added(part), schema=added)
                for name in types:
                    table = table.append_column(name, columns[name])
                writer.write_table(table.cast(pa.schema([*own, *added])))

    def _schema(self, source: Path, parts: Sequence[Part]) -> Any:
        """Columns and types of the rows' own fields, which are known only when all were read."""
        import pyarrow as pa

        schemas = []
        for part in parts:
            rows = [_own(row) for row in read_part(source, part)]
            names = dict.fromkeys(name for row in rows for name in row)
            schemas.append(
                pa.Table.from_pylist([{name: row.get(name) for name in names} for row in rows]).schema
            )
        return pa.unify_schemas(schemas, promote_options="permissive") if schemas else pa.schema([])


def _identity(path: Path) -> list[int]:
    """What stays the same when a file is renamed."""
    found = path.stat()
    return [found.st_ino, found.st_size, found.st_mtime_ns]


def _own(row: Row | BadLine) -> Row:
    return {"line": row.text} if isinstance(row, BadLine) else row


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
    import pyarrow.parquet as pq

    metadata = pq.ParquetFile(path).metadata
    number = 0
    for group in range(metadata.num_row_groups):
        total = metadata.row_group(group).num_rows
        for skip in range(0, total, size):
            yield Part(number, group, skip, min(size, total - skip))
            number += 1


def _table(path: Path, part: Part, columns: Sequence[str] | None) -> Any:
    return _group(path, part.at, None if columns is None else tuple(columns)).slice(part.skip, part.rows)


@lru_cache(maxsize=1)
def _group(path: Path, group: int, columns: tuple[str, ...] | None) -> Any:
    """A row group; it can only be read whole, and the parts of one group follow one another."""
    import pyarrow.parquet as pq

    return pq.ParquetFile(path).read_row_group(group, columns=columns)


def _parsed(line: bytes) -> Row | BadLine:
    text = line.decode("utf-8", "replace").rstrip("\r\n")
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as e:
        return BadLine(text, f"not JSON: {e}")
    return row if isinstance(row, dict) else BadLine(text, "not a JSON object")


def _write_whole(path: Path, text: str) -> None:
    """Write a file so that it is whole or not there, even when the power goes."""
    partial = path.with_suffix(f".{os.getpid()}.partial")
    with partial.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)

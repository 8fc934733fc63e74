"""A large file as parts: each is answered and written by itself, and then all are joined.

A part that was written is whole, so that a run that was ended goes on with the parts that are missing, and
any number of processes can share the work. Parts hold what is added to the rows alone; the rows' own
fields are read again when the output is made, and a Parquet file's keep their types.
"""

import csv
import fcntl
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from localqa.bulk.rows import BadLine, Part, Row, check_pyarrow, find_parts, plain, read_part, table_of
from localqa.errors import ConfigError, DataError
from localqa.ownership import adopt, claim, clear, give_back, is_marked
from localqa.writing import write_text

__all__ = ["BadLine", "Part", "Row", "Work", "check_output", "find_parts", "read_part", "write_whole"]

OUTPUTS: Final = (".jsonl", ".ndjson", ".csv", ".tsv", ".parquet")


def check_output(path: Path) -> None:
    """Refuse an output of a kind that cannot be written.

    Raises:
        DataError: naming those that can.
        ConfigError: Parquet without pyarrow.
    """
    kind = path.suffix.lower()
    if kind not in OUTPUTS:
        raise DataError(
            f"{path} ends in none of {', '.join(OUTPUTS)}.", remedy="Give the output such an ending."
        )
    check_pyarrow(kind)


_OWN = re.compile(
    r"\d{8,}(\.\d+)?\.(jsonl|partial)|run(\.replaces)?(\.\d+)?\.(json|partial)|joined\..+|rows\.(staged|\d+\.partial)"
)
"""What lies in the folder of a run."""
_REPLACES: Final = "run.replaces.json"
_MISFITS: Final = (ValueError, TypeError, OverflowError, NotImplementedError)
"""What Python and pyarrow raise where a value has no place in a file."""


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

    def begin(self, *, replaces: bool = False) -> None:
        """Make the folder, or take up the one of the same run.

        Args:
            replaces: whether an output that is there may be replaced, also when the run is taken up again.

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
        if replaces:
            write_whole(self.folder / _REPLACES, "{}")
        write_whole(self.folder / "run.json", json.dumps(self._run))

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

    def may_replace(self) -> bool:
        """Whether this run was begun with leave to replace the output."""
        return self.is_of_this_run() and (self.folder / _REPLACES).exists()

    def missing(self, parts: Sequence[Part]) -> list[Part]:
        """The parts that are not done."""
        return [part for part in parts if not self._file(part).exists()]

    def write(self, part: Part, added: Sequence[Row]) -> None:
        """Keep what is added to each row of a part: all of it, or nothing."""
        write_whole(self._file(part), "".join(json.dumps(plain(row)) + "\n" for row in added))

    def count(self, parts: Sequence[Part], field: str) -> int:
        """How many rows of these parts have something in an added field."""
        return sum(row[field] is not None for part in parts for row in self._added(part))

    def check(self, source: Path, parts: Sequence[Part], types: Mapping[str, str]) -> None:
        """Refuse rows that do not fit into one table, where the output is one of Parquet; see `join`.

        Raises:
            DataError: naming what does not fit.
        """
        if self._kind == ".parquet":
            import pyarrow as pa

            with self._fitting():
                self._write_parquet(
                    pa.MockOutputStream(), source, parts, types, lambda part: [{}] * part.rows
                )

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
        with self._fitting():
            if self._kind == ".parquet":
                self._write_parquet(partial, source, parts, types, self._added)
            elif self._kind in (".csv", ".tsv"):
                self._write_table(partial, source, parts, types, "\t" if self._kind == ".tsv" else ",")
            else:
                self._write_jsonl(partial, source, parts)
        # A kill before the parts are gone leaves a note by which the next run knows the output.
        write_whole(self.folder / "joined.json", json.dumps(_identity(partial)))
        partial.replace(self.output)
        self.clear()

    @property
    def _kind(self) -> str:
        return self.output.suffix.lower()

    @contextmanager
    def _fitting(self) -> Iterator[None]:
        """Say what to do about rows that do not fit into the output."""
        try:
            yield
        except _MISFITS as e:
            raise DataError(
                f"The rows do not fit into {self.output} ({e}).",
                remedy=f"Give {self.output.stem}.jsonl as the output; what is answered already is kept.",
            ) from e

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
                # Dates and bytes of a Parquet file have no form of their own in JSON, nor has NaN.
                rows = map(plain, self._rows(source, part))
                whole.writelines(json.dumps(row, default=str) + "\n" for row in rows)

    def _write_table(
        self, output: Path, source: Path, parts: Sequence[Part], types: Mapping[str, str], delimiter: str
    ) -> None:
        names: dict[str, None] = {}
        for part in parts:
            for one in read_part(source, part):
                names.update(dict.fromkeys(_own(one)))
        header = [*names, *(name for name in types if name not in names)]
        # Half a surrogate pair cannot be written.
        with output.open("w", encoding="utf-8", errors="backslashreplace", newline="") as whole:
            writer = csv.writer(whole, delimiter=delimiter)
            writer.writerow(header)
            for part in parts:
                for row in self._rows(source, part):
                    writer.writerow([_cell(row.get(name)) for name in header])

    def _write_parquet(
        self,
        output: Any,
        source: Path,
        parts: Sequence[Part],
        types: Mapping[str, str],
        added_to: Callable[[Part], list[Row]],
    ) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        added = pa.schema([(name, pa.type_for_alias(kind)) for name, kind in types.items()])
        own = pq.read_schema(source) if source.suffix.lower() == ".parquet" else self._schema(source, parts)
        twice = set(own.names) & set(types)
        if twice:
            raise ValueError(f"the field {min(twice)!r} is there already")
        schema = pa.schema([*own, *added])
        with pq.ParquetWriter(output, schema) as writer:
            for part in parts:
                if source.suffix.lower() == ".parquet":
                    table = table_of(source, part, None)
                else:
                    table = pa.Table.from_pylist([_own(row) for row in read_part(source, part)], schema=own)
                columns = pa.Table.from_pylist(added_to(part), schema=added)
                for name in types:
                    table = table.append_column(name, columns[name])
                writer.write_table(table.cast(schema))

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


def _cell(value: Any) -> Any:
    """A value as a table's cell holds it."""
    value = plain(value)
    if isinstance(value, (bool, float, dict, list)):
        return json.dumps(value, ensure_ascii=False, default=str)
    # Dates and amounts as they read, without JSON's quotation marks; csv leaves the cell of None empty.
    return value


def write_whole(path: Path, text: str) -> None:
    """Write a file so that it is whole or not there; a half one is known by its name, and cleared away."""
    write_text(path, text, partial=path.with_suffix(f".{os.getpid()}.partial"))

"""Comma-separated tables as rows, as spreadsheets and exports really write them.

The delimiter is found by the header. A row that cannot be read costs itself alone: an unclosed quotation mark
does not swallow the rows behind it.
"""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from localqa.datafiles.encoding import not_text, stray
from localqa.errors import ConfigError, DataError

Needed = Mapping[str, Sequence[str]]
"""What a table must have -> the columns that may hold it."""
DELIMITERS: Final = (",", ";", "\t", "|")
_NAMED: Final = {"\\t": "\t", "tab": "\t", "comma": ",", "semicolon": ";", "pipe": "|"}
# Spreadsheets may name the delimiter in a line before the header.
_SEP_LINE = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)
_SPACED_QUOTE = re.compile(r'\s+".*"\s*', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table: its place as "file:line", and column -> cell."""

    where: str
    cells: dict[str, str]


def check_delimiter(delimiter: str) -> str:
    """The delimiter itself, or the one of that name.

    Raises:
        ConfigError: it cannot be one.
    """
    found = _NAMED.get(delimiter.strip().lower(), delimiter)
    if len(found) != 1 or found in '"\r\n' or stray(found):
        raise ConfigError(
            f"{delimiter[:40]!r} is no delimiter.", remedy="Give one character, such as ';', or tab."
        )
    return found


def read_table(
    text: str, *, name: str, needed: Needed, mapping: str, delimiter: str = "", default: str = ","
) -> Iterator[Row | DataError]:
    """The rows of a table, and an error for each one that cannot be read.

    Args:
        text: the whole file.
        name: of the file, for messages.
        needed: see `Needed`.
        mapping: of columns, for the message where there are none of these.
        delimiter: between the cells; "": found by the header.
        default: the delimiter where the header fits several.

    Raises:
        DataError: no header, or one without the columns that are needed.
        ConfigError: no delimiter; see `check_delimiter`.
    """
    lines = io.StringIO(text, newline="").readlines()
    first = next((number for number, line in enumerate(lines) if line.strip()), None)
    if first is None:
        raise DataError(
            f"{name}: empty, not even a header row.", remedy="Give a file with a header and rows."
        )
    given = check_delimiter(delimiter) if delimiter else ""
    named = _SEP_LINE.fullmatch(lines[first])
    if named:
        given, first = given or named[1], first + 1
    if stray(lines[first] if first < len(lines) else ""):
        raise not_text(f"{name}:{first + 1}", lines[first])
    # The csv module's default limit of 131,072 characters is shorter than some contexts; it is global.
    before = csv.field_size_limit(2**31 - 1)
    try:
        chosen, header, at = _header(lines, first, given=given, default=default, needed=needed)
        columns = _checked(header, where=f"{name}:{first + 1}", needed=needed, mapping=mapping)
        body = _Body(lines, at, name, columns, chosen)
        rows = list(body.rows(spaced=False))
        # Spaces before quotation marks make them part of the text, or of the wrong cell.
        quoted = any(map(_has_spaced_quote, rows))
        if quoted or _faults(rows):
            spaced = list(body.rows(spaced=True))
            if _faults(spaced) < _faults(rows) or (quoted and _faults(spaced) == _faults(rows)):
                rows = spaced
    finally:
        csv.field_size_limit(before)
    yield from rows


def _faults(rows: Sequence[Row | DataError]) -> int:
    return sum(isinstance(row, DataError) for row in rows)


def _has_spaced_quote(row: Row | DataError) -> bool:
    return isinstance(row, Row) and any(map(_SPACED_QUOTE.fullmatch, row.cells.values()))


def _header(
    lines: Sequence[str], first: int, *, given: str, default: str, needed: Needed
) -> tuple[str, list[str], int]:
    """The delimiter, the header's cells and the line behind it."""
    found: list[tuple[tuple[int, int], str, list[str], int]] = []
    for delimiter in [given] if given else dict.fromkeys([default, *DELIMITERS]):
        reader = csv.reader(iter(lines[first : first + 100]), delimiter=delimiter, skipinitialspace=True)
        try:
            cells = [cell.strip() for cell in next(reader, [])]
        except csv.Error:
            continue
        fits = sum(any(name in cells for name in names) for names in needed.values())
        found.append(((fits, len(cells)), delimiter, cells, first + reader.line_num))
    if not found:
        return given or default, [line.strip() for line in lines[first : first + 1]], first + 1
    # Of equals the first one: the file's own kind.
    _, delimiter, cells, at = max(found, key=lambda one: one[0])
    return delimiter, cells, at


def _checked(header: list[str], *, where: str, needed: Needed, mapping: str) -> list[str]:
    named = [cell for cell in header if cell]
    twice = sorted({cell for cell in named if named.count(cell) > 1})
    if twice:
        raise DataError(f"{where}: the column {twice[0]!r} occurs twice.", remedy="Rename one of them.")
    missing = [
        f"{field} ({' or '.join(map(repr, names))})"
        for field, names in needed.items()
        if not any(name in header for name in names)
    ]
    if missing:
        remedy = f"Name them with a column mapping, such as --columns {mapping}."
        if len(header) == 1:
            remedy = f"Name what stands between the cells, such as --delimiter '^'. {remedy}"
        raise DataError(
            f"{where}: no column for {' and '.join(missing)}; the columns are: {', '.join(named)}.",
            remedy=remedy,
        )
    # pandas writes its index into a column without a name; the cells behind the last name are none.
    last = max((at for at, cell in enumerate(header) if cell), default=-1)
    return [cell or (_free_name(at, header) if at < last else "") for at, cell in enumerate(header)]


def _free_name(at: int, header: Sequence[str]) -> str:
    name = f"Unnamed: {at}"
    while name in header:
        name += "_"
    return name


class _Body:
    """The rows behind a header."""

    def __init__(
        self, lines: Sequence[str], at: int, name: str, header: Sequence[str], delimiter: str
    ) -> None:
        self.lines = lines
        self.at = at
        self.name = name
        self.header = header
        self.delimiter = delimiter
        blank = r"[^\S\r\n\t]" if delimiter == "\t" else r"[^\S\r\n]"
        border = re.escape(delimiter)
        self._spaces = re.compile(rf'"{blank}+(?!{blank})(?={border}|\s*$)|(?:(?<={border})|^){blank}+"')
        """Around quotation marks; what csv skips are spaces alone, before them alone."""

    def rows(self, *, spaced: bool) -> Iterator[Row | DataError]:
        """Each row, or what is wrong with it; reading goes on with the next line."""
        at = self.at
        # Lines that may be read a second time: all of them again and again would take for ever.
        again = 20 * len(self.lines) + 10_000
        while at < len(self.lines):
            row, end = self._read(at, spaced=spaced, most=again if again > 0 else 1)
            where = f"{self.name}:{at + 1}"
            # Of lines that are rows each, none was quoted.
            if end > at + 1 and all(self._unquoted(number) for number in range(at, end)):
                again -= 2 * (end - at)
                row, end = self._unquoted(at) or row, at + 1
            if isinstance(row, DataError):
                again -= 2 * (end - at)
                unquoted = self._unquoted(at)
                if unquoted or (end > at + 1 and self._swallowed(at, end, spaced=spaced)):
                    end = at + 1
                row.text = "".join(self.lines[at:end]).rstrip("\r\n")
                row = unquoted or row
            if isinstance(row, DataError):
                yield row
            elif row:
                yield Row(where, row)
            at = end

    def _read(self, at: int, *, spaced: bool, most: int) -> tuple[dict[str, str] | DataError, int]:
        """The record that begins at a line, and the line behind it; an empty one of a blank line."""
        where = f"{self.name}:{at + 1}"
        cells, end, problem = self._cells(at, spaced=spaced, most=most)
        while len(cells) > len(self.header) and not cells[-1].strip():
            cells.pop()
        if end == at + 1 and len(cells) != len(self.header):
            mended = self._spaces.sub('"', self.lines[at])
            if mended != self.lines[at]:
                cells, _, problem = self._cells(at, spaced=spaced, most=1, line=mended)
        if problem:
            return DataError(
                f"{where}: malformed CSV: {problem}.",
                remedy='Close the quotation marks of this row; write one inside a cell as "".',
            ), end
        if not any(cell.strip() for cell in cells):
            return {}, end
        found = next(filter(stray, cells), None)
        if found is not None:
            return not_text(where, found), end
        if len(cells) != len(self.header):
            return DataError(
                f"{where}: {len(cells)} cells, but the header has {len(self.header)}.",
                remedy=f"Put text that holds {self.delimiter!r} into double quotation marks.",
            ), end
        return self._named(cells), end

    def _unquoted(self, at: int) -> dict[str, str] | None:
        """A line of a table that quotes nothing, as databases write tabs; None: it is none."""
        cells = self.lines[at].rstrip("\r\n").split("\t")
        if self.delimiter != "\t" or len(cells) != len(self.header) or any(map(stray, cells)):
            return None
        return self._named(cells)

    def _named(self, cells: Sequence[str]) -> dict[str, str]:
        return {column: cell for column, cell in zip(self.header, cells, strict=True) if column}

    def _swallowed(self, at: int, end: int, *, spaced: bool) -> bool:
        """Whether a record over several lines holds lines that are rows by themselves."""
        alone = (self._cells(number, spaced=spaced, most=1)[0] for number in range(at + 1, end))
        return any(len(cells) == len(self.header) for cells in alone)

    def _cells(
        self, at: int, *, spaced: bool, most: int, line: str | None = None
    ) -> tuple[list[str], int, str]:
        """Cells, the line behind them, and what csv finds wrong."""
        taken = 0

        def feed() -> Iterator[str]:
            nonlocal taken
            for number in range(at, min(at + most, len(self.lines))):
                taken += 1
                yield self.lines[number] if line is None else line

        reader = csv.reader(feed(), delimiter=self.delimiter, strict=True, skipinitialspace=spaced)
        try:
            cells = next(reader, [])
        except csv.Error as e:
            return [], at + taken, str(e)
        return cells, at + taken, ""

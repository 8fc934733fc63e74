"""Finding and reading data files, with errors that say which file, line and column."""

import difflib
import json
from collections.abc import Callable, Sequence
from pathlib import Path

from localqa.errors import DataError

_JSON_REMEDY = "Repair the JSON there. If the file holds one record per line, name it .jsonl."


def find_file(source: str | Path, folders: Sequence[Path]) -> Path:
    """The first of the folders' files of that name (an absolute path is itself).

    Raises DataError when there is none, naming files with nearly that name.
    """
    candidates = list(dict.fromkeys(folder / source for folder in folders))
    for path in candidates:
        if _holds(path.is_file):
            return path
    path = candidates[0]
    if _holds(path.exists):
        raise DataError(f"{path} is not a regular file.", remedy="Give the path of one data file.")
    close = [name for candidate in candidates for name in _near_misses(candidate)][:3]
    also = "".join(f", nor does {other}" for other in candidates[1:])
    hint = (
        f"Did you mean {' or '.join(close)}?"
        if close
        else "Check the path, or use the name squad or squad_v2."
    )
    raise DataError(f"{path} does not exist{also}.", remedy=hint)


def read_bytes(path: Path) -> bytes:
    """The whole file. Raises DataError when it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from error


def decode(data: bytes, *, name: str, first_line: int = 1) -> str:
    """UTF-8 with or without byte order mark as text. Raises DataError naming file and line."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = first_line + data.count(b"\n", 0, error.start)
        message = f"{name}:{line}: not UTF-8 text (byte 0x{data[error.start]:02x})."
        raise DataError(message, remedy="Save the file as UTF-8.") from error


def parse_json(text: str, *, name: str, line: int | None = None) -> object:
    """Parse one JSON text; `line` is given where the text is one line of a file.

    Raises DataError naming file, line and column.
    """
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        at = f"{name}:{line or error.lineno}:{error.colno}"
        raise DataError(f"{at}: malformed JSON: {error.msg}.", remedy=_JSON_REMEDY) from error
    # Thousands of nested brackets, or a number of thousands of digits.
    except (RecursionError, ValueError) as error:
        at = name if line is None else f"{name}:{line}"
        raise DataError(f"{at}: this JSON cannot be read: {error}.") from error


def _holds(question: Callable[[], bool]) -> bool:
    try:
        return question()
    # A name longer than the file system allows, or one with a NUL character.
    except (OSError, ValueError):
        return False


def _near_misses(path: Path) -> list[str]:
    try:
        siblings = sorted(entry.name for entry in path.parent.iterdir())
    except (OSError, ValueError):
        return []
    return [str(path.parent / name) for name in difflib.get_close_matches(path.name, siblings, cutoff=0.5)]

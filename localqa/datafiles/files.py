"""Finding and reading data files, with errors that say which file, line and column."""

import argparse
import difflib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from localqa.errors import DataError

_JSON_REMEDY = "Repair the JSON there. If the file holds one record per line, name it .jsonl."
_LINE_REMEDY = "Repair the JSON of this line. If the file is one JSON text over many lines, name it .json."


@dataclass(frozen=True, slots=True)
class TextFormat:
    """What a user knows of a text file that is otherwise found out.

    Attributes:
        encoding: as Python calls it, such as "cp1252"; "": found out.
        delimiter: between the cells of a table; "": found by its header.
    """

    encoding: str = ""
    delimiter: str = ""


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
        raise DataError(
            f"{path} cannot be read: {error.strerror or error}.", remedy="Check the path and its permissions."
        ) from error


def parse_json(text: str, *, name: str, line: int | None = None) -> object:
    """Parse one JSON text; `line` is given where the text is one line of a file.

    Raises DataError naming file, line and column.
    """
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        at = f"{name}:{line or error.lineno}:{error.colno}"
        remedy = _JSON_REMEDY if line is None else _LINE_REMEDY
        raise DataError(f"{at}: malformed JSON: {error.msg}.", remedy=remedy) from error
    # Thousands of nested brackets, or a number of thousands of digits.
    except (RecursionError, ValueError) as error:
        at = name if line is None else f"{name}:{line}"
        raise DataError(
            f"{at}: this JSON cannot be read: {error}.",
            remedy="Write the records less deeply nested, and numbers with fewer digits.",
        ) from error


def add_format_flags(parser: argparse.ArgumentParser) -> None:
    """The two flags of `TextFormat`."""
    parser.add_argument("--encoding", default="", help="of text files, such as cp1252 [found out]")
    parser.add_argument(
        "--delimiter",
        default="",
        metavar="CHAR",
        help="between the cells of a table, such as ';' [found out]",
    )


def format_of(args: argparse.Namespace) -> TextFormat:
    """What the flags say."""
    return TextFormat(args.encoding, args.delimiter)


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

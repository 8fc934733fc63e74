"""A file of an adapter's folder, read with care: anything may lie there under any name."""

import json
import math
import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO, Final

from localqa.errors import AdapterError

MOST_BYTES: Final = 4 * 1024 * 1024
"""No settings or report of an adapter is larger."""
_REMEDY: Final = "Restore the file or train again."
_SHOWN: Final = 40


def read_file(path: Path, most: int = MOST_BYTES) -> bytes:
    """The bytes of a regular file, copied: whoever writes over it meanwhile harms nobody.

    Raises:
        FileNotFoundError: there is none.
        OSError: it is no regular file, is larger than `most` bytes, or may not be read.
    """
    with open_regular(path) as stream:
        size = os.fstat(stream.fileno()).st_size
        if size > most:
            raise OSError(f"it has {size:,} bytes, at most {most:,} are read")
        content = stream.read(most + 1)
    if len(content) > most:
        raise OSError(f"it has more than {most:,} bytes")
    return content


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file for reading.

    Raises:
        FileNotFoundError: there is none.
        OSError: something else lies there, or it may not be read.
    """
    # A pipe without a writer would be waited for, for ever; some devices do things when they are opened.
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise OSError("it is no regular file")
    stream = open(os.open(path, os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NONBLOCK", 0)), "rb")  # noqa: SIM115 - the caller closes it
    if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
        stream.close()
        raise OSError("it is no regular file")
    return stream


def read_object(path: Path) -> dict[str, Any]:
    """The JSON object in a file.

    Raises:
        FileNotFoundError: there is no such file.
        AdapterError: it cannot be read, or is no object.
    """
    try:
        content = read_file(path)
    except FileNotFoundError:
        raise
    except OSError as e:
        raise AdapterError(f"{path} cannot be read ({e.strerror or e}).", remedy=_REMEDY) from e
    return parse_object(content, path)


def parse_object(content: bytes, path: Path) -> dict[str, Any]:
    """The JSON object in a file's bytes.

    Raises:
        AdapterError: it is no object, names a key twice, or is nested without end.
    """
    try:
        values = json.loads(content.decode("utf-8"), object_pairs_hook=_each_once)
    except RecursionError as e:
        raise AdapterError(f"{path} is nested too deeply.", remedy=_REMEDY) from e
    except ValueError as e:
        raise AdapterError(f"{path} is not JSON: {str(e)[:200]}.", remedy=_REMEDY) from e
    if not isinstance(values, dict):
        raise AdapterError(f"{path} must be an object.", remedy=_REMEDY)
    return values


def _each_once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{twice[:_SHOWN]!r} is given twice")
    return values


def is_number(value: object, low: float, high: float) -> bool:
    """Whether a value out of JSON is a finite number between two bounds, these included; true is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    # Whole numbers may be too large for a float, which comparing them does not mind.
    return (isinstance(value, int) or math.isfinite(value)) and low <= value <= high


def is_whole(value: object, low: int, high: int) -> bool:
    """Whether a value out of JSON is a whole number between two bounds, these included."""
    return type(value) is int and low <= value <= high


def wrong_value(path: Path, field: str, value: object, allowed: str) -> AdapterError:
    """The error for a setting that is none."""
    shown = repr(value)
    shown = shown if len(shown) <= _SHOWN else shown[:_SHOWN] + "..."
    return AdapterError(f"{path}: {field} is {shown}; it must be {allowed}.", remedy=_REMEDY)

"""JSON from outside: looked over before Python makes objects of it, and read by the standard alone."""

import json
import math
import re
from typing import Any, Final, NoReturn

MAX_DEPTH: Final = 100
BYTES_OF_A_VALUE: Final = 120
"""Rather much of what a value, or the name of one, takes in Python."""
_ENOUGH: Final = 100_000
_PART: Final = re.compile(rb'"[^"]*"|[\[{]|[\]}]|[^\s"\[\]{},:]+')


class TooDeepError(ValueError):
    """Lists and objects lie in each other more than `MAX_DEPTH` deep."""


class TooManyValuesError(ValueError):
    """There are more values than allowed."""


def count_values(data: bytes, *, most: int) -> int:
    """How many values there are, names and whole lists and objects among them; no object is made of any.

    What is no JSON is counted up to where it ceases to be: `parse` says what is wrong with it.

    Raises:
        TooDeepError: they lie too deep in each other.
        TooManyValuesError: there are more than `most`.
    """
    if b"\\" in data:
        # Then each quotation mark begins or ends a text.
        data = data.replace(b"\\\\", b"").replace(b'\\"', b"")
    values = depth = 0
    for part in _PART.finditer(data):
        first = data[part.start()]
        if first in b"]}":
            depth -= 1
            if depth < 0:
                break
            continue
        if first in b"[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise TooDeepError(f"nested more than {MAX_DEPTH} deep")
        values += 1
        if values > most:
            raise TooManyValuesError(f"more than {most:,} values")
    return values


def parse(text: str) -> Any:
    """The value of a JSON text that was looked over.

    Raises:
        json.JSONDecodeError: this is not JSON.
        ValueError: NaN or Infinity, or a number that Python has no room for.
    """
    return json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)


def parse_foreign(data: bytes, *, most: int = _ENOUGH) -> Any:
    """The value of what another server sent, all of whose texts are Unicode.

    Raises:
        ValueError: this is not JSON, or more of it than is read.
    """
    count_values(data, most=most)
    value = parse(data.decode("utf-8-sig"))
    if b"\\u" in data:
        # Only an escape can make a lone surrogate, which no answer could be sent with.
        json.dumps(value, ensure_ascii=False).encode()
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON value")


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError("a number is too large")
    return value

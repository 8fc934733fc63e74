"""Where an answer stands in its text, under the names that programs give it."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Final, TypeGuard

_STARTS: Final = (
    "answerstart",
    "start",
    "startchar",
    "charstart",
    "startoffset",
    "startindex",
    "startpos",
    "startposition",
)
_ENDS: Final = tuple(name.replace("start", "end") for name in _STARTS)
"""In small letters, without `_` and `-`; what a record may call the place of its answer, too."""
_ANSWERS_STARTS: Final = (*_STARTS, "begin", "beginoffset", "offset", "from")
_ANSWERS_ENDS: Final = (*_ENDS, "to", "stop")
_LENGTHS: Final = ("length", "len")
_PAIRS: Final = ("span", "offsets", "range", "indices")
"""What is an answer's place only within the answer: a record may mean something else by it."""
_WHOLE: Final = "globalOffsets"
"""Label Studio's places in a page of HTML; those beside it count within an element."""
_BETWEEN: Final = re.compile(r"[_\s-]")


def in_answer(answer: Mapping[str, object]) -> tuple[object, object]:
    """Start and end that an answer gives, as they stand there; None for what it does not give."""
    whole = answer.get(_WHOLE)
    if isinstance(whole, Mapping):
        answer = whole
    start, end = _named(answer, _ANSWERS_STARTS), _named(answer, _ANSWERS_ENDS)
    pair = _named(answer, _PAIRS)
    if start is None and is_place(pair):
        start, end, *_ = pair
    length = _number(_named(answer, _LENGTHS))
    at = _number(start)
    if end is None and length is not None and at is not None:
        end = at + length
    return start, end


def in_record(record: Mapping[str, object]) -> dict[str, object] | None:
    """The answer of a record that gives its place alone, as {start, end}; None: it does not."""
    start, end = _named(record, _STARTS), _named(record, _ENDS)
    return None if start is None or end is None else {"start": start, "end": end}


def start_beside(record: Mapping[str, object], column: str) -> object:
    """The start that a record gives beside its answer; `column`: what it is called by default, or as told."""
    if column in record or _plain(column) != _STARTS[0]:
        return record.get(column)
    return _named(record, _STARTS)


def is_mark(value: object) -> bool:
    """Whether this is a stretch of text as annotation tools export it: {start, end}, [start, end, label]."""
    if isinstance(value, Mapping):
        whole = value.get(_WHOLE, value)
        return isinstance(whole, Mapping) and all(
            _number(whole.get(name)) is not None for name in ("start", "end")
        )
    return is_place(value) and len(value) == 3


def is_place(value: object) -> TypeGuard[list[object]]:
    """Whether this is a start and an end, or these with a label."""
    if not isinstance(value, list) or len(value) not in (2, 3):
        return False
    numbers = all(isinstance(one, int) and not isinstance(one, bool) for one in value[:2])
    return numbers and all(isinstance(one, str) for one in value[2:])


def is_null(value: object) -> bool:
    """Whether a value says that there is none: null, or a data frame's NaN."""
    return value is None or (isinstance(value, float) and math.isnan(value))


def _named(fields: Mapping[str, object], names: Sequence[str]) -> object:
    found: dict[str, object] = {}
    for name, value in fields.items():
        if not is_null(value):
            found.setdefault(_plain(name), value)
    return next((found[name] for name in names if name in found), None)


def _plain(name: object) -> str:
    return _BETWEEN.sub("", str(name)).lower()


def _number(value: object) -> int | None:
    """A whole number, written as one or as text; None: it is none."""
    if isinstance(value, str) and value.strip().isdecimal():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None

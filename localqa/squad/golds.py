"""What a record says of its answers, in any of the shapes in use -> `GoldAnswer`s."""

import math
from collections.abc import Mapping
from itertools import islice

from localqa.errors import DataError
from localqa.squad.align import occurrences
from localqa.squad.places import in_answer, is_null, is_place
from localqa.squad.records import GoldAnswer
from localqa.squad.written_out import unwritten

UNKNOWN_START = -1
NONE_WORDS = ("", "none", "null", "nan")
"""What the cell of a table says where there is nothing, in small letters."""
_TEXTS = ("text", "answer", "answer_text", "value")
"""What an answer's words are called in it."""


def kind_of(value: object) -> str:
    """What a JSON value is, in words."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true/false"
    names = {str: "text", int: "a number", float: "a number", list: "a list", dict: "an object"}
    return names.get(type(value), type(value).__name__)


def gold_answers(
    value: object, *, starts: object, context: str, where: str, impossible: bool = False
) -> tuple[GoldAnswer, ...]:
    """Answers as text, {text, answer_start}, {[..], [..]}, {text, start, end}, [start, end] or lists of it.

    A text may also be such a thing written out, as data frames and spreadsheets keep it in a cell.

    Args:
        value: what the record has; null and empty lists: there is no answer.
        starts: what it has beside that as the start; null: nothing.
        context: of the record.
        where: "file:record", for messages.
        impossible: whether the record says that there is no answer; what it gives beside is then no matter.

    Raises:
        DataError: neither, naming the record.
    """
    if impossible and isinstance(value, Mapping) and is_null(value.get("text", "")):
        return ()
    if impossible and isinstance(value, list):
        value = [one for one in value if not (isinstance(one, Mapping) and is_null(one.get("text", "")))]
    value, starts = (
        unwritten(value, context=context, where=where),
        unwritten(starts, context="", where=where),
    )
    if isinstance(starts, list):
        if isinstance(value, str):
            value = [value]
        if isinstance(value, list) and all(isinstance(entry, str) for entry in value):
            return _answer_object({"text": value, "answer_start": starts}, context=context, where=where)
        starts = None
    return _answers(value, start=start_of(starts, where=where), context=context, where=where)


def start_of(value: object, *, where: str) -> int:
    """An answer's start in code points; `UNKNOWN_START` when it is not given."""
    if is_null(value) or (isinstance(value, str) and value.strip().lower() in NONE_WORDS):
        return UNKNOWN_START
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    # Spreadsheets and data frames write whole numbers as 17.0.
    if isinstance(value, (float, str)):
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if number.is_integer():
            return int(number)
    raise DataError(f'{where}: "answer_start" must be a whole number, found {value!r:.40}.')


def _answers(value: object, *, start: int, context: str, where: str) -> tuple[GoldAnswer, ...]:
    if is_null(value):
        return ()
    if isinstance(value, str):
        return (_located(value, start, context=context),)
    if isinstance(value, Mapping):
        return _answer_object(value, context=context, where=where, start=start)
    if is_place(value):
        return (_cut(value[0], value[1], context=context, where=where),)
    if isinstance(value, list):
        found: list[GoldAnswer] = []
        for index, entry in enumerate(value):
            if is_place(entry):
                found.extend(_answers(entry, start=UNKNOWN_START, context=context, where=where))
                continue
            if not isinstance(entry, (str, Mapping)) and not is_null(entry):
                raise DataError(f"{where}: answer {index} must be text or an object, found {kind_of(entry)}.")
            # A start beside several answers cannot belong to all of them.
            own = start if len(value) == 1 else UNKNOWN_START
            found.extend(_answers(entry, start=own, context=context, where=where))
        return tuple(found)
    raise DataError(f"{where}: the answer must be text, an object or a list, found {kind_of(value)}.")


def _answer_object(
    value: Mapping[str, object], *, context: str, where: str, start: int = UNKNOWN_START
) -> tuple[GoldAnswer, ...]:
    starts, end = in_answer(value)
    name = next((name for name in _TEXTS if name in value), None)
    if name is None:
        return (_cut(starts, end, context=context, where=where),)
    text = value[name]
    if is_null(text):
        if start_of(starts, where=where) > 0:
            raise DataError(f"{where}: the answer has a start, but no text.")
        return ()
    if isinstance(text, str):
        if isinstance(starts, list):
            raise DataError(f'{where}: "text" is text, but "answer_start" is a list.')
        own = start_of(starts, where=where)
        return (_located(text, start if own == UNKNOWN_START else own, context=context),)
    if not isinstance(text, list) or not all(isinstance(entry, str) or is_null(entry) for entry in text):
        raise DataError(f'{where}: the answer\'s "text" must be text or a list of texts.')
    if is_null(starts):
        starts = [None] * len(text)
    if not isinstance(starts, list) or len(starts) != len(text):
        raise DataError(f'{where}: "text" and "answer_start" must be lists of the same length.')
    pairs = zip(text, starts, strict=True)
    return tuple(
        _located(entry, start_of(at, where=where), context=context)
        for entry, at in pairs
        if isinstance(entry, str)
    )


def _cut(starts: object, ends: object, *, context: str, where: str) -> GoldAnswer:
    """An answer that is given by its place alone."""
    if starts is None or ends is None or isinstance(starts, list) or isinstance(ends, list):
        raise DataError(f'{where}: the answer has no "text" field.')
    start, end = start_of(starts, where=where), start_of(ends, where=where)
    if not 0 <= start < end <= len(context):
        raise DataError(f"{where}: the answer's place {start:.0f} to {end:.0f} is not in the context.")
    return GoldAnswer(context[start:end], start)


def _located(text: str, start: int, *, context: str) -> GoldAnswer:
    """Fill in an unknown start where the text occurs exactly once; leave it unknown otherwise."""
    if start == UNKNOWN_START and text:
        places = list(islice(occurrences(context, text), 2))
        if len(places) == 1:
            start = places[0]
    return GoldAnswer(text, start)

"""What a record says of its answers, in any of the shapes in use -> `GoldAnswer`s."""

import ast
import io
import json
import math
import re
import tokenize
from collections.abc import Callable, Mapping
from itertools import islice

from localqa.errors import DataError
from localqa.squad.align import occurrences
from localqa.squad.records import GoldAnswer

UNKNOWN_START = -1
NONE_WORDS = ("", "none", "null", "nan")
"""What the cell of a table says where there is nothing, in small letters."""

_STARTS = ("answer_start", "start")
_ENDS = ("answer_end", "end")
# A dictionary or list with texts in it, as Python and JSON write them.
_WRITTEN_OUT = re.compile(r"\{\s*['\"]|\[\s*['\"{]|\{\s*\}|\[\s*\]")

_NUMPY = re.compile(r"array|u?int\d*|float\d*|str_")
"""What NumPy's values are printed as calls of."""
_VALUES = (tokenize.STRING, tokenize.NUMBER)
"""Tokens that are values by themselves."""


def kind_of(value: object) -> str:
    """What a JSON value is, in words."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true/false"
    names = {str: "text", int: "a number", float: "a number", list: "a list", dict: "an object"}
    return names.get(type(value), type(value).__name__)


def is_null(value: object) -> bool:
    """Whether a value says that there is none: null, or a data frame's NaN."""
    return value is None or (isinstance(value, float) and math.isnan(value))


def is_marked_span(value: object) -> bool:
    """Whether this is a stretch of text as annotation tools export it: {"start", "end", ...}."""
    return isinstance(value, Mapping) and all(
        isinstance(value.get(name), int) and not isinstance(value.get(name), bool)
        for name in ("start", "end")
    )


def gold_answers(
    value: object, *, starts: object, context: str, where: str, impossible: bool = False
) -> tuple[GoldAnswer, ...]:
    """Answers as text, {text, answer_start}, {[..], [..]}, {text, start, end} or a list of these.

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
        _unwritten(value, context=context, where=where),
        _unwritten(starts, context="", where=where),
    )
    if isinstance(starts, list):
        if isinstance(value, str):
            value = [value]
        if isinstance(value, list) and all(isinstance(entry, str) for entry in value):
            return _answer_object({"text": value, "answer_start": starts}, context=context, where=where)
        starts = None
    return _answers(value, start=start_of(starts, where=where), context=context, where=where)


def place_of(fields: Mapping[str, object]) -> dict[str, object] | None:
    """The answer of a record that gives its place alone, as {start, end}; None: it does not."""
    names = [
        next((name for name in some if not is_null(fields.get(name))), None) for some in (_STARTS, _ENDS)
    ]
    return {name: fields[name] for name in names if name} if all(names) else None


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
    if isinstance(value, list):
        found: list[GoldAnswer] = []
        for index, entry in enumerate(value):
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
    starts = next((value[name] for name in _STARTS if name in value), None)
    if "text" not in value:
        return (_cut(value, starts, context=context, where=where),)
    text = value["text"]
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


def _cut(value: Mapping[str, object], starts: object, *, context: str, where: str) -> GoldAnswer:
    """An answer that is given by its place alone."""
    ends = next((value[name] for name in _ENDS if name in value), None)
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


def _unwritten(value: object, *, context: str, where: str) -> object:
    """The dictionary or list that a text writes out; any other value as it is."""
    if not isinstance(value, str) or not value.lstrip().startswith(("{", "[")) or value in context:
        return value
    readers: tuple[Callable[[str], object], ...] = (json.loads, _python)
    for read in readers:
        try:
            found = read(value)
        except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError, tokenize.TokenError):
            continue
        if isinstance(found, (dict, list)):
            return found
    if _WRITTEN_OUT.match(value.lstrip()):
        raise DataError(
            f"{where}: the answer is a dictionary or list written out as text, and damaged: {value!r:.60}.",
            remedy='Write the answer alone, or all of it, as in {"text": ["..."], "answer_start": [0]}.',
        )
    return value


def _python(text: str) -> object:
    """What Python and NumPy print, without running anything; NumPy puts no commas between values."""
    parts: list[str] = []
    before = None
    for token in tokenize.generate_tokens(io.StringIO(text.strip()).readline):
        if token.type in (tokenize.NEWLINE, tokenize.NL, tokenize.ENDMARKER):
            continue
        if before in _VALUES and token.type in _VALUES:
            parts.append(",")
        parts.append(token.string)
        before = token.type
    return ast.literal_eval(_Printed().visit(ast.parse(" ".join(parts), mode="eval")))


class _Printed(ast.NodeTransformer):
    """NumPy's ways of printing -> plain literals: `np.array([...], dtype=...)`, `np.int64(4)`, `nan`."""

    def visit_Call(self, node: ast.Call) -> ast.AST:  # noqa: N802 (ast's name)
        name = ast.unparse(node.func).rpartition(".")[2]
        return self.visit(node.args[0]) if len(node.args) == 1 and _NUMPY.fullmatch(name) else node

    def visit_Name(self, node: ast.Name) -> ast.AST:  # noqa: N802 (ast's name)
        return ast.Constant(None) if node.id == "nan" else node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:  # noqa: N802 (ast's name)
        return ast.Constant(None) if ast.unparse(node) in ("np.nan", "numpy.nan") else node

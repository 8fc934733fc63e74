"""Dictionaries and lists that a cell holds as text, as data frames and spreadsheets keep them."""

import ast
import io
import json
import re
import tokenize
from collections.abc import Callable, Iterator
from typing import Final

from localqa.errors import DataError

_BEGUN: Final = re.compile(r"\s*(?:[\[{(]|[A-Za-z_][\w.]*\(|[\"'“‘]\s*[\[{(])")
"""A dictionary, list or tuple, a call that makes one, or one of these between quotes."""
_OURS: Final = re.compile(r"\{\s*['\"]|\[\s*['\"{]|\{\s*\}|\[\s*\]|.*\b(?:text|answer_start)\b\W{0,3}[:=,]")
"""What is meant for one even where it cannot be read."""
_QUOTES: Final = str.maketrans("“”„‟‘’‚‛", "\"\"\"\"''''")
"""As word processors write them."""
_NAME: Final = re.compile(r"(?<=[{,])(\s*)([A-Za-z_]\w*)(\s*):")
"""Of a field, without quotes."""
_ARRAYS: Final = re.compile(r"array|tensor|list|tuple|u?int\d*|float\d*|str_")
"""What NumPy's and torch's values are printed as calls of."""
_DICTIONARIES: Final = ("OrderedDict", "dict")
_VALUES: Final = (tokenize.STRING, tokenize.NUMBER)
"""Tokens that are values by themselves."""


def unwritten(value: object, *, context: str, where: str) -> object:
    """The dictionary or list that a text writes out; any other value, and what the context has, as it is.

    Raises:
        DataError: one is meant, and cannot be read.
    """
    if not isinstance(value, str) or not _BEGUN.match(value) or value in context:
        return value
    for text in _readings(value):
        for read in _READERS:
            try:
                found = read(text)
            except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError, tokenize.TokenError):
                continue
            if isinstance(found, (dict, list, tuple)):
                return _answer(found)
    if _OURS.match(value.lstrip()):
        raise DataError(
            f"{where}: the answer is a dictionary or list written out as text, and damaged: {value!r:.60}.",
            remedy='Write the answer alone, or all of it, as in {"text": ["..."], "answer_start": [0]}.',
        )
    return value


def _readings(text: str) -> Iterator[str]:
    """The text, and what it may have been before other programs wrote it down."""
    yield text
    bare = text.strip().translate(_QUOTES)
    if bare[:1] == bare[-1:] and bare[:1] in ("'", '"'):
        bare = bare[1:-1]
    yield bare
    straight = bare.replace('\\"', '"')
    yield straight
    yield _NAME.sub(r'\1"\2"\3:', straight)


def _answer(found: dict[object, object] | list[object] | tuple[object, ...]) -> object:
    if not isinstance(found, tuple):
        return found
    is_pair = len(found) == 2 and isinstance(found[0], str) and isinstance(found[1], int)
    return {"text": found[0], "answer_start": found[1]} if is_pair else list(found)


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


_READERS: Final[tuple[Callable[[str], object], ...]] = (json.loads, _python)


class _Printed(ast.NodeTransformer):
    """Ways of printing -> plain literals: `np.array([...], dtype=...)`, `OrderedDict([...])`, `nan`."""

    def visit_Call(self, node: ast.Call) -> ast.AST:  # noqa: N802 (ast's name)
        name = ast.unparse(node.func).rpartition(".")[2]
        if name in _DICTIONARIES:
            return self._dictionary(node)
        return self.visit(node.args[0]) if len(node.args) == 1 and _ARRAYS.fullmatch(name) else node

    def visit_Name(self, node: ast.Name) -> ast.AST:  # noqa: N802 (ast's name)
        return ast.Constant(None) if node.id in ("nan", "null") else node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:  # noqa: N802 (ast's name)
        return ast.Constant(None) if ast.unparse(node) in ("np.nan", "numpy.nan") else node

    def _dictionary(self, node: ast.Call) -> ast.AST:
        """`dict(a=1)`, `OrderedDict([("a", 1)])`, `OrderedDict({"a": 1})`."""
        if node.keywords and not node.args:
            names: list[ast.expr | None] = [ast.Constant(one.arg) for one in node.keywords]
            return ast.Dict(names, [self.visit(one.value) for one in node.keywords])
        if not node.args:
            return ast.Dict([], [])
        held = self.visit(node.args[-1])
        listed = held.elts if isinstance(held, ast.List) else []
        pairs = [one.elts for one in listed if isinstance(one, ast.Tuple) and len(one.elts) == 2]
        if listed and len(pairs) == len(listed):
            return ast.Dict([name for name, _ in pairs], [value for _, value in pairs])
        return held

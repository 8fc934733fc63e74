"""What a tool found, where it tells it as JSON: the values hold the answers, not the braces around them."""

import re
from typing import Final

from localqa.api.protocol.phrases import Part, words
from localqa.strict_json import parse_foreign

_TOKEN: Final = re.compile(
    r'"(?P<string>(?:[^"\\]|\\.)*)"(?P<is_key>\s*:)?|(?P<number>-?\d[\d.eE+-]*)|[\[\]{}]'
)
_BREAK: Final = re.compile(r"(?:\\[nrt])+")
_LONG: Final = 4
"""Words from which a value says what it is about without its key."""


def values_in(text: str) -> list[Part]:
    """The values in a JSON object or array that holds texts, as they stand there; [] for anything else.

    A value of few words has its key before it, since it says little without.
    """
    if not text.lstrip().startswith(("{", "[")):
        return []
    try:
        parse_foreign(text.encode())
    except ValueError:
        return []
    found: list[Part] = []
    key: int | None = None
    has_text = False
    for token in _TOKEN.finditer(text):
        if token["is_key"] is not None:
            key = token.start("string")
            continue
        value = Part(*token.span(token.lastgroup)) if token.lastgroup else None
        if value is not None and words(text, value, most=_LONG) == _LONG:
            has_text = True
            found += _lines(text, value)
        elif value is not None:
            found.append(Part(value.start if key is None else key, value.end))
        key = None
    return found if has_text else []


def _lines(text: str, part: Part) -> list[Part]:
    """A string without its written line breaks, which would be letters to a reader."""
    edges = [part.start]
    for mark in _BREAK.finditer(text, part.start, part.end):
        edges += [mark.start(), mark.end()]
    edges.append(part.end)
    return [Part(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if b > a]

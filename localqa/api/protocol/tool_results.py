"""What a tool found, where it tells it as JSON: the values hold the answers, not the braces around them."""

import json
import re
from dataclasses import replace
from typing import Final

from localqa.api.protocol.conversing import Message, moved
from localqa.api.protocol.parts import Part, words
from localqa.strict_json import parse_foreign

_TOKEN: Final = re.compile(
    r'"(?P<string>(?:[^"\\]|\\.)*)"(?P<is_key>\s*:)?|(?P<number>-?\d[\d.eE+-]*)|(?P<bracket>[\[\]{}])'
)
# All that stand for a character of a text: neither NUL nor half of a pair is one.
_ESCAPE: Final = re.compile(
    r'\\(?:["\\/bfnrt]|u(?!0000|[dD][89a-fA-F])[\da-fA-F]{4}'
    r"|u[dD][89abAB][\da-fA-F]{2}\\u[dD][c-fC-F][\da-fA-F]{2})"
)
_LONG: Final = 4
"""Words from which a value says what it is about without its key."""


def as_read(message: Message) -> tuple[Message, list[Part]]:
    """What a tool said with the characters that its JSON's escapes stand for, and the values in that.

    A value of few words has its key before it, since it says little without. There are none in what is no
    JSON object or array, or holds no text.
    """
    if not message.text.lstrip().startswith(("{", "[")):
        return message, []
    try:
        parse_foreign(message.text.encode())
    except ValueError:
        return message, []
    read = _unescaped(message)
    found: list[Part] = []
    key: int | None = None
    has_text = False
    for token in _TOKEN.finditer(message.text):
        if token["bracket"] is not None:
            key = None
            continue
        span = token.span("number" if token["string"] is None else "string")
        start, end = (moved(at, *read.escapes[::-1]) for at in span)
        if token["is_key"] is not None:
            key = start
            continue
        if words(read.text, Part(start, end), most=_LONG) == _LONG:
            has_text = True
            found.append(Part(start, end))
        elif start < end:
            found.append(Part(start if key is None else key, end))
        key = None
    return read, found if has_text else []


def _unescaped(message: Message) -> Message:
    pieces: list[str] = []
    read: list[int] = []
    sent: list[int] = []
    length = end = 0
    for escape in _ESCAPE.finditer(message.text):
        pieces += (message.text[end : escape.start()], json.loads(f'"{escape[0]}"'))
        length += escape.start() - end + 1
        end = escape.end()
        read.append(length)
        sent.append(end)
    text = "".join([*pieces, message.text[end:]])
    return replace(message, text=text, escapes=(tuple(read), tuple(sent)))

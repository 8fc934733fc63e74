"""Text that came from a client: checked before use, shortened and made printable before it is echoed."""

import re
from typing import Final, TypeAlias

from localqa.errors import InvalidInputError

_REFUSED = re.compile("[\x00\ud800-\udfff]")
_ECHO_CHARS: Final = 40
_ECHO_STEPS: Final = 6

Path: TypeAlias = tuple[str | int, ...]
"""Where a value lies in a JSON body, such as `("qa_pairs", 3, "context")`."""

# A path as a chain from the last step back to the first.
_Step: TypeAlias = "tuple[_Step, str | int] | None"


def field_name(path: Path) -> str:
    """Write a path as a client would: `qa_pairs[3].context`."""
    name = ""
    for step in path[:_ECHO_STEPS]:
        if isinstance(step, int):
            name += f"[{step}]"
        else:
            name += f".{printable(step)}" if name else printable(step)
    return name or "body"


def printable(text: str, *, limit: int | None = _ECHO_CHARS) -> str:
    """The text with everything unprintable escaped (lone surrogates too), cut to `limit` characters."""
    cut = text if limit is None or len(text) <= limit else text[:limit] + "..."
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in cut)


def quoted(text: str) -> str:
    """The text between quotes, printable and short, to be echoed in a message."""
    return f"'{printable(text)}'"


def refuse_unusable_text(value: object) -> None:
    """Look through a parsed JSON value for characters that no tokenizer or UTF-8 encoder takes.

    Raises:
        InvalidInputError: a key or a text holds NUL or a lone surrogate; the message names the field.
    """
    # An own stack of linked steps: neither recursion nor time may run away on deep nesting.
    stack: list[tuple[_Step, object]] = [(None, value)]
    while stack:
        step, item = stack.pop()
        if isinstance(item, str):
            _check(item, step)
        elif isinstance(item, list):
            stack.extend(((step, index), entry) for index, entry in enumerate(item))
        elif isinstance(item, dict):
            for key, entry in item.items():
                _check(key, (step, key))
                stack.append(((step, key), entry))


def _check(text: str, step: _Step) -> None:
    found = _REFUSED.search(text)
    if found is None:
        return
    char = found[0]
    what = "the character NUL (U+0000)" if char == "\x00" else f"a lone surrogate (U+{ord(char):04X})"
    raise InvalidInputError(
        f"{field_name(_path(step))}: holds {what} at position {found.start()}.",
        remedy="Send plain Unicode text without it.",
    )


def _path(step: _Step) -> Path:
    steps: list[str | int] = []
    while step is not None:
        step, name = step
        steps.append(name)
    return tuple(reversed(steps))

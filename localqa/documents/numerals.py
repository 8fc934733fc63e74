"""Numbers as people see them: those of lists, and figures that are raised or lowered.

HTML and OpenDocument name the kinds of lists alike: 1, a, A, i, I.
"""

import re
from collections.abc import Sequence
from typing import Final

FIGURE: Final = re.compile(r"\s*[-+−]?\d")
"""How the text of a raised or lowered figure begins."""
_VALUES: Final = (1000, 900, 500, 400, 100, 90, 50, 40, 10, 9, 5, 4, 1)
_LETTERS: Final = ("m", "cm", "d", "cd", "c", "xc", "l", "xl", "x", "ix", "v", "iv", "i")
_MOST_ROMAN: Final = 3_999
_MOST_LETTERS: Final = 26 * 30
"""Of those that repeat one letter: past them a label is longer than a line."""


def numeral(number: int, kind: str = "1", *, repeats: bool = False) -> str:
    """A number of a list: 4, d, D, iv or IV; what has no such letters is written in figures.

    Args:
        number: of the item.
        kind: "1", "a", "A", "i" or "I".
        repeats: whether aa, bb, cc follow on z, as in Word and OpenDocument; aa, ab, ac do in HTML.
    """
    lower = kind.lower()
    if lower == "i" and 0 < number <= _MOST_ROMAN:
        text = _roman(number)
    elif lower == "a" and 0 < number <= _MOST_LETTERS:
        text = _repeated(number) if repeats else _letters(number)
    else:
        return str(number)
    return text.upper() if kind.isupper() else text


def parting(mark: str, before: Sequence[str | None], text: str) -> str:
    """`mark` where a raised or lowered figure would grow into a figure right before it: 10^6 is not 106."""
    last = next((part for part in reversed(before) if part), "")
    return mark if last[-1:].isdigit() and FIGURE.match(text) else ""


def whole(text: str | None, otherwise: int) -> int:
    """A number that a file tells, of nine figures at most; `otherwise` for anything else."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else otherwise


def _roman(number: int) -> str:
    text = ""
    for value, letters in zip(_VALUES, _LETTERS, strict=True):
        times, number = divmod(number, value)
        text += letters * times
    return text


def _letters(number: int) -> str:
    text = ""
    while number:
        number, letter = divmod(number - 1, 26)
        text = chr(ord("a") + letter) + text
    return text


def _repeated(number: int) -> str:
    times, letter = divmod(number - 1, 26)
    return chr(ord("a") + letter) * (times + 1)

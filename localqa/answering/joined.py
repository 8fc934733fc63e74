"""Passages read as one text, and the way from a span in it back to its passage."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

_BETWEEN: Final = "\n\n"


@dataclass(frozen=True, slots=True)
class Joined:
    """Some passages, one behind the other.

    Attributes:
        text: all of them.
        starts: where each begins in it.
    """

    text: str
    starts: tuple[int, ...]

    @classmethod
    def of(cls, passages: Sequence[str]) -> "Joined":
        """Join passages."""
        lengths = [len(passage) + len(_BETWEEN) for passage in passages]
        return cls(_BETWEEN.join(passages), tuple(accumulate(lengths[:-1], initial=0)))

    @property
    def borders(self) -> tuple[int, ...]:
        """What no answer reaches across."""
        return self.starts[1:]

    def passage_at(self, at: int) -> tuple[int, int]:
        """The number of the passage that a character is in, and the character's place there."""
        number = bisect_right(self.starts, at) - 1
        return number, at - self.starts[number]

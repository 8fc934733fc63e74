"""Things in a row, so many at a time as fit together."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

Thing = TypeVar("Thing")


def in_groups(things: Sequence[Thing], size_of: Callable[[Thing], int], most: int) -> Iterator[list[Thing]]:
    """Things in their order, in groups whose sizes add up to `most` at most; a larger one is alone."""
    group: list[Thing] = []
    size = 0
    for thing in things:
        if group and size + size_of(thing) > most:
            yield group
            group, size = [], 0
        group.append(thing)
        size += size_of(thing)
    if group:
        yield group

"""Starts that another program counted in another way: the one way that explains all of them exactly.

A program may count a line end as one character or as two, a byte order mark as one or as none, an emoji as
two UTF-16 units, an umlaut as two bytes; its starts are then all wrong, each by what stands before it. Where
one such way leads from every start of a file, or of a context, to its answer's very text, it is the mistake.
"""

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, product
from typing import Final

from localqa.squad.records import Example, GoldAnswer

_LINE_END = re.compile(r"\r\n|\r|\n")
_MARK = "\ufeff"
# Two mistakes together, or any shift, could fit a short answer that stands in many places by chance.
_PLACES_TRIED = 200


@dataclass(frozen=True, slots=True)
class Place:
    """Where an answer really is, in code points of its context, and how its start had been counted."""

    start: int
    end: int
    why: str


@dataclass(frozen=True, slots=True)
class _Way:
    """A way of counting; parts that are "" count as this project does."""

    lines: str = ""
    front: str = ""
    unit: str = ""
    shift: int = 0

    @property
    def mistakes(self) -> int:
        """In how many respects it differs."""
        return sum(map(bool, (self.lines, self.front, self.unit, self.shift)))

    def __str__(self) -> str:
        shift = f"starts {abs(self.shift)} too {'low' if self.shift > 0 else 'high'}" if self.shift else ""
        return " and ".join(part for part in (self.lines, self.front, self.unit, shift) if part)


_LINES: Final[Mapping[str, Callable[[str], str]]] = {
    "line ends counted as one character": lambda end: end[-1],
    "carriage returns not counted": lambda end: end.replace("\r", ""),
    "line ends counted as two characters": lambda end: "\r\n",
    "line ends not counted": lambda end: "",
}
"""Way of counting -> what a line end was to it."""
_MARK_COUNTED = "a byte order mark counted"
_MARK_LEFT_OUT = "the byte order mark not counted"
_SPACE_LEFT_OUT = "leading white space not counted"
_FRONTS: Final = (_MARK_COUNTED, _MARK_LEFT_OUT, _SPACE_LEFT_OUT)
_UNITS: Final[Mapping[str, Callable[[str], int]]] = {
    "UTF-16 units counted": lambda character: 2 if character > "\uffff" else 1,
    "bytes counted": lambda character: len(character.encode("utf-8", "surrogatepass")),
}
_WAYS: Final = sorted(
    (_Way(*parts) for parts in product(("", *_LINES), ("", *_FRONTS), ("", *_UNITS))),
    key=lambda way: way.mistakes,
)[1:]


def explained(examples: Sequence[Example], files: Sequence[str]) -> dict[tuple[int, int], Place]:
    """The answers whose start was counted in another way: (index of the example, of its answer) -> place.

    Args:
        examples: as read.
        files: of each one.
    """
    groups: dict[str, list[tuple[int, int]]] = {}
    for index, example in enumerate(examples):
        for number, answer in enumerate(example.answers):
            if _tells(answer, example.context):
                groups.setdefault(files[index], []).append((index, number))
    found: dict[tuple[int, int], Place] = {}
    for group in groups.values():
        if not any(_is_wrong(examples, key) for key in group):
            continue
        places = _explain(examples, group)
        if places is None:
            places = {}
            for some in _by_context(examples, group):
                places |= _explain(examples, some) or {}
        found |= places
    return found


def _tells(answer: GoldAnswer, context: str) -> bool:
    """Whether an answer can tell how starts were counted: it has one, and stands in its context."""
    if answer.start < 0 or not answer.text.strip():
        return False
    return (
        context.startswith(answer.text, answer.start)
        or answer.text in context
        or (_LINE_END.search(answer.text) is not None and _unbroken(answer.text) in _unbroken(context))
    )


def _unbroken(text: str) -> str:
    return _LINE_END.sub("", text)


def _is_wrong(examples: Sequence[Example], key: tuple[int, int]) -> bool:
    example = examples[key[0]]
    answer = example.answers[key[1]]
    return not example.context.startswith(answer.text, answer.start)


def _by_context(
    examples: Sequence[Example], group: Iterable[tuple[int, int]]
) -> Iterator[list[tuple[int, int]]]:
    contexts: dict[str, list[tuple[int, int]]] = {}
    for key in group:
        contexts.setdefault(examples[key[0]].context, []).append(key)
    return (some for some in contexts.values() if any(_is_wrong(examples, key) for key in some))


def _explain(
    examples: Sequence[Example], group: Sequence[tuple[int, int]]
) -> dict[tuple[int, int], Place] | None:
    """The places that the simplest way to count gives; None where no way explains the whole group.

    An answer that several equally simple ways put into different places is left out.
    """
    # The wrong ones first: most ways fail at them.
    wrong = [key for key in group if _is_wrong(examples, key)]
    order = [*wrong, *(key for key in group if not _is_wrong(examples, key))]
    chances = len(wrong) == 1 and _stands_often(examples, wrong[0])
    best: list[dict[tuple[int, int], Place]] = []
    fewest = 0
    for way in [*_WAYS, *_shifts(examples, wrong)]:
        if (best and way.mistakes > fewest) or (chances and (way.mistakes > 1 or way.shift)):
            continue
        places = _places(examples, order, way)
        if places is not None:
            best.append(places)
            fewest = way.mistakes
    if not best:
        return None
    return {
        key: place
        for key, place in best[0].items()
        if all((other[key].start, other[key].end) == (place.start, place.end) for other in best)
        and place.start != examples[key[0]].answers[key[1]].start
    }


def _stands_often(examples: Sequence[Example], key: tuple[int, int]) -> bool:
    example = examples[key[0]]
    return example.context.count(example.answers[key[1]].text) * _PLACES_TRIED >= len(example.context)


def _shifts(examples: Sequence[Example], wrong: Sequence[tuple[int, int]]) -> list[_Way]:
    """The one shift of all answers that stand in a single place, where there are several wrong ones."""
    found: set[int] = set()
    for index, number in wrong:
        example = examples[index]
        answer = example.answers[number]
        at = example.context.find(answer.text)
        if at >= 0 and example.context.find(answer.text, at + 1) < 0:
            found.add(at - answer.start)
        if len(found) > 1:
            return []
    return [_Way(shift=shift) for shift in found] if len(wrong) > 1 else []


def _places(
    examples: Sequence[Example], group: Sequence[tuple[int, int]], way: _Way
) -> dict[tuple[int, int], Place] | None:
    places: dict[tuple[int, int], Place] = {}
    for index, number in group:
        span = _located(examples[index].context, examples[index].answers[number], way)
        if span is None:
            return None
        places[index, number] = Place(*span, str(way))
    return places


def _located(context: str, answer: GoldAnswer, way: _Way) -> tuple[int, int] | None:
    """Start and end of an answer whose start was counted in this way; None where it is not there."""
    # No character is more than four bytes, and no line end more than two characters.
    if answer.start > 8 * len(context) + 8:
        return None
    view = _view(context, way)
    if view is None:
        at = answer.start + way.shift
        ends = at + len(answer.text)
        return (at, ends) if at >= 0 and context.startswith(answer.text, at) else None
    at = answer.start if view.units is None else bisect_left(view.units, answer.start)
    if view.units is not None and (at >= len(view.units) or view.units[at] != answer.start):
        return None
    text = _LINE_END.sub(lambda end: _LINES[way.lines](end[0]), answer.text) if way.lines else answer.text
    if not text or not view.text.startswith(text, at):
        return None
    start = view.where[at]
    end = view.where[at + len(text) - 1] + 1
    # A line end of two characters is not cut in two.
    if end < len(context) and context[end - 1 : end + 1] == "\r\n" and answer.text.endswith(("\r", "\n")):
        end += 1
    return start, end


@dataclass(frozen=True, slots=True)
class _View:
    """A context as a way of counting sees it.

    Attributes:
        text: its characters.
        where: of each, the place in the context.
        units: of each, how many units stand before it; None: as many as characters.
    """

    text: str
    where: Sequence[int]
    units: Sequence[int] | None


# Neighbouring examples share their context, and every way is tried at one after the other.
@lru_cache(maxsize=4)
def _view(context: str, way: _Way) -> _View | None:
    """How the context looks to a way of counting; None where it looks as it is."""
    lines = way.lines if _LINE_END.search(context) else ""
    unit = way.unit if not context.isascii() or way.front == _MARK_COUNTED else ""
    text, where = _fronted(*_lined(context, lines), way.front)
    if not unit:
        return None if text == context else _View(text, where, None)
    return _View(text, where, [0, *accumulate(map(_UNITS[unit], text))])


@lru_cache(maxsize=8)
def _lined(context: str, lines: str) -> tuple[str, Sequence[int]]:
    if not lines:
        return context, range(len(context))
    pieces: list[str] = []
    where: list[int] = []
    at = 0
    for end in _LINE_END.finditer(context):
        pieces += [context[at : end.start()], instead := _LINES[lines](end[0])]
        where += [*range(at, end.start()), *[end.start()] * len(instead)]
        at = end.end()
    return "".join([*pieces, context[at:]]), [*where, *range(at, len(context))]


def _fronted(text: str, where: Sequence[int], front: str) -> tuple[str, Sequence[int]]:
    if front == _MARK_COUNTED:
        return _MARK + text, [0, *where]
    if front == _MARK_LEFT_OUT:
        cut = int(text.startswith(_MARK))
    elif front == _SPACE_LEFT_OUT:
        cut = len(text) - len(text.lstrip())
    else:
        cut = 0
    return text[cut:], where[cut:]

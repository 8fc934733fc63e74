"""Judging examples: every problem named and counted, with a repair where one can be told safely."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

from localqa.squad.align import nearest, nearest_variant, occurrences, variants
from localqa.squad.counting import Place, explained
from localqa.squad.parsing import UNKNOWN_START
from localqa.squad.records import Example, GoldAnswer
from localqa.squad.report import CheckReport, Kind, Problem, count_files, file_of

__all__ = ["CheckReport", "Problem", "check", "repair"]

_PLACES_TOLD = 50
_TEXT_SHOWN = 60


@dataclass(slots=True)
class _Verdict:
    """What was found about one example so far; `mended` is None once something cannot be mended."""

    mended: Example | None
    found: list[tuple[Kind, str]] = field(default_factory=list)

    def add(self, kind: Kind, message: str, mended: Example | None) -> None:
        self.found.append((kind, message))
        self.mended = mended if self.mended is not None else None


def check(examples: Iterable[Example]) -> CheckReport:
    """Find everything wrong with the examples; nothing is changed.

    Runs in time linear in the examples (a second or so for 45,000 clean ones).
    """
    listed = list(examples)
    places = _counted_otherwise(listed)
    moved = {index for index, _ in places}
    ids = _Ids(example.id for example in listed)
    clean_context: str | None = None
    problems: list[Problem] = []
    for index, example in enumerate(listed):
        # Neighbours share their context object: one scan serves them all.
        if example.context is not clean_context and _is_clean_context(example.context):
            clean_context = example.context
        is_new = ids.is_new(example.id)
        if is_new and index not in moved and example.context is clean_context and _is_clean(example):
            continue
        own = [places.get((index, number)) for number in range(len(example.answers))]
        verdict = _judge(example, own)
        ids.judge(verdict, example, is_new=is_new)
        problems.extend(
            Problem(kind, example.source, example.id, message, verdict.mended, index)
            for kind, message in verdict.found
        )
    return CheckReport(tuple(problems), count_files(listed))


def repair(examples: Iterable[Example]) -> tuple[list[Example], CheckReport]:
    """Mend what can be mended and leave out what cannot, order kept.

    Returns the examples, which now pass `check`, and the report on what was given: a problem whose
    `repair` is None names an example that was left out, any other names one that was changed.
    """
    listed = list(examples)
    report = check(listed)
    mended = {problem.index: problem.repair for problem in report.problems}
    kept = [mended.get(index, example) for index, example in enumerate(listed)]
    return [example for example in kept if example is not None], report


def _is_clean_context(context: str) -> bool:
    return bool(context.strip()) and _is_printable(context)


def _is_clean(example: Example) -> bool:
    """The fast path, for an example whose context is known to be clean."""
    if not example.question.strip() or not all(map(_is_printable, _short_texts(example))):
        return False
    return all(_is_aligned(answer, example.context) for answer in example.answers)


def _is_printable(text: str) -> bool:
    """Whether the text holds neither NUL nor half a surrogate pair, which no UTF-8 file can carry."""
    if "\0" in text:
        return False
    if text.isascii():
        return True
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _is_aligned(answer: GoldAnswer, context: str) -> bool:
    return bool(answer.text.strip()) and answer.start >= 0 and context.startswith(answer.text, answer.start)


def _short_texts(example: Example) -> list[str]:
    return [example.id, example.question, example.title, *(answer.text for answer in example.answers)]


def _counted_otherwise(examples: Sequence[Example]) -> dict[tuple[int, int], Place]:
    """The answers whose wrong starts come from one way of counting; see `localqa.squad.counting`."""
    # Looked for only where something is wrong.
    if all(_starts_fit(example) for example in examples):
        return {}
    return explained(examples, [file_of(example.source) for example in examples])


def _starts_fit(example: Example) -> bool:
    return all(
        answer.start < 0 or example.context.startswith(answer.text, answer.start)
        for answer in example.answers
    )


def _judge(example: Example, places: Sequence[Place | None]) -> _Verdict:
    """All problems of one example, its id's uniqueness aside; `places` of answers are known already."""
    verdict = _Verdict(example)
    example = _judge_characters(verdict, example)
    if not example.question.strip():
        verdict.add("blank_question", "the question is blank", None)
    if not example.context.strip():
        verdict.add("empty_context", "the context is empty", None)
        return verdict
    for number, place in enumerate(places):
        example = _judge_answer(verdict, example, number, place)
    return verdict


def _judge_characters(verdict: _Verdict, example: Example) -> Example:
    """Replace what no UTF-8 file can carry one for one, so that offsets stay as they are."""
    if all(map(_is_printable, (example.context, *_short_texts(example)))):
        return example
    mended = replace(
        example,
        id=_printable(example.id),
        question=_printable(example.question),
        context=_printable(example.context),
        title=_printable(example.title),
        answers=tuple(GoldAnswer(_printable(answer.text), answer.start) for answer in example.answers),
    )
    message = "NUL characters or halves of surrogate pairs in the text; repair: U+FFFD in their place"
    verdict.add("bad_characters", message, mended)
    return mended


def _printable(text: str) -> str:
    return "".join("\ufffd" if c == "\0" or "\ud800" <= c <= "\udfff" else c for c in text)


def _judge_answer(verdict: _Verdict, example: Example, number: int, place: Place | None) -> Example:
    """Judge one answer of an example with a context; returns the example with that answer mended."""
    answer = example.answers[number]
    if place is None and _is_aligned(answer, example.context):
        return example
    kind, message, better = _align(answer, example.context, place)
    if better is not None:
        answers = (*example.answers[:number], better, *example.answers[number + 1 :])
        example = replace(example, answers=answers)
    label = f"answer {number}: " if len(example.answers) > 1 else ""
    verdict.add(kind, label + message, example if better is not None else None)
    return example


def _align(answer: GoldAnswer, context: str, place: Place | None) -> tuple[Kind, str, GoldAnswer | None]:
    """What is wrong with an answer that is not where it says, and the answer as it should be."""
    shown = _shown(answer.text)
    if not answer.text.strip():
        return "empty_answer", "the answer's text is empty; say is_impossible if there is none", None
    if answer.start == UNKNOWN_START:
        return _align_unknown(answer, context)
    stated = f"{shown} is not at {_number(answer.start)}, {_there(answer, context)}"
    if place is not None:
        better = _cut(context, (place.start, place.end))
        if _is_aligned(answer, context):
            stated = f"{shown} at {answer.start} is another one than meant"
        return "misaligned_offset", f"{stated}; repair: start {place.start} ({place.why})", better
    starts = nearest(context, answer.text, answer.start)
    if len(starts) == 1:
        better = GoldAnswer(answer.text, starts[0])
        return "misaligned_offset", f"{stated}; repair: start {starts[0]}", better
    spans = [] if starts else nearest_variant(context, answer.text, answer.start)
    if len(spans) == 1:
        return "misaligned_offset", f"{stated}; {_variant_repair(context, spans[0])}", _cut(context, spans[0])
    starts = starts or [start for start, _ in spans]
    if starts:
        return "answer_start_ambiguous", f"{stated}, and occurs at {_listed(starts)}: say which", None
    return "answer_not_in_context", f"{shown} does not occur in the context", None


def _align_unknown(answer: GoldAnswer, context: str) -> tuple[Kind, str, GoldAnswer | None]:
    shown = _shown(answer.text)
    places = list(islice(occurrences(context, answer.text), _PLACES_TOLD + 1))
    if len(places) == 1:
        message = f"no start is given for {shown}; repair: start {places[0]}"
        return "answer_start_missing", message, GoldAnswer(answer.text, places[0])
    spans = [] if places else variants(context, answer.text, _PLACES_TOLD + 1)
    if len(spans) == 1:
        message = f"no start is given for {shown}; {_variant_repair(context, spans[0])}"
        return "answer_start_missing", message, _cut(context, spans[0])
    places = places or [start for start, _ in spans]
    if not places:
        return "answer_not_in_context", f"{shown} does not occur in the context", None
    message = f"no start is given, and {shown} occurs at {_listed(places)}: say which"
    return "answer_start_ambiguous", message, None


def _listed(places: Sequence[int]) -> str:
    return ", ".join(map(str, places[:_PLACES_TOLD])) + (", ..." if len(places) > _PLACES_TOLD else "")


def _variant_repair(context: str, span: tuple[int, int]) -> str:
    return (
        f"it occurs only with other case, spacing or Unicode form; "
        f"repair: text {_shown(context[slice(*span)])}, start {span[0]}"
    )


def _cut(context: str, span: tuple[int, int]) -> GoldAnswer:
    return GoldAnswer(context[slice(*span)], span[0])


class _Ids:
    """Which ids are in use, and the next free one for each that occurs twice."""

    def __init__(self, ids: Iterable[str]) -> None:
        self._taken = set(ids)
        self._seen: set[str] = set()
        self._next: dict[str, int] = {}

    def is_new(self, example_id: str) -> bool:
        """Whether the id is met for the first time."""
        known = example_id in self._seen
        self._seen.add(example_id)
        return not known

    def judge(self, verdict: _Verdict, example: Example, *, is_new: bool) -> None:
        """Give the second bearer of an id an id of its own."""
        wanted = verdict.mended.id if verdict.mended else example.id
        # An id that was changed because of its characters must not become that of another example.
        if is_new and (wanted == example.id or wanted not in self._taken):
            self._taken.add(wanted)
            return
        number = self._next.get(wanted, 2)
        while f"{wanted}-{number}" in self._taken:
            number += 1
        new = f"{wanted}-{number}"
        self._next[wanted] = number + 1
        self._taken.add(new)
        mended = replace(verdict.mended, id=new) if verdict.mended else None
        verdict.add("duplicate_id", f"the id occurs before; repair: id {new}", mended)


def _shown(text: str) -> str:
    return repr(text) if len(text) <= _TEXT_SHOWN else repr(text[:_TEXT_SHOWN]) + "..."


def _there(answer: GoldAnswer, context: str) -> str:
    if not 0 <= answer.start < len(context):
        return f"outside the context of {len(context):,} characters"
    return f"where the context has {_shown(context[answer.start : answer.end])}"


def _number(value: int) -> str:
    """A start as text; a hostile one may have more digits than Python agrees to print."""
    return str(value) if abs(value) < 10**18 else "a far too large number"

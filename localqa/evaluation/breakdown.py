"""Scores by kind of question and by length of context, and how sure they are."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from localqa.evaluation.confidence import expected_calibration_error
from localqa.evaluation.outcomes import Outcome

_WORDS = ("how many", "how much", "how", "what", "which", "who", "whom", "whose", "when", "where", "why")
_QUESTION_WORD = re.compile(rf"\b({'|'.join(_WORDS)})\b")
_LENGTHS = (0, 100, 200, 400, 800)
"""Lower bounds of the groups of contexts, in words."""


@dataclass(frozen=True, slots=True)
class Group:
    """Questions with something in common; exact match, F1 and calibration error in percent."""

    name: str
    total: int
    exact: float
    f1: float
    ece: float


def by_question_word(outcomes: Sequence[Outcome]) -> list[Group]:
    """Scores by the first question word, the most frequent one first."""
    return sorted(_grouped(outcomes, question_word), key=lambda group: -group.total)


def by_context_length(outcomes: Sequence[Outcome]) -> list[Group]:
    """Scores by the number of words of the context, short ones first."""
    return _grouped(outcomes, _length_group, [_length_name(index) for index in range(len(_LENGTHS))])


def question_word(outcome: Outcome) -> str:
    """The first question word, "other" without one."""
    found = _QUESTION_WORD.search(outcome.example.question.lower())
    return found.group() if found else "other"


def bootstrap_interval(
    outcomes: Sequence[Outcome], *, resamples: int = 1000, level: float = 0.95, seed: int = 0
) -> dict[str, tuple[float, float]]:
    """Percentile intervals of exact match and F1, in percent, under drawing other contexts.

    Whole contexts are drawn, for questions about the same one stand or fall together; drawing
    questions would promise narrower intervals than there are.
    """
    owner = owners(outcomes)
    intervals = {}
    for name in ("exact", "f1"):
        values = np.array([getattr(outcome, name) for outcome in outcomes])
        low, high = interval(values, owner, resamples=resamples, level=level, seed=seed)
        intervals[name] = (100 * low, 100 * high)
    return intervals


def owners(outcomes: Sequence[Outcome]) -> NDArray[np.int64]:
    """The context that each question is about, numbered from 0 as they come, shape (N,)."""
    numbers = {text: at for at, text in enumerate(dict.fromkeys(one.example.context for one in outcomes))}
    return np.array([numbers[one.example.context] for one in outcomes], dtype=np.int64)


def interval(
    values: NDArray[np.float64],
    owner: NDArray[np.int64],
    *,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> tuple[float, float]:
    """Percentile interval of a mean under drawing other owners, with all that is theirs.

    Args:
        values: shape (N,).
        owner: what each value belongs to, any whole numbers, shape (N,).
        resamples: how often is drawn.
        level: of the interval, 0 to 1.
        seed: of what is drawn.
    """
    _, owner = np.unique(owner, return_inverse=True)
    counts, sums = np.bincount(owner), np.bincount(owner, weights=values)
    random = np.random.default_rng(seed)
    # How often each owner is drawn, shape (resamples, owners).
    drawn = random.multinomial(len(counts), np.full(len(counts), 1 / len(counts)), size=resamples)
    tail = 50 * (1 - level)
    low, high = np.percentile((drawn @ sums) / (drawn @ counts), [tail, 100 - tail])
    return float(low), float(high)


def _length_group(outcome: Outcome) -> str:
    words = len(outcome.example.context.split())
    return _length_name(max(index for index, bound in enumerate(_LENGTHS) if words >= bound))


def _length_name(index: int) -> str:
    if index + 1 == len(_LENGTHS):
        return f"{_LENGTHS[index]} or more"
    return f"{_LENGTHS[index]} to {_LENGTHS[index + 1] - 1}"


def _grouped(
    outcomes: Sequence[Outcome], key: Callable[[Outcome], str], names: Sequence[str] = ()
) -> list[Group]:
    groups: dict[str, list[Outcome]] = {name: [] for name in names}
    for outcome in outcomes:
        groups.setdefault(key(outcome), []).append(outcome)
    return [_group(name, members) for name, members in groups.items() if members]


def _group(name: str, members: Sequence[Outcome]) -> Group:
    exact = np.array([outcome.exact for outcome in members])
    scores = np.array([outcome.score for outcome in members])
    f1 = float(np.mean([outcome.f1 for outcome in members]))
    ece = expected_calibration_error(scores, exact)
    return Group(name, len(members), 100 * float(exact.mean()), 100 * f1, 100 * ece)

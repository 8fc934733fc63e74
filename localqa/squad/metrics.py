"""Exact match and F1 as the official SQuAD scripts define them.

Sources: `evaluate-v1.1.py` and `evaluate-v2.0.py` of https://rajpurkar.github.io/SQuAD-explorer/
(Rajpurkar et al. 2016, 2018).
"""

import math
import re
import string
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

from localqa.errors import DataError
from localqa.squad.records import Example

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)


@dataclass(frozen=True, slots=True)
class Scores:
    """Exact match and F1 in percent (0 to 100).

    Attributes:
        exact: share of predictions that equal an accepted answer.
        f1: mean overlap in words with the best accepted answer.
        total: questions scored.
        missing: questions without a prediction; each counts as 0.
        has_ans_exact, has_ans_f1, has_ans_total: the same over answerable questions, and
        no_ans_exact, no_ans_f1, no_ans_total: over unanswerable ones; None where there are none of these.
        best_exact, best_f1: the highest that a no-answer threshold reaches; None without null scores.
        best_exact_threshold, best_f1_threshold: these thresholds: a question is answered where its
            null score is at most this.
    """

    exact: float
    f1: float
    total: int
    missing: int
    has_ans_exact: float | None = None
    has_ans_f1: float | None = None
    has_ans_total: int | None = None
    no_ans_exact: float | None = None
    no_ans_f1: float | None = None
    no_ans_total: int | None = None
    best_exact: float | None = None
    best_exact_threshold: float | None = None
    best_f1: float | None = None
    best_f1_threshold: float | None = None

    def as_dict(self) -> dict[str, float | int]:
        """The scores that apply, by name, ready for JSON."""
        pairs = ((field.name, getattr(self, field.name)) for field in fields(self))
        return {name: value for name, value in pairs if value is not None}


def normalize_answer(text: str) -> str:
    """Lower-case, without ASCII punctuation, English articles and superfluous spaces."""
    plain = text.lower().translate(_NO_PUNCTUATION)
    return " ".join(_ARTICLES.sub(" ", plain).split())


def exact_match(prediction: str, golds: Sequence[str]) -> float:
    """1.0 when the prediction equals one of the accepted answers once normalised, else 0.0.

    No accepted answer at all means that "" is the right one.
    """
    wanted = normalize_answer(prediction)
    return float(any(wanted == normalize_answer(gold) for gold in golds or [""]))


def f1(prediction: str, golds: Sequence[str]) -> float:
    """Harmonic mean of precision and recall in words, 0 to 1, for the accepted answer that fits best.

    Where either side has no words left, 1.0 when both have none, else 0.0.
    """
    words = normalize_answer(prediction).split()
    return max(_overlap(words, normalize_answer(gold).split()) for gold in golds or [""])


def score(
    examples: Sequence[Example],
    predictions: Mapping[str, str],
    null_scores: Mapping[str, float] | None = None,
) -> Scores:
    """Score predictions (id -> text, "" for "not answerable") against the accepted answers.

    Data with unanswerable questions is scored by the v2.0 script, which drops accepted answers
    that are empty once normalised; other data by the v1.1 script.

    Args:
        examples: the questions; every one counts.
        predictions: id -> answer; a missing one counts as 0.
        null_scores: id -> score of "no answer" minus score of the best span (higher: less
            answerable). With them the best thresholds are searched, and `predictions` must hold the
            best span that is not empty for every question.

    Raises DataError when a predicted question has no null score, or one that is not a number.
    """
    is_v2 = any(example.is_impossible for example in examples)
    answered = [example for example in examples if example.id in predictions]
    golds = [_golds(example, is_v2=is_v2) for example in answered]
    texts = [predictions[example.id] for example in answered]
    exacts = [exact_match(text, gold) for text, gold in zip(texts, golds, strict=True)]
    f1s = [f1(text, gold) for text, gold in zip(texts, golds, strict=True)]
    parts = _parts(examples, answered, exacts, f1s) if is_v2 else {}
    best: dict[str, float] = {}
    if null_scores is not None:
        nulls = _null_scores_of(answered, null_scores)
        for name, values in (("best_exact", exacts), ("best_f1", f1s)):
            value, threshold = best_threshold(nulls, _gains(answered, texts, values))
            impossible = sum(example.is_impossible for example in answered)
            best[name] = _percent(value + impossible, len(examples))
            best[f"{name}_threshold"] = threshold
    return Scores(
        exact=_percent(sum(exacts), len(examples)),
        f1=_percent(sum(f1s), len(examples)),
        total=len(examples),
        missing=len(examples) - len(answered),
        **parts,  # type: ignore[arg-type]  # totals are whole numbers, the rest are not
        **best,  # type: ignore[arg-type]  # as above
    )


def _overlap(predicted: list[str], gold: list[str]) -> float:
    if not predicted or not gold:
        return float(predicted == gold)
    same = sum((Counter(predicted) & Counter(gold)).values())
    if same == 0:
        return 0.0
    precision, recall = same / len(predicted), same / len(gold)
    return 2 * precision * recall / (precision + recall)


def _golds(example: Example, *, is_v2: bool) -> list[str]:
    texts = [answer.text for answer in example.answers]
    return [text for text in texts if normalize_answer(text)] if is_v2 else texts


def _percent(value: float, total: int) -> float:
    return 100.0 * value / total if total else 0.0


def _parts(
    examples: Sequence[Example], answered: Sequence[Example], exacts: list[float], f1s: list[float]
) -> dict[str, float | int]:
    """The scores of answerable and of unanswerable questions apart."""
    parts: dict[str, float | int] = {}
    for prefix, impossible in (("has_ans", False), ("no_ans", True)):
        total = sum(example.is_impossible is impossible for example in examples)
        if total == 0:
            continue
        mine = [index for index, example in enumerate(answered) if example.is_impossible is impossible]
        parts[f"{prefix}_exact"] = _percent(sum(exacts[index] for index in mine), total)
        parts[f"{prefix}_f1"] = _percent(sum(f1s[index] for index in mine), total)
        parts[f"{prefix}_total"] = total
    return parts


def _null_scores_of(answered: Sequence[Example], null_scores: Mapping[str, float]) -> list[float]:
    nulls = [null_scores.get(example.id, math.nan) for example in answered]
    bad = [example.id for example, null in zip(answered, nulls, strict=True) if math.isnan(null)]
    if bad:
        raise DataError(
            f"{len(bad):,} predicted questions have no null score, the first is {bad[0]!r}.",
            remedy="Give a null score for every prediction.",
        )
    return nulls


def _gains(answered: Sequence[Example], texts: list[str], values: list[float]) -> list[float]:
    """What answering each question adds over saying "not answerable" to all."""
    return [
        (-1.0 if text else 0.0) if example.is_impossible else value
        for example, text, value in zip(answered, texts, values, strict=True)
    ]


def best_threshold(nulls: Sequence[float], gains: Sequence[float]) -> tuple[float, float]:
    """The largest sum of gains over the questions with a null score up to a threshold; O(n log n).

    `find_best_thresh` of the official script, with two differences that make the threshold keep what
    it promises: questions with equal null scores are answered together, and where answering
    none is best the threshold lies just below the lowest null score instead of at 0.

    Args:
        nulls: of "no answer" against the best span, in logits, shape (N,).
        gains: what answering each question adds over refusing it, shape (N,).

    Returns:
        (sum, threshold).
    """
    order = sorted(range(len(nulls)), key=nulls.__getitem__)
    best, threshold = 0.0, math.nextafter(nulls[order[0]], -math.inf) if order else 0.0
    running = 0.0
    for place, index in enumerate(order):
        running += gains[index]
        is_last_of_ties = place + 1 == len(order) or nulls[order[place + 1]] != nulls[index]
        if is_last_of_ties and running > best:
            best, threshold = running, nulls[index]
    return best, threshold

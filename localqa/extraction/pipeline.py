"""The way of a question, up to the model: pairs -> windows -> logits -> spans -> answers."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from localqa.extraction.answers import Answer
from localqa.extraction.confidence import claimed
from localqa.extraction.qa_config import QAConfig
from localqa.extraction.spans import Decoded, FloatArray, Logits, decode
from localqa.extraction.windows import Window, Windower

RunWindows = Callable[[Sequence[Window]], list[Logits]]
"""The model: windows in, start and end logits of each out, in the same order."""
_FARTHEST: Final = 5.0
"""Margin over "no answer", in logits, that a passage further down the list hardly ever has:
benchmarks/evidence.py tells how many answers change by it."""
_FARTHEST_UNTAUGHT: Final = 12.0
"""The same of an adapter that always answers: never taught to refuse, it has larger ones."""


def answer_pairs(
    pairs: Sequence[tuple[str, str]],
    *,
    windower: Windower,
    run: RunWindows,
    config: QAConfig,
    top_k: Sequence[int],
    borders: Sequence[Sequence[int]] = (),
    priors: Sequence[Sequence[float]] = (),
    rounds: Sequence[Sequence[int]] = (),
    abstain: Sequence[bool | None] = (),
) -> list[Answer]:
    """Answer (question, context) pairs with one adapter's settings, each in its own way, see `Query`.

    Raises:
        InvalidInputError: a question that leaves no room for context, or text that is not Unicode.
    """
    decoded = decode_pairs(
        pairs,
        windower=windower,
        run=run,
        config=config,
        top_k=top_k,
        borders=borders,
        priors=priors,
        rounds=rounds,
    )
    return [
        to_answer(context, one, config, top_k=count, abstain=may)
        for (_, context), one, count, may in zip(
            pairs, decoded, top_k, abstain or [None] * len(pairs), strict=True
        )
    ]


def decode_pairs(
    pairs: Sequence[tuple[str, str]],
    *,
    windower: Windower,
    run: RunWindows,
    config: QAConfig,
    top_k: int | Sequence[int] = 1,
    borders: Sequence[Sequence[int]] = (),
    priors: Sequence[Sequence[float]] = (),
    rounds: Sequence[Sequence[int]] = (),
) -> list[Decoded]:
    """Like `answer_pairs`, before thresholds and probabilities: what threshold searches need."""
    counts = [top_k] * len(pairs) if isinstance(top_k, int) else top_k
    cuts = borders or [()] * len(pairs)
    known = priors or [()] * len(pairs)
    apart = [cut if prior else () for cut, prior in zip(cuts, known, strict=True)]
    windows = windower.windows(pairs, apart=apart)
    stops = rounds or [()] * len(pairs)
    readings = [
        _Reading(context, group, config, count, within, prior, after)
        for (_, context), group, count, within, prior, after in zip(
            pairs, windows, counts, cuts, known, stops, strict=True
        )
    ]
    while unread := [reading for reading in readings if not reading.done]:
        logits = iter(run([window for reading in unread for window in reading.next_windows()]))
        for reading in unread:
            reading.take([next(logits) for _ in reading.next_windows()])
    return [reading.decoded for reading in readings]


@dataclass(slots=True)
class _Reading:
    """How far the parts of a question's context have been read, and what they say."""

    context: str
    windows: Sequence[Window]
    config: QAConfig
    top_k: int
    borders: Sequence[int]
    priors: Sequence[float]
    rounds: Sequence[int]
    logits: list[Logits] = field(default_factory=list)
    decoded: Decoded = field(init=False)
    ends: list[int] = field(init=False)
    """How many windows are read after each round that is left."""

    def __post_init__(self) -> None:
        parts = [self._part(window) for window in self.windows] if self.rounds else []
        pauses = {bisect_left(parts, count) for count in self.rounds} - {0, len(self.windows)}
        self.ends = [*sorted(pauses), len(self.windows)]

    @property
    def done(self) -> bool:
        """Whether nothing is left to read."""
        return not self.ends

    def next_windows(self) -> Sequence[Window]:
        """Those of the next round."""
        return self.windows[len(self.logits) : self.ends[0]]

    def take(self, logits: Sequence[Logits]) -> None:
        """Read on by what the model says of `next_windows`."""
        until = self.ends.pop(0)
        self.logits.extend(logits)
        self.decoded = decode(
            self.context,
            self.windows[:until],
            self.logits,
            max_answer_tokens=self.config.max_answer_tokens,
            top_k=self.top_k,
            borders=self.borders,
            priors=self.priors,
        )
        if self.ends and self._settled(self._part(self.windows[until])):
            self.ends.clear()

    def _part(self, window: Window) -> int:
        return bisect_right(self.borders, int(window.offsets[0, 0])) if len(window.offsets) else 0

    def _settled(self, part: int) -> bool:
        """Whether this part and those after it, whose priors are no higher, can hardly change the answer.

        One of them would have to say more than the best span so far, and more than a refusal needs.
        """
        threshold = self.config.null_threshold
        best = self.decoded.spans[0].score - self.decoded.null if self.decoded.spans else -np.inf
        bar = best if threshold is None else max(best, -threshold)
        farthest = _FARTHEST_UNTAUGHT if threshold is None else _FARTHEST
        return bar - self.priors[part] > farthest


def to_answer(
    context: str, decoded: Decoded, config: QAConfig, *, top_k: int = 1, abstain: bool | None = None
) -> Answer:
    """Apply an adapter's threshold and calibration to decoded logits; `top_k - 1` alternatives at most.

    With `abstain` false the best span is the answer at any rate, with the score that it has as an alternative
    to the refusal.

    The score is a softmax over the best spans, and "no answer" where the adapter may abstain, at the
    adapter's temperature, made into the probability that the verdict is right by `confidence.claimed`.
    """
    if not decoded.spans:
        return Answer("", 1.0, 0, 0, answerable=False, null_score=0.0)
    difference = decoded.null - decoded.spans[0].score
    options = decoded.scores
    if config.null_threshold is not None:
        options = np.append(options, np.float32(decoded.null))
    log_total = _log_sum_exp(options / config.temperature)

    def probability(score: float) -> float:
        return float(min(1.0, np.exp(score / config.temperature - log_total)))

    refuses = config.null_threshold is not None and difference > config.null_threshold
    chosen = probability(decoded.null if refuses else decoded.spans[0].score)
    calibrated = claimed(chosen, decoded, config, refuses=refuses)
    # What an answer gains the others lose; what it loses they do not gain, or they would overtake it.
    others = min(calibrated / chosen, (1 - calibrated) / (1 - chosen)) if 0 < chosen < 1 else 1.0
    answers = [
        Answer(
            answer=context[span.start : span.end],
            score=others * probability(span.score),
            start=span.start,
            end=span.end,
            answerable=True,
            null_score=difference,
        )
        for span in decoded.spans
    ]
    best, *rest = answers
    if refuses and abstain is not False:
        return Answer(
            "",
            calibrated,
            0,
            0,
            answerable=False,
            null_score=difference,
            alternatives=tuple(answers[: top_k - 1]),
        )
    return replace(best, score=best.score if refuses else calibrated, alternatives=tuple(rest[: top_k - 1]))


def _log_sum_exp(values: FloatArray) -> float:
    top = float(values.max())
    return top + float(np.log(np.exp(values.astype(np.float64) - top).sum()))

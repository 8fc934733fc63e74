"""The way of a question, up to the model: pairs -> windows -> logits -> spans -> answers."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from localqa.extraction.answers import Answer
from localqa.extraction.confidence import claimed, highest
from localqa.extraction.qa_config import QAConfig
from localqa.extraction.spans import Decoded, FloatArray, Logits, decode
from localqa.extraction.windows import Window, Windower

RunWindows = Callable[[Sequence[Window]], list[Logits]]
"""The model: windows in, start and end logits of each out, in the same order."""


def answer_pairs(
    pairs: Sequence[tuple[str, str]],
    *,
    windower: Windower,
    run: RunWindows,
    config: QAConfig,
    top_k: Sequence[int],
    borders: Sequence[Sequence[int]] = (),
    priors: Sequence[Sequence[float]] = (),
    abstain: Sequence[bool | None] = (),
) -> list[Answer]:
    """Answer (question, context) pairs with one adapter's settings, each in its own way, see `Query`.

    Raises:
        InvalidInputError: a question that leaves no room for context, or text that is not Unicode.
    """
    decoded = decode_pairs(
        pairs, windower=windower, run=run, config=config, top_k=top_k, borders=borders, priors=priors
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
) -> list[Decoded]:
    """Like `answer_pairs`, before thresholds and probabilities: what threshold searches need."""
    counts = [top_k] * len(pairs) if isinstance(top_k, int) else top_k
    cuts = borders or [()] * len(pairs)
    known = priors or [()] * len(pairs)
    apart = [cut if prior else () for cut, prior in zip(cuts, known, strict=True)]
    windows = windower.windows(pairs, apart=apart)
    logits = iter(run([window for group in windows for window in group]))
    return [
        decode(
            context,
            group,
            [next(logits) for _ in group],
            max_answer_tokens=config.max_answer_tokens,
            top_k=count,
            borders=within,
            priors=prior,
        )
        for (_, context), group, count, within, prior in zip(pairs, windows, counts, cuts, known, strict=True)
    ]


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
    options = highest(decoded.scores)
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

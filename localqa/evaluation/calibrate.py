"""Set what only questions that were not trained on can tell: no-answer threshold, and how scores are made."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from localqa.extraction.calibration import Verdict, fit_scores
from localqa.extraction.pipeline import to_answer
from localqa.extraction.qa_config import QAConfig
from localqa.extraction.spans import Decoded
from localqa.squad.metrics import Scores, best_threshold, exact_match, f1, score
from localqa.squad.records import Example

_ENOUGH = 200
"""Questions with several accepted answers that suffice to fit scores on them alone."""


@dataclass(frozen=True, slots=True)
class Kind:
    """Questions of one kind: of short texts, of long ones, of people's documents.

    Attributes:
        name: in messages.
        examples: not trained on, and never those that the adapter is judged by.
        decoded: what the model says about them, in their order.
    """

    name: str
    examples: Sequence[Example]
    decoded: Sequence[Decoded]


def score_decoded(examples: Sequence[Example], decoded: Sequence[Decoded], config: QAConfig) -> Scores:
    """EM and F1 of decoded logits under an adapter's threshold.

    Without a threshold every question is answered, and with unanswerable questions among the
    examples the result holds `best_f1` and the threshold that reaches it.
    """
    always = replace(config, null_threshold=None)
    answers = [to_answer(e.context, one, always) for e, one in zip(examples, decoded, strict=True)]
    null_scores = {e.id: answer.null_score for e, answer in zip(examples, answers, strict=True)}
    spans = {e.id: answer.answer for e, answer in zip(examples, answers, strict=True)}
    if config.null_threshold is not None:
        threshold = config.null_threshold
        kept = {key: text if null_scores[key] <= threshold else "" for key, text in spans.items()}
        return score(examples, kept)
    return score(examples, spans, null_scores if any(e.is_impossible for e in examples) else None)


def calibrate(kinds: Sequence[Kind], config: QAConfig, *, abstain: bool) -> QAConfig:
    """The settings with the threshold of the best F1 (for an adapter that may abstain) and calibrated scores.

    Every kind weighs the same, however many questions it has: one threshold and one calibration serve all.
    Scores are fitted on a kind's questions with several accepted answers where there are enough of them and
    nothing is refused.

    Args:
        kinds: questions that the adapter will be asked the like of.
        config: settings to start from.
        abstain: whether the adapter may say "not answerable".
    """
    config = config.uncalibrated()
    if abstain:
        config = replace(config, null_threshold=_threshold(kinds, config))
    pairs = [
        (1 / len(chosen), example, one)
        for kind in kinds
        for chosen in [_telling(kind, abstain=abstain)]
        for example, one in chosen
    ]
    verdicts = [_verdict(example, one, weight, config) for weight, example, one in pairs]
    return fit_scores([one for _, _, one in pairs], verdicts, config)


def how_right(answer: str, example: Example) -> float:
    """How right an answer is taken to be, from 0 to 1: whether it is an accepted one.

    Where one annotator alone answered it is the words shared with that answer, for others would have marked
    other spans: on questions of several annotators, the mean F1 beside one of them is the exact match beside
    all (32.6 and 33.5 % on `data/user_documents/choose.json`, 68.7 and 68.0 % on questions about reviews).

    Args:
        answer: "" where the verdict is "not answerable".
        example: the question.
    """
    golds = [gold.text for gold in example.answers]
    return exact_match(answer, golds) if len(golds) > 1 else f1(answer, golds)


def _threshold(kinds: Sequence[Kind], config: QAConfig) -> float:
    nulls, gains = [], []
    for kind in kinds:
        for example, decoded in zip(kind.examples, kind.decoded, strict=True):
            answer = to_answer(example.context, decoded, config)
            nulls.append(answer.null_score)
            gold = [one.text for one in example.answers]
            gain = -float(bool(answer.answer)) if example.is_impossible else f1(answer.answer, gold)
            gains.append(gain / len(kind.examples))
    return best_threshold(nulls, gains)[1]


def _telling(kind: Kind, *, abstain: bool) -> list[tuple[Example, Decoded]]:
    """The questions of a kind that tell best how often answers are right."""
    pairs = list(zip(kind.examples, kind.decoded, strict=True))
    several = [pair for pair in pairs if len(pair[0].answers) > 1]
    # Where one annotator alone answered, many right answers count as wrong.
    return several if len(several) >= _ENOUGH and not abstain else pairs


def _verdict(example: Example, decoded: Decoded, weight: float, config: QAConfig) -> Verdict:
    best = to_answer(example.context, decoded, replace(config, null_threshold=None))
    right = how_right(best.answer, example)
    refused = not to_answer(example.context, decoded, config).answerable
    return Verdict(right=right, impossible=float(example.is_impossible), refused=refused, weight=weight)

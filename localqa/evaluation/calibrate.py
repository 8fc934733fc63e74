"""Set what only questions that were not trained on can tell: no-answer threshold, temperature, offset."""

from collections.abc import Sequence
from dataclasses import replace

from localqa.extraction.calibration import fit_scores
from localqa.extraction.pipeline import to_answer
from localqa.extraction.qa_config import QAConfig
from localqa.extraction.spans import Decoded
from localqa.squad.metrics import Scores, exact_match, score
from localqa.squad.records import Example

_ENOUGH = 200
"""Questions with several accepted answers that suffice to fit scores on them alone."""


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


def calibrate(
    examples: Sequence[Example], decoded: Sequence[Decoded], config: QAConfig, *, abstain: bool
) -> QAConfig:
    """The settings with the threshold of the best F1 (for an adapter that may abstain) and calibrated scores.

    Temperature and offset are fitted on the questions with several accepted answers where there are enough.

    Args:
        examples: not trained on, and never those that the adapter is judged by.
        decoded: what the model says about them, in their order.
        config: settings to start from.
        abstain: whether the adapter may say "not answerable".
    """
    config = replace(config, null_threshold=None)
    if abstain:
        config = replace(config, null_threshold=score_decoded(examples, decoded, config).best_f1_threshold)
    pairs = list(zip(examples, decoded, strict=True))
    several = [pair for pair in pairs if len(pair[0].answers) > 1]
    if len(several) >= _ENOUGH and not abstain:
        # Where one annotator alone answered, many right answers count as wrong.
        pairs = several
    right = [
        exact_match(to_answer(example.context, one, config).answer, [gold.text for gold in example.answers])
        for example, one in pairs
    ]
    return fit_scores([one for _, one in pairs], right, config)

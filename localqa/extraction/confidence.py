"""From what the logits of a question say to the probability that the verdict is right.

A softmax alone is not it: it knows nothing of how many windows competed, and little of how far the best span
stands above "no answer". A logistic model over these three, fitted on questions that were not trained on, is
(Platt 1999; with features beside the softmax for question answering: Kamath et al. 2020).
"""

import math
from dataclasses import astuple, dataclass

import numpy as np

from localqa.extraction.qa_config import Odds, QAConfig
from localqa.extraction.spans import Decoded

NEVER_CERTAIN = 1e-6
"""Nearer to 0 and 1 no probability is taken seriously."""
_FARTHEST_MARGIN = 30.0
"""Margins beyond it say no more, and might come from an adapter gone wild."""


@dataclass(frozen=True, slots=True)
class Signs:
    """What speaks for and against an answer, as `Odds` weighs it.

    Attributes:
        one: 1.0, for the intercept.
        probability: log-odds of the best span among the spans, without "no answer".
        margin: of the best span over "no answer", in logits.
        windows: natural logarithm of the number of windows that were read.
    """

    one: float
    probability: float
    margin: float
    windows: float


def signs_of(decoded: Decoded, config: QAConfig) -> Signs:
    """The signs in what an adapter said, which holds a span at least, at the temperature of its settings."""
    best = decoded.spans[0].score
    # The best span's own is the highest of them.
    behind = (decoded.scores.astype(np.float64) - best) / config.temperature
    kept = min(max(1 / float(np.exp(behind.clip(None, 0)).sum()), NEVER_CERTAIN), 1 - NEVER_CERTAIN)
    margin = min(max(best - decoded.null, -_FARTHEST_MARGIN), _FARTHEST_MARGIN)
    return Signs(1.0, math.log(kept / (1 - kept)), margin, math.log(max(1, decoded.windows)))


def claimed(probability: float, decoded: Decoded, config: QAConfig, *, refuses: bool) -> float:
    """The probability that an adapter claims for a verdict, 0 to 1.

    Args:
        probability: of the verdict in the softmax at the adapter's temperature.
        decoded: what the verdict is made from.
        config: of the adapter.
        refuses: whether the verdict is "not answerable".
    """
    odds = config.refusal_odds if refuses else config.answer_odds
    if odds is None:
        return _shifted(probability, config.score_offset)
    return _sigmoid(_log_odds(odds, signs_of(decoded, config)))


def _log_odds(odds: Odds, signs: Signs) -> float:
    return sum(weight * sign for weight, sign in zip(astuple(odds), astuple(signs), strict=True))


def _sigmoid(value: float) -> float:
    # The exponential of a large number is none.
    return 1 / (1 + math.exp(-value)) if value >= 0 else 1 - 1 / (1 + math.exp(value))


def _shifted(probability: float, offset: float) -> float:
    """The probability whose log-odds are higher by an offset."""
    raised = probability * math.exp(offset)
    return raised / (raised + 1 - probability)

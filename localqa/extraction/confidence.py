"""From what the logits of a question say to the probability that the verdict is right.

A softmax alone is not it: it knows nothing of how many windows competed, and little of how far the best span
stands above "no answer". A logistic model over these three, fitted on questions that were not trained on, is
(Platt 1999, with more than one input as in Kamath et al. 2020 and Zhang et al. 2021 for question answering).
"""

import math
from dataclasses import astuple, dataclass

from localqa.extraction.qa_config import Odds, QAConfig

_NEVER_CERTAIN = 1e-6
_FARTHEST_MARGIN = 30.0
"""Margins beyond it say no more, and might come from an adapter gone wild."""


@dataclass(frozen=True, slots=True)
class Signs:
    """What speaks for and against a verdict, as `Odds` weighs it.

    Attributes:
        one: 1.0, for the intercept.
        probability: log-odds of the verdict in the softmax over the best spans and "no answer".
        margin: of the best span over "no answer", in logits.
        windows: natural logarithm of the number of windows that were read.
    """

    one: float
    probability: float
    margin: float
    windows: float

    @classmethod
    def of(cls, probability: float, margin: float, windows: int) -> "Signs":
        """The signs out of the softmax's probability (0 to 1), the margin and the number of windows."""
        kept = min(max(probability, _NEVER_CERTAIN), 1 - _NEVER_CERTAIN)
        bounded = min(max(margin, -_FARTHEST_MARGIN), _FARTHEST_MARGIN)
        return cls(1.0, math.log(kept / (1 - kept)), bounded, math.log(max(1, windows)))


def claimed(probability: float, margin: float, windows: int, config: QAConfig, *, refuses: bool) -> float:
    """The probability that an adapter claims for a verdict, 0 to 1.

    Args:
        probability: of the verdict in the softmax at the adapter's temperature.
        margin: of the best span over "no answer", in logits.
        windows: that were read.
        config: of the adapter.
        refuses: whether the verdict is "not answerable".
    """
    odds = config.refusal_odds if refuses else config.answer_odds
    if odds is None:
        return _shifted(probability, config.score_offset)
    return _sigmoid(_log_odds(odds, Signs.of(probability, margin, windows)))


def _log_odds(odds: Odds, signs: Signs) -> float:
    return sum(weight * sign for weight, sign in zip(astuple(odds), astuple(signs), strict=True))


def _sigmoid(value: float) -> float:
    # The exponential of a large number is none.
    return 1 / (1 + math.exp(-value)) if value >= 0 else 1 - 1 / (1 + math.exp(value))


def _shifted(probability: float, offset: float) -> float:
    """The probability whose log-odds are higher by an offset."""
    raised = probability * math.exp(offset)
    return raised / (raised + 1 - probability)

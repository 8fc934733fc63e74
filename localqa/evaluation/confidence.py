"""How far the claimed probabilities can be trusted.

Sources: expected calibration error, Naeini et al. 2015 and Guo et al. 2017; risk and coverage,
El-Yaniv & Wiener 2010; the area under that curve, Geifman et al. 2019.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Bin:
    """The answers whose claimed probability lies between `low` and `high`.

    Attributes:
        low, high: bounds of the probability.
        count: answers in it.
        confidence: their mean claimed probability (0.0 without any).
        accuracy: the share of them that is right (0.0 without any).
    """

    low: float
    high: float
    count: int
    confidence: float
    accuracy: float


def reliability(scores: Floats, right: Floats, *, bins: int = 10) -> list[Bin]:
    """Claimed against true probability in bins of equal width.

    Args:
        scores: claimed probabilities, shape (N,), 0 to 1.
        right: 1.0 where the answer is right, else 0.0, shape (N,).
        bins: how many.
    """
    edges = np.linspace(0, 1, bins + 1)
    # A score on an edge belongs to the bin above it, 1.0 to the last.
    members = np.clip(np.digitize(scores, edges) - 1, 0, bins - 1)
    result = []
    for index in range(bins):
        mine = members == index
        count = int(mine.sum())
        confidence, accuracy = (
            (float(scores[mine].mean()), float(right[mine].mean())) if count else (0.0, 0.0)
        )
        result.append(Bin(float(edges[index]), float(edges[index + 1]), count, confidence, accuracy))
    return result


def expected_calibration_error(scores: Floats, right: Floats, *, bins: int = 10) -> float:
    """Mean distance between claimed and true probability over bins of equal width, 0 to 1."""
    table = reliability(scores, right, bins=bins)
    return sum(one.count * abs(one.confidence - one.accuracy) for one in table) / max(1, len(scores))


def brier_score(scores: Floats, right: Floats) -> float:
    """Mean squared distance between the claimed probability and what came true, 0 to 1."""
    return float(np.mean((scores - right) ** 2))


def risk_coverage(scores: Floats, right: Floats) -> tuple[Floats, Floats]:
    """Error rate of the most confident share of the answers, for every share.

    Answers of equal score are taken together: among them there is no order.

    Returns (coverage, risk), shape (distinct scores,) each, coverage rising to 1.
    """
    order = np.argsort(-scores, kind="stable")
    wrong = np.cumsum(1 - right[order])
    taken = np.arange(1, len(scores) + 1)
    last_of_ties = np.append(np.diff(scores[order]) != 0, True)
    return taken[last_of_ties] / len(scores), (wrong / taken)[last_of_ties]


def area_under_risk_coverage(scores: Floats, right: Floats) -> float:
    """Mean risk over all coverages, 0 to 1; lower is better, a perfect order still pays for its errors."""
    coverage, risk = risk_coverage(scores, right)
    widths = np.diff(coverage, prepend=0.0)
    return float((widths * risk).sum())

"""Make scores into probabilities: the temperature and offset that fit what came true.

Temperature scaling (Guo et al. 2017) with an intercept, as Platt's scaling has one (1999).
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from localqa.extraction.pipeline import to_answer
from localqa.extraction.qa_config import QAConfig
from localqa.extraction.spans import Decoded

_RANGE = (0.2, 5.0)
_GRID = 25
_NEVER_CERTAIN = 1e-6
_LARGEST_OFFSET = 8.0

FloatArray = NDArray[np.float64]


def fit_scores(decoded: Sequence[Decoded], right: Sequence[float], config: QAConfig) -> QAConfig:
    """The settings under which the scores of the answers fit best how often they are right.

    Minimises the log loss of "this answer is right", the event that a score claims the probability of;
    the likelihood of one gold span would count its equals ("in 1843", "1843") as wrong. These share the
    softmax among them though each is right, which the offset makes up for.

    Args:
        decoded: of questions that were not trained on.
        right: 1.0 where the answer under `config` is right, else 0.0, in the same order.
        config: settings of the adapter, its no-answer threshold already chosen.
    """
    truth = np.asarray(right, dtype=np.float64)
    low, high = np.log(_RANGE)
    for _ in range(3):
        candidates = np.linspace(low, high, _GRID)
        log_odds = [_log_odds(decoded, config, float(np.exp(one))) for one in candidates]
        losses = [_log_loss(odds + _offset(odds, truth), truth) for odds in log_odds]
        best = int(np.argmin(losses))
        low, high = candidates[max(0, best - 1)], candidates[min(_GRID - 1, best + 1)]
    temperature = round(float(np.exp((low + high) / 2)), 4)
    offset = round(_offset(_log_odds(decoded, config, temperature), truth), 4)
    return replace(config, temperature=temperature, score_offset=offset)


def _log_odds(decoded: Sequence[Decoded], config: QAConfig, temperature: float) -> FloatArray:
    """Of the answers' scores without an offset, shape (N,)."""
    warmed = replace(config, temperature=temperature, score_offset=0.0)
    # The text plays no part in a score.
    scores = np.array([to_answer("", one, warmed).score for one in decoded])
    scores = scores.clip(_NEVER_CERTAIN, 1 - _NEVER_CERTAIN)
    return np.log(scores / (1 - scores))


def _offset(log_odds: FloatArray, truth: FloatArray) -> float:
    """The offset of the lowest log loss: under it the scores have the mean of the truth."""
    low, high = -_LARGEST_OFFSET, _LARGEST_OFFSET
    for _ in range(40):
        middle = (low + high) / 2
        if _probability(log_odds + middle).mean() < truth.mean():
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _log_loss(log_odds: FloatArray, truth: FloatArray) -> float:
    return float(np.mean(np.logaddexp(0, log_odds) - truth * log_odds))


def _probability(log_odds: FloatArray) -> FloatArray:
    return 1 / (1 + np.exp(-log_odds))

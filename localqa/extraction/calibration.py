"""Make scores into probabilities: the temperature that fits what came true (Guo et al. 2017)."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from localqa.extraction.pipeline import to_answer
from localqa.extraction.qa_config import QAConfig
from localqa.extraction.spans import Decoded

_RANGE = (0.2, 20.0)
_GRID = 25
_NEVER_CERTAIN = 1e-6


def fit_temperature(decoded: Sequence[Decoded], right: Sequence[float], config: QAConfig) -> float:
    """The temperature under which the scores of the answers fit best how often they are right.

    Minimises the log loss of "this answer is right", the event that a score claims the probability of;
    the likelihood of one gold span would count its equals ("in 1843", "1843") as wrong.

    Args:
        decoded: of questions that were not trained on.
        right: 1.0 where the answer under `config` is right, else 0.0, in the same order.
        config: settings of the adapter, its no-answer threshold already chosen.
    """
    low, high = np.log(_RANGE)
    for _ in range(3):
        candidates = np.linspace(low, high, _GRID)
        losses = [_log_loss(decoded, right, config, float(np.exp(one))) for one in candidates]
        best = int(np.argmin(losses))
        low, high = candidates[max(0, best - 1)], candidates[min(_GRID - 1, best + 1)]
    return round(float(np.exp((low + high) / 2)), 4)


def _log_loss(
    decoded: Sequence[Decoded], right: Sequence[float], config: QAConfig, temperature: float
) -> float:
    warmed = replace(config, temperature=temperature)
    # The text plays no part in a score.
    scores = np.array([to_answer("", one, warmed).score for one in decoded])
    scores = scores.clip(_NEVER_CERTAIN, 1 - _NEVER_CERTAIN)
    truth = np.asarray(right)
    return float(-np.mean(truth * np.log(scores) + (1 - truth) * np.log(1 - scores)))

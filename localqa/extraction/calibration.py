"""Make scores into probabilities: the temperature, offset and odds that fit what came true.

Temperature scaling (Guo et al. 2017) with an intercept, as Platt's scaling has one (1999); with enough
questions a logistic model of the signs in `confidence.Signs`, one for answers, one for "not answerable".
"""

from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace

import numpy as np
from numpy.typing import NDArray

from localqa.extraction.confidence import NEVER_CERTAIN, signs_of
from localqa.extraction.pipeline import to_answer
from localqa.extraction.qa_config import Odds, QAConfig
from localqa.extraction.spans import Decoded

_RANGE = (0.2, 5.0)
_GRID = 25
_LARGEST_OFFSET = 8.0
_ENOUGH = 200
"""Questions that suffice to fit odds on; with fewer, temperature and offset alone hold better."""
_KEPT = np.array([0.1, 4.0, 20.0, 100.0])
"""How firmly each weight is kept near what temperature and offset alone would give, in questions."""
_STEPS, _NEAR = 100, 1e-6
"""Of Newton's method: how many at most, and how small the last one is."""

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a question.

    Attributes:
        right: how right the best span is, from 0.0 to 1.0.
        impossible: 1.0 where the text holds no answer, else 0.0.
        refused: whether the verdict is "not answerable".
        weight: of the question among all.
    """

    right: float
    impossible: float
    refused: bool = False
    weight: float = 1.0

    @property
    def holds(self) -> float:
        """How right the verdict is, from 0.0 to 1.0."""
        return self.impossible if self.refused else self.right


def fit_scores(decoded: Sequence[Decoded], verdicts: Sequence[Verdict], config: QAConfig) -> QAConfig:
    """The settings under which the scores fit best how often verdicts are right.

    Minimises the log loss of "this verdict is right", the event that a score claims the probability of;
    the likelihood of one gold span would count its equals ("in 1843", "1843") as wrong. These share the
    softmax among them though each is right, which the offset makes up for.

    Args:
        decoded: of questions that were not trained on.
        verdicts: what became of them under `config`, in the same order.
        config: settings of the adapter, its no-answer threshold already chosen.
    """
    config = _with_temperature(decoded, verdicts, config)
    pairs = [pair for pair in zip(decoded, verdicts, strict=True) if pair[0].spans]
    if len(pairs) < _ENOUGH:
        return config
    signs = np.array([astuple(signs_of(one, config)) for one, _ in pairs])
    weights = np.array([verdict.weight for _, verdict in pairs])
    truth = np.array([verdict.holds for _, verdict in pairs])
    refused = np.array([verdict.refused for _, verdict in pairs])
    offset, cooled = config.score_offset, 1 / config.temperature
    # Each verdict's on the questions that it was given: on the others the same signs tell something else.
    answer = _odds(
        signs[~refused], truth[~refused], weights[~refused], prior=[offset, 1, 0, 0], direction=[0, 1, 1, 0]
    )
    if config.null_threshold is None:
        return replace(config, answer_odds=answer)
    refusal = _odds(
        signs[refused],
        truth[refused],
        weights[refused],
        prior=[offset, 0, -cooled, 0],
        direction=[0, 0, -1, 0],
    )
    return replace(config, answer_odds=answer, refusal_odds=refusal)


def _with_temperature(decoded: Sequence[Decoded], verdicts: Sequence[Verdict], config: QAConfig) -> QAConfig:
    truth = np.array([verdict.holds for verdict in verdicts])
    weights = np.array([verdict.weight for verdict in verdicts])
    low, high = np.log(_RANGE)
    for _ in range(3):
        candidates = np.linspace(low, high, _GRID)
        log_odds = [_log_odds(decoded, config, float(np.exp(one))) for one in candidates]
        losses = [_log_loss(odds + _offset(odds, truth, weights), truth, weights) for odds in log_odds]
        best = int(np.argmin(losses))
        low, high = candidates[max(0, best - 1)], candidates[min(_GRID - 1, best + 1)]
    temperature = round(float(np.exp((low + high) / 2)), 4)
    offset = round(_offset(_log_odds(decoded, config, temperature), truth, weights), 4)
    return replace(config, temperature=temperature, score_offset=offset)


def _log_odds(decoded: Sequence[Decoded], config: QAConfig, temperature: float) -> FloatArray:
    """Of the answers' scores without an offset, shape (N,)."""
    warmed = replace(config, temperature=temperature, score_offset=0.0)
    # The text plays no part in a score.
    scores = np.array([to_answer("", one, warmed).score for one in decoded])
    scores = scores.clip(NEVER_CERTAIN, 1 - NEVER_CERTAIN)
    return np.log(scores / (1 - scores))


def _offset(log_odds: FloatArray, truth: FloatArray, weights: FloatArray) -> float:
    """The offset of the lowest log loss: under it the scores have the mean of the truth."""
    low, high = -_LARGEST_OFFSET, _LARGEST_OFFSET
    for _ in range(40):
        middle = (low + high) / 2
        if weights @ _probability(log_odds + middle) < weights @ truth:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _log_loss(log_odds: FloatArray, truth: FloatArray, weights: FloatArray) -> float:
    return float(np.average(np.logaddexp(0, log_odds) - truth * log_odds, weights=weights))


def _odds(
    signs: FloatArray,
    truth: FloatArray,
    weights: FloatArray,
    *,
    prior: Sequence[float],
    direction: Sequence[int],
) -> Odds:
    """The weights of the lowest log loss, kept near a prior.

    Args:
        signs: of each question, shape (N, 4).
        truth: 1.0 where the verdict is right, shape (N,).
        weights: of the questions, shape (N,).
        prior: weights before anything is known, shape (4,).
        direction: 1 or -1 where a weight cannot be of the other sign but by chance, else 0; shape (4,). What
            comes out so is left out: a better margin must not make an answer less likely.
    """
    weights = weights * (len(truth) / max(weights.sum(), 1e-12))
    used = np.ones(len(prior), dtype=bool)
    while True:
        found = _minimum(signs * used, truth, weights, np.array(prior) * used)
        wrong = np.array(direction) * found < 0
        if not wrong.any():
            return Odds(*(round(float(one), 4) for one in found))
        used &= ~wrong


def _minimum(signs: FloatArray, truth: FloatArray, weights: FloatArray, centre: FloatArray) -> FloatArray:
    """Where the log loss is lowest, by Newton's method, which such a loss is made for."""

    def loss(tried: FloatArray) -> float:
        log_odds = signs @ tried
        kept = float(_KEPT @ (tried - centre) ** 2) / 2
        return float(weights @ (np.logaddexp(0, log_odds) - truth * log_odds)) + kept

    found = centre
    for _ in range(_STEPS):
        chances = _probability(signs @ found)
        gradient = signs.T @ (weights * (chances - truth)) + _KEPT * (found - centre)
        curvature = (signs.T * (weights * chances * (1 - chances))) @ signs + np.diag(_KEPT)
        step = np.linalg.solve(curvature, gradient)
        # Far from the minimum a whole step may go beyond it.
        while loss(found - step) > loss(found) and np.abs(step).max() > _NEAR:
            step = step / 2
        found = found - step
        if np.abs(step).max() <= _NEAR:
            break
    return found


def _probability(log_odds: FloatArray) -> FloatArray:
    return 1 / (1 + np.exp(-log_odds))

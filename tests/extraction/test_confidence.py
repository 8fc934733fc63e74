"""Scores out of margin, softmax and number of windows."""

import json
import math

import numpy as np
import pytest

from localqa.errors import AdapterError
from localqa.extraction.confidence import signs_of
from localqa.extraction.pipeline import to_answer
from localqa.extraction.qa_config import Odds, QAConfig
from localqa.extraction.spans import Decoded, Span

SURE = Odds(intercept=0.5, probability=0.25, margin=0.1, windows=-0.5)


def config(**changes) -> QAConfig:
    return QAConfig(base="b", base_sha256="0", **changes)


def decoded(margin: float = 2.0, windows: int = 1, best: float = 6.0) -> Decoded:
    scores = np.array([best, best - 2.0, best - 5.0], dtype=np.float32)
    return Decoded((Span(0, 3, best), Span(4, 6, best - 2.0)), best - margin, scores, windows)


def test_signs_are_those_of_the_best_span():
    signs = signs_of(decoded(margin=2.0, windows=4), config())
    assert signs.margin == 2.0
    assert signs.windows == pytest.approx(math.log(4))
    assert signs.probability == pytest.approx(-math.log(math.exp(-2.0) + math.exp(-5.0)))


def test_score_is_the_logistic_of_the_weighed_signs():
    answer = to_answer("Ada sat", decoded(), config(answer_odds=SURE))
    log_odds = 0.5 - 0.25 * math.log(math.exp(-2.0) + math.exp(-5.0)) + 0.1 * 2.0
    assert answer.score == pytest.approx(1 / (1 + math.exp(-log_odds)))


def test_an_answer_and_a_refusal_have_odds_of_their_own():
    both = {"answer_odds": Odds(1.0, 0.0, 0.0, 0.0), "refusal_odds": Odds(-1.0, 0.0, 0.0, 0.0)}
    answers, refuses = (
        to_answer("Ada sat", decoded(), config(null_threshold=at, **both)) for at in (0.0, -9.0)
    )
    assert answers.answerable
    assert not refuses.answerable
    assert answers.score == pytest.approx(1 - refuses.score)


def test_the_score_of_an_answer_is_the_same_whether_refusing_is_allowed():
    """What is asked for at any rate is as likely right as if it had been said freely."""
    free, bound = (
        to_answer("Ada sat", decoded(), config(answer_odds=SURE, null_threshold=at)) for at in (None, 0.0)
    )
    assert free.score == bound.score


@pytest.mark.parametrize("odds", [SURE, Odds(4.0, 1.0, 0.5, 0.0), Odds(-6.0, 1.0, 0.1, 0.0)])
@pytest.mark.parametrize("threshold", [None, 0.0])
def test_alternatives_stay_below_the_answer_and_in_sum_below_one(odds, threshold):
    answer = to_answer("Ada sat", decoded(), config(answer_odds=odds, null_threshold=threshold), top_k=2)
    (other,) = answer.alternatives
    assert other.score < answer.score
    assert answer.score + other.score <= 1


@pytest.mark.parametrize("best", [1e4, -1e4])
@pytest.mark.parametrize("margin", [1e6, -1e6])
def test_huge_logits_give_finite_scores(best, margin):
    steep = Odds(100.0, 100.0, 100.0, 100.0)
    for threshold in (None, 0.0):
        settings = config(answer_odds=steep, refusal_odds=steep, null_threshold=threshold)
        assert 0.0 <= to_answer("Ada sat", decoded(margin, 10**6, best), settings).score <= 1.0


def test_settings_with_odds_come_back_as_they_were(tmp_path):
    saved = config(null_threshold=-1.0, answer_odds=SURE, refusal_odds=Odds(0.0, 0.0, -1.0, 0.0))
    saved.save(tmp_path)
    assert QAConfig.load(tmp_path) == saved


def test_settings_of_older_adapters_load_as_they_are(tmp_path):
    (tmp_path / "qa_config.json").write_text('{"base": "b", "base_sha256": "0", "score_offset": 0.5}')
    assert QAConfig.load(tmp_path) == config(score_offset=0.5)


@pytest.mark.parametrize(
    "odds",
    [
        1.0,
        [1, 2, 3, 4],
        {},
        {"intercept": 1.0, "probability": 1.0, "margin": 1.0},
        {"intercept": 1.0, "probability": 1.0, "margin": 1.0, "windows": 1.0, "more": 1.0},
        {"intercept": float("nan"), "probability": 1.0, "margin": 1.0, "windows": 1.0},
        {"intercept": True, "probability": 1.0, "margin": 1.0, "windows": 1.0},
        {"intercept": 1e9, "probability": 1.0, "margin": 1.0, "windows": 1.0},
    ],
)
@pytest.mark.parametrize("field", ["answer_odds", "refusal_odds"])
def test_odds_that_are_none_are_refused_by_name(tmp_path, field, odds):
    (tmp_path / "qa_config.json").write_text(json.dumps({"base": "b", "base_sha256": "0", field: odds}))
    with pytest.raises(AdapterError, match=rf"qa_config.json: {field} is "):
        QAConfig.load(tmp_path)

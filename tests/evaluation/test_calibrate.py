"""Threshold and calibration out of what came true."""

import numpy as np
import pytest

from localqa.evaluation.calibrate import calibrate
from localqa.extraction.calibration import fit_scores
from localqa.extraction.pipeline import to_answer
from localqa.extraction.qa_config import QAConfig
from localqa.extraction.spans import Decoded, Span
from localqa.squad.records import Example, GoldAnswer

CONFIG = QAConfig(base="b", base_sha256="0")


def decoded(margin: float, null: float = -10.0) -> Decoded:
    """Two spans, the first `margin` logits ahead."""
    scores = np.array([margin, 0.0], dtype=np.float32)
    return Decoded((Span(0, 3, margin),), null, scores)


@pytest.mark.parametrize(("temperature", "offset"), [(0.5, -1.0), (1.0, 0.0), (3.0, 1.5)])
def test_fitted_values_are_those_that_drew_the_answers(temperature, offset):
    random = np.random.default_rng(0)
    margins = random.uniform(0, 6, size=3000)
    right = random.random(3000) < 1 / (1 + np.exp(-margins / temperature - offset))
    fitted = fit_scores([decoded(float(m)) for m in margins], right.astype(float).tolist(), CONFIG)
    assert fitted.temperature == pytest.approx(temperature, rel=0.3)
    assert fitted.score_offset == pytest.approx(offset, abs=0.3)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_answers_all_right_or_all_wrong_give_finite_values(share):
    fitted = fit_scores([decoded(float(m)) for m in range(1, 6)], [share] * 5, CONFIG)
    score = to_answer("Ada and Bob", decoded(3.0), fitted).score
    assert abs(score - share) < 0.05
    assert 0 < fitted.temperature < 10
    assert abs(fitted.score_offset) < 10


def test_overconfident_scores_come_down_to_the_share_of_right_ones():
    examples, logits = [], []
    for index in range(100):
        gold = "Ada" if index < 60 else "Bob"
        examples.append(Example(str(index), "Who?", "Ada and Bob", (GoldAnswer(gold, 0),), source="x"))
        logits.append(decoded(8.0))
    fitted = calibrate(examples, logits, CONFIG, abstain=False)
    assert fitted.null_threshold is None
    assert to_answer("Ada and Bob", logits[0], fitted).score == pytest.approx(0.6, abs=0.01)


def test_threshold_is_set_for_an_adapter_that_abstains():
    examples = [
        Example("1", "Who?", "Ada and Bob", (GoldAnswer("Ada", 0),), source="x"),
        Example("2", "Why?", "Ada and Bob", (), source="x"),
    ]
    fitted = calibrate(examples, [decoded(5.0, null=1.0), decoded(5.0, null=9.0)], CONFIG, abstain=True)
    assert fitted.null_threshold == pytest.approx(-4.0)


def test_questions_with_one_accepted_answer_give_way_to_those_with_several():
    """An annotator alone leaves out right answers: 40 % right by one, 80 % by several."""
    examples, logits = [], []
    for index in range(600):
        several = index % 2 == 0
        right = index % 10 < (8 if several else 4)
        golds = (GoldAnswer("Ada" if right else "Bob", 0),) * (2 if several else 1)
        examples.append(Example(str(index), "Who?", "Ada and Bob", golds, source="x"))
        logits.append(decoded(4.0))
    fitted = calibrate(examples, logits, CONFIG, abstain=False)
    share = np.mean([e.answers[0].text == "Ada" for e in examples if len(e.answers) > 1])
    assert to_answer("Ada and Bob", logits[0], fitted).score == pytest.approx(share, abs=0.01)

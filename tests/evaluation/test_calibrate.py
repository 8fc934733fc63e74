"""Threshold and temperature out of what came true."""

import numpy as np
import pytest

from localqa.evaluation.calibrate import calibrate
from localqa.extraction.calibration import fit_temperature
from localqa.extraction.pipeline import to_answer
from localqa.extraction.qa_config import QAConfig
from localqa.extraction.spans import Decoded, Span
from localqa.squad.records import Example, GoldAnswer

CONFIG = QAConfig(base="b", base_sha256="0")


def decoded(margin: float, null: float = -10.0) -> Decoded:
    """Two spans, the first `margin` logits ahead."""
    scores = np.array([margin, 0.0], dtype=np.float32)
    return Decoded((Span(0, 3, margin),), null, scores)


@pytest.mark.parametrize("truth", [0.5, 1.0, 3.0])
def test_fitted_temperature_is_the_one_that_drew_the_answers(truth):
    random = np.random.default_rng(0)
    margins = random.uniform(0, 6, size=8000)
    right = random.random(8000) < 1 / (1 + np.exp(-margins / truth))
    fitted = fit_temperature([decoded(float(m)) for m in margins], right.astype(float).tolist(), CONFIG)
    assert fitted == pytest.approx(truth, rel=0.15)


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

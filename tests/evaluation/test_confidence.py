"""Calibration and risk-coverage figures on cases that can be checked by hand."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchmetrics.functional.classification import binary_calibration_error

from localqa.evaluation.confidence import (
    area_under_risk_coverage,
    brier_score,
    expected_calibration_error,
    reliability,
    risk_coverage,
)


def test_perfectly_calibrated_answers_have_no_error():
    scores = np.array([0.75] * 4)
    assert expected_calibration_error(scores, np.array([1.0, 1, 1, 0])) == pytest.approx(0)


def test_overconfidence_is_the_distance_to_the_truth():
    assert expected_calibration_error(np.array([0.9] * 10), np.array([1.0] * 4 + [0] * 6)) == pytest.approx(
        0.5
    )


def test_bins_hold_every_answer_once_with_edges_in_the_upper_one():
    table = reliability(np.array([0.0, 0.1, 0.55, 1.0]), np.array([0.0, 1, 1, 1]))
    assert [one.count for one in table] == [1, 1, 0, 0, 0, 1, 0, 0, 0, 1]
    assert table[1].accuracy == 1.0


@given(st.lists(st.tuples(st.floats(0.001, 0.999), st.booleans()), min_size=1, max_size=60))
def test_calibration_error_is_that_of_torchmetrics(pairs):
    scores = np.array([score for score, _ in pairs])
    right = np.array([float(ok) for _, ok in pairs])
    edges = np.linspace(0, 1, 11)
    if np.isclose(scores[:, None], edges[None], atol=1e-6).any():
        return  # which bin an edge belongs to is a matter of taste and of rounding
    theirs = binary_calibration_error(torch.tensor(scores), torch.tensor(right), n_bins=10)
    assert expected_calibration_error(scores, right) == pytest.approx(float(theirs), abs=1e-5)


def test_brier_score():
    assert brier_score(np.array([1.0, 0.5]), np.array([1.0, 0.0])) == pytest.approx(0.125)


def test_risk_falls_with_coverage_when_confidence_is_informative():
    coverage, risk = risk_coverage(np.array([0.9, 0.8, 0.7, 0.6]), np.array([1.0, 1, 0, 0]))
    assert coverage.tolist() == [0.25, 0.5, 0.75, 1.0]
    assert risk.tolist() == pytest.approx([0, 0, 1 / 3, 0.5])


def test_equal_scores_are_taken_together():
    """An order among them would make luck look like knowledge."""
    coverage, risk = risk_coverage(np.array([0.5, 0.5, 0.5]), np.array([1.0, 0, 0]))
    assert (coverage.tolist(), risk.tolist()) == ([1.0], [pytest.approx(2 / 3)])


def test_area_rewards_the_right_order():
    right = np.array([1.0, 1, 0, 0])
    scores = np.array([0.9, 0.8, 0.7, 0.6])
    assert area_under_risk_coverage(scores, right) < area_under_risk_coverage(scores[::-1], right)

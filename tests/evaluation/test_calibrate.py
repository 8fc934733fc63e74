"""Threshold and calibration out of what came true."""

import numpy as np
import pytest

from localqa.evaluation.calibrate import Kind, calibrate
from localqa.extraction.calibration import Verdict, fit_scores
from localqa.extraction.pipeline import to_answer
from localqa.extraction.qa_config import QAConfig
from localqa.extraction.spans import Decoded, Span
from localqa.squad.metrics import best_threshold
from localqa.squad.records import Example, GoldAnswer

CONFIG = QAConfig(base="b", base_sha256="0")


def decoded(margin: float, null: float = -10.0) -> Decoded:
    """Two spans, the first `margin` logits ahead."""
    scores = np.array([margin, 0.0], dtype=np.float32)
    return Decoded((Span(0, 3, margin),), null, scores)


def verdicts(right):
    return [Verdict(right=float(one), impossible=0.0) for one in right]


@pytest.mark.parametrize(("temperature", "offset"), [(0.5, -1.0), (1.0, 0.0), (3.0, 1.5)])
def test_fitted_values_are_those_that_drew_the_answers(temperature, offset):
    random = np.random.default_rng(0)
    margins = random.uniform(0, 6, size=3000)
    right = random.random(3000) < 1 / (1 + np.exp(-margins / temperature - offset))
    fitted = fit_scores([decoded(float(m)) for m in margins], verdicts(right), CONFIG)
    assert fitted.temperature == pytest.approx(temperature, rel=0.3)
    assert fitted.score_offset == pytest.approx(offset, abs=0.3)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_answers_all_right_or_all_wrong_give_finite_values(share):
    fitted = fit_scores([decoded(float(m)) for m in range(1, 6)], verdicts([share] * 5), CONFIG)
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
    fitted = calibrate([Kind("all", examples, logits)], CONFIG, abstain=False)
    assert fitted.null_threshold is None
    assert to_answer("Ada and Bob", logits[0], fitted).score == pytest.approx(0.6, abs=0.01)


def test_threshold_is_set_for_an_adapter_that_abstains():
    examples = [
        Example("1", "Who?", "Ada and Bob", (GoldAnswer("Ada", 0),), source="x"),
        Example("2", "Why?", "Ada and Bob", (), source="x"),
    ]
    fitted = calibrate(
        [Kind("all", examples, [decoded(5.0, null=1.0), decoded(5.0, null=9.0)])], CONFIG, abstain=True
    )
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
    fitted = calibrate([Kind("all", examples, logits)], CONFIG, abstain=False)
    share = np.mean([e.answers[0].text == "Ada" for e in examples if len(e.answers) > 1])
    assert to_answer("Ada and Bob", logits[0], fitted).score == pytest.approx(share, abs=0.01)


def test_an_answer_that_shares_words_with_the_only_accepted_one_counts_in_part():
    """Where one annotator marked "Ada and", another would have marked "Ada"."""
    gold = (GoldAnswer("Ada and", 0),)
    examples = [Example(str(at), "Who?", "Ada and Bob", gold, source="x") for at in range(100)]
    fitted = calibrate([Kind("all", examples, [decoded(4.0)] * 100)], CONFIG, abstain=False)
    assert to_answer("Ada and Bob", decoded(4.0), fitted).score == pytest.approx(2 / 3, abs=0.01)


def questions(count: int, answer: str | None, name: str) -> list[Example]:
    golds = (GoldAnswer(answer, 0),) if answer else ()
    return [Example(f"{name}-{at}", "Who?", "Ada and Bob", golds, source="x") for at in range(count)]


@pytest.mark.parametrize("many", [1, 50])
def test_every_kind_weighs_the_same_however_many_questions_it_has(many):
    """Refusing all would pay where the kind with the most questions alone was asked."""
    few = Kind("few", questions(1, "Ada", "few"), [decoded(5.0, null=4.0)])
    some = questions(many, None, "many")
    fitted = calibrate([few, Kind("many", some, [decoded(5.0, null=4.5)] * many)], CONFIG, abstain=True)
    assert fitted.null_threshold == pytest.approx(-1.0)


def test_the_odds_know_what_long_texts_do_to_scores():
    """The same margin is worth less where many windows competed; temperature and offset cannot tell."""
    random = np.random.default_rng(1)
    kinds = []
    for name, windows, sure in (("short", 1, 0.0), ("long", 20, -2.0)):
        margins = random.uniform(-3, 6, size=1500)
        right = random.random(1500) < 1 / (1 + np.exp(-margins - sure))
        examples = [
            one
            for at, yes in enumerate(right)
            for one in questions(1, "Ada" if yes else "Bob", f"{name}-{at}")
        ]
        said = [Decoded((Span(0, 3, m),), 0.0, np.array([m], np.float32), windows) for m in margins.tolist()]
        kinds.append(Kind(name, examples, said))
    fitted = calibrate(kinds, CONFIG, abstain=False)
    for kind in kinds:
        claimed = [to_answer("Ada and Bob", one, fitted).score for one in kind.decoded]
        came_true = [example.answers[0].text == "Ada" for example in kind.examples]
        assert np.mean(claimed) == pytest.approx(np.mean(came_true), abs=0.02)
    assert fitted.answer_odds.margin == pytest.approx(1.0, abs=0.15)
    assert fitted.answer_odds.windows == pytest.approx(-2.0 / np.log(20), abs=0.15)


def test_a_refusal_is_as_sure_as_texts_without_an_answer_are_frequent():
    nulls = [9.0] * 400
    examples = questions(300, None, "none") + questions(100, "Bob", "some")
    fitted = calibrate([Kind("all", examples, [decoded(5.0, null=n) for n in nulls])], CONFIG, abstain=True)
    answer = to_answer("Ada and Bob", decoded(5.0, null=9.0), fitted)
    assert not answer.answerable
    assert answer.score == pytest.approx(0.75, abs=0.01)


def test_a_better_margin_never_makes_an_answer_less_likely():
    """Where a sample says so it is by chance, and other questions would pay for it."""
    margins = np.linspace(1, 6, 300)
    right = np.random.default_rng(2).random(300) < 1 - margins / 10
    said = [Decoded((Span(0, 3, 9.0),), 9.0 - m, np.array([9.0, 8.0], np.float32)) for m in margins.tolist()]
    fitted = fit_scores(said, verdicts(right), CONFIG)
    assert fitted.answer_odds.margin == 0.0
    claimed = [to_answer("Ada and Bob", one, fitted).score for one in said]
    assert np.mean(claimed) == pytest.approx(right.mean(), abs=0.02)


def test_odds_of_few_questions_are_not_fitted():
    few = [decoded(float(m)) for m in np.linspace(0, 5, 50)]
    assert fit_scores(few, verdicts(np.arange(50) % 2), CONFIG).answer_odds is None


def test_what_was_fitted_before_plays_no_part():
    examples = questions(40, "Ada", "a") + questions(40, "Bob", "b")
    kinds = [Kind("all", examples, [decoded(m / 10) for m in range(80)])]
    before = calibrate(kinds, CONFIG, abstain=False)
    assert calibrate(kinds, before, abstain=False) == before


@pytest.mark.parametrize(
    ("nulls", "gains", "threshold"),
    [
        ([0.0, 1.0, 2.0], [1.0, 1.0, -1.0], 1.0),
        ([2.0, 0.0, 1.0], [-1.0, 1.0, 1.0], 1.0),
        ([0.0, 1.0, 1.0], [1.0, 1.0, -2.0], 0.0),
        ([0.0], [1.0], 0.0),
    ],
)
def test_threshold_is_where_answering_gains_most(nulls, gains, threshold):
    assert best_threshold(nulls, gains)[1] == threshold


def test_nothing_is_answered_where_answering_loses():
    assert best_threshold([1.0, 2.0], [-1.0, 0.5])[1] < 1.0

"""The scorer against the official definition and against torchmetrics."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localqa.errors import DataError
from localqa.squad.metrics import exact_match, f1, normalize_answer, score
from localqa.squad.records import Example, GoldAnswer

WORDS = [
    "the",
    "a",
    "An",
    "cat",
    "Cat's",
    "café",
    "naïve",
    "U.S.",
    "24–10",
    "“x”",
    "東京",
    "...",
    "-",
    "theme",
    "É",
    "and",
    "ß",
]


def make(id, *texts):  # noqa: A002  # the record's own name
    return Example(id, "?", "c", tuple(GoldAnswer(text, 0) for text in texts))


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("The  Cat!", "cat"),
        ("a an the", ""),
        ("theme of an anthem", "theme of anthem"),
        ("U.S. “x”", "us “x”"),
        ("The-end", "theend"),
        ("\ta\u00a0b ", "b"),
    ],
)
def test_normalisation(text, normal):
    assert normalize_answer(text) == normal


@pytest.mark.parametrize(
    ("prediction", "golds", "exact", "overlap"),
    [
        ("the cat", ["Cat."], 1, 1),
        ("black cat", ["cat"], 0, 2 / 3),
        ("cat cat", ["cat"], 0, 2 / 3),
        ("dog", ["cat", "a dog"], 1, 1),
        ("", [], 1, 1),
        ("cat", [], 0, 0),
        ("the", [""], 1, 1),
        ("", ["cat"], 0, 0),
    ],
)
def test_one_prediction(prediction, golds, exact, overlap):
    assert exact_match(prediction, golds) == exact
    assert f1(prediction, golds) == pytest.approx(overlap)


def test_a_thousand_random_pairs_agree_with_torchmetrics():
    squad = pytest.importorskip("torchmetrics.functional.text").squad
    rng = random.Random(7)

    def phrase():
        return " ".join(rng.choices(WORDS, k=rng.randint(0, 5)))

    examples = [make(str(n), *(phrase() for _ in range(rng.randint(1, 3)))) for n in range(1_000)]
    predictions = {example.id: phrase() for example in examples}
    for example in examples:
        texts = [answer.text for answer in example.answers]
        target = {"id": example.id, "answers": {"text": texts, "answer_start": [0] * len(texts)}}
        theirs = squad([{"id": example.id, "prediction_text": predictions[example.id]}], [target])
        assert 100 * exact_match(predictions[example.id], texts) == theirs["exact_match"].item()
        assert 100 * f1(predictions[example.id], texts) == pytest.approx(theirs["f1"].item(), abs=1e-4)
    targets = [
        {"id": e.id, "answers": {"text": [a.text for a in e.answers], "answer_start": [0]}} for e in examples
    ]
    all_theirs = squad([{"id": key, "prediction_text": text} for key, text in predictions.items()], targets)
    ours = score(examples, predictions)
    assert ours.exact == pytest.approx(all_theirs["exact_match"].item(), abs=1e-3)
    assert ours.f1 == pytest.approx(all_theirs["f1"].item(), abs=1e-3)


def test_version_1_data_has_no_scores_for_unanswerable_questions():
    scores = score([make("1", "cat")], {"1": "cat"})
    assert scores.as_dict() == {"exact": 100.0, "f1": 100.0, "total": 1, "missing": 0}


def test_missing_predictions_count_as_nothing_and_are_counted():
    scores = score([make("1", "cat"), make("2")], {})
    assert (scores.exact, scores.f1, scores.missing, scores.no_ans_exact) == (0.0, 0.0, 2, 0.0)


def test_version_2_data_is_scored_apart():
    scores = score([make("1", "cat"), make("2", "dog"), make("3")], {"1": "cat", "2": "", "3": ""})
    assert scores.exact == pytest.approx(200 / 3)
    assert (scores.has_ans_exact, scores.has_ans_total) == (50.0, 2)
    assert (scores.no_ans_f1, scores.no_ans_total) == (100.0, 1)


def test_version_2_drops_answers_that_are_empty_once_normalised():
    assert score([make("1", "the", "cat"), make("2")], {"1": "a", "2": ""}).has_ans_exact == 0.0


def test_no_examples_score_nothing():
    assert score([], {}, {}).exact == 0.0


def test_best_threshold_separates_answerable_from_unanswerable():
    examples = [make("1", "cat"), make("2", "dog"), make("3"), make("4")]
    predictions = {"1": "cat", "2": "big dog", "3": "x", "4": "y"}
    scores = score(examples, predictions, {"1": -5.0, "2": -1.0, "3": 2.0, "4": 3.0})
    assert (scores.best_exact, scores.best_exact_threshold) == (75.0, -5.0)
    assert scores.best_f1 == pytest.approx(100 * (1 + 2 / 3 + 2) / 4)
    assert scores.best_f1_threshold == -1.0


@pytest.mark.parametrize("null_scores", [{}, {"1": float("nan")}])
def test_predictions_without_null_score_are_refused(null_scores):
    with pytest.raises(DataError, match="no null score"):
        score([make("1", "cat")], {"1": "cat"}, null_scores)


def official_best(examples, predictions, values, nulls):
    """`find_best_thresh` as the official script words it."""
    current = best = sum(example.is_impossible for example in examples)
    threshold = 0.0
    by_id = {example.id: example for example in examples}
    for key in sorted(nulls, key=nulls.get):
        current += (-1 if predictions[key] else 0) if by_id[key].is_impossible else values[key]
        if current > best:
            best, threshold = current, nulls[key]
    return 100.0 * best / len(examples), threshold


@st.composite
def judged(draw, ties):
    size = draw(st.integers(1, 8))
    examples = [make(str(n), *draw(st.sampled_from([(), ("cat",), ("big dog",)]))) for n in range(size)]
    predictions = {example.id: draw(st.sampled_from(["cat", "dog", "x"])) for example in examples}
    nulls = draw(st.lists(st.integers(-4, 4).map(float), min_size=size, max_size=size, unique=not ties))
    return examples, predictions, dict(zip(predictions, nulls, strict=True))


@given(judged(ties=False))
def test_best_scores_are_the_official_ones(case):
    examples, predictions, nulls = case
    scores = score(examples, predictions, nulls)
    for metric, best, threshold in (
        (exact_match, scores.best_exact, scores.best_exact_threshold),
        (f1, scores.best_f1, scores.best_f1_threshold),
    ):
        values = {e.id: metric(predictions[e.id], [a.text for a in e.answers]) for e in examples}
        value, official_threshold = official_best(examples, predictions, values, nulls)
        assert best == pytest.approx(value)
        # Where answering none is best, the script says 0, which would answer some.
        assert threshold == official_threshold or threshold < min(nulls.values())


@given(judged(ties=True))
def test_applying_the_best_threshold_gives_the_best_score(case):
    examples, predictions, nulls = case
    scores = score(examples, predictions, nulls)
    for name in ("exact", "f1"):
        threshold = getattr(scores, f"best_{name}_threshold")
        applied = {key: text if nulls[key] <= threshold else "" for key, text in predictions.items()}
        assert getattr(score(examples, applied), name) == pytest.approx(getattr(scores, f"best_{name}"))

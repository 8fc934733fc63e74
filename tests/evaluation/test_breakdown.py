"""Groups of questions and intervals."""

import pytest

from localqa.evaluation.breakdown import (
    bootstrap_interval,
    by_context_length,
    by_question_word,
    question_word,
)
from localqa.evaluation.outcomes import Outcome, make_outcomes
from localqa.extraction.answers import Answer
from localqa.squad.records import Example, GoldAnswer


def outcome(question="What?", context="some words", exact=1.0, score=0.5) -> Outcome:
    example = Example("1", question, context, (GoldAnswer("some", 0),), source="here")
    return Outcome(example, "some", score, -1.0, "some", exact, exact)


@pytest.mark.parametrize(
    ("question", "word"),
    [
        ("How many people came?", "how many"),
        ("In which year was it?", "which"),
        ("Whose was it?", "whose"),
        ("Name the capital.", "other"),
        ("SHOWN AND SOMEHOW?", "other"),
    ],
)
def test_question_words(question, word):
    assert question_word(outcome(question)) == word


def test_groups_are_ordered_by_size_and_hold_percentages():
    groups = by_question_word([outcome(), outcome(exact=0.0), outcome("Who?")])
    assert [(group.name, group.total, group.exact) for group in groups] == [
        ("what", 2, 50.0),
        ("who", 1, 100.0),
    ]


def test_lengths_come_in_order_and_empty_groups_do_not():
    groups = by_context_length([outcome(context="word " * 450), outcome()])
    assert [group.name for group in groups] == ["0 to 99", "400 to 799"]


def test_interval_holds_the_mean_and_is_reproducible():
    outcomes = [outcome(context=f"c{i}", exact=float(i % 3 > 0)) for i in range(90)]
    low, high = bootstrap_interval(outcomes)["exact"]
    assert low < 66.7 < high
    assert bootstrap_interval(outcomes)["exact"] == (low, high)


def test_questions_of_one_context_count_as_drawn_together():
    """100 questions about 4 contexts tell less than 100 about 100."""
    few = [outcome(context=f"c{i % 4}", exact=float(i % 4 < 2)) for i in range(100)]
    many = [outcome(context=f"c{i}", exact=float(i % 4 < 2)) for i in range(100)]
    width = {
        name: high - low
        for name, (low, high) in (
            ("few", bootstrap_interval(few)["f1"]),
            ("many", bootstrap_interval(many)["f1"]),
        )
    }
    assert width["few"] > 2 * width["many"]


def test_outcome_of_an_abstention_keeps_the_best_span():
    example = Example("1", "Who?", "Ada wrote it.", (), source="here")
    span = Answer("Ada", 0.3, 0, 3, answerable=True, null_score=2.0)
    answer = Answer("", 0.7, 0, 0, answerable=False, null_score=2.0, alternatives=(span,))
    (found,) = make_outcomes([example], [answer])
    assert (found.exact, found.text, found.span) == (1.0, "", "Ada")

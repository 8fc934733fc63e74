"""Unanswerable questions out of answerable ones."""

import pytest

from localqa.squad.negatives import make_negatives
from localqa.squad.records import Example, GoldAnswer

ARTICLE = {
    "Ada": "In the year 1843 a report was written by Ada Lovelace about the engine of Charles Babbage.",
    "Bob": "Later on, the engine was visited by Lord Byron and, in 1851, by many engineers from Paris.",
    "Cyd": "There is no machine here, but the house of Mary Somerville had a garden with roses.",
}


def example(number: int, question="Who wrote about the engine of Charles Babbage in 1843?") -> Example:
    context = ARTICLE["Ada"]
    answer = GoldAnswer("Ada Lovelace", context.index("Ada Lovelace"))
    return Example(str(number), question, context, (answer,), title="engines")


@pytest.fixture
def examples():
    others = [
        Example(name, "What?", ARTICLE[name], (GoldAnswer("the", 0),), title="engines")
        for name in ("Bob", "Cyd")
    ]
    return [*(example(number) for number in range(20)), *others]


def test_negatives_hold_no_accepted_answer(examples):
    found = make_negatives(examples, 1.0, seed=1)
    assert all(one.is_impossible for one in found)
    mismatched = [one for one in found if one.id.endswith("-mismatched")]
    assert mismatched
    assert all("Ada Lovelace" not in one.context for one in mismatched if one.id[0].isdigit())


def test_paragraph_most_like_the_question_is_taken(examples):
    mismatched = [one for one in make_negatives(examples, 1.0, seed=1) if one.id.endswith("-mismatched")]
    assert {one.context for one in mismatched if one.id[0].isdigit()} == {ARTICLE["Bob"]}


def test_swapped_name_or_number_stands_elsewhere_in_the_article(examples):
    swapped = [one for one in make_negatives(examples, 1.0, seed=1) if one.id.endswith("-swapped")]
    assert {one.context for one in swapped} == {ARTICLE["Ada"]}
    for one in swapped:
        assert one.question != example(0).question
        assert "1851" in one.question or any(name in one.question for name in ("Lord Byron", "Paris", "Mary"))


def test_sentence_with_the_answer_is_taken_out():
    kept = "The engine stood in London.", "It was read in Turin. Few knew it."
    context = f"{kept[0]} Its report was written by Ada Lovelace! {kept[1]}"
    answer = GoldAnswer("Ada Lovelace", context.index("Ada"))
    # One paragraph, no name or number in the question, no word that has an opposite: one way works.
    (found,) = make_negatives([Example("1", "whose report?", context, (answer,))], 1.0, seed=1)
    assert found.context == " ".join(kept)
    assert found.question == "whose report?"
    assert found.is_impossible


def test_paragraph_that_would_be_mostly_gone_is_left_alone():
    context = "It was written by Ada Lovelace in many long winter nights. So it was."
    answer = GoldAnswer("Ada Lovelace", context.index("Ada"))
    assert make_negatives([Example("1", "whose?", context, (answer,))], 1.0, seed=1) == []


@pytest.mark.parametrize(
    ("question", "opposed"),
    [
        ("Who was the first to fly?", "Who was the last to fly?"),
        ("Northern winds bring what?", "Southern winds bring what?"),
        ("Whom did Ada marry?", "Whom didn't Ada marry?"),
    ],
)
def test_opposite_or_negation_makes_a_question_unanswerable(question, opposed):
    # Not every question is negated.
    many = [Example(str(n), question, "It is blue.", (GoldAnswer("blue", 6),)) for n in range(20)]
    found = make_negatives(many, 1.0, seed=1)
    assert {(one.question, one.context, one.answers) for one in found} == {(opposed, "It is blue.", ())}


def test_share_and_seed_decide(examples):
    assert len(make_negatives(examples, 0.5, seed=1)) == 11
    assert make_negatives(examples, 0.5, seed=1) == make_negatives(examples, 0.5, seed=1)
    assert make_negatives(examples, 0.5, seed=1) != make_negatives(examples, 0.5, seed=2)
    assert make_negatives(examples, 0.0, seed=1) == []


def test_one_paragraph_without_names_gives_none():
    alone = Example("1", "which colour?", "it is blue.", (GoldAnswer("blue", 6),))
    assert make_negatives([alone], 1.0, seed=1) == []


def test_unanswerable_questions_are_not_copied(examples):
    impossible = [Example("i", "Who?", ARTICLE["Bob"], (), title="engines")]
    assert make_negatives(impossible, 1.0, seed=1) == []

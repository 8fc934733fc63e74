"""Questions among other paragraphs than their own."""

import pytest

from localqa.squad.neighbours import Paragraphs, join_paragraphs, make_retrieved, surround
from localqa.squad.records import Example, GoldAnswer

TEXTS = {
    "engines": [
        "In the year 1843 a report about the engine of Charles Babbage was written by Ada Lovelace.",
        "The engine of Charles Babbage was visited by Lord Byron and by many engineers.",
        "Nobody wrote about the garden.",
    ],
    "harbours": ["The harbour of Brenholm was quiet.", "The engine of the ferry was made in Kiel."],
}


def example(id: str, question: str, context: str, answer: str | None, title: str) -> Example:
    golds = (GoldAnswer(answer, context.index(answer)),) if answer else ()
    return Example(id, question, context, golds, title=title)


@pytest.fixture
def examples():
    engines, harbours = TEXTS["engines"], TEXTS["harbours"]
    return [
        example("who", "Who described the engine of Babbage?", engines[0], "Ada Lovelace", "engines"),
        example("byron", "Which lord came?", engines[1], "Lord Byron", "engines"),
        example("never", "Who wrote about roses?", engines[2], None, "engines"),
        example("quiet", "What was quiet?", harbours[0], "The harbour of Brenholm", "harbours"),
        example("ferry", "Where was the engine made?", harbours[1], "Kiel", "harbours"),
    ]


def test_the_likeliest_paragraph_comes_first(examples):
    found = list(Paragraphs(examples).like("Who visited the engine of Charles Babbage?"))
    assert found[0] == TEXTS["engines"][1]


@pytest.mark.parametrize("question", ["", "who was it?", '"NEAR(" OR *', "ünïcödé ' \" ("])
def test_any_question_can_be_looked_for(examples, question):
    assert len(list(Paragraphs(examples).like(question))) <= len(examples)


def test_a_retrieved_paragraph_looks_right_and_holds_no_answer(examples):
    found = {one.id: one for one in make_retrieved(examples, Paragraphs(examples), 1.0, seed=1)}
    assert found["who-retrieved"].context == TEXTS["engines"][1]
    assert all(one.is_impossible for one in found.values())
    assert "never-retrieved" not in found


def test_joined_texts_hold_the_same_answers(examples):
    joined = join_paragraphs(examples, Paragraphs(examples), 1.0, 3, seed=2)
    assert [one.id for one in joined] == [one.id for one in examples]
    for before, after in zip(examples, joined, strict=True):
        assert before.context in after.context
        assert len(after.context) > len(before.context)
        assert [gold.text for gold in after.answers] == [gold.text for gold in before.answers]
        assert all(after.context[gold.start : gold.end] == gold.text for gold in after.answers)
        assert all(after.context.count(gold.text) == 1 for gold in after.answers)


def test_a_share_of_none_changes_nothing(examples):
    assert join_paragraphs(examples, Paragraphs(examples), 0.0, 3, seed=2) == examples
    assert make_retrieved(examples, Paragraphs(examples), 0.0, seed=2) == []


def test_the_same_seed_gives_the_same_texts(examples):
    first, second = (join_paragraphs(examples, Paragraphs(examples), 0.6, 2, seed=7) for _ in range(2))
    assert first == second


@pytest.mark.parametrize("count", [1, 2, 4, 5])
def test_a_surrounded_paragraph_is_one_of_so_many_and_still_answers(examples, count):
    for before, after in zip(examples, surround(examples, Paragraphs(examples), count, seed=3), strict=True):
        assert before.context in after.context
        found = [text for texts in TEXTS.values() for text in texts if text in after.context]
        # Beside some there are not so many that hold no answer.
        assert len(found) == min(count, 5)
        assert [gold.text for gold in after.answers] == [gold.text for gold in before.answers]
        assert all(after.context[gold.start : gold.end] == gold.text for gold in after.answers)


@pytest.mark.parametrize("count", [1, 3])
def test_so_many_others_alone_leave_the_question_without_an_answer(examples, count):
    for before, after in zip(
        examples[:2], surround(examples[:2], Paragraphs(examples), count, seed=3, right=False), strict=True
    ):
        assert before.context not in after.context
        assert after.is_impossible
        assert not any(gold.text in after.context for gold in before.answers)
        assert after.id != before.id


def test_what_surrounds_a_question_does_not_depend_on_the_others(examples):
    paragraphs = Paragraphs(examples)
    assert surround(examples[1:2], paragraphs, 3, seed=5) == surround(examples, paragraphs, 3, seed=5)[1:2]

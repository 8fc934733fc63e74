"""Whether a generated answer stands in its context."""

import pytest

from localqa.answering.support import best_support, is_supported
from localqa.extraction.answers import Answer

CONTEXT = "The bridge was built by Dunmore and Sons for 48,000 pounds and opened on 9 June 1891."


@pytest.mark.parametrize(
    ("generated", "supported"),
    [
        ("Dunmore and Sons built the bridge.", True),
        ("It opened on 9 June 1891.", True),
        ("It was built for 48,000 pounds.", True),
        ("It was built for 49,000 pounds.", False),
        ("It opened on 9 June 1892.", False),
        ("The Romans built it long ago with stones.", False),
        ("The bridge who built?", True),
        ("I do not know.", False),
        ("", False),
    ],
)
def test_content_must_stand_in_the_context(generated, supported):
    assert is_supported(generated, "Who built the bridge?", CONTEXT) is supported


@pytest.mark.parametrize(
    ("generated", "context", "supported"),
    [
        ("It lasts two years.", "The warranty for the devices lasts two years.", True),
        (
            "The warranty for the devices lasts three years.",
            "The warranty for the devices lasts two years.",
            False,
        ),
        ("It doesn't cover theft.", "The policy does not cover theft.", True),
        ("It won’t cover theft.", "The policy will not cover theft.", True),
        ("The café opens at noon.", "The cafe\u0301 opens at noon.", True),
        ("免赔额是五百元。", "本保险的免赔额是五百元，每次事故计算。", True),
        ("免赔额是九百元。", "本保险的免赔额是五百元，每次事故计算。", False),
        ("免赔额是500元。", "本保险的免赔额是500元。", True),
        ("免赔额是900元。", "本保险的免赔额是500元。", False),
        ("1. The annual fee is 50 euros.", "The annual fee is 50 euros.", True),
        ("Clause 4 says that rent is due.", "4. The rent is due monthly, says the clause.", True),
        ("9. June is the day.", "The day is in June.", False),
        ("1. Maintenance is free.", "Maintenance is free.", True),
        ("30. That is the refund period.", "The refund period is 14 days.", False),
        ("It's free.", "Entry is free.", True),
        ("They're paid monthly.", "They are paid monthly.", True),
        ("Dogs cannot come.", "Dogs can't come.", True),
        ("The warranty lasts two years.", "The warranty lasts 2 years.", True),
        ("The warranty lasts 40 years.", "The warranty lasts forty years.", True),
        ("这是一份保险。", "这份文件是保险。", True),
    ],
)
def test_words_of_every_kind_are_compared(generated, context, supported):
    assert is_supported(generated, "What does it say?", context) is supported


def test_number_of_the_question_alone_supports_nothing():
    assert not is_supported("In 2021.", "What was built in 2021?", CONTEXT)


@pytest.mark.parametrize(
    ("generated", "supported"),
    [
        ("The warranty does cover theft.", False),
        ("The warranty covers theft.", False),
        ("Yes, the warranty covers theft.", False),
        ("The warranty covers damage.", True),
        ("The warranty covers fire and water.", True),
    ],
)
def test_what_is_asked_is_not_evidence_of_itself(generated, supported):
    warranty = "The warranty covers damage by fire and water."
    assert is_supported(generated, "Does the warranty cover theft or damage?", warranty) is supported


def test_words_of_the_question_may_stand_for_those_of_the_context():
    assert is_supported("The firm was founded in 1901.", "When was the firm founded?", "It began in 1901.")


def span(text):
    return Answer(text, 0.5, CONTEXT.index(text), CONTEXT.index(text) + len(text), True, 0.0)


def test_span_that_shares_most_is_the_support():
    spans = [span("9 June 1891"), span("Dunmore and Sons"), span("48,000 pounds")]
    assert best_support("Dunmore and Sons built it.", spans) == spans[1]
    assert best_support("Nobody knows.", spans) is None
    assert best_support("Dunmore", []) is None

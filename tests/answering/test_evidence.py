"""Which words of the passages carry the sentences that a model wrote."""

import time

import pytest

from localqa.answering.evidence import held_against, numbered, sentences
from localqa.documents.library import Entry, Kept
from localqa.documents.search import Found

FERRY = "The ferry leaves at seven. It does not sail on Sundays. Dogs travel for one crown."
HARBOUR = "Boats moor at the north quay. The harbour master is Ada Berg."


def found(name, text, start=0):
    entry = Entry("id", "default", name, name, "text/plain", "", name, 1, 0, 1, 0.0, "e")
    return Found(Kept(1, entry, start, start + len(text), ("Rules",), text), 1.0, 1.0, 1.0)


READ = (found("ferry.txt", FERRY, 100), found("harbour.txt", HARBOUR))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two!  Three?\nFour", ["One.", "Two!", "Three?", "Four"]),
        ("It costs 4.50 crowns. Pay v1.2 now.", ["It costs 4.50 crowns.", "Pay v1.2 now."]),
        ("契約は十二か月です。更新できます。", ["契約は十二か月です。", "更新できます。"]),
        (" ... \n", []),
        ("", []),
    ],
)
def test_sentences(text, expected):
    assert sentences(text) == expected


def test_each_sentence_has_the_words_that_carry_it_or_none():
    written = "The ferry leaves at seven [1]. The harbour master is Ada Berg. She is fifty years old."
    first, second, third = held_against(written, "Who is the harbour master?", READ)
    assert first.place is not None
    assert (first.place.start, first.place.end) == (100, 126)
    assert second.place is not None
    assert second.place.document.name == "harbour.txt"
    assert HARBOUR[second.place.start : second.place.end] == "The harbour master is Ada Berg."
    assert third.place is None


@pytest.mark.parametrize(
    "written",
    [
        "The ferry leaves at seven.[1] The harbour master is Ada Berg.[2]",
        "The ferry leaves at seven.【1】 The harbour master is Ada Berg.[1; 2]",
        "The ferry leaves at seven [1, 2]. The harbour master is Ada Berg 【2】.",
        "1. The ferry leaves at seven.\n2. The harbour master is Ada Berg.",
        "**The ferry leaves at seven.** The harbour master is Ada Berg.",
        "By the rules the ferry leaves at seven. The harbour master is Ada Berg [1-2].",
    ],
)
def test_marks_of_models_are_no_words(written):
    found = held_against(written, "Who is the harbour master?", READ)
    assert [one.place.document.name if one.place else None for one in found] == ["ferry.txt", "harbour.txt"]


def test_a_run_of_marks_takes_no_quadratic_time():
    began = time.monotonic()
    sentences("_" * 200_000 + " " + "x." + "*" * 200_000)
    assert time.monotonic() - began < 5


def test_what_a_model_is_given_is_numbered_and_named():
    assert numbered(READ).startswith("[1] ferry.txt > Rules\nThe ferry leaves")
    assert "\n\n[2] harbour.txt > Rules\nBoats" in numbered(READ)

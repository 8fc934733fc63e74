"""Passages: exact parts of a text, on its borders, with all of its words."""

import textwrap
import time
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from localqa.documents.document import Document, Heading, Page, Run
from localqa.documents.passages import WORDS, split_passages

TEXTS = st.text(st.sampled_from("ab .!?\n好。हि🦊é1"), max_size=3000)


def document(text, headings=()):
    return Document("a.txt", "text/plain", "", "a", text, headings=tuple(headings))


@given(TEXTS, st.integers(5, 40))
@settings(deadline=None, max_examples=200)
def test_all_that_is_no_white_space_is_in_one_passage_in_its_order(text, words):
    found = split_passages(document(text), words=words)
    covered = [at for one in found for at in range(one.start, one.end)]
    assert covered == sorted(set(covered))
    assert {at for at, char in enumerate(text) if not char.isspace()} <= set(covered)
    assert all(text[one.start : one.end].strip() == text[one.start : one.end] for one in found)


def test_passages_have_about_a_hundred_words_and_end_with_sentences():
    text = " ".join(f"Sentence number {at} says something of the sea and of boats." for at in range(120))
    found = split_passages(document(text))
    counts = [len(text[one.start : one.end].split()) for one in found]
    assert all(0.6 * WORDS <= count <= 1.5 * WORDS for count in counts)
    assert all(text[one.start : one.end].endswith(".") for one in found)


def test_a_heading_begins_a_passage_and_stands_above_all_below_it():
    text = "Rules\n\nPets\n\nCats are allowed.\n\nNoise\n\nNone after ten.\n\nEnd"
    marks = [("Rules", 1), ("Pets", 2), ("Noise", 2), ("End", 1)]
    headings = [Heading(text.index(one), text.index(one) + len(one), level) for one, level in marks]
    found = {text[one.start : one.end]: one.headings for one in split_passages(document(text, headings))}
    assert found == {
        "Rules\n\nPets\n\nCats are allowed.": ("Rules", "Pets"),
        "Noise\n\nNone after ten.": ("Rules", "Noise"),
        "End": ("End",),
    }


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_lines_that_are_broken_for_reading_end_nothing(end):
    names = " ".join(f"Anna Maria Gonzalez{number} came and went by" for number in range(60))
    lines = textwrap.wrap(names, 60)
    text = end.join(lines)
    borders = [one.end for one in split_passages(document(text))[:-1]]
    at_lines = [border for border in borders if text[border : border + len(end)] == end]
    assert len(borders) > 2
    # By words, wherever the hundredth is, and no sooner at a line's end than elsewhere.
    assert len(at_lines) < len(borders)


def test_lines_of_a_list_are_pieces():
    text = "\n".join(
        f"Item {number} costs {number} crowns {'and more ' * (number % 3)}" for number in range(60)
    )
    found = split_passages(document(text))
    assert len(found) > 1
    assert all(text[one.start :].startswith("Item") for one in found)


def test_blank_lines_part_paragraphs_however_lines_end():
    text = "\r\n \r\n".join(f"Paragraph {number} says something of boats." for number in range(60))
    assert all(text[one.start : one.end].startswith("Paragraph") for one in split_passages(document(text)))
    whole = text.replace("\r\n \r\n", "\n\n")
    counts = [len(split_passages(document(one))) for one in (text, whole)]
    assert counts[0] == counts[1]


@pytest.mark.parametrize("letter", ["word ", "字", "x"])
def test_a_heading_without_an_end_is_cut(letter):
    heading = letter * 5_000
    text = f"{heading}\n\nCats are allowed."
    (first, *_, last) = split_passages(document(text, [Heading(0, len(heading), 1)]))
    assert {len(one.headings[0]) for one in (first, last)} <= {199, 200}
    assert text[last.start : last.end].endswith("Cats are allowed.")


@pytest.mark.parametrize(
    "text",
    [
        "字" * 700,
        "ខ" * 700,
        "word " * 700,
        "x" * 9000,
        ",".join(map(str, range(3000))),
        '{"key":1}' * 700,
    ],
)
def test_a_text_without_sentences_is_cut(text):
    found = split_passages(document(text.strip()))
    assert all(one.end - one.start <= 1500 for one in found)
    assert len(found) >= 4
    assert "".join(text[one.start : one.end] for one in found).replace(" ", "") == text.replace(" ", "")


@pytest.mark.parametrize(
    "text", ["字" * 500_000, "word " * 100_000, ". " * 250_000, '"' * 500_000, "\n" * 500_000]
)
@pytest.mark.alone
def test_a_huge_text_of_one_kind_takes_a_few_seconds_at_most(text):
    began = time.monotonic()
    split_passages(document(text))
    assert time.monotonic() - began < 10


RUNS = st.lists(
    st.tuples(st.integers(1, 9), st.floats(0, 800), st.lists(st.floats(0, 600), min_size=2, max_size=30)),
    max_size=5,
)


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=200), RUNS)
@settings(deadline=None)
def test_a_document_is_kept_as_it_is_to_a_tenth_of_a_point(text, drawn):
    runs, at = [], 0
    for page, top, edges in drawn:
        runs.append(Run(page, at, top, top + 10, tuple(edges)))
        at += len(edges)
    made = Document(
        "a", "t", "d", "T", text, (Page(1, 0, len(text), 595.0, 842.0),), (Heading(0, 1, 2),), tuple(runs)
    )
    back = Document.from_json(made.to_json())
    assert (back.text, back.pages, back.headings) == (made.text, made.pages, made.headings)
    for one, other in zip(made.runs, back.runs, strict=True):
        assert (one.page, one.start) == (other.page, other.start)
        assert other.edges == pytest.approx(one.edges, abs=0.051)
        assert other.top == pytest.approx(one.top, abs=0.051)


def test_no_passage_begins_within_a_letter():
    text = "ผู้เช่าต้องชำระค่าเช่าล่วงหน้าภายในวันที่ห้าของทุกเดือน" * 20
    found = split_passages(document(text))
    assert len(found) > 5
    assert not any(unicodedata.category(text[one.start]).startswith("M") for one in found)

"""The project's own documents and questions: whole, aligned and readable."""

import json
from pathlib import Path

import pytest

from localqa.squad.load import load_training_data

FOLDER = Path(__file__).resolve().parents[2] / "data" / "user_documents"
HALVES = ("choose", "judge")
ALL = (*HALVES, "train")


def articles(*halves):
    return [
        article
        for half in halves
        for article in json.loads((FOLDER / f"{half}.json").read_text(encoding="utf-8"))["data"]
    ]


def documents(*halves):
    """(title, context, questions) of each document, which is one paragraph."""
    found = []
    for article in articles(*halves):
        [paragraph] = article["paragraphs"]
        found.append((article["title"], paragraph["context"], paragraph["qas"]))
    return found


@pytest.mark.parametrize("half", HALVES)
def test_a_half_has_24_documents_with_a_third_of_the_questions_unanswerable(half):
    found = documents(half)
    assert len(found) == 24
    for title, context, questions in found:
        impossible = sum(question["is_impossible"] for question in questions)
        assert len(questions) >= 18, title
        assert 3 * impossible == len(questions), title
        assert 250 <= len(context.split()) <= 700, title


def test_what_is_trained_on_is_of_other_documents():
    """Hardly a run of eight words of theirs, such as every leaflet has, stands in one of the others."""

    def runs(text):
        words = text.lower().split()
        return {tuple(words[at : at + 8]) for at in range(len(words) - 7)}

    held_out = set().union(*(runs(context) for _, context, _ in documents(*HALVES)))
    trained = documents("train")
    assert len(trained) == 1115
    for title, context, questions in trained:
        assert len(runs(context) & held_out) <= 0.03 * len(runs(context)), title
        assert (len(questions), sum(one["is_impossible"] for one in questions)) == (16, 5), title
    assert not {title for title, _, _ in trained} & {title for title, _, _ in documents(*HALVES)}


@pytest.mark.parametrize("half", ALL)
def test_every_answer_is_at_its_place_and_ends_on_words(half):
    for _, context, questions in documents(half):
        for question in questions:
            for answer in question["answers"]:
                text, start = answer["text"], answer["answer_start"]
                assert context[start:].startswith(text), question["id"]
                around = [context[start - 1 : start] + text[0], text[-1] + context[start + len(text) :][:1]]
                assert text == text.strip(), question["id"]
                assert not any(len(pair) == 2 and pair.isalnum() for pair in around), question["id"]


@pytest.mark.parametrize("half", ALL)
def test_one_to_four_different_answers_or_none(half):
    for _, _, questions in documents(half):
        for question in questions:
            texts = [answer["text"] for answer in question["answers"]]
            assert len(texts) == len(set(texts)), question["id"]
            assert (len(texts) == 0) if question["is_impossible"] else (1 <= len(texts) <= 4), question["id"]


def test_ids_titles_contexts_and_questions_are_not_shared_or_blank():
    found = documents(*HALVES)
    questions = [question for _, _, asked in found for question in asked]
    ids = [question["id"] for question in questions]
    assert len(ids) == len(set(ids))
    assert len(found) == 48
    assert len({title for title, _, _ in found}) == 48
    assert len({context for _, context, _ in found}) == 48
    for _, _, asked in found:
        texts = [question["question"].strip().casefold() for question in asked]
        assert all(texts)
        assert len(texts) == len(set(texts))


def test_the_reader_finds_no_problem_in_either_half():
    examples, report = load_training_data([str(FOLDER / f"{half}.json") for half in HALVES])
    assert report.ok, report.summary()
    assert len(examples) == 864
    assert sum(example.is_impossible for example in examples) == 288

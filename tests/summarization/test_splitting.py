"""Texts in parts, and summaries of so many words."""

from localqa.summarization.splitting import split, within
from localqa.summarization.summarizer import load_tokenizer
from tests.conftest import STORIES, TEXTS

LONG = " ".join([*TEXTS, *(story["document"] for story in STORIES)])


def test_parts_are_of_whole_sentences_and_hold_everything(tiny_t5):
    tokenizer = load_tokenizer(tiny_t5)
    for room in (20, 60, 200, 100_000):
        parts = split(LONG, tokenizer, room)
        assert " ".join(parts).split() == LONG.split()
        sizes = [len(tokenizer.encode(part, add_special_tokens=False).ids) for part in parts]
        assert max(sizes) <= room + 2
        if room >= 200:
            assert all(part[-1] in ".!?" for part in parts)
    assert split("", tokenizer, 10) == [""]


def test_text_without_spaces_is_split_too(tiny_t5):
    tokenizer = load_tokenizer(tiny_t5)
    text = "thefoxfoundthelamp" * 100
    parts = split(text, tokenizer, 50)
    assert len(parts) > 5
    assert "".join(parts) == text


def test_a_summary_ends_with_a_sentence_that_fits():
    text = "One two three. Four five! Six seven eight nine."
    assert within(text, 5) == "One two three. Four five!"
    assert within(text, 4) == "One two three."
    assert within(text, 2) == "One two"
    assert within(text, 100) == text

"""Sliding windows with the tokenizers of different families."""

import pytest
from tokenizers import Tokenizer

from localqa.errors import BaseModelError, InvalidInputError
from localqa.extraction.windows import Windower
from localqa.model.bases import DEFAULT_BASE, resolve_base

FAMILIES = ["bert", "distilbert", "roberta", "mpnet"]
QUESTION = "Who jumps over the dog?"
LONG = " ".join(f"The quick fox {number} jumps — über the naïve 狐 🦊 dog." for number in range(60))


@pytest.fixture(params=FAMILIES)
def windower(request, tiny_bases):
    return Windower.from_folder(tiny_bases[request.param], max_length=64, stride=16)


def test_every_context_token_is_in_a_window_with_its_offsets(windower):
    (windows,) = windower.windows([(QUESTION, LONG)])
    covered = {at for window in windows for start, end in window.offsets for at in range(start, end)}
    assert len(windows) > 5
    assert {at for at, char in enumerate(LONG) if not char.isspace()} <= covered
    assert {window.first_token + i for window in windows for i in range(len(window.offsets))} == set(
        range(windows[-1].first_token + len(windows[-1].offsets))
    )


def test_neighbouring_windows_share_the_stride(windower):
    (windows,) = windower.windows([(QUESTION, LONG)])
    for left, right in zip(windows, windows[1:], strict=False):
        overlap = left.first_token + len(left.offsets) - right.first_token
        assert overlap == 16
        assert (left.offsets[-overlap:] == right.offsets[:overlap]).all()


@pytest.mark.parametrize("context", [LONG, LONG[:150], "🦊", "fox", "\u200b"])
def test_windows_are_those_that_the_tokenizer_itself_would_make(windower, request, tiny_bases, context):
    folder = tiny_bases[request.node.callspec.params["windower"]]
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(64, stride=16, strategy="only_second")
    whole = tokenizer.encode(QUESTION, context)
    (windows,) = windower.windows([(QUESTION, context)])
    parts = [whole, *whole.overflowing]
    assert [list(window.input_ids) for window in windows] == [part.ids for part in parts]
    assert [list(window.token_type_ids) for window in windows] == [part.type_ids for part in parts]
    for number, (window, part) in enumerate(zip(windows, parts, strict=True)):
        inside = [at for at, text in enumerate(part.sequence_ids) if text == 1]
        # Byte-level tokenizers count the blank before a later window's first token into it.
        first = int(number > 0)
        assert window.offsets[first:].tolist() == [list(part.offsets[at]) for at in inside[first:]]
        assert not inside or window.context_at == inside[0]


def test_windowers_of_other_sizes_share_the_tokenizer(windower):
    other = windower.of_sizes(max_length=32, stride=4)
    (windows,) = other.windows([(QUESTION, LONG)])
    assert max(map(len, windows)) == 32
    assert other._tokenizer is windower._tokenizer


def test_no_window_is_longer_than_the_maximum(windower):
    (windows,) = windower.windows([(QUESTION, LONG)])
    assert max(len(window) for window in windows) <= 64


def test_offsets_are_code_points_of_the_context(windower):
    context = "🦊🦊 naïve fox 1999"
    (windows,) = windower.windows([(QUESTION, context)])
    texts = "".join(context[a:b] for a, b in windows[0].offsets)
    assert "1999" in texts
    assert windows[0].offsets.max() == len(context)


def test_question_is_part_of_every_window(windower):
    (windows,) = windower.windows([(QUESTION, LONG)])
    heads = {tuple(window.input_ids[: window.context_at]) for window in windows}
    assert len(heads) == 1


def test_long_question_is_refused(windower):
    with pytest.raises(InvalidInputError, match="tokens"):
        windower.windows([("dog " * 60, "The fox.")])


@pytest.mark.parametrize("family", ["roberta", "mpnet"])
def test_tokens_are_counted_where_a_character_has_several(tiny_bases, family):
    windower = Windower.from_folder(tiny_bases[family], max_length=64, stride=16)
    question = "🦊🐕" * 10
    assert len(question) < windower.max_question_tokens < windower.question_tokens([question])[0]
    with pytest.raises(InvalidInputError, match="tokens"):
        windower.windows([(question, LONG)])


@pytest.mark.slow
@pytest.mark.parametrize("words", [33, 60])
def test_hangul_question_is_counted_by_the_default_base(words):
    """The default base takes a syllable apart into its letters; a panic of the tokenizer ends a server."""
    windower = Windower.from_folder(resolve_base(DEFAULT_BASE).folder)
    with pytest.raises(InvalidInputError, match="tokens"):
        windower.windows([("한국어 " * words, "word " * 600)])


def test_question_of_the_greatest_length_leaves_room(tiny_bases):
    windower = Windower.from_folder(tiny_bases["bert"], max_length=64, stride=16)
    question = "dog " * windower.max_question_tokens
    (windows,) = windower.windows([(question, LONG)])
    assert windows[-1].offsets[-1][1] == len(LONG)


@pytest.mark.parametrize("pair", [("a \ud800 b", "text"), ("text", "a \udfff b")])
def test_lone_surrogate_is_refused_by_name(windower, pair):
    with pytest.raises(InvalidInputError, match="lone surrogate"):
        windower.windows([pair])


def test_broken_tokenizer_is_named(tmp_path):
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(BaseModelError, match="is not a tokenizer"):
        Windower.from_folder(tmp_path)


def test_folder_without_tokenizer_is_named(tmp_path):
    with pytest.raises(BaseModelError, match="no tokenizer.json"):
        Windower.from_folder(tmp_path)


def test_parts_are_read_in_windows_of_their_own(windower):
    parts = ["The quick fox.", LONG[:300], "狐 jumps"]
    text = "\n\n".join(parts)
    borders = [len(parts[0]) + 2, len(parts[0]) + len(parts[1]) + 4]
    (windows,) = windower.windows([(QUESTION, text)], apart=[borders])
    (whole,) = windower.windows([(QUESTION, text)])
    of_part = [
        [sum(start >= border for border in borders) for start in window.offsets[:, 0]] for window in windows
    ]
    assert all(len(set(numbers)) == 1 for numbers in of_part)
    assert {numbers[0] for numbers in of_part} == {0, 1, 2}
    covered = {window.first_token + i for window in windows for i in range(len(window.offsets))}
    assert covered == {window.first_token + i for window in whole for i in range(len(window.offsets))}


def test_parts_without_tokens_leave_one_window(windower):
    (windows,) = windower.windows([(QUESTION, "\u200b\n\n\u200b")], apart=[[3]])
    assert windows

"""The span decoder against a plain reference, and the cases that break decoders."""

import itertools
import re
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from localqa.extraction.spans import decode
from localqa.extraction.windows import Window


def make_windows(
    context_tokens: int, per_window: int, stride: int, *, question_tokens: int = 2
) -> list[Window]:
    """Windows over a context of one-letter words, laid out as [CLS] question [SEP] context [SEP]."""
    context_at = question_tokens + 2
    windows, first = [], 0
    while True:
        count = min(per_window, context_tokens - first)
        starts = 2 * np.arange(first, first + count, dtype=np.int32)
        ids = np.zeros(context_at + count + 1, dtype=np.int32)
        windows.append(Window(ids, ids, np.stack([starts, starts + 1], axis=1), context_at, first))
        if first + count >= context_tokens:
            return windows
        first += per_window - stride


def context_of(tokens: int) -> str:
    """Words of one letter, none like another."""
    return " ".join(chr(ord("\u1200") + number) for number in range(tokens))


def highest(scores) -> np.ndarray:
    """What a decoder tells of the scores of spans that all have other words."""
    return np.array(sorted(scores, reverse=True)[:20], dtype=np.float32)


def reference(windows, logits, max_answer_tokens, top_k):
    """Every span of every window in plain loops: best margin a span, then greedily apart."""
    best: dict[tuple[int, int], float] = {}
    nulls = [float(start[0] + end[0]) for start, end in logits]
    for window, (start, end), null in zip(windows, logits, nulls, strict=True):
        for i, j in itertools.product(range(len(window.offsets)), repeat=2):
            if 0 <= j - i < max_answer_tokens:
                score = float(
                    np.float32(start[window.context_at + i])
                    + np.float32(min(nulls) - null)
                    + np.float32(end[window.context_at + j])
                )
                key = (window.first_token + i, window.first_token + j)
                best[key] = max(score, best.get(key, -np.inf))
    chosen: list[tuple[int, int, float]] = []
    for (i, j), score in sorted(best.items(), key=lambda item: (-item[1], *item[0])):
        if score > -np.inf and len(chosen) < top_k and all(j < a or i > b for a, b, _ in chosen):
            chosen.append((i, j, score))
    return chosen, best


@st.composite
def cases(draw):
    tokens = draw(st.integers(1, 24))
    per_window = draw(st.integers(2, 12))
    windows = make_windows(tokens, per_window, draw(st.integers(0, per_window - 1)))
    # Few distinct values make ties; -inf makes positions and whole windows without a valid span.
    values = draw(
        st.sampled_from(
            [st.floats(-9, 9, width=32), st.sampled_from([-1.0, 0.0, 0.5]), st.sampled_from([-np.inf, 1.0])]
        )
    )
    logits = []
    for window in windows:
        rows = [draw(st.lists(values, min_size=len(window), max_size=len(window))) for _ in range(2)]
        for row in rows:
            row[0] = draw(st.floats(-9, 9, width=32))  # a null score is always a number
        logits.append((np.array(rows[0], dtype=np.float32), np.array(rows[1], dtype=np.float32)))
    return tokens, windows, logits, draw(st.integers(1, 8)), draw(st.integers(1, 4))


@given(cases())
@settings(max_examples=400, deadline=None)
def test_equals_the_plain_reference(case):
    tokens, windows, logits, max_answer_tokens, top_k = case
    decoded = decode(context_of(tokens), windows, logits, max_answer_tokens=max_answer_tokens, top_k=top_k)
    expected, all_spans = reference(windows, logits, max_answer_tokens, top_k)
    assert [(s.start // 2, s.end // 2, s.score) for s in decoded.spans] == expected
    assert decoded.null == min(float(start[0] + end[0]) for start, end in logits)
    finite = [score for score in all_spans.values() if np.isfinite(score)]
    np.testing.assert_array_equal(decoded.scores, highest(finite))


def peaked(window: Window, start: int, end: int, height: float = 5.0):
    logits = np.zeros((2, len(window)), dtype=np.float32)
    logits[0, window.context_at + start] = logits[1, window.context_at + end] = height
    return logits[0], logits[1]


def test_longer_than_the_limit_is_not_an_answer():
    (window,) = make_windows(20, 20, 0)
    best = decode(context_of(20), [window], [peaked(window, 3, 12)], max_answer_tokens=5).spans[0]
    assert best.end // 2 - best.start // 2 < 5


def test_end_before_start_is_not_an_answer():
    (window,) = make_windows(20, 20, 0)
    best = decode(context_of(20), [window], [peaked(window, 12, 3)]).spans[0]
    assert best.end > best.start


def test_of_equal_spans_the_earlier_and_shorter_wins():
    (window,) = make_windows(6, 6, 0)
    flat = np.zeros(len(window), dtype=np.float32)
    best = decode(context_of(6), [window], [(flat, flat)]).spans[0]
    assert (best.start, best.end) == (0, 1)


def test_question_tokens_are_never_answers():
    (window,) = make_windows(4, 4, 0)
    logits = np.zeros(len(window), dtype=np.float32)
    logits[:4] = 100.0
    assert decode(context_of(4), [window], [(logits, logits)]).spans[0].score == 0.0


def test_window_without_context_has_no_span():
    empty = Window(np.zeros(5, np.int32), np.zeros(5, np.int32), np.zeros((0, 2), np.int32), 0, 0)
    decoded = decode("", [empty], [(np.ones(5, np.float32), np.ones(5, np.float32))])
    assert decoded.spans == ()
    assert decoded.null == 2.0


def test_span_in_two_windows_counts_once_with_its_higher_score():
    windows = make_windows(8, 6, 4)
    logits = [peaked(windows[0], 4, 4, 3.0), peaked(windows[1], 2, 2, 4.0)]
    decoded = decode(context_of(8), windows, logits, max_answer_tokens=1)
    assert decoded.spans[0].score == 8.0
    assert len(decoded.scores) == 8


def test_the_surest_window_wins_not_the_loudest():
    """High logits all over a window, its null position among them, say nothing."""
    windows = make_windows(8, 4, 0)
    sure, loud = peaked(windows[0], 1, 1, 5.0), peaked(windows[1], 1, 1, 2.0)
    decoded = decode(context_of(8), windows, [sure, (loud[0] + 50, loud[1] + 50)])
    assert (decoded.spans[0].start, decoded.spans[0].end) == (2, 3)
    assert decoded.spans[0].score - decoded.null == 10.0


def test_white_space_is_trimmed_from_a_span():
    offsets = np.array([[0, 3], [3, 8]], dtype=np.int32)
    window = Window(np.zeros(6, np.int32), np.zeros(6, np.int32), offsets, 3, 0)
    span = decode("one two \n", [window], [peaked(window, 1, 1)]).spans[0]
    assert (span.start, span.end) == (4, 7)


def test_blank_tokens_are_passed_over():
    offsets = np.array([[0, 3], [3, 5], [5, 8]], dtype=np.int32)
    window = Window(np.zeros(7, np.int32), np.zeros(7, np.int32), offsets, 3, 0)
    decoded = decode("one\n\ntwo", [window], [peaked(window, 1, 1, 50.0)], max_answer_tokens=1)
    assert (decoded.spans[0].start, decoded.spans[0].end) == (0, 3)


def test_tokens_of_no_width_neither_start_nor_end_a_span():
    offsets = np.array([[0, 0], [0, 3], [3, 3]], dtype=np.int32)
    window = Window(np.zeros(7, np.int32), np.zeros(7, np.int32), offsets, 3, 0)
    decoded = decode("one", [window], [peaked(window, 0, 2, 50.0)], top_k=3)
    assert [(span.start, span.end) for span in decoded.spans] == [(0, 3)]


@pytest.mark.parametrize("top_k", [1, 3, 50])
def test_top_spans_do_not_overlap(top_k):
    rng = np.random.default_rng(0)
    windows = make_windows(40, 16, 8)
    logits = [
        (rng.normal(size=len(w)).astype(np.float32), rng.normal(size=len(w)).astype(np.float32))
        for w in windows
    ]
    spans = decode(context_of(40), windows, logits, max_answer_tokens=6, top_k=top_k).spans
    taken = sorted((span.start, span.end) for span in spans)
    assert all(left[1] <= right[0] for left, right in itertools.pairwise(taken))
    assert [span.score for span in spans] == sorted((span.score for span in spans), reverse=True)


def over_words(context: str) -> Window:
    """One window with a token for each run of letters and for each mark."""
    found = [match.span() for match in re.finditer(r"\w+|[^\w\s]", context)]
    ids = np.zeros(len(found) + 5, dtype=np.int32)
    return Window(ids, ids, np.array(found, dtype=np.int32).reshape(-1, 2), 4, 0)


def test_no_span_goes_over_the_end_of_a_paragraph():
    context = "It costs ten\n\nThe other costs more."
    window = over_words(context)
    span = decode(context, [window], [peaked(window, 2, 4)]).spans[0]
    assert "\n\n" not in context[span.start : span.end]


def test_a_span_may_go_over_the_end_of_a_line():
    context = "It costs ten\nEuro in all."
    window = over_words(context)
    span = decode(context, [window], [peaked(window, 2, 3)]).spans[0]
    assert context[span.start : span.end] == "ten\nEuro"


@pytest.mark.parametrize(("context", "likeliest"), [("Ada , of course", 1), ("Ada , of course", 2)])
def test_neither_a_mark_nor_a_filler_word_is_an_answer(context, likeliest):
    window = over_words(context)
    span = decode(context, [window], [peaked(window, likeliest, likeliest)], max_answer_tokens=1).spans[0]
    assert context[span.start : span.end] in ("Ada", "course")


def test_a_lone_symbol_may_be_the_answer_but_no_alternative():
    context = "The sign is ❤️ or ☃ or blue ."
    window = over_words(context)
    decoded = decode(context, [window], [peaked(window, 3, 3)], max_answer_tokens=1, top_k=10)
    first, *others = (context[span.start : span.end] for span in decoded.spans)
    assert first == "❤️"
    assert set(others) == {"The", "sign", "is", "blue"}


@pytest.mark.alone
@pytest.mark.parametrize("text", ["., " * 20_000, "❤ " * 20_000, "a, " * 20_000])
def test_a_text_of_marks_is_decoded_in_no_time(text):
    window = over_words(text)
    logits = np.zeros((2, len(window)), dtype=np.float32)
    began = time.perf_counter()
    decode(text, [window], [(logits[0], logits[1])], top_k=10)
    assert time.perf_counter() - began < 5


def test_widened_spans_do_not_overlap():
    context = "Write to support.desk+emea@example-corp.co.uk or call."
    window = over_words(context)
    rng = np.random.default_rng(0)
    logits = [rng.normal(size=len(window)).astype(np.float32) for _ in range(2)]
    spans = decode(context, [window], [(logits[0], logits[1])], max_answer_tokens=2, top_k=10).spans
    taken = sorted((span.start, span.end) for span in spans)
    assert all(left[1] <= right[0] for left, right in itertools.pairwise(taken))


@given(cases(), st.sets(st.integers(1, 46), max_size=5))
@settings(max_examples=200, deadline=None)
def test_no_span_reaches_across_a_border(case, borders):
    tokens, windows, logits, max_answer_tokens, _ = case
    decoded = decode(
        context_of(tokens),
        windows,
        logits,
        max_answer_tokens=max_answer_tokens,
        borders=tuple(sorted(borders)),
    )
    _, all_spans = reference(windows, logits, max_answer_tokens, 1)
    # Token i is the code points [2 * i, 2 * i + 1): a border belongs to the token that begins there or next.
    within = [
        score
        for (i, j), score in all_spans.items()
        if np.isfinite(score) and not any(2 * i < border <= 2 * j for border in borders)
    ]
    np.testing.assert_array_equal(decoded.scores, highest(within))


@pytest.mark.parametrize("copies", [1, 2, 5, 16])
def test_what_a_text_says_several_times_competes_once(copies):
    """One answer in several places is no more doubtful than in one: cases of letters apart, too."""
    heights = np.array([0.0, 5.0, 1.0, 2.0], dtype=np.float32)
    sentences = "of two months notice", "Of Two Months Notice"
    context = " ".join(sentences[number % 2] for number in range(copies))
    ends = np.cumsum([len(word) + 1 for word in context.split()]) - 1
    offsets = np.stack([ends - [len(word) for word in context.split()], ends], axis=1).astype(np.int32)
    logits = np.concatenate([[0.0, 0.0, 0.0], np.tile(heights, copies), [0.0]]).astype(np.float32)
    ids = np.zeros(len(logits), np.int32)
    decoded = decode(context, [Window(ids, ids, offsets, 3, 0)], [(logits, logits)], max_answer_tokens=1)
    assert context[decoded.spans[0].start : decoded.spans[0].end].casefold() == "two"
    np.testing.assert_array_equal(decoded.scores, [10.0, 4.0, 2.0, 0.0])


def test_parts_gain_their_priors():
    """Two parts with the same logits: the one with the higher prior wins, and its margin holds the prior."""
    windows = [make_windows(4, 4, 0)[0], make_windows(8, 4, 0)[1]]
    logits = [peaked(window, 1, 1) for window in windows]
    text, border = context_of(8), 2 * windows[1].first_token
    even = decode(text, windows, logits, borders=[border], priors=[0.0, 0.0])
    second = decode(text, windows, logits, borders=[border], priors=[-2.5, 0.0])
    assert (even.spans[0].start, second.spans[0].start) == (2, border + 2)
    assert decode(text, windows, logits, borders=[border], priors=[-2.5, -2.5]).spans[
        0
    ].score == pytest.approx(even.spans[0].score - 2.5)

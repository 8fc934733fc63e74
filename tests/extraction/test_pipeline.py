"""Thresholds, probabilities and answers from hand-made logits."""

from dataclasses import replace

import numpy as np
import pytest

from localqa.extraction.pipeline import answer_pairs, to_answer
from localqa.extraction.qa_config import QAConfig
from localqa.extraction.spans import Decoded, Span, decode
from localqa.extraction.windows import Window, Windower

CONTEXT = "Ada wrote the report in 1843."
SPANS = (Span(24, 28, 6.0), Span(0, 3, 4.0))
SCORES = np.array([6.0, 4.0, 1.0], dtype=np.float32)


def config(**changes) -> QAConfig:
    return QAConfig(base="b", base_sha256="0", **changes)


def decoded(null: float = 0.0, spans=SPANS) -> Decoded:
    return Decoded(spans, null, SCORES)


def test_answer_is_the_span_of_the_context():
    answer = to_answer(CONTEXT, decoded(), config(), top_k=2)
    assert (answer.answer, answer.start, answer.end, answer.answerable) == ("1843", 24, 28, True)
    assert CONTEXT[answer.start : answer.end] == answer.answer
    assert [other.answer for other in answer.alternatives] == ["Ada"]


def test_score_does_not_sink_in_a_long_text():
    """A million hopeless spans more change nothing."""
    scores = []
    for count in (20, 40_000):
        context = " ".join(f"w{number}" for number in range(count))
        ends = np.cumsum([len(word) + 1 for word in context.split()]) - 1
        starts = np.concatenate([[0], ends[:-1] + 1])
        logits = np.full(count + 4, -1.0, dtype=np.float32)
        logits[[3, 5]] = 3.0, 2.0
        ids = np.zeros(len(logits), np.int32)
        window = Window(ids, ids, np.stack([starts, ends], axis=1).astype(np.int32), 3, 0)
        found = decode(context, [window], [(logits, logits)])
        scores.append(to_answer(context, found, config(temperature=3.0)).score)
    assert scores[0] == pytest.approx(scores[1])


def test_score_is_a_softmax_over_the_spans():
    answer = to_answer(CONTEXT, decoded(), config())
    assert answer.score == pytest.approx(np.exp(6) / (np.exp(6) + np.exp(4) + np.exp(1)))


def test_temperature_flattens_the_score():
    cold, warm = (to_answer(CONTEXT, decoded(), config(temperature=t)).score for t in (1.0, 3.0))
    assert 1 / 3 < warm < cold


@pytest.mark.parametrize("null_threshold", [None, -99.0])
def test_offset_moves_the_log_odds_of_the_answer(null_threshold):
    def log_odds(offset):
        score = to_answer(
            CONTEXT, decoded(), config(score_offset=offset, null_threshold=null_threshold)
        ).score
        return np.log(score / (1 - score))

    assert log_odds(1.5) - log_odds(0.0) == pytest.approx(1.5)
    assert log_odds(-2.0) - log_odds(0.0) == pytest.approx(-2.0)


@pytest.mark.parametrize("offset", [-6.0, -1.0, 0.0, 1.0, 6.0])
def test_alternatives_stay_below_the_answer_and_in_sum_below_one(offset):
    answer = to_answer(CONTEXT, decoded(), config(score_offset=offset), top_k=2)
    (other,) = answer.alternatives
    assert other.score < answer.score
    assert answer.score + other.score <= 1


def test_null_above_the_threshold_is_not_answerable():
    answer = to_answer(CONTEXT, decoded(null=9.0), config(null_threshold=2.5))
    assert (answer.answer, answer.start, answer.end, answer.answerable) == ("", 0, 0, False)
    assert answer.null_score == pytest.approx(3.0)
    assert answer.score > 0.9


def test_abstaining_answer_still_offers_its_best_spans():
    answer = to_answer(CONTEXT, decoded(null=9.0, spans=SPANS[:1]), config(null_threshold=0.0), top_k=3)
    assert [other.answer for other in answer.alternatives] == ["1843"]


def test_null_at_the_threshold_is_answered():
    assert to_answer(CONTEXT, decoded(null=9.0), config(null_threshold=3.0)).answerable


def test_without_a_threshold_every_question_is_answered():
    assert to_answer(CONTEXT, decoded(null=99.0), config()).answerable


def test_best_span_at_any_rate_is_no_surer_than_it_was():
    unsure = to_answer(CONTEXT, decoded(null=9.0), config(null_threshold=2.5), abstain=False)
    assert (unsure.answer, unsure.answerable, unsure.null_score) == ("1843", True, pytest.approx(3.0))
    options = np.exp([6, 4, 1, 9])
    assert unsure.score == pytest.approx(options[0] / options.sum())


@pytest.mark.parametrize("offset", [-2.0, 1.5])
def test_refusal_and_what_is_answered_instead_are_in_sum_below_one(offset):
    settings = config(null_threshold=2.5, score_offset=offset)
    refusal = to_answer(CONTEXT, decoded(null=9.0), settings)
    instead = to_answer(CONTEXT, decoded(null=9.0), settings, abstain=False)
    assert refusal.score + instead.score <= 1
    sure = config(null_threshold=99.0, score_offset=offset)
    assert to_answer(CONTEXT, decoded(), sure, abstain=False) == to_answer(CONTEXT, decoded(), sure)


@pytest.mark.parametrize("abstain", [True, None])
def test_what_abstains_goes_on_to(abstain):
    assert not to_answer(CONTEXT, decoded(9.0), config(null_threshold=2.5), abstain=abstain).answerable


def test_answer_below_the_least_score_is_held_back():
    answer = to_answer(CONTEXT, decoded(), config(), top_k=2)
    held = answer.kept(0.95, 2)
    assert (held.answer, held.start, held.end, held.answerable) == ("", 0, 0, False)
    assert held.score == pytest.approx(1 - answer.score)
    assert held.null_score == answer.null_score
    assert held.alternatives == ()
    assert answer.kept(answer.score, 2) == replace(answer, alternatives=())
    assert answer.kept(0.0, 2) == answer
    assert [span.answer for span in answer.held_back(0.95).alternatives] == ["1843", "Ada"]


def test_no_valid_span_is_not_answerable():
    answer = to_answer("", decoded(spans=()), config())
    assert (answer.answer, answer.answerable) == ("", False)


@pytest.mark.parametrize("height", [1e4, -1e4])
def test_huge_logits_give_finite_scores(height):
    spans = (Span(0, 3, height),)
    answer = to_answer(
        CONTEXT, Decoded(spans, height, np.array([height], np.float32)), config(null_threshold=0.0)
    )
    assert 0.0 <= answer.score <= 1.0


PARTS = ("Ada wrote the report.", "Bea sang.", "Cid read it.", "Dan slept.")
BORDERS = tuple(np.cumsum([len(part) + 1 for part in PARTS[:-1]]).tolist())
PRIORS = (0.0, -1.0, -2.0, -3.0)


@pytest.fixture
def read_parts(tiny_bert):
    """(margins of the parts, how it is asked) -> the answer, and how many parts each run read."""
    windower = Windower.from_folder(tiny_bert.folder)

    def read(margins, rounds=(1, 2), abstain=None, **settings):
        runs = []

        def run(windows):
            runs.append(len(windows))
            logits = []
            for window in windows:
                start = np.full(len(window), -9.0, dtype=np.float32)
                end = start.copy()
                start[0] = end[0] = 0.0
                part = int(np.searchsorted(BORDERS, window.offsets[0, 0], side="right"))
                start[window.context_at] = margins[part]
                end[window.context_at] = 0.0
                logits.append((start, end))
            return logits

        [answer] = answer_pairs(
            [("Who?", " ".join(PARTS))],
            windower=windower,
            run=run,
            config=config(**settings),
            top_k=[1],
            borders=[BORDERS],
            priors=[PRIORS],
            rounds=[rounds],
            abstain=[abstain],
        )
        return answer, runs

    return read


@pytest.mark.parametrize(
    ("margins", "runs", "part"),
    [
        ((6.0, 9, 9, 9), [1], 0),  # 6 - (-1) > 5: another part would need more than there is
        ((3.0, 3.5, 9, 9), [1, 1, 2], 2),  # 3 - (-1), 3 - (-2): one of them might still say more
        ((3.0, 5.5, 9, 9), [1, 1], 1),  # 4.5 - (-2)
    ],
    ids=["sure at once", "never sure", "sure after two"],
)
def test_reading_ends_when_the_rest_can_hardly_change_the_answer(read_parts, margins, runs, part):
    answer, read = read_parts(margins, null_threshold=0.0)
    assert read == runs
    assert answer.start == (0, *BORDERS)[part]
    assert read_parts(margins, rounds=(), null_threshold=0.0)[1] == [4]


def test_reading_ends_when_the_rest_can_hardly_make_a_refusal_an_answer(read_parts):
    answer, read = read_parts((-5.0, 1, 1, 1), null_threshold=-5.5)
    assert (answer.answerable, read) == (False, [1])
    answer, read = read_parts((-5.0, -5, 1, 9), null_threshold=-1.0)
    assert (answer.answerable, read) == (True, [1, 1, 2])


def test_adapter_that_always_answers_reads_on_for_longer(read_parts):
    assert read_parts((6.0, 1, 1, 1))[1] == [1, 1, 2]
    assert read_parts((12.0, 1, 1, 1))[1] == [1]

"""What an adapter said is kept, and asked for once."""

import numpy as np
import pytest

from localqa.extraction.decodings import Decodings, identity
from localqa.extraction.pipeline import to_answer
from localqa.extraction.qa_config import QAConfig
from localqa.extraction.spans import Decoded, Span

CONFIG = QAConfig(base="b", base_sha256="0", null_threshold=0.0, temperature=1.7)
PAIRS = [("Who?", "Ada wrote it."), ("When?", "In 1843."), ("Where?", "In London.")]


class Model:
    """Says something of each pair, and counts how often it is asked."""

    def __init__(self):
        self.asked = []

    def __call__(self, pairs):
        self.asked += pairs
        return [self.say(pair) for pair in pairs]

    @staticmethod
    def say(pair):
        scores = np.random.default_rng(len(pair[1])).normal(size=500).astype(np.float32)
        return Decoded((Span(0, 3, float(scores.max())),), 0.25, scores, 3)


def test_kept_answers_are_those_that_were_made(tmp_path):
    Decodings(tmp_path / "a.jsonl").of(PAIRS, Model(), at_a_time=2)
    kept = Decodings(tmp_path / "a.jsonl").load().of(PAIRS, Model(), at_a_time=2)
    for pair, one in zip(PAIRS, kept, strict=True):
        fresh = to_answer(pair[1], Model.say(pair), CONFIG)
        found = to_answer(pair[1], one, CONFIG)
        assert (found.answer, found.start, found.end) == (fresh.answer, fresh.start, fresh.end)
        assert found.score == pytest.approx(fresh.score, abs=1e-4)
        assert one.windows == 3


def test_nothing_is_asked_twice(tmp_path):
    first, second = Model(), Model()
    Decodings(tmp_path / "a.jsonl").of(PAIRS[:2], first, at_a_time=1)
    Decodings(tmp_path / "a.jsonl").load().of([*PAIRS, PAIRS[2]], second, at_a_time=8)
    assert first.asked == PAIRS[:2]
    assert second.asked == PAIRS[2:]


def test_what_was_done_before_an_end_is_kept(tmp_path):
    def dies(pairs):
        if pairs[0] == PAIRS[2]:
            raise KeyboardInterrupt
        return [Model.say(pair) for pair in pairs]

    with pytest.raises(KeyboardInterrupt):
        Decodings(tmp_path / "a.jsonl").of(PAIRS, dies, at_a_time=1)
    rest = Model()
    Decodings(tmp_path / "a.jsonl").load().of(PAIRS, rest, at_a_time=1)
    assert rest.asked == PAIRS[2:]


@pytest.mark.parametrize("cut", [1, 10, 100])
def test_a_line_that_was_cut_off_is_asked_again(tmp_path, cut):
    path = tmp_path / "a.jsonl"
    Decodings(path).of(PAIRS, Model(), at_a_time=1)
    path.write_bytes(path.read_bytes()[:-cut])
    again, third = Model(), Model()
    Decodings(path).load().of(PAIRS, again, at_a_time=1)
    assert again.asked == PAIRS[2:]
    Decodings(path).load().of(PAIRS, third, at_a_time=1)
    assert third.asked == []


def test_times_are_those_of_questions_that_were_asked_alone(tmp_path):
    ticks = iter([0.0, 0.5, 1.0, 1.25, 2.0, 2.125])
    kept, model = Decodings(tmp_path / "a.jsonl"), Model()
    kept.of(PAIRS[:1], model, at_a_time=8)
    assert kept.milliseconds(PAIRS[0]) is None
    kept.of(PAIRS, model, at_a_time=1, clock=lambda: next(ticks))
    assert [Decodings(tmp_path / "a.jsonl").load().milliseconds(pair) for pair in PAIRS] == [500, 250, 125]


@pytest.mark.parametrize(
    ("weights", "changes", "precision"),
    [("1", {}, "fp32"), ("0", {"stride": 64}, "fp32"), ("0", {}, "int8")],
)
def test_another_adapter_or_arithmetic_has_a_file_of_its_own(weights, changes, precision):
    config = QAConfig(**{"base": "b", "base_sha256": "0", **changes})
    assert identity(weights, config, precision) != identity("0", QAConfig("b", "0"), "fp32")


def test_thresholds_and_scores_need_no_file_of_their_own():
    assert identity("0", CONFIG, "fp32") == identity("0", CONFIG.uncalibrated(), "fp32")

"""ROUGE and BLEU of texts whose scores are known."""

import numpy as np
import pytest

from localqa.summarization.scores import KINDS, by_text, score


def test_the_same_text_scores_everything():
    texts = ["The fox found the old brass key.", "Nobody was there at all."]
    found = score(texts, [[text] for text in texts])
    assert [found[key] for key in KINDS] == pytest.approx([100] * 5)
    assert found["interval_95"]["rouge1"] == [100, 100]
    assert "tok:13a" in found["signature"]


def test_rouge_counts_words_runs_and_the_longest_common_sequence():
    # 3 of 4 words and 1 of 3 runs of two are shared; the longest common sequence has 3 words.
    found = by_text(["the fox quickly slept"], [["the fox then slept"]])
    assert found["rouge1"] == pytest.approx([75])
    assert found["rouge2"] == pytest.approx([100 / 3])
    assert found["rougeL"] == pytest.approx([75])


def test_rouge_lsum_does_not_care_for_the_order_of_sentences():
    found = by_text(["It slept well. The fox ran home."], [["The fox ran home. It slept well."]])
    assert found["rougeLsum"] > found["rougeL"]
    assert found["rougeLsum"] == pytest.approx([100])


def test_the_nearest_of_several_references_counts():
    found = score(["the fox slept", "the dog"], [["nobody came", "the fox slept"], ["the dog"]])
    assert found["rouge1"] == pytest.approx(100)
    assert "nrefs:var" in found["signature"]


def test_nothing_scores_nothing():
    found = score(["", "x"], [["The fox."], ["The dog."]])
    assert [found[key] for key in KINDS] == [0] * 5


def test_interval_holds_the_mean():
    random = np.random.default_rng(0)
    words = ["fox", "dog", "cat", "owl", "key", "book"]
    ours, theirs = ([" ".join(random.choice(words, 5)) for _ in range(50)] for _ in range(2))
    found = score(ours, [[text] for text in theirs])
    low, high = found["interval_95"]["rouge1"]
    assert low < found["rouge1"] < high

"""Labels of windows and the order of batches."""

import itertools

import numpy as np
import pytest
import torch

from localqa.extraction.windows import Windower
from localqa.squad.records import Example, GoldAnswer
from localqa.training.features import Augmentation, BatchOrder, label, length_grouped_batches, make_features

CONTEXT = " ".join(f"The quick fox {number} jumps." for number in range(40))


@pytest.fixture(params=["bert", "roberta"])
def windower(request, tiny_bases):
    return Windower.from_folder(tiny_bases[request.param], max_length=64, stride=16)


@pytest.mark.parametrize("text", ["fox 0", "fox 17 jumps", "fox 39 jumps."])
def test_labelled_tokens_spell_the_answer(windower, text):
    start = CONTEXT.index(text)
    example = Example("1", "What?", CONTEXT, (GoldAnswer(text, start),))
    features = make_features([example], windower, progress=False)
    held = [feature for feature in features if feature.start]
    assert held
    for feature in held:
        offsets = feature.window.offsets
        first, last = feature.start - feature.window.context_at, feature.end - feature.window.context_at
        assert CONTEXT[offsets[first][0] : offsets[last][1]].strip() == text
    assert len(held) < len(features)


def test_windows_without_the_answer_point_to_the_null_position(windower):
    (window,) = windower.windows([("What?", "The fox.")])[0]
    assert label(window, None) == (0, 0)
    assert label(window, GoldAnswer("else", 500)) == (0, 0)


def test_answer_cut_by_a_window_points_to_the_null_position(windower):
    windows = windower.windows([("What?", CONTEXT)])[0]
    cut = int(windows[0].offsets[-1][1])
    assert label(windows[0], GoldAnswer(CONTEXT[cut - 3 : cut + 3], cut - 3)) == (0, 0)


def test_every_window_is_in_one_batch_of_its_epoch():
    lengths = [(7 * i) % 90 + 10 for i in range(333)]
    batches = length_grouped_batches(lengths, 8, torch.Generator().manual_seed(0))
    assert sorted(itertools.chain.from_iterable(batches)) == list(range(333))


def test_batches_hold_windows_of_similar_length():
    lengths = [(7 * i) % 90 + 10 for i in range(4000)]
    batches = length_grouped_batches(lengths, 8, torch.Generator().manual_seed(0))
    padded = sum(len(batch) * max(lengths[i] for i in batch) for batch in batches)
    assert padded < 1.1 * sum(lengths)


@pytest.mark.parametrize("accumulation", [1, 3])
def test_order_continues_as_it_would_have_gone_on(accumulation):
    order = BatchOrder([10 + i % 7 for i in range(50)], 4, accumulation, seed=3)
    whole = list(order.steps(0, 3 * order.steps_per_epoch + 1))
    for cut in (1, order.steps_per_epoch, order.steps_per_epoch + 2):
        assert list(order.steps(cut, len(whole))) == whole[cut:]


@pytest.fixture
def ambiguous(windower):
    golds = tuple(GoldAnswer(text, CONTEXT.index(text)) for text in ("fox 0", "quick fox 0", "fox 0"))
    return make_features([Example("1", "What?", CONTEXT, golds)], windower, progress=False)


def augmentation(**changes) -> Augmentation:
    return Augmentation(**({"masking": 0.0, "mask_id": 4, "sample_answers": False, "seed": 1} | changes))


def test_answers_are_drawn_from_the_accepted_ones(ambiguous):
    augment = augmentation(sample_answers=True)
    accepted = {(ambiguous[0].start, ambiguous[0].end), *ambiguous[0].others}
    drawn = {(f.start, f.end) for step in range(30) for f in augment(ambiguous[:1], step)}
    assert len(accepted) == 2
    assert drawn == accepted


def test_masking_hides_context_but_neither_question_nor_answer(ambiguous):
    before = ambiguous[0]
    (after,) = augmentation(masking=0.5)([before], 0)
    changed = np.nonzero(after.window.input_ids != before.window.input_ids)[0]
    assert 0.3 < len(changed) / len(before.window.offsets) < 0.7
    assert set(after.window.input_ids[changed]) == {4}
    assert changed.min() >= before.window.context_at
    assert not set(changed) & set(range(before.start, before.end + 1))


def test_a_step_is_augmented_the_same_way_again(ambiguous):
    augment = augmentation(masking=0.3, sample_answers=True)
    ids = [[f.window.input_ids.tolist() for f in augment(ambiguous, step)] for step in (5, 5, 6)]
    assert ids[0] == ids[1] != ids[2]


def test_without_augmentation_features_stay_as_they_are(ambiguous):
    assert augmentation()(ambiguous, 0) == ambiguous


def test_epochs_differ_in_order_and_seeds_too():
    order = BatchOrder([10] * 40, 4, 1, seed=3)
    first, second = list(order.steps(0, 10)), list(order.steps(10, 20))
    assert first != second
    assert first != list(BatchOrder([10] * 40, 4, 1, seed=4).steps(0, 10))


def test_features_are_counted_as_they_are_learned():
    """Seven features in batches of three: passes of three steps, of which the last learns one or more."""
    order = BatchOrder([5, 3, 8, 1, 2, 9, 4], batch_size=3, accumulation=1, seed=1)
    for steps in range(8):
        learned = sum(len(batch) for batches in order.steps(0, steps) for batch in batches)
        assert order.count(steps) == learned
    assert order.count(6) == 14

"""Holding out, sampling and fingerprints."""

from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from localqa.errors import ConfigError, DataError
from localqa.squad.records import Example, GoldAnswer
from localqa.squad.split import fingerprint, split_by_context, subset


def many(contexts, each=3):
    return [Example(f"{c}-{k}", "?", f"context {c}") for k in range(each) for c in range(contexts)]


@given(st.lists(st.integers(0, 6), min_size=2, max_size=40), st.integers(1, 20), st.integers())
def test_no_context_is_on_both_sides_and_nothing_is_lost(contexts, held_out, seed):
    examples = [Example(str(n), "?", f"c  {c}" if n % 2 else f"c {c}") for n, c in enumerate(contexts)]
    assume(held_out < len(examples) and len(set(contexts)) > 1)
    kept, held = split_by_context(examples, held_out=held_out, seed=seed)
    assert not {e.context.split()[1] for e in kept} & {e.context.split()[1] for e in held}
    assert sorted([*kept, *held], key=lambda e: int(e.id)) == examples
    assert kept
    assert held


def test_split_depends_on_seed_and_not_on_order():
    examples = many(50)
    first = split_by_context(examples, held_out=30, seed=1)[1]
    again = split_by_context(examples[::-1], held_out=30, seed=1)[1]
    assert first == again[::-1]
    assert first != split_by_context(examples, held_out=30, seed=2)[1]


@pytest.mark.parametrize(("held_out", "size"), [(30, 30), (31, 30), (0.1, 15), (0, 0), (0.0, 0), (1, 3)])
def test_held_out_size_in_whole_contexts(held_out, size):
    kept, held = split_by_context(many(50), held_out=held_out, seed=3)
    assert (len(kept), len(held)) == (150 - size, size)


def test_order_is_kept():
    examples = many(20)
    for side in split_by_context(examples, held_out=0.3, seed=0):
        assert side == [example for example in examples if example in side]


@pytest.mark.parametrize("held_out", [-1, 150, 1.0, -0.1, float("nan")])
def test_senseless_sizes_are_refused(held_out):
    with pytest.raises(ConfigError):
        split_by_context(many(50), held_out=held_out, seed=0)


def test_a_single_context_cannot_be_split():
    with pytest.raises(DataError, match="one context"):
        split_by_context(many(1), held_out=1, seed=0)


def test_subset_is_a_stable_sample_in_order():
    examples = many(50)
    sample = subset(examples, 20, 1)
    assert sample == subset(examples, 20, 1) != subset(examples, 20, 2)
    assert sample == [example for example in examples if example in sample]
    assert len(sample) == 20


def test_subset_larger_than_the_data_is_all_of_it():
    assert subset(many(2), 100, 0) == many(2)


def test_negative_sample_is_refused():
    with pytest.raises(ConfigError):
        subset(many(2), -1, 0)


def test_fingerprint_changes_with_content_and_not_with_source():
    example = Example("1", "q", "c\ud800", (GoldAnswer("c", 0),))
    base = fingerprint([example])
    assert base == fingerprint([replace(example, source="other.json:3", title="t")])
    changed = [
        replace(example, id="2"),
        replace(example, answers=()),
        replace(example, question="qc", context=""),
    ]
    assert len({base, *(fingerprint([other]) for other in changed)}) == 4

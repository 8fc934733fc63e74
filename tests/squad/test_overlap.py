"""Evaluation text stays out of training data."""

from localqa.squad.overlap import without_overlap
from localqa.squad.records import Example

TEXT = " ".join(f"word{number}" for number in range(60))


def example(context: str) -> Example:
    return Example(context[:20], "What?", context)


def test_equal_and_nearly_equal_contexts_are_split_off():
    near = TEXT.replace("word30", "other").upper() + "!"
    far = " ".join(f"term{number}" for number in range(60))
    kept, split_off = without_overlap([example(TEXT), example(near), example(far)], [example(TEXT)])
    assert [e.context for e in kept] == [far]
    assert len(split_off) == 2


def test_a_shared_phrase_is_no_overlap():
    other = " ".join(f"term{number}" for number in range(60)) + " " + " ".join(TEXT.split()[:10])
    assert without_overlap([example(other)], [example(TEXT)])[1] == []


def test_short_contexts_count_when_equal():
    kept, split_off = without_overlap(
        [example("A short one."), example("Another one.")], [example("a short one")]
    )
    assert [e.context for e in split_off] == ["A short one."]
    assert [e.context for e in kept] == ["Another one."]

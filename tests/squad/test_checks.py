"""The checker's verdicts and repairs."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from localqa.squad.checks import check, repair
from localqa.squad.records import Example, GoldAnswer

CONTEXT = "The party had art. The café had art too."


def make(*answers, context=CONTEXT, question="What?", id="q", source="f.json:1", title=""):  # noqa: A002  # the record's own name
    golds = tuple(GoldAnswer(text, start) for text, start in answers)
    return Example(id, question, context, golds, title, source)


def mended(example):
    (problem,) = check([example]).problems
    return problem.kind, problem.repair.answers if problem.repair else None


def test_good_examples_have_no_problem():
    report = check([make(("party", 4)), make(id="r")])
    assert report.ok
    assert report.counts == {}


def test_misaligned_offset_moves_to_the_nearest_occurrence():
    assert mended(make(("had", 30))) == ("misaligned_offset", (GoldAnswer("had", 28),))
    assert mended(make(("had", 12))) == ("misaligned_offset", (GoldAnswer("had", 10),))


@pytest.mark.parametrize("start", [10**30, -(10**30), -5, len(CONTEXT)])
def test_offsets_outside_the_context_are_repaired_too(start):
    kind, answers = mended(make(("party", start)))
    assert (kind, answers) == ("misaligned_offset", (GoldAnswer("party", 4),))


@pytest.mark.parametrize(
    ("text", "context", "found"),
    [
        ("THE PARTY", CONTEXT, "The party"),
        ("party  had", CONTEXT, "party had"),
        ("cafe\u0301", CONTEXT, "café"),
        ("café", "A cafe\u0301 here.", "cafe\u0301"),
        ("Levi's", "At Levi\u2019s.", "Levi\u2019s"),
        ("24-10", "Won 24\u201310.", "24\u201310"),
        ("soft hyphen", "A soft hy\u00adphen.", "soft hy\u00adphen"),
        ("two lines", "On two\n   lines.", "two\n   lines"),
    ],
)
def test_variant_of_the_text_is_proposed_and_said(text, context, found):
    (problem,) = check([make((text, 1), context=context)]).problems
    assert problem.kind == "misaligned_offset"
    assert "other case, spacing or Unicode form" in problem.message
    assert problem.repair.answers == (GoldAnswer(found, context.index(found)),)


def test_variant_never_cuts_a_character_in_two():
    assert mended(make(("f", 0), context="\ufb01n")) == ("answer_not_in_context", None)


@pytest.mark.parametrize(
    ("example", "kind"),
    [
        (make(("robot", 4)), "answer_not_in_context"),
        (make(("robot", -1)), "answer_not_in_context"),
        (make(("", 0)), "empty_answer"),
        (make((" ", 3)), "empty_answer"),
        (make(("art", -1)), "answer_start_ambiguous"),
        (make(context=" \n"), "empty_context"),
        (make(("party", 4), question="\t"), "blank_question"),
    ],
)
def test_what_cannot_be_repaired_is_named(example, kind):
    assert mended(example) == (kind, None)


def test_ambiguous_start_tells_all_places():
    (problem,) = check([make(("art", -1))]).problems
    assert "at 5, 14, 32" in problem.message


@pytest.mark.parametrize(
    ("text", "gold"), [("party", GoldAnswer("party", 4)), ("CAFÉ", GoldAnswer("café", 23))]
)
def test_missing_start_is_filled_in_where_there_is_one_place(text, gold):
    assert mended(make((text, -1))) == ("answer_start_missing", (gold,))


@pytest.mark.parametrize("character", ["\0", chr(0xD800), chr(0xDFFF)])
@pytest.mark.parametrize("place", ["question", "context", "id", "title"])
def test_unprintable_characters_are_replaced_and_offsets_stay(character, place):
    text = f"a{character}b {CONTEXT}"
    example = make(("party", text.index("party")), **{"context": text, place: text})
    (problem,) = check([example]).problems
    assert problem.kind == "bad_characters"
    assert problem.repair
    assert getattr(problem.repair, place) == text.replace(character, "\ufffd")
    assert check([problem.repair]).ok


def test_duplicate_ids_get_free_ids():
    examples = [make(id="a"), make(id="a-2"), make(id="a"), make(id="a")]
    kept, report = repair(examples)
    assert [example.id for example in kept] == ["a", "a-2", "a-3", "a-4"]
    assert report.counts == {"duplicate_id": 2}


def test_all_problems_of_one_example_are_told_and_mended_together():
    example = make(("party", 5), ("had", 0))
    report = check([make(), example])
    assert report.counts == {"misaligned_offset": 2, "duplicate_id": 1}
    assert {problem.repair for problem in report.problems} == {make(("party", 4), ("had", 10), id="q-2")}


def test_one_hopeless_answer_leaves_the_example_out_and_says_so():
    kept, report = repair([make(("party", 5), ("robot", 0)), make(id="b")])
    assert [example.id for example in kept] == ["b"]
    assert [problem.repair for problem in report.problems] == [None, None]
    assert (report.repairable, report.unusable) == (0, 1)


def test_summary_counts_per_file_and_shows_the_first_problems():
    examples = [make(("party", 9), id=str(n), source=f"a.json:{n}") for n in range(5)]
    text = check([*examples, make(id="z", source="b.json:0")]).summary(limit=2)
    assert "a.json: 5 questions, 1 contexts, 0 unanswerable; 5 problems: misaligned_offset 5" in text
    assert "a.json:1 id 1: misaligned_offset: 'party' is not at 9" in text
    assert "... and 3 more" in text
    assert "b.json: 1 questions, 1 contexts, 1 unanswerable; no problems" in text


def test_summary_can_always_be_printed():
    check([make(id="\ud800", source="\udcff.json:1")]).summary().encode("utf-8")


def seconds(examples):
    started = time.process_time()
    check(examples)
    return time.process_time() - started


def test_45000_clean_examples_take_about_a_second():
    contexts = [f"{n} " + "word é " * 120 + "answer" for n in range(9_000)]
    examples = [make(("answer", len(c) - 6), context=c, id=f"{c[:5]}{k}") for c in contexts for k in range(5)]
    assert seconds(examples) < 3.0


@pytest.mark.parametrize(
    "examples",
    [
        [make(("party", 4))] * 45_000,
        [make(("a" * 50_000 + "b", 7), context="a" * 100_000)] * 2,
        [make(("a" * 500, 10**9), context="a" * 1_000_000)],
        [make(("A" * 500, 10**9), context="a" * 200_000)],
        [make(("a", -1), context="a" * 1_000_000)],
    ],
    ids=["same id", "long near match", "many matches", "many variants", "many places"],
)
def test_hostile_data_takes_no_quadratic_time(examples):
    assert seconds(examples) < 5.0


text = st.text("aAbé e\u0301\ufb01\0\ud800-\u2013\n", max_size=12)
golds = st.builds(GoldAnswer, text, st.integers(-3, 15))
examples = st.builds(
    Example,
    st.sampled_from(["x", "x-2", "x\0", "x\ufffd", "y"]),
    text,
    text,
    st.lists(golds, max_size=2).map(tuple),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(examples, max_size=6))
def test_repaired_examples_have_no_problem_and_nothing_is_lost_silently(listed):
    kept, report = repair(listed)
    assert check(kept).ok, check(kept).summary()
    assert len(kept) + report.unusable == len(listed)

"""Starts that another program counted in another way."""

import json
import time

import pytest

from localqa.squad.checks import check, repair
from localqa.squad.records import Example, GoldAnswer

ITEMS = [f"Item {number}: no" for number in range(1, 31)]
ANSWERS = (3, 11, 25)


def examples(context, stated, *, text="no", file="f.json"):
    return [
        Example(f"{file}{at}", "In stock?", context, (GoldAnswer(text, start),), source=f"{file}:{at}")
        for at, start in enumerate(stated)
    ]


def places(context):
    """Where the wanted items' answers really are."""
    return [context.index(f"Item {number}: no") + len(f"Item {number}: ") for number in ANSWERS]


def starts(listed):
    kept, report = repair(listed)
    assert check(kept).ok
    assert len(kept) == len(listed), report.summary()
    return [example.answers[0].start for example in kept]


def utf16(text):
    return len(text.encode("utf-16-le")) // 2


def utf8(text):
    return len(text.encode())


COUNTED = {
    "LF counted, text has CRLF": ("\r\n", lambda front: len(front.replace("\r", ""))),
    "CRLF counted, text has LF": ("\n", lambda front: len(front) + front.count("\n")),
    "CRLF counted, text has CR": ("\r", lambda front: len(front) + front.count("\r")),
    "line ends not counted": ("\n", lambda front: len(front.replace("\n", ""))),
    "CR not counted": ("\r", lambda front: len(front.replace("\r", ""))),
    "mark counted": ("\n", lambda front: len(front) + 1),
    "UTF-16 units": (" \U0001f600\n", utf16),
    "bytes": (" ä\n", utf8),
    "bytes, and a mark": (" ä\n", lambda front: utf8(front) + 3),
    "UTF-16 units and LF, text has CRLF": (" \U0001f600\r\n", lambda front: utf16(front.replace("\r", ""))),
    "a title of 17 characters before it": ("\n", lambda front: len(front) + 17),
}


@pytest.mark.parametrize("kind", COUNTED)
def test_one_way_of_counting_explains_all_starts(kind):
    end, count = COUNTED[kind]
    context = end.join([*ITEMS, "The last item is missing."])
    right = places(context)
    listed = examples(context, [count(context[:at]) for at in right])
    if kind.startswith("a title"):
        # An answer in one place alone tells how far.
        at = context.index("missing")
        listed += examples(context, [count(context[:at])], text="missing", file="g.json")[:1]
        listed = [Example(**{**as_dict(one), "source": f"f.json:{n}"}) for n, one in enumerate(listed)]
        right = [*right, at]
    assert starts(listed) == right


def as_dict(example):
    return {name: getattr(example, name) for name in Example.__slots__}


def test_mark_in_the_text_that_was_not_counted():
    context = "\ufeff" + "\n".join(ITEMS)
    assert starts(examples(context, [at - 1 for at in places(context)])) == places(context)


def test_single_answer_is_explained_by_its_line_ends():
    context = "\r\n".join(ITEMS)
    (at, *_) = places(context)
    assert starts(examples(context, [len(context[:at].replace("\r", ""))])) == [at]


def test_start_that_falls_on_another_occurrence_by_chance_moves_with_the_others():
    # Lines of equal length, so that the shift of some of them is the length of a line.
    context = "\r\n".join(["It: no"] * 30)
    right = [context.index("no")] + [8 * line + 4 for line in (7, 8, 9)]
    listed = examples(context, [at - context[:at].count("\r") for at in right])
    assert context.startswith("no", listed[2].answers[0].start)
    assert starts(listed) == right


def test_answer_over_a_line_end_is_found():
    context = "The first line\r\nends here, the second line\r\nends here."
    front = "The first line\nends here, the second "
    (mended,) = repair(examples(context, [len(front)], text="line\nends here"))[0]
    assert mended.answers == (GoldAnswer("line\r\nends here", context.rindex("line\r\n")),)


def test_each_context_may_have_a_way_of_its_own():
    one, other = "\r\n".join(ITEMS), " \U0001f600\n".join(ITEMS)
    listed = [
        *examples(one, [len(one[:at].replace("\r", "")) for at in places(one)]),
        *examples(other, [utf16(other[:at]) for at in places(other)], file="f.json:b"),
    ]
    assert starts(listed) == [*places(one), *places(other)]


@pytest.mark.parametrize("shift", [3, -4, 5, 40])
def test_what_nothing_explains_and_could_be_several_is_set_aside_and_told(shift):
    context = "\n".join(ITEMS)
    at = context.index("Item 25: no") + 9 + shift
    kept, report = repair(examples(context, [at]))
    assert kept == []
    (problem,) = report.problems
    assert (problem.kind, problem.repair) == ("answer_start_ambiguous", None)
    assert "say which" in problem.message
    assert "f.json:0" in report.summary()


def test_halfway_between_two_is_ambiguous():
    kept, report = repair(examples("A no and then again a no.", [12]))
    assert (kept, report.counts) == ([], {"answer_start_ambiguous": 1})


def test_one_row_that_is_not_explained_costs_the_others_nothing():
    contexts = [f"{number}\r\n" + "\r\n".join(ITEMS) for number in range(4)]
    listed = []
    for number, context in enumerate(contexts):
        (at, *_) = places(context)
        listed += examples(context, [len(context[:at].replace("\r", ""))], file=f"f.json:{number}")
    listed[2] = Example("x", "?", contexts[2], (GoldAnswer("maybe", 3),), source="f.json:9")
    kept, report = repair(listed)
    assert [example.answers[0].start for example in kept] == [places(contexts[0])[0]] * 3
    assert report.unusable == 1


def test_way_of_counting_is_told():
    context = "\r\n".join(ITEMS)
    (at, *_) = places(context)
    (problem,) = check(examples(context, [at - 2])).problems
    assert "line ends counted as one character" in problem.message
    json.dumps(problem.message)


def test_large_files_take_no_quadratic_time():
    contexts = [f"{number} ä\r\n" + "\r\n".join(ITEMS) for number in range(4_000)]
    listed = [
        one for n, context in enumerate(contexts) for one in examples(context, [30], file=f"f.json:{n}")
    ]
    hostile = examples("no ä\r\n" * 60_000, [300_000] * 2)
    started = time.process_time()
    check(listed)
    check(hostile)
    assert time.process_time() - started < 15

"""JSON from outside: counted before it is parsed, and read by the standard alone."""

import json
import tracemalloc

import pytest

from localqa.strict_json import (
    MAX_DEPTH,
    TooDeepError,
    TooManyValuesError,
    count_values,
    parse,
    parse_foreign,
)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("{}", 1),
        ('{"a": 1}', 3),
        ('[1, -2.5e3, "x", null, true]', 6),
        ('{"a": "[1, 2, {\\"b\\": [3]}]"}', 3),
        ('["\\\\", "\\\\\\"", "a\\"[b"]', 4),
        ('"' + "\\u00e9" * 1000 + '"', 1),
        ("[[], {}, [[]]]", 5),
        ("", 0),
    ],
)
def test_values_are_counted_as_the_parser_makes_them(text, values):
    assert count_values(text.encode(), most=100) == values


@pytest.mark.parametrize(
    "text",
    [b"[" + b"[]," * 5000 + b"[]]", b'{"x":[' + b"1," * 5000 + b"1]}", b'["' + b'","' * 5000 + b'"]'],
)
def test_too_many_are_refused_without_making_any(text):
    tracemalloc.start()
    with pytest.raises(TooManyValuesError):
        count_values(text, most=1000)
    assert tracemalloc.get_traced_memory()[1] < 200_000
    tracemalloc.stop()


@pytest.mark.parametrize("text", [b"[" * 200_000, b'{"a":' * 200_000, b'[{"a":' * 200])
def test_deep_ones_are_refused(text):
    with pytest.raises(TooDeepError):
        count_values(text, most=10**6)
    assert count_values(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH, most=1000) == MAX_DEPTH


def test_closing_brackets_alone_end_the_count():
    assert count_values(b"]" * 1_000_000, most=10) == 0


@pytest.mark.parametrize("text", ["NaN", "[-Infinity]", "1e999", "[1, -1e400]", "9" * 5000, "[1,]", "'a'"])
def test_what_is_no_json_is_an_error(text):
    with pytest.raises(ValueError):  # noqa: PT011 - whatever kind of it
        parse(text)


@pytest.mark.parametrize(
    "sent", [b'"\\ud800"', b'{"\\udfff": 1}', b'"\xff"', b"[" * 200_000, '"a"'.encode("utf-16")]
)
def test_what_another_server_sends_is_unicode(sent):
    with pytest.raises(ValueError):  # noqa: PT011 - whatever kind of it
        parse_foreign(sent)


def test_a_pair_of_surrogates_is_one_character():
    assert parse_foreign(json.dumps("😀").encode()) == "😀"

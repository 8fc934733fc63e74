"""What flags of several verbs read, and what they refuse."""

import json

import pytest

from localqa.cli import main
from localqa.cli.flags import key_headers, server_address


@pytest.mark.parametrize(
    "words",
    [
        ["evaluate", "--data", "x.json", "--limit"],
        ["compare", "--after", "squad", "--data", "x.json", "--limit"],
        ["calibrate", "--adapter", "squad", "--limit"],
        ["calibrate", "--adapter", "squad", "--long_limit"],
        ["calibrate", "--adapter", "squad", "--long"],
        ["ask", "Who?", "--context", "Ada.", "--top_k"],
        ["answer-file", "x.jsonl", "--part_rows"],
        ["answer-file", "x.jsonl", "--worker_cpus"],
        ["adapters", "combine", "squad", "squad2", "--output", "new", "--rank"],
        ["adapters", "rollback", "squad", "--to"],
    ],
    ids=lambda words: f"{words[0]} {words[-1]}",
)
@pytest.mark.parametrize("given", ["0", "-1", "abc", "1.5"])
def test_counts_are_whole_numbers_from_one(capsys, words, given):
    with pytest.raises(SystemExit):
        main([*words, given])
    assert f"argument {words[-1]}: '{given}' is no whole number from 1" in capsys.readouterr().err


@pytest.mark.parametrize("given", ["-1", "abc"])
def test_none_may_be_shown(capsys, given):
    with pytest.raises(SystemExit):
        main(["check", "x.json", "--limit-shown", given])
    assert "no whole number from 0" in capsys.readouterr().err


@pytest.mark.parametrize("given", ["abc", "60", "-0.1", "nan"])
def test_probability_is_told_by_what_it_may_be(capsys, given):
    with pytest.raises(SystemExit):
        main(["ask", "Who?", "--context", "Ada.", "--min_score", given])
    assert f"argument --min_score: '{given}' is no number from 0 to 1" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ("localhost:5000", "http://localhost:5000"),
        ("http://localhost:5000/", "http://localhost:5000"),
        ("https://host/qa/", "https://host/qa"),
    ],
)
def test_address_without_a_scheme_is_http(given, address):
    assert server_address(given) == address


def test_without_a_key_none_is_sent():
    assert key_headers("") == {}


def test_both_spellings_of_a_flag_are_one(capsys):
    said = []
    for words in (["--top_k=2", "--no_abstain", "--min_score", "0"], ["--top-k", "2", "--no-abstain"]):
        assert main(["ask", "Who wrote it?", "--context", "Ada wrote it in 1843.", "--json", *words]) == 0
        said.append(json.loads(capsys.readouterr().out))
    assert said[0] == said[1]
    assert said[0]["alternatives"]


def test_what_stands_behind_two_dashes_is_no_flag(capsys):
    assert main(["ask", "--context", "The flag is --top-k here.", "--no-abstain", "--", "--top-k"]) == 0
    assert "%" in capsys.readouterr().out

"""Made-up data: the same for the same seed, sound, and with the share of questions without answer."""

import random
import subprocess
import sys
from itertools import islice

import pytest

from localqa.squad import mock
from localqa.squad.checks import check
from localqa.squad.mock import make_mock
from localqa.squad.readers import read_examples
from tests.conftest import ROOT


def test_same_seed_makes_the_same_and_another_one_another():
    assert make_mock(50, seed=3) == make_mock(50, seed=3)
    assert make_mock(50, seed=3) != make_mock(50, seed=4)


def test_names_never_run_out(monkeypatch):
    monkeypatch.setattr(mock, "_NAMES", 3)
    names = list(islice(mock._names(random.Random(1)), 10))
    assert len(set(names)) == 10
    assert ["/" in name for name in names] == [False] * 3 + [True] * 7


@pytest.mark.parametrize("share", [0.0, 0.1, 0.25, 0.5])
def test_share_without_answer_holds_for_every_part(share):
    examples = make_mock(400, unanswerable=share)
    for some in (examples, examples[:100], examples[300:]):
        missing = sum(example.is_impossible for example in some)
        assert abs(missing - share * len(some)) <= 2


def test_the_project_s_own_checker_finds_nothing():
    examples = make_mock(1000, seed=7)
    assert check(examples).ok
    assert len({example.id for example in examples}) == 1000
    for example in examples:
        for answer in example.answers:
            assert example.context[answer.start : answer.end] == answer.text


def test_an_unanswerable_question_names_nothing_that_its_page_tells():
    """Codes asked for in vain do not stand on the page."""
    for example in make_mock(1000, unanswerable=0.5):
        if example.is_impossible and "code" in example.question.lower():
            code = next(word.strip("?.") for word in example.question.split() if word[1:3].isdigit())
            assert code not in example.context


@pytest.mark.parametrize("name", ["out.json", "out.jsonl"])
def test_script_writes_both_formats_and_a_test_part(tmp_path, name):
    command = [
        sys.executable,
        "scripts/make_dataset.py",
        tmp_path / name,
        "--questions",
        "100",
        "--test",
        "0.2",
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    train = read_examples(tmp_path / name)
    test = read_examples((tmp_path / name).with_stem("out-test"))
    assert (len(train), len(test)) == (80, 20)
    assert not {one.context for one in train} & {one.context for one in test}
    assert "80 questions about 16 pages" in done.stdout


@pytest.mark.parametrize(
    "arguments", [["out.xml"], ["out.json", "--questions", "0"], ["o.json", "--test", "1"]]
)
def test_script_refuses_with_a_reason(tmp_path, arguments):
    out, *more = arguments
    command = [sys.executable, "scripts/make_dataset.py", tmp_path / out, *more]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "error" in done.stderr
    assert not list(tmp_path.iterdir())

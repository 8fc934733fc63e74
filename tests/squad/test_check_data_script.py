"""`scripts/check_data.py` as a user runs it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "check_data.py"
GOOD = {"id": "g", "question": "Who?", "context": "Ada here", "answer": {"text": "Ada", "answer_start": 0}}
MOVED = {**GOOD, "id": "m", "answer": {"text": "Ada", "answer_start": 2}}
LOST = {**GOOD, "id": "l", "answer": {"text": "Bob", "answer_start": 2}}


@pytest.fixture
def run(tmp_path):
    def run(*arguments):
        return subprocess.run(
            [sys.executable, str(SCRIPT), *arguments],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            check=False,
        )

    return run


def save(path, *records):
    path.write_text(json.dumps(records), encoding="utf-8")
    return path


def test_clean_files_end_with_0(run, tmp_path):
    save(tmp_path / "a.json", GOOD)
    done = run("a.json")
    assert (done.returncode, done.stdout) == (
        0,
        "a.json: 1 questions, 1 contexts, 0 unanswerable; no problems\n",
    )


def test_problems_are_counted_and_named_and_end_with_1(run, tmp_path):
    save(tmp_path / "a.json", GOOD, MOVED, LOST)
    done = run("a.json", "--limit-shown", "1")
    assert done.returncode == 1
    assert "2 problems: misaligned_offset 1, answer_not_in_context 1" in done.stdout
    assert "a.json:[1] id m: misaligned_offset" in done.stdout
    assert "... and 1 more" in done.stdout


def test_repair_writes_another_file_and_says_what_was_left_out(run, tmp_path):
    before = save(tmp_path / "a.json", GOOD, MOVED, LOST).read_bytes()
    done = run("a.json", "--repair", "b.json")
    assert done.returncode == 1
    assert "wrote 2 examples to b.json: 1 repaired, 1 left out" in done.stdout
    assert "left out a.json:[2] id l: answer_not_in_context" in done.stdout
    assert (tmp_path / "a.json").read_bytes() == before
    assert run("b.json").returncode == 0


def test_repair_of_everything_ends_with_0(run, tmp_path):
    save(tmp_path / "a.json", MOVED)
    assert run("a.json", "--repair", "b.jsonl").returncode == 0
    assert run("b.jsonl").returncode == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["a.json", "--repair", "a.json"], "is the input"),
        (["a.json", "--repair", "link.json"], "is the input"),
        (["a.json", "--repair", "b.csv"], "cannot write"),
        (["a.json", "a.json", "--repair", "b.json"], "takes one FILE"),
        (["a.json", "--columns", "question"], "not of the form"),
        (["aa.json"], "Did you mean a.json"),
        (["bad.json"], "bad.json:1:2: malformed JSON"),
    ],
)
def test_errors_are_told_without_a_traceback(run, tmp_path, arguments, told):
    before = save(tmp_path / "a.json", MOVED).read_bytes()
    (tmp_path / "link.json").symlink_to(tmp_path / "a.json")
    (tmp_path / "bad.json").write_text("[", encoding="utf-8")
    done = run(*arguments)
    assert done.returncode == 2
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert (tmp_path / "a.json").read_bytes() == before


def test_columns_are_mapped(run, tmp_path):
    (tmp_path / "a.csv").write_text("q,passage,a\nWho?,Ada here,Ada\n", encoding="utf-8")
    assert run("a.csv", "--columns", "question=q,context=passage,answer=a").returncode == 0


def test_help_has_an_example(run):
    assert "--columns question=q,context=passage" in run("--help").stdout


BAD = {"id": "n", "question": None, "context": "Ada here", "answer": "Ada"}
NONE = {
    "id": "u",
    "question": "Who paid?",
    "context": "Ada here",
    "answers": [{"text": None}],
    "is_impossible": True,
}


def test_one_bad_row_is_told_and_the_others_are_written(run, tmp_path):
    save(tmp_path / "a.json", GOOD, BAD, NONE)
    done = run("a.json", "--repair", "b.json")
    assert done.returncode == 1
    assert "wrote 2 examples to b.json: 0 repaired, 1 left out" in done.stdout
    assert 'left out a.json:[1]: "question" must be text, found null' in done.stdout
    assert run("b.json").stdout.startswith("b.json: 2 questions, 1 contexts, 1 unanswerable; no problems")


def test_nothing_usable_writes_nothing_and_says_why(run, tmp_path):
    for records in ([BAD], [LOST]):
        save(tmp_path / "a.json", *records)
        done = run("a.json", "--repair", "b.json")
        assert done.returncode == 2
        assert "what to do" in done.stderr
        assert not (tmp_path / "b.json").exists()


def test_another_file_is_not_written_over_unless_told_so(run, tmp_path):
    save(tmp_path / "a.json", GOOD)
    (tmp_path / "b.json").write_text("mine")
    done = run("a.json", "--repair", "b.json")
    assert (done.returncode, "--overwrite" in done.stderr) == (2, True)
    assert (tmp_path / "b.json").read_text() == "mine"
    assert run("a.json", "--repair", "b.json", "--overwrite").returncode == 0
    # The same again changes nothing.
    assert run("a.json", "--repair", "b.json").returncode == 0


def test_encoding_and_delimiter_may_be_named(run, tmp_path):
    text = "question^context^answer\nWho?^Ada дома^Ada\n"
    (tmp_path / "a.csv").write_bytes(text.encode("cp1251"))
    assert run("a.csv").returncode == 2
    assert run("a.csv", "--encoding", "cp1251", "--delimiter", "^").returncode == 0

"""benchmarks/adapters.py and length.py with the shipped adapter, on what the project itself has."""

import json
import subprocess
import sys

import pytest

from adapters import SHOWN, in_order
from localqa.errors import ConfigError
from localqa.squad.records import Example, GoldAnswer
from serve import ASKED, PARAGRAPHS, long_documents
from tests.conftest import ROOT

pytestmark = pytest.mark.slow
JUDGE = ROOT / "data" / "user_documents" / "judge.json"


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A benchmark with a cache of its own; returns its JSON and what it printed."""
    monkeypatch.setenv("QA_CACHE_DIR", str(tmp_path / "cache"))

    def call(name, *words):
        results = {path: path.stat().st_mtime_ns for path in (ROOT / "benchmarks" / "results").iterdir()}
        command = [sys.executable, ROOT / "benchmarks" / f"{name}.py", *words]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        # A quick look changes no committed result.
        assert results == {p: p.stat().st_mtime_ns for p in (ROOT / "benchmarks" / "results").iterdir()}
        return json.loads(done.stdout.splitlines()[-1]), done.stdout

    return call


def test_an_adapter_is_judged_by_a_set_under_any_name(run, tmp_path):
    before = f"before={ROOT / 'models' / 'squad2'}"
    report, printed = run(
        "adapters", "--adapters", "squad2", before, "--sets", "user-documents", "--limit", "8"
    )
    first, second = report["rows"]
    assert (first["adapter"], second["adapter"]) == ("squad2", "before")
    assert first["questions"] == 8
    assert {key: first[key] for key in first if key != "adapter"} == {
        key: second[key] for key in second if key != "adapter"
    }
    assert all(title in printed for title in SHOWN.values())


def test_the_same_questions_are_not_asked_again(run, tmp_path):
    words = ("--adapters", "squad", "--sets", "user-documents", "--limit", "6")
    first, _ = run("adapters", *words)
    [kept] = (tmp_path / "cache").rglob("judged/*.jsonl")
    size = kept.stat().st_size
    again, _ = run("adapters", *words)
    assert again == first
    assert kept.stat().st_size == size


def test_sets_whose_files_are_not_here_are_left_out(run, tmp_path):
    report, _ = run(
        "adapters",
        "--adapters",
        "squad",
        "--sets",
        "qed",
        "user-documents",
        "--data",
        tmp_path,
        "--limit",
        "4",
    )
    assert [row["set"] for row in report["rows"]] == ["user-documents"]


def test_length_grows_and_is_timed(run, tmp_path):
    """With the project's own documents in place of SQuAD's paragraphs."""
    (tmp_path / "squad_v1").mkdir()
    (tmp_path / "squad_v1" / "dev-v1.1.json").write_bytes(JUDGE.read_bytes())
    words = ("--adapters", "squad2", "--paragraphs", "1", "3", "--data", tmp_path, "--limit", "3")
    report, _ = run("length", *words)
    short, long = report["rows"]
    assert (short["paragraphs"], long["paragraphs"]) == (1, 3)
    assert long["words"] > 2 * short["words"]
    assert long["windows"] > short["windows"]
    assert long["ms"] > short["ms"] > 0
    assert run("length", *words)[0] == report


def test_rows_stand_as_the_sets_do_and_older_sets_first():
    rows = [{"set": name} for name in ("qed", "gone", "dev-v1.1")]
    assert [row["set"] for row in in_order(rows)] == ["gone", "dev-v1.1", "qed"]


def test_long_documents_are_asked_all_over():
    """An article that is too short is left out; of the other, not the beginning alone is asked."""
    examples = [
        Example(f"{title}-{n}", f"What is {n}?", f"It is {title} {n}.", (GoldAnswer(title, 6),), title)
        for title, count in (("Short", PARAGRAPHS - 1), ("Long", PARAGRAPHS + 1))
        for n in range(count)
    ]
    asked = long_documents(examples, 1)
    assert len(asked) == ASKED
    [text] = {text for _, text, _ in asked}
    assert text.count("\n\n") == PARAGRAPHS - 1
    assert [question for question, _, _ in asked] == [f"What is {n}?" for n in (0, 8, 16, 24, 32)]
    assert all(golds == ["Long"] for _, _, golds in asked)
    with pytest.raises(ConfigError, match="only 1 articles"):
        long_documents(examples, 2)

"""scripts/evaluate.py and scripts/calibrate.py with the shipped adapter."""

import json
import shutil
import subprocess
import sys

import pytest

from localqa.extraction.qa_config import QAConfig
from tests.conftest import ROOT

SAMPLE = ROOT / "data" / "sample_qa_data.json"
pytestmark = pytest.mark.slow


def run(script, *words, code=0):
    command = [sys.executable, ROOT / "scripts" / script, *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    return done.stdout + done.stderr


def test_evaluation_is_written_as_text_figures_and_picture(tmp_path):
    printed = run("evaluate.py", "--data", SAMPLE, "--output", tmp_path / "out")
    assert "calibration error" in printed
    report = json.loads((tmp_path / "out" / "sample_qa_data.json").read_text())
    assert report["scores"]["total"] == sum(group["total"] for group in report["by_question_word"])
    assert report["risk_coverage"]["points"][-1]["coverage"] == 1.0
    low, high = report["confidence_intervals_95"]["f1"]
    assert low <= report["scores"]["f1"] <= high
    text = (tmp_path / "out" / "sample_qa_data.md").read_text()
    assert f"{report['scores']['f1']:.2f}" in text
    assert "sample_qa_data.png" in text
    assert (tmp_path / "out" / "sample_qa_data.png").read_bytes().startswith(b"\x89PNG")


def test_unanswerable_questions_are_judged_apart(tmp_path):
    records = json.loads(SAMPLE.read_text())
    context = records[0]["context"]
    records.append({"id": "none", "question": "Who won the cup?", "context": context, "answers": []})
    data = tmp_path / "mixed.json"
    data.write_text(json.dumps(records))
    printed = run("evaluate.py", "--data", data)
    assert "not answerable" in printed
    assert "best threshold of this data" in printed


def test_calibration_is_written_into_the_adapter(tmp_path):
    folder = tmp_path / "mine"
    shutil.copytree(ROOT / "models" / "squad", folder)
    before = QAConfig.load(folder)
    printed = run("calibrate.py", "--adapter", folder, "--data", SAMPLE)
    after = QAConfig.load(folder)
    assert after.temperature != before.temperature
    assert f"{after.temperature:g}" in printed


def test_threshold_needs_unanswerable_questions(tmp_path):
    printed = run("calibrate.py", "--adapter", "squad", "--data", SAMPLE, "--abstain", code=2)
    assert "no unanswerable question" in printed


def test_tables_of_the_readme_are_what_the_benchmarks_found():
    command = [sys.executable, ROOT / "benchmarks" / "claims.py", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_kinds_are_fitted_together_and_long_ones_are_made_of_them(tmp_path):
    folder = tmp_path / "mine"
    shutil.copytree(ROOT / "models" / "squad2", folder)
    choose = ROOT / "data" / "user_documents" / "choose.json"
    words = ("--data", choose, SAMPLE, "--limit", "10", "--long", "2", "--long_limit", "8")
    printed = run("calibrate.py", "--adapter", folder, *words)
    assert "choose.json, 2 paragraphs" in printed
    assert "sample_qa_data.json" in printed
    assert QAConfig.load(folder).null_threshold != QAConfig.load(ROOT / "models" / "squad2").null_threshold


def test_nothing_is_fitted_by_what_is_judged_by(tmp_path):
    folder = tmp_path / "mine"
    shutil.copytree(ROOT / "models" / "squad2", folder)
    before = QAConfig.load(folder)
    judge = ROOT / "data" / "user_documents" / "judge.json"
    printed = run("calibrate.py", "--adapter", folder, "--data", judge, code=2)
    assert "judged by" in printed
    assert QAConfig.load(folder) == before


def test_the_surest_wrong_answers_are_shown(tmp_path):
    context = "Ada Byron wrote the first program in 1843."
    year = {"text": "1843", "answer_start": context.index("1843")}
    example = {"id": "1", "context": context, "answers": [year]}
    rows = [
        example | {"question": "Who wrote the first program?"},
        example | {"id": "2", "question": "When was the first program written?"},
    ]
    data = tmp_path / "two.json"
    data.write_text(json.dumps(rows))
    printed = run("evaluate.py", "--data", data, "--adapter", "squad", "--worst", "5")
    shown = printed[printed.index("the surest of the wrong answers") :]
    assert "Who wrote the first program?\n  accepted: 1843\n  answered: Ada Byron [0." in shown
    assert "When was" not in shown

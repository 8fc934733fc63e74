"""Two models side by side: the gain, its interval, and whether it is chance."""

import json
import subprocess
import sys
from argparse import Namespace

import numpy as np
import pytest

from localqa.cli.compare import UNTRAINED, untrained
from localqa.evaluation.comparison import compare, difference, differing, markdown
from localqa.evaluation.outcomes import Outcome
from localqa.extraction.qa_config import QAConfig
from localqa.squad.records import Example, GoldAnswer
from tests.conftest import ROOT


def outcomes(rights, *, per_context=1, text="x"):
    found = []
    for number, right in enumerate(rights):
        context = f"Context {number // per_context}."
        example = Example(f"{number:04}", f"Question {number}?", context, (GoldAnswer("Context", 0),))
        said = "Context" if right else text
        found.append(Outcome(example, said, 0.8, -1.0, said, float(right), float(right)))
    return found


def test_gain_is_the_mean_difference():
    found = difference(outcomes([0, 0, 1, 1]), outcomes([1, 1, 1, 0]), "exact")
    assert found.gain == 25
    assert found.low <= 25 <= found.high


def test_equal_models_differ_by_nothing():
    found = difference(outcomes([1, 0] * 20), outcomes([1, 0] * 20), "f1")
    assert (found.gain, found.low, found.high, found.p_value) == (0, 0, 0, 1)


def test_p_value_is_that_of_the_exact_test():
    """Five contexts that all gain: two of the 32 sign patterns are as extreme."""
    found = difference(outcomes([0] * 5), outcomes([1] * 5), "exact")
    assert found.p_value == pytest.approx(2 / 32, abs=0.01)


def test_questions_about_one_context_are_no_evidence_of_their_own():
    apart = difference(outcomes([0] * 40), outcomes([1] * 40), "exact")
    together = difference(outcomes([0] * 40, per_context=20), outcomes([1] * 40, per_context=20), "exact")
    assert apart.p_value < 0.001
    assert together.p_value > 0.4


def test_chance_is_found_significant_as_often_as_it_says():
    random = np.random.default_rng(0)
    small = 0
    for _ in range(60):
        one, other = random.integers(0, 2, (2, 80))
        small += difference(outcomes(one), outcomes(other), "exact").p_value < 0.05
    assert small <= 8


def test_report_counts_what_changed_and_keeps_cells_whole():
    before, after = outcomes([0, 1, 0], text="a | b\nc"), outcomes([1, 0, 0], text="d")
    report = compare(("old", "new"), before, after) | {"data": ["x.json"]}
    assert report["changed"] == {"differently": 3, "gained": 1, "lost": 1}
    assert report["models"]["old"]["exact"] == pytest.approx(33.33)
    pairs = differing(before, after)
    assert [one.example.id for one, _ in pairs] == ["0000", "0001", "0002"]
    text = markdown(report, pairs, picture="p.png")
    rows = [line for line in text.splitlines() if line.startswith("| Question")]
    assert len(rows) == 3
    assert "a \\| b c [0.80]" in rows[0]


@pytest.mark.slow
def test_script_compares_an_untrained_head_with_the_shipped_adapter(tmp_path):
    command = [sys.executable, "scripts/compare_models.py", "--before", "untrained", "--after", "squad"]
    data = ["--data", "data/sample_qa_data.json", "--output", tmp_path]
    done = subprocess.run([*command, *data], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "became right" in done.stdout
    report = json.loads((tmp_path / "squad-against-untrained.json").read_text())
    assert report["differences"]["f1"]["gain"] > 30
    assert (tmp_path / "squad-against-untrained.md").read_text().startswith("# `squad` against `untrained`")
    assert (tmp_path / "squad-against-untrained.png").read_bytes().startswith(b"\x89PNG")


def test_untrained_model_has_the_windows_of_the_other(tiny_bert, tmp_path):
    """Other windows would be a difference that no training made, or longer than the base's positions."""
    sizes = {"max_length": 64, "stride": 16, "max_answer_tokens": 5}
    folders = [tmp_path / name for name in ("mine", "untrained")]
    for folder in folders:
        folder.mkdir()
    settings = QAConfig(base=tiny_bert.name, base_sha256=tiny_bert.sha256, null_threshold=1.0, **sizes)
    settings.save(folders[0])
    untrained(folders[1], Namespace(before=UNTRAINED, after=str(folders[0]), base=None))
    assert QAConfig.load(folders[1]) == settings.uncalibrated()


def test_script_names_an_unknown_adapter():
    command = [sys.executable, "scripts/compare_models.py", "--after", "nope"]
    command += ["--data", "data/sample_qa_data.json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "nope" in done.stderr

"""New settings judged on questions that they were not fitted on, and what an adapter said kept."""

import json
from dataclasses import replace

import numpy as np
import pytest

from localqa.cli import run_verb
from localqa.evaluation.calibrate import Kind
from localqa.extraction.qa_config import QAConfig
from localqa.extraction.spans import Decoded, Span
from localqa.model.adapters import add_lora, save_adapter
from localqa.model.loading import load_model
from localqa.squad.neighbours import LEFT_OUT
from localqa.squad.records import Example, GoldAnswer
from localqa.training import calibrating
from localqa.training.calibrating import before_and_after, decoded_kinds, table

CONFIG = QAConfig(base="b", base_sha256="0")


def kind(name: str, count: int, right: float, contexts: int) -> Kind:
    """Questions of which a share is answered rightly, all with the same logits."""
    examples = [
        Example(
            f"{name}-{at}",
            "Who?",
            f"Ada and Bob {at % contexts} {name}",
            (GoldAnswer("Ada", 0) if at % 10 < 10 * right else GoldAnswer("Bob", 8),),
        )
        for at in range(count)
    ]
    said = Decoded((Span(0, 3, 5.0),), -5.0, np.array([5.0, 0.0], dtype=np.float32))
    return Kind(name, examples, [said] * count)


def adapter(parent, base):
    """A folder of one that has learned nothing."""
    folder = parent / "mine"
    folder.mkdir()
    config = QAConfig(base=base.name, base_sha256=base.sha256, max_length=64, stride=16)
    save_adapter(add_lora(load_model(base), rank=2), folder, config)
    return folder


def test_overconfident_scores_are_mended_on_questions_that_were_not_fitted_on():
    rows = before_and_after([kind("short", 400, 0.6, 40), kind("long", 100, 0.6, 10)], CONFIG, abstain=False)
    assert [row["kind"] for row in rows] == ["short", "long"]
    for row in rows:
        assert row["before"]["ece"] > 30
        assert row["after"]["ece"] < 15
        assert row["before"]["questions"] == row["after"]["questions"]
    assert "short" in table(rows)


def test_a_long_kind_is_judged_by_what_was_fitted_on_other_questions():
    short, long = kind("short", 40, 0.5, 20), kind("long", 40, 0.5, 40)
    again = [
        replace(one, id=f"{one.id}{LEFT_OUT if at % 2 else ''}", context=other.context)
        for at, (one, other) in enumerate(zip(short.examples, long.examples, strict=True))
    ]
    sides = calibrating._sides([short, Kind("long", again, long.decoded)])
    assert sorted(sides.values()) == [0] * 20 + [1] * 20
    assert set(sides) == {one.id for one in short.examples}


def test_a_kind_about_one_text_is_judged_whole():
    rows = before_and_after([kind("many", 100, 0.5, 10), kind("one", 20, 0.5, 1)], CONFIG, abstain=False)
    assert rows[1]["after"]["questions"] == 20


@pytest.mark.parametrize("names", [["one"], ["one", "other"]])
def test_without_another_half_there_are_no_figures(names):
    kinds = [kind(name, 20, 0.5, 1) for name in names]
    assert before_and_after(kinds, CONFIG, abstain=False) == []


@pytest.mark.slow
def test_questions_about_one_text_are_fitted_by_and_that_is_told(tiny_bert, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("QA_CACHE_DIR", str(tmp_path / "cache"))
    folder = adapter(tmp_path, tiny_bert)
    data = tmp_path / "one.json"
    record = {"question": "Who?", "context": "The fox jumps.", "answer": "fox"}
    data.write_text(json.dumps([record]))
    assert run_verb("calibrate", ["--adapter", str(folder), "--data", str(data)], prog="calibrate") == 0
    assert "two texts or more" in capsys.readouterr().out
    assert QAConfig.load(folder).score_offset != 0


@pytest.mark.slow
def test_what_an_adapter_said_is_asked_for_once(tiny_bert, tmp_path, monkeypatch):
    monkeypatch.setenv("QA_CACHE_DIR", str(tmp_path / "cache"))
    folder = adapter(tmp_path, tiny_bert)
    examples = {"short": kind("short", 6, 0.5, 3).examples}
    [first] = decoded_kinds(folder, tiny_bert, examples)
    [file] = (tmp_path / "cache").rglob("*.jsonl")
    size = file.stat().st_size
    [again] = decoded_kinds(folder, tiny_bert, examples)
    assert file.stat().st_size == size
    assert [one.spans for one in again.decoded] == [one.spans for one in first.decoded]

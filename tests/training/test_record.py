"""The record of training runs, out of the reports that they leave."""

import json

import pytest

from localqa.errors import DataError
from localqa.training.record import read_record, record_of, table, write_record
from tests.conftest import ROOT

REPORT = {
    "result": {
        "validation": {"exact": 60.123, "f1": 70.456, "no_ans_f1": 50.0, "total": 9},
        "steps": 40,
        "adapter_bytes": 1000,
    },
    "data": {
        "train": ["squad_v1/train.json", "/home/somebody/notes.json"],
        "train_sha256": "ab" * 32,
        "train_questions": 1200,
        "train_windows": 1300,
        "validation": "100 held out by context",
        "validation_questions": 100,
    },
    "cost": {"training_seconds": 90},
    "settings": {
        "init_adapter": "/home/somebody/models/squad",
        "learning_rate": 1e-3,
        "teacher": None,
        "distill_weight": 0.7,
        "threads": 2,
    },
    "finished": "2026-11-21T10:00:00Z",
}


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "mine"
    made.mkdir()
    (made / "report.json").write_text(json.dumps(REPORT))
    return made


def test_a_line_tells_settings_data_and_scores(folder):
    run = record_of(folder, "a trial")
    assert (run["adapter"], run["questions"], run["minutes"], run["note"]) == ("mine", 1200, 1.5, "a trial")
    assert run["settings"] == {"init_adapter": "squad", "learning_rate": 1e-3}
    assert run["scores"] == {"exact": 60.12, "f1": 70.46, "no_ans_f1": 50.0}


def test_a_run_that_was_ended_early_is_told_from_a_whole_one(folder):
    early = {"result": REPORT["result"] | {"steps": 1200, "steps_planned": 4000}}
    (folder / "report.json").write_text(json.dumps(REPORT | early))
    run = record_of(folder)
    assert (run["steps"], run["steps_planned"]) == (1200, 4000)
    assert "1,200 / 4,000" in table([run], "simple")


def test_no_line_tells_where_a_machine_keeps_its_files(folder):
    assert "/home" not in json.dumps(record_of(folder))


def test_a_record_is_read_as_it_was_written(folder, tmp_path):
    runs = [record_of(folder), {**record_of(folder), "id": "1", "finished": "2025-01-01T00:00:00Z"}]
    write_record(tmp_path / "made" / "runs.jsonl", runs)
    assert read_record(tmp_path / "made" / "runs.jsonl") == runs[::-1]
    assert read_record(tmp_path / "nowhere.jsonl") == []


def test_the_same_run_has_the_same_name_and_another_another(folder):
    first = record_of(folder)
    assert record_of(folder, "told otherwise")["id"] == first["id"]
    (folder / "report.json").write_text(json.dumps(REPORT | {"finished": "2026-11-22T10:00:00Z"}))
    assert record_of(folder)["id"] != first["id"]


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"settings": {}, "result": {}, "data": {}}'])
def test_a_report_of_something_else_is_refused(folder, content):
    (folder / "report.json").write_text(content)
    with pytest.raises(DataError, match=r"report\.json"):
        record_of(folder)


def test_a_damaged_line_is_named(tmp_path):
    path = tmp_path / "runs.jsonl"
    path.write_text('{"id": "1"}\nnot a run\n')
    with pytest.raises(DataError, match=r"runs\.jsonl:2"):
        read_record(path)


def test_table_shows_what_was_held_out(folder):
    assert "70.5" in table([record_of(folder)], "github")


def test_the_committed_record_can_be_read():
    assert all(run["scores"] for run in read_record(ROOT / "benchmarks" / "results" / "runs.jsonl"))

"""Joining several sources into training data."""

import json

import pytest

from localqa.errors import ConfigError, DataError
from localqa.squad.load import load_training_data


def save(path, *records):
    path.write_text("\n".join(map(json.dumps, records)), encoding="utf-8")
    return path


def record(id, answer="Ada", start=0):  # noqa: A002  # the record's own name
    answers = {"text": [answer], "answer_start": [start]}
    return {"id": id, "question": "Who?", "context": "Ada here", "answers": answers}


def test_sources_are_joined_and_only_clashing_ids_are_prefixed(tmp_path):
    a = save(tmp_path / "a.jsonl", record("1"), record("2"))
    b = save(tmp_path / "b.jsonl", record("2"), record("3"))
    examples, report = load_training_data([str(a), str(b)])
    assert [example.id for example in examples] == ["1", "2", "b.jsonl/2", "3"]
    assert report.ok


def test_files_of_one_name_get_numbered_ids(tmp_path):
    paths = []
    for folder in ("x", "y", "z"):
        (tmp_path / folder).mkdir()
        paths.append(str(save(tmp_path / folder / "d.jsonl", record("1"))))
    assert [e.id for e in load_training_data(paths)[0]] == ["1", "d.jsonl/1", "d.jsonl/1-2"]


def test_unusable_examples_are_set_aside_and_named(tmp_path):
    path = save(tmp_path / "a.jsonl", record("1"), record("2", start=3), record("1"))
    examples, report = load_training_data([str(path)])
    assert [example.id for example in examples] == ["1"]
    assert [(problem.source, problem.kind) for problem in report.problems] == [
        ("a.jsonl:2", "misaligned_offset"),
        ("a.jsonl:3", "duplicate_id"),
    ]


def test_working_directory_goes_before_the_data_folder(tmp_path, monkeypatch):
    for folder, key in (("here", "h"), ("data", "d")):
        (tmp_path / folder).mkdir()
        save(tmp_path / folder / "both.jsonl", record(key))
    save(tmp_path / "data" / "only.jsonl", record("o"))
    monkeypatch.chdir(tmp_path / "here")
    examples, _ = load_training_data(["both.jsonl", "only.jsonl"], data_dir=tmp_path / "data")
    assert [example.id for example in examples] == ["h", "o"]


def test_missing_source_names_both_folders_and_near_misses(tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    save(tmp_path / "data" / "train.jsonl", record("1"))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match="nor does") as caught:
        load_training_data(["trian.jsonl"], data_dir=tmp_path / "data")
    assert "train.jsonl" in caught.value.remedy


def test_nothing_usable_is_an_error_that_says_why(tmp_path):
    path = save(tmp_path / "a.jsonl", record("1", answer="Bob"))
    with pytest.raises(DataError, match="answer_not_in_context"):
        load_training_data([str(path)])


def test_no_source_or_the_same_twice_is_refused(tmp_path):
    path = str(save(tmp_path / "a.jsonl", record("1")))
    for sources in ([], [path, path]):
        with pytest.raises(ConfigError):
            load_training_data(sources)

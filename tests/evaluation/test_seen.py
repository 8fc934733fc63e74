"""Whether an adapter was trained on what it is judged by."""

import json

import pytest

from localqa.evaluation.seen import known_rows, sketch, warning

ROWS = [(f"What is {number}?", f"It is {number}.") for number in range(100)]
NEW = [(f"Who is {number}?", f"It is {number}.") for number in range(100)]


def adapter(folder, **report):
    folder.mkdir()
    (folder / "report.json").write_text(json.dumps(report))
    return folder


def test_rows_that_were_trained_on_are_counted(tmp_path):
    folder = adapter(tmp_path / "a", data={"train_rows": sketch(ROWS[:80])})
    assert known_rows(folder, ROWS, ["x.json"], "0") == 80
    assert known_rows(folder, NEW, ["x.json"], "0") == 0


def test_spacing_makes_no_other_row(tmp_path):
    folder = adapter(tmp_path / "a", data={"train_rows": sketch([("What  is 1?", " It is\r\n1.")])})
    assert known_rows(folder, ROWS, ["x.json"], "0") == 1


def test_rows_of_the_adapter_before_count_too(tmp_path):
    folder = adapter(tmp_path / "a", data={"train_rows": sketch(ROWS[:50], sketch(ROWS[50:]))})
    assert known_rows(folder, ROWS, ["x.json"], "0") == 100


def test_an_older_ancestor_without_rows_of_its_own_counts_by_its_files(tmp_path):
    (tmp_path / "x.json").write_text("[]")
    adapter(tmp_path / "old", data={"train": [str(tmp_path / "x.json")]})
    new = {"train_rows": sketch(NEW)}
    folder = adapter(tmp_path / "new", data=new, settings={"init_adapter": "old"})
    assert known_rows(folder, ROWS, [str(tmp_path / "x.json")], "0") == len(ROWS)


def test_many_rows_are_told_by_a_sample(tmp_path):
    many = [(f"What is {number}?", "") for number in range(100_000)]
    kept = sketch(many)
    assert len(json.dumps(kept)) < 120_000
    folder = adapter(tmp_path / "a", data={"train_rows": kept})
    half = [*many[:2_000], *((f"Who is {number}?", "") for number in range(2_000))]
    assert known_rows(folder, half, ["x.json"], "0") == pytest.approx(2_000, rel=0.2)


@pytest.mark.parametrize("how", ["file", "fingerprint", "ancestor"])
def test_reports_without_rows_tell_by_their_files(tmp_path, how, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "faq.json").touch()
    data = {"train": ["faq.json"], "train_sha256": "abc"}
    folder = adapter(tmp_path / "old", data=data, settings={})
    if how == "ancestor":
        folder = adapter(
            tmp_path / "new", data={"train": ["b.json"]}, settings={"init_adapter": "models/old"}
        )
    source, sha256 = ("copy.json", "abc") if how == "fingerprint" else (str(tmp_path / "faq.json"), "0")
    assert known_rows(folder, ROWS, [source], sha256) == 100
    assert known_rows(folder, ROWS, ["other.json"], "0") == 0


@pytest.mark.parametrize(
    "content", ["", "[]", "{", '{"data": 3}', '{"data": {"train_rows": {"hashes": 5}}}', "[" * 100_000]
)
def test_damaged_reports_tell_nothing(tmp_path, content):
    (tmp_path / "report.json").write_text(content)
    assert known_rows(tmp_path, ROWS, ["x.json"], "0") == 0


def test_warning_is_given_where_there_is_reason():
    assert warning("faq", 0, 100) == ""
    assert warning("faq", 1, 1_000) == ""
    assert "80 of these 100 examples were in the training data of faq" in warning("faq", 80, 100)
    assert warning("faq", 100, 100).startswith("All these 100 examples")

"""A large file in parts, and back."""

import csv
import json
from datetime import UTC, datetime
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from localqa.bulk.parts import Work, find_parts, read_part
from localqa.errors import ConfigError, DataError

ROWS = [{"question": f"Who? {number}", "context": "Ada\u2028 wrote.\n", "n": number} for number in range(25)]


@pytest.fixture(params=[".jsonl", ".parquet"])
def source(request, tmp_path):
    path = tmp_path / f"rows{request.param}"
    if request.param == ".jsonl":
        path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS), encoding="utf-8")
    else:
        pq.write_table(pa.Table.from_pylist(ROWS), path, row_group_size=8)
    return path


@pytest.mark.parametrize("size", [1, 3, 8, 25, 100])
def test_parts_hold_every_row_once_and_in_order(source, size):
    parts = find_parts(source, size)
    assert [part.number for part in parts] == list(range(len(parts)))
    assert all(part.rows <= size for part in parts)
    assert [row for part in parts for row in read_part(source, part)] == ROWS


def test_last_line_needs_no_end(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"a": 1}\n{"a": 2}')
    (part,) = find_parts(path, 10)
    assert read_part(path, part) == [{"a": 1}, {"a": 2}]


def test_lines_that_are_no_objects_become_errors(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"a": 1}\n{"a": \n[1]\n\xff\n')
    (part,) = find_parts(path, 10)
    first, *others = read_part(path, part)
    assert first == {"a": 1}
    problems = [row.problem.split(":")[0] for row in others]
    assert problems == ["not JSON", "not a JSON object", "not JSON"]
    assert others[0].text == '{"a": '


@pytest.mark.parametrize("name", ["rows.csv", "rows"])
def test_other_formats_are_refused(tmp_path, name):
    with pytest.raises(DataError, match="neither"):
        find_parts(tmp_path / name, 10)


@pytest.mark.parametrize("name", ["missing.jsonl", "damaged.parquet"])
def test_files_that_cannot_be_read_are_named(tmp_path, name):
    (tmp_path / "damaged.parquet").write_text("no parquet")
    with pytest.raises(DataError, match=name):
        find_parts(tmp_path / name, 10)


@pytest.mark.parametrize("kind", [".jsonl", ".parquet"])
def test_parts_written_in_any_order_are_joined_in_that_of_the_input(source, tmp_path, kind):
    parts = find_parts(source, 7)
    work = Work(tmp_path / f"out{kind}", {"adapter": "squad"})
    work.begin()
    for part in reversed(parts):
        work.write(part, [{"error": "x" if row["n"] == 3 else None} for row in read_part(source, part)])
    assert work.missing(parts) == []
    assert work.count(parts, "error") == 1
    work.join(source, parts, {"error": "string"})
    if kind == ".jsonl":
        rows = [json.loads(line) for line in work.output.read_bytes().splitlines()]
    else:
        rows = pq.read_table(work.output).to_pylist()
    assert [row["n"] for row in rows] == list(range(25))
    assert rows[3]["error"] == "x"
    assert rows[4] == ROWS[4] | {"error": None}
    assert not work.folder.exists()


def joined(tmp_path, source, size, output="out.parquet"):
    parts = find_parts(source, size)
    work = Work(tmp_path / output, {})
    work.begin()
    for part in parts:
        work.write(part, [{"error": None}] * part.rows)
    work.join(source, parts, {"error": "string"})
    return work


@pytest.mark.parametrize("size", [1, 2, 10])
def test_fields_of_all_rows_come_into_one_table(tmp_path, size):
    source = tmp_path / "rows.jsonl"
    source.write_text('{"a": 1}\noops\n{"b": "x"}\n{"a": 2.5}\n')
    joined(tmp_path, source, size)
    rows = pq.read_table(tmp_path / "out.parquet").to_pylist()
    assert [(row["a"], row["b"]) for row in rows] == [(1, None), (None, None), (None, "x"), (2.5, None)]
    assert rows[1]["line"] == "oops"


def test_rows_that_fit_are_let_through(source, tmp_path):
    work = Work(tmp_path / "out.parquet", {})
    work.check(source, find_parts(source, 10), {"error": "string"})
    assert not work.output.exists()


def test_fields_of_a_parquet_file_keep_their_types(tmp_path):
    table = pa.table(
        {
            "when": pa.array([datetime(2024, 3, 1, tzinfo=UTC)] * 3, pa.timestamp("ms", "UTC")),
            "raw": [b"\xff\x00", None, b""],
            "small": pa.array([1, 2, 3], pa.int8()),
        }
    )
    pq.write_table(table, tmp_path / "rows.parquet", row_group_size=2)
    joined(tmp_path, tmp_path / "rows.parquet", 1)
    found = pq.read_table(tmp_path / "out.parquet")
    assert found.drop_columns(["error"]).equals(table)


def test_cells_of_a_table_hold_dates_and_amounts_as_they_read(tmp_path):
    table = pa.table(
        {
            "when": [datetime(2024, 3, 1, 9, 30), None],
            "price": [Decimal("1.50"), None],
            "share": [float("nan"), 0.5],
            "tags": [["a"], None],
        }
    )
    pq.write_table(table, tmp_path / "rows.parquet")
    joined(tmp_path, tmp_path / "rows.parquet", 1, "out.csv")
    with (tmp_path / "out.csv").open(newline="") as lines:
        rows = [row[:4] for row in csv.reader(lines)]
    assert rows[1:] == [["2024-03-01 09:30:00", "1.50", "", '["a"]'], ["", "", "0.5", ""]]


def test_no_rows_are_an_empty_file(tmp_path):
    (tmp_path / "rows.jsonl").touch()
    joined(tmp_path, tmp_path / "rows.jsonl", 5)
    assert pq.read_table(tmp_path / "out.parquet").num_rows == 0


@pytest.mark.parametrize("size", [1, 10])
@pytest.mark.parametrize(
    "pair",
    [
        ("1", '"x"'),
        ('"a"', "1"),
        ("1", '"\\ud800"'),
        ("1", "[1]"),
        ("1", str(2**70)),
        ("1.5", str(2**60 + 1)),
        ("null", "{}"),
        ("[{}]", "null"),
    ],
)
def test_rows_that_fit_no_table_are_told_before_the_work_and_cost_no_answer(tmp_path, pair, size):
    source = tmp_path / "rows.jsonl"
    source.write_text("".join(f'{{"id": {one}}}\n' for one in pair))
    parts = find_parts(source, size)
    table = Work(tmp_path / "out.parquet", {})
    with pytest.raises(DataError, match="do not fit") as before:
        table.check(source, parts, {"error": "string"})
    with pytest.raises(DataError, match="do not fit") as behind:
        joined(tmp_path, source, size)
    assert before.value.remedy == behind.value.remedy
    assert "out.jsonl" in before.value.remedy
    work = Work(tmp_path / "out.jsonl", {})
    work.begin()
    assert work.missing(parts) == []
    work.join(source, parts, {"error": "string"})
    assert len((tmp_path / "out.jsonl").read_bytes().splitlines()) == 2


def test_run_goes_on_with_the_parts_that_are_missing(source, tmp_path):
    parts = find_parts(source, 10)
    first = Work(tmp_path / "out.jsonl", {"adapter": "squad"})
    first.begin()
    first.write(parts[1], [])
    (first.folder / "00000000.123.partial").write_text("half")
    again = Work(tmp_path / "out.jsonl", {"adapter": "squad"})
    again.begin()
    assert again.missing(parts) == [parts[0], *parts[2:]]


@pytest.mark.parametrize("note", [None, "", "{"])
def test_parts_of_nobody_knows_which_run_are_made_anew(source, tmp_path, note):
    parts = find_parts(source, 10)
    work = Work(tmp_path / "out.jsonl", {"adapter": "squad"})
    work.begin()
    work.write(parts[0], [])
    if note is None:
        (work.folder / "run.json").unlink()
    else:
        (work.folder / "run.json").write_text(note)
    work.begin()
    assert work.missing(parts) == parts


def test_another_run_is_not_mixed_in(tmp_path):
    Work(tmp_path / "out.jsonl", {"adapter": "squad"}).begin()
    with pytest.raises(ConfigError, match="another input, adapter"):
        Work(tmp_path / "out.jsonl", {"adapter": "law"}).begin()


def test_folder_of_somebody_else_is_refused_and_stays(tmp_path):
    mine = tmp_path / "book.parts" / "chapter1" / "text.md"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    work = Work(tmp_path / "book.jsonl", {})
    for use in (work.begin, work.alone().__enter__):
        with pytest.raises(ConfigError, match="left as it is"):
            use()
    work.forget()
    work.clear()
    assert mine.read_text() == "mine"


def test_two_runs_at_once_are_one_too_many(tmp_path):
    first = Work(tmp_path / "out.jsonl", {})
    with first.alone():
        # The parts of both would lie in one folder, whatever the output's format.
        for name in ("out.jsonl", "out.parquet"):
            with (
                pytest.raises(ConfigError, match="Another run is at work"),
                Work(tmp_path / name, {}).alone(),
            ):
                pass
        assert first.folder.is_dir()
    with Work(tmp_path / "out.jsonl", {}).alone():
        pass


def test_run_without_a_part_leaves_no_folder(tmp_path):
    work = Work(tmp_path / "out.jsonl", {"adapter": "squd"})
    with work.alone():
        work.begin()
        assert work.folder.is_dir()
    assert not work.folder.exists()


def test_kill_between_the_output_and_the_end_of_its_parts_is_found_out(source, tmp_path, monkeypatch):
    monkeypatch.setattr(Work, "clear", lambda self: None)
    work = joined(tmp_path, source, 10, "out.jsonl")
    monkeypatch.undo()
    assert work.folder.exists()
    assert work.is_joined()
    assert work.is_of_this_run()
    work.output.write_text("another file since")
    assert not work.is_joined()

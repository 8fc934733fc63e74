"""A large file in parts, and back."""

import json

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
    assert [row["error"].split(":")[0] for row in others] == ["not JSON", "not a JSON object", "not JSON"]
    assert others[0]["line"] == '{"a": '


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
        work.write(part, [row | {"error": "x" if row["n"] == 3 else None} for row in read_part(source, part)])
    assert work.missing(parts) == []
    assert work.join(parts) == 1
    if kind == ".jsonl":
        rows = [json.loads(line) for line in work.output.read_bytes().splitlines()]
    else:
        rows = pq.read_table(work.output).to_pylist()
    assert [row["n"] for row in rows] == list(range(25))
    assert rows[3]["error"] == "x"
    assert rows[4] == ROWS[4] | {"error": None}
    assert not work.folder.exists()


def test_columns_of_all_parts_come_into_one_table(tmp_path):
    source = tmp_path / "rows.jsonl"
    source.write_text('{"a": 1}\n{"b": "x"}\n{"a": 2.5}\n')
    parts = find_parts(source, 1)
    work = Work(tmp_path / "out.parquet", {})
    work.begin()
    for part in parts:
        work.write(part, [row | {"error": None} for row in read_part(source, part)])
    work.join(parts)
    rows = pq.read_table(work.output).to_pylist()
    assert [(row["a"], row["b"]) for row in rows] == [(1.0, None), (None, "x"), (2.5, None)]


def test_run_goes_on_with_the_parts_that_are_missing(source, tmp_path):
    parts = find_parts(source, 10)
    first = Work(tmp_path / "out.jsonl", {"adapter": "squad"})
    first.begin()
    first.write(parts[1], [])
    (first.folder / "00000000.123.partial").write_text("half")
    again = Work(tmp_path / "out.jsonl", {"adapter": "squad"})
    again.begin()
    assert again.missing(parts) == [parts[0], *parts[2:]]


def test_another_run_is_not_mixed_in(tmp_path):
    Work(tmp_path / "out.jsonl", {"adapter": "squad"}).begin()
    with pytest.raises(ConfigError, match="another input, adapter"):
        Work(tmp_path / "out.jsonl", {"adapter": "law"}).begin()

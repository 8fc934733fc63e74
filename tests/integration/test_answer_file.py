"""scripts/answer_file.py as users run it: to the end, ended on the way, and on Ray."""

import csv
import json
import signal
import subprocess
import sys
import time

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.conftest import ROOT
from tests.integration.ray_nodes import ray_nodes
from tests.server import until

pytestmark = pytest.mark.integration
SAMPLE = json.loads((ROOT / "data" / "sample_qa_data.json").read_text(encoding="utf-8"))
ROWS = [
    {"id": str(number), "question": one["question"], "context": one["context"]}
    for number, one in enumerate(SAMPLE * 12)
]


def command(*words):
    return [sys.executable, "scripts/answer_file.py", *map(str, words)]


def run(*words, code=0):
    done = subprocess.run(command(*words), cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "rows.jsonl"
    lines = [json.dumps(row) for row in ROWS]
    lines[5] = '{"question": "Wh'
    path.write_text("\n".join(lines) + "\n")
    return path


def answered(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def check(rows):
    assert len(rows) == len(ROWS)
    for number, (row, asked) in enumerate(zip(rows, ROWS, strict=True)):
        if number == 5:
            assert row["error"].startswith("not JSON")
            continue
        assert (row["id"], row["error"]) == (asked["id"], None)
        assert row["context"][row["start"] : row["end"]] == row["answer"]


def test_jsonl_is_answered_row_by_row(source, tmp_path):
    printed = run(source, tmp_path / "out.jsonl")
    assert "1 of them with an error" in printed
    check(answered(tmp_path / "out.jsonl"))
    assert "exists" in run(source, tmp_path / "out.jsonl", code=2)


def test_rather_nothing_than_a_guess(source, tmp_path):
    run(source, tmp_path / "out.jsonl", "--min_score", 1)
    assert {row["answer"] for row in answered(tmp_path / "out.jsonl") if row["error"] is None} == {""}
    assert "no number from 0 to 1" in run(source, tmp_path / "other.jsonl", "--min_score", 60, code=2)


def test_adapter_that_abstains_is_made_to_answer(source, tmp_path):
    run(source, tmp_path / "out.jsonl", "--adapter", "squad2", "--no-abstain")
    check(answered(tmp_path / "out.jsonl"))
    assert all(row["answer"] for row in answered(tmp_path / "out.jsonl") if row["error"] is None)


def test_parquet_goes_in_and_comes_out(tmp_path):
    pq.write_table(
        pa.table({"q": [row["question"] for row in ROWS], "t": [row["context"] for row in ROWS]}),
        tmp_path / "rows.parquet",
    )
    run(tmp_path / "rows.parquet", tmp_path / "out.parquet", "--columns", "question=q,context=t")
    rows = pq.read_table(tmp_path / "out.parquet").to_pylist()
    assert len(rows) == len(ROWS)
    assert all(row["t"][row["start"] : row["end"]] == row["answer"] for row in rows)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_ended_run_goes_on(source, tmp_path, number):
    output = tmp_path / "out.jsonl"
    words = (source, output, "--part_rows", 1)
    process = subprocess.Popen(
        command(*words), cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    ends = time.monotonic() + 60
    while len(list(tmp_path.glob("out.parts/0*.jsonl"))) < 2:
        assert time.monotonic() < ends
        time.sleep(0.005)
    process.send_signal(number)
    assert process.wait(timeout=30) != 0
    assert not output.exists()
    assert "answered already" in run(*words)
    check(answered(output))
    assert not list(tmp_path.glob("*.parts"))


def test_wrong_field_names_end_before_the_work_begins(source, tmp_path):
    printed = run(source, tmp_path / "out.jsonl", "--columns", "question=frage", code=2)
    assert "no field 'frage'" in printed
    assert "--columns" in printed


def test_ray_workers_give_the_same_rows(source, tmp_path):
    run(source, tmp_path / "here.jsonl", "--part_rows", 50)
    run(source, tmp_path / "ray.jsonl", "--part_rows", 50, "--ray")
    here, ray = answered(tmp_path / "here.jsonl"), answered(tmp_path / "ray.jsonl")
    check(ray)
    assert [row.get("answer") for row in ray] == [row.get("answer") for row in here]


def test_machine_that_dies_loses_no_row_and_gives_none_twice(source, tmp_path, monkeypatch):
    with ray_nodes() as (cluster, nodes):
        for name, value in cluster.items():
            monkeypatch.setenv(name, value)
        output = tmp_path / "ray.jsonl"
        words = (source, output, "--part_rows", 2, "--worker_cpus", 1, "--ray")
        with subprocess.Popen(command(*words), cwd=ROOT, stderr=subprocess.PIPE, text=True) as answering:
            until(lambda: len(list(tmp_path.glob("ray.parts/0*.jsonl"))) > 5, seconds=120)
            nodes.stdin.write("die\n")
            nodes.stdin.flush()
            assert nodes.stdout.readline() == "dead\n"
            assert not output.exists()
            _, printed = answering.communicate(timeout=240)
        assert answering.returncode == 0, printed
    check(answered(output))


def test_table_is_answered_beside_itself_and_bad_rows_are_told(tmp_path):
    (tmp_path / "q.csv").write_text('question;context\nWho came?;"Ada, it is said; came."\nonly one cell\n')
    printed = run(tmp_path / "q.csv")
    assert "q-answered.csv: 2 rows, 1 of them with an error" in printed
    with (tmp_path / "q-answered.csv").open(newline="") as lines:
        first, second = csv.DictReader(lines)
    assert (first["answer"], first["error"]) == ("Ada", "")
    assert "q.csv:3" in second["error"]
    assert not (tmp_path / "q-answered.parts").exists()


def test_folder_of_somebody_else_is_left_alone(source, tmp_path):
    (tmp_path / "book.parts" / "chapter1").mkdir(parents=True)
    (tmp_path / "book.parts" / "chapter1" / "text.md").write_text("mine")
    for more in ([], ["--overwrite"]):
        printed = run(source, tmp_path / "book.jsonl", *more, code=2)
        assert "left as it is" in printed
    assert (tmp_path / "book.parts" / "chapter1" / "text.md").read_text() == "mine"


def test_input_is_never_the_output(source):
    before = source.read_bytes()
    assert "is the input" in run(source, source, "--overwrite", code=2)
    assert source.read_bytes() == before


def test_second_run_at_the_same_output_is_refused_and_harms_nothing(source, tmp_path):
    first = subprocess.Popen(
        command(source, tmp_path / "out.jsonl", "--part_rows", 1), cwd=ROOT, stderr=subprocess.DEVNULL
    )
    ends = time.monotonic() + 60
    while not list(tmp_path.glob("out.parts/0*.jsonl")):
        assert time.monotonic() < ends
        time.sleep(0.005)
    assert "Another run is at work" in run(source, tmp_path / "out.jsonl", "--overwrite", code=2)
    assert first.wait(timeout=60) == 0
    check(answered(tmp_path / "out.jsonl"))


KILLED_BEHIND_THE_OUTPUT = """
import os, signal, sys
from localqa.bulk.parts import Work
Work.clear = lambda self: os.kill(os.getpid(), signal.SIGKILL)
sys.path.insert(0, "scripts")
import answer_file
answer_file.main(sys.argv[1:])
"""


def test_kill_behind_the_output_leaves_a_run_that_is_done(source, tmp_path):
    words = (source, tmp_path / "out.jsonl", "--part_rows", 50)
    killed = [sys.executable, "-c", KILLED_BEHIND_THE_OUTPUT, *map(str, words)]
    assert subprocess.run(killed, cwd=ROOT, check=False, capture_output=True).returncode == -9
    assert (tmp_path / "out.parts").exists()
    assert "is done already" in run(*words)
    check(answered(tmp_path / "out.jsonl"))
    assert not (tmp_path / "out.parts").exists()

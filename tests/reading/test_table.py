"""Adapters that change on disk while they answer."""

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from localqa.engine.openvino_engine import OpenVINOEngine
from localqa.engine.torch_engine import TorchEngine
from localqa.errors import AdapterError, OverloadedError
from localqa.extraction.answers import Query
from localqa.extraction.qa_config import QAConfig
from localqa.model.adapter_files import LORA_FILE
from localqa.model.adapters import add_lora, save_adapter
from localqa.model.bases import file_sha256
from localqa.model.loading import load_model
from localqa.model.versions import STAGING, rollback
from localqa.reading import table
from localqa.reading.batcher import Batcher
from localqa.reading.pool import Pool
from localqa.reading.reader import Reader
from tests.conftest import ROOT
from tests.reading.test_reader import CONTEXT, LONG, make_adapter
from tests.server import until

pytestmark = pytest.mark.alone

QUERY = Query("What jumps?", CONTEXT)


@pytest.fixture(scope="module")
def made(tiny_bert, tmp_path_factory):
    """Two adapters that answer otherwise, to be copied over one another."""
    folder = tmp_path_factory.mktemp("made")
    make_adapter(tiny_bert, folder, "old", seed=1)
    make_adapter(tiny_bert, folder, "new", seed=2)
    return folder


@pytest.fixture
def models(made, tmp_path):
    for name in ("one", "two"):
        shutil.copytree(made / "old", tmp_path / "models" / name)
    return tmp_path / "models"


def put(source, target):
    shutil.copytree(source, target, dirs_exist_ok=True)


def score(reader, adapter=None):
    return reader.answer([Query("What jumps?", CONTEXT, adapter)])[0].null_score


@pytest.mark.parametrize("engine", [OpenVINOEngine, TorchEngine])
@pytest.mark.parametrize("name", ["one", "two"])
def test_changed_files_answer_from_the_next_question_on(tiny_bert, made, models, engine, name):
    """The default adapter and any other; and back again, with all times of the older files kept."""
    expected = {kind: score(Reader(Pool.of(engine(tiny_bert)), made, kind).load()) for kind in ("old", "new")}
    reader = Reader(Pool.of(engine(tiny_bert)), models, "one").load()
    assert score(reader, name) == pytest.approx(expected["old"], abs=1e-3)
    put(made / "new", models / name)
    assert score(reader, name) == pytest.approx(expected["new"], abs=1e-3)
    assert reader.describe(name).digest == file_sha256(made / "new" / LORA_FILE)
    subprocess.run(["cp", "-rpT", made / "old", models / name], check=True)
    assert score(reader, name) == pytest.approx(expected["old"], abs=1e-3)
    assert reader.describe(name).digest == file_sha256(made / "old" / LORA_FILE)
    assert abs(expected["old"] - expected["new"]) > 1e-2


def test_an_adapter_that_is_unloaded_as_a_question_ends_stays_whole(tiny_bert, models, monkeypatch):
    pool = Pool.of(TorchEngine(tiny_bert))
    reader = Reader(pool, models, "one").load()
    leave = pool.leave

    def unloaded_meanwhile(key):
        if "two" in reader.loaded():
            reader.remove_adapter("two")
        leave(key)

    monkeypatch.setattr(pool, "leave", unloaded_meanwhile)
    assert score(reader, "two") == score(reader, "two")
    assert reader.loaded() == ["one"]


def test_an_adapter_whose_base_went_is_loaded_again(tiny_bert, models):
    pool = Pool.of(TorchEngine(tiny_bert))
    reader = Reader(pool, models, "one").load()
    before = score(reader, "two")
    for key in [key for key in pool._of_key if key.startswith("two")]:
        pool.remove_adapter(key)
    with ThreadPoolExecutor(1) as other:
        assert other.submit(score, reader, "two").result(20) == before


def test_a_users_own_adapter_answers_while_it_is_saved_over(tiny_bert, made, models, tmp_path):
    shipped = tmp_path / "shipped"
    shutil.copytree(made / "new", shipped / "one")
    reader = Reader(Pool.of(TorchEngine(tiny_bert)), [models, shipped], "one").load()
    before = score(reader)
    (models / "one" / f"{STAGING}1").mkdir()
    (models / "one" / "qa_config.json").rename(tmp_path / "away")
    assert score(reader) == before
    (tmp_path / "away").rename(models / "one" / "qa_config.json")
    assert score(reader) == before
    assert reader.describe("one").problem is None
    shutil.rmtree(models / "one")
    assert score(reader) != before


def test_what_there_was_no_room_for_is_tried_again(tiny_bert, made, models, monkeypatch):
    monkeypatch.setattr(table, "_PATIENCE_S", 0.05)
    pool = Pool.of(TorchEngine(tiny_bert))
    reader = Reader(pool, models, "one").load()
    before, load_adapter = score(reader), pool.load_adapter

    def full(*_, **__):
        raise OverloadedError("There is no room.")

    put(made / "new", models / "one")
    monkeypatch.setattr(pool, "load_adapter", full)
    assert score(reader) == before
    assert reader.describe("one").problem == "There is no room."
    monkeypatch.setattr(pool, "load_adapter", load_adapter)
    time.sleep(0.1)
    assert score(reader) != before


def halved(folder):
    content = (folder / LORA_FILE).read_bytes()
    (folder / LORA_FILE).write_bytes(content[: len(content) // 2])


def without_settings(folder):
    (folder / "qa_config.json").unlink()


def damaged_settings(folder):
    (folder / "qa_config.json").write_text("{")


@pytest.mark.parametrize("harm", [halved, without_settings, damaged_settings, shutil.rmtree])
def test_half_a_folder_is_not_taken_up(tiny_bert, made, models, harm):
    reader = Reader(Pool.of(TorchEngine(tiny_bert)), models, "one").load()
    before, digest = score(reader), reader.describe("one").digest
    put(made / "new", models / "one")
    harm(models / "one")
    assert score(reader) == before
    told = reader.describe("one")
    assert (told.stale, told.digest) == (True, digest)
    assert told.problem
    with pytest.raises(AdapterError):
        reader.load_adapter("one")
    assert score(reader) == before
    put(made / "new", models / "one")
    assert score(reader) != before
    assert (reader.describe("one").stale, reader.describe("one").problem) == (False, None)


def test_loading_takes_changed_files_up_at_once(tiny_bert, made, models):
    reader = Reader(Pool.of(TorchEngine(tiny_bert)), models, "one").load()
    put(made / "new", models / "one")
    assert reader.describe("one").stale
    assert reader.load_adapter("one") is False
    assert reader.describe("one").digest == file_sha256(made / "new" / LORA_FILE)


def test_the_same_bytes_written_anew_are_not_loaded_anew(tiny_bert, models, monkeypatch):
    engine = TorchEngine(tiny_bert)
    reader = Reader(Pool.of(engine), models, "one").load()
    before = score(reader)
    file = models / "one" / LORA_FILE
    file.write_bytes(file.read_bytes())
    monkeypatch.setattr(engine, "load_adapter", lambda *args, **more: pytest.fail("loaded anew"))
    assert score(reader) == before
    assert reader.describe("one").stale is False


def test_files_that_are_written_all_the_time_keep_nobody_waiting(tiny_bert, made, models, monkeypatch):
    monkeypatch.setattr(table, "_PATIENCE_S", 0.4)
    reader = Reader(Pool.of(TorchEngine(tiny_bert)), models, "one").load()
    before = score(reader)
    stop = threading.Event()

    def write():
        while not stop.wait(0.02):
            put(made / "new", models / "one")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        until(lambda: reader.describe("one").stale)
        began = time.monotonic()
        assert score(reader) == before
        assert time.monotonic() - began < 5
        assert "being written" in str(reader.describe("one").problem)
    finally:
        stop.set()
        writer.join()


def test_adapters_come_and_go_while_the_engine_is_never_idle(tiny_bert, models):
    """Whoever loads or removes one gets the engine between two stretches of its work."""
    engine = OpenVINOEngine(tiny_bert, threads=2)
    batcher = Batcher(engine.run_each)
    reader = Reader(Pool.of(engine), models, "one", batcher=batcher).load()
    stop = threading.Event()

    def ask():
        while not stop.is_set():
            reader.answer([Query("What jumps?", LONG)])

    with ThreadPoolExecutor(8) as pool:
        asking = [pool.submit(ask) for _ in range(8)]
        try:
            began = time.monotonic()
            for _ in range(3):
                assert reader.load_adapter("two")
                reader.answer([Query("What jumps?", LONG, "two")])
                reader.remove_adapter("two")
            took = time.monotonic() - began
        finally:
            stop.set()
        for one in asking:
            one.result(10)
    reader.stop()
    assert took < 20


def test_questions_in_flight_are_not_disturbed(tiny_bert, made, models):
    """Each is answered by the one adapter or the other, whole, and the last ones by the new one."""
    engine = OpenVINOEngine(tiny_bert)
    batcher = Batcher(engine.run_each)
    reader = Reader(Pool.of(engine), models, "one", batcher=batcher).load()
    query = Query("What jumps?", LONG)
    (before,) = reader.answer([query])
    stop = threading.Event()

    def ask():
        found = set()
        while not stop.is_set():
            found.add(said(reader.answer([query])[0]))
        return found

    def said(answer):
        # Scores of untrained adapters are near each other; what says "no answer" is not.
        return answer.answer, answer.start, round(answer.null_score, 2)

    try:
        with ThreadPoolExecutor(3) as pool:
            asking = [pool.submit(ask) for _ in range(3)]
            put(made / "new", models / "one")
            ends = time.monotonic() + 60
            while reader.describe("one").stale and time.monotonic() < ends:
                time.sleep(0.05)
            (after,) = reader.answer([query])
            stop.set()
            found = set().union(*(one.result(60) for one in asking))
    finally:
        stop.set()
        reader.stop()
    assert found <= {said(before), said(after)}
    assert before.null_score != pytest.approx(after.null_score, abs=0.1)
    assert len(engine._merged) == 1


def test_looking_for_changes_reads_no_file(tiny_bert, models, monkeypatch):
    reader = Reader(Pool.of(TorchEngine(tiny_bert)), models, "one").load()
    monkeypatch.setattr("localqa.model.snapshot.read_file", lambda *args: pytest.fail("read"))
    monkeypatch.setattr("localqa.extraction.qa_config.read_object", lambda *args: pytest.fail("read"))
    assert score(reader)


def test_names_are_known_without_reading_all_folders_again(tiny_bert, models, monkeypatch):
    reader = Reader(Pool.of(TorchEngine(tiny_bert)), models, "one").load()
    assert reader.adapters() == ["one", "two"]
    monkeypatch.setattr("localqa.extraction.qa_config.read_object", lambda *args: pytest.fail("read"))
    assert reader.adapters() == ["one", "two"]
    shutil.copytree(models / "one", models / "three")
    monkeypatch.undo()
    assert reader.adapters() == ["one", "three", "two"]


def test_an_adapter_of_ones_own_comes_before_a_shipped_one(tiny_bert, made, models, tmp_path):
    own = tmp_path / "own"
    reader = Reader(Pool.of(TorchEngine(tiny_bert)), [own, models], "one").load()
    before = score(reader)
    put(made / "new", own / "one")
    assert score(reader) != before
    assert reader.folder("one") == own / "one"
    shutil.rmtree(own)
    assert score(reader) == before


def test_rolled_back_the_old_weights_answer(tiny_bert, models):
    reader = Reader(Pool.of(TorchEngine(tiny_bert)), models, "two").load()
    before = score(reader, "one")
    save_adapter(add_lora(load_model(tiny_bert, seed=3)), models / "one", QAConfig.load(models / "one"))
    assert score(reader, "one") != before
    rollback(models / "one")
    assert score(reader, "one") == before


def pipe(path):
    os.mkfifo(path)


def dangling(path):
    path.symlink_to("nowhere")


def huge(path):
    with path.open("wb") as file:
        file.truncate(1 << 40)


def looping(path):
    path.symlink_to(path.name)


BROKEN = {
    "deep": lambda path: path.write_text("[" * 200_000),
    "deep-objects": lambda path: path.write_text('{"a":' * 200_000),
    "binary": lambda path: path.write_bytes(bytes(range(256))),
    "empty": lambda path: path.write_text(""),
    "pipe": pipe,
    "dangling": dangling,
    "looping": looping,
    "folder": lambda path: path.mkdir(),
    "huge": huge,
    "endless": lambda path: path.symlink_to("/dev/zero"),
    "twice": lambda path: path.write_text('{"base": "a", "base": "b"}'),
    "digits": lambda path: path.write_text('{"stride": ' + "9" * 100_000 + "}"),
}


@pytest.mark.parametrize("file", ["qa_config.json", "adapter_config.json", LORA_FILE])
def test_broken_folders_are_named_and_harm_nobody(tiny_bert, models, file):
    """Whatever lies in a folder: it is skipped or refused, the others answer, and nothing hangs."""
    for name, make in BROKEN.items():
        shutil.copytree(models / "one", models / name)
        (models / name / file).unlink()
        make(models / name / file)
    (models / "nowhere-at-all").symlink_to("nowhere")
    reader = Reader(Pool.of(TorchEngine(tiny_bert)), models, "one").load()
    broken = {one["name"]: one["problem"] for one in reader.broken()}
    assert "nowhere-at-all" in broken
    if file == "qa_config.json":
        assert set(broken) == {*BROKEN, "nowhere-at-all"}
        assert reader.adapters() == ["one", "two"]
        assert all(str(models) not in problem for problem in broken.values())
    assert [reader.describe(name) for name in reader.adapters()]
    for name in BROKEN:
        with pytest.raises(AdapterError):
            reader.load_adapter(name)
    assert score(reader, "two")


def test_a_worker_survives_files_that_are_written_over_while_they_are_read(tiny_bert, made, tmp_path):
    """In a process of its own: where the files are mapped it dies of SIGBUS."""
    models = tmp_path / "models"
    shutil.copytree(made / "old", models / "one")
    shutil.copytree(made / "old", models / "two")
    code = """
import pathlib, sys
from localqa.engine.openvino_engine import OpenVINOEngine
from localqa.reading.pool import Pool
from localqa.reading.reader import Reader
from localqa.errors import LocalQAError
from localqa.model.bases import resolve_base
base, models = resolve_base(sys.argv[1]), pathlib.Path(sys.argv[2])
reader = Reader(Pool.of(OpenVINOEngine(base)), models, "one").load()
print("ready", flush=True)
for _ in range(60):
    try:
        reader.load_adapter("two")
        reader.remove_adapter("two")
    except LocalQAError as e:
        pass
"""
    command = [sys.executable, "-c", code, str(tiny_bert.folder), str(models)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    content = (made / "old" / LORA_FILE).read_bytes()
    while process.poll() is None:
        for half in (0, len(content) // 2, len(content)):
            (models / "two" / LORA_FILE).write_bytes(content[:half])
            time.sleep(0.001)
    assert process.returncode == 0


def test_qa_config_of_another_base_does_not_replace(tiny_bert, made, models):
    reader = Reader(Pool.of(TorchEngine(tiny_bert)), models, "one").load()
    before = score(reader)
    file = models / "one" / "qa_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"base_sha256": "0" * 64}))
    assert score(reader) == before
    assert "was trained on" in str(reader.describe("one").problem)

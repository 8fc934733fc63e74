"""Adapters are looked through once, and again where something has changed."""

import builtins
import io
import os
import shutil
import time

import pytest

from app import create_app
from localqa.config import Settings
from localqa.engine.torch_engine import TorchEngine
from localqa.extraction.qa_config import QAConfig
from localqa.model.adapter_files import LORA_FILE
from localqa.reading import index
from localqa.reading.index import AdapterIndex
from localqa.reading.pool import Pool
from localqa.reading.reader import Reader
from tests.reading.test_reader import CONTEXT, make_adapter

MANY = 201


@pytest.fixture
def settled(monkeypatch):
    """What was just written counts as old."""
    monkeypatch.setattr(index, "_SETTLED_S", 0.0)


@pytest.fixture
def models(tiny_bert, tmp_path):
    folder = tmp_path / "models"
    make_adapter(tiny_bert, folder, "one", seed=1)
    return folder


class Touched:
    """Counts the looks at files and folders."""

    def __init__(self, monkeypatch):
        self.count = 0
        for module, name in (
            (os, "stat"),
            (os, "listdir"),
            (os, "scandir"),
            (builtins, "open"),
            (io, "open"),
        ):
            monkeypatch.setattr(module, name, self._counting(getattr(module, name)))

    def _counting(self, call):
        def counted(*args, **more):
            self.count += 1
            return call(*args, **more)

        return counted


def test_a_question_in_a_protocol_costs_as_much_among_many_adapters(
    tiny_bert, models, settled, monkeypatch, clean_environment
):
    """Looks at files for one chat: with one adapter, and with 201."""
    monkeypatch.setattr(index, "_AGAIN_S", 60.0)
    body = {"model": "bert-qa:one", "stream": False}
    body["messages"] = [{"role": "system", "content": CONTEXT}, {"role": "user", "content": "What jumps?"}]
    counts = []
    for number in (1, MANY):
        for more in range(1, number):
            shutil.copytree(models / "one", models / f"copy-{more}")
        reader = Reader(Pool.of(TorchEngine(tiny_bert)), models, "one").load()
        client = create_app(Settings.load(ollama="off"), reader).test_client()
        assert client.post("/api/chat", json=body).status_code == 200
        assert len(client.get("/api/tags").get_json()["models"]) == number + 2
        with monkeypatch.context() as patched:
            touched = Touched(patched)
            assert client.post("/api/chat", json=body).status_code == 200
            counts.append(touched.count)
    print(counts)
    assert counts[0] == counts[1] < 60


def test_a_list_of_many_adapters_looks_at_the_loaded_one_alone(tiny_bert, models, settled, monkeypatch):
    monkeypatch.setattr(index, "_AGAIN_S", 60.0)
    for more in range(1, MANY):
        shutil.copytree(models / "one", models / f"copy-{more}")
    reader = Reader(Pool.of(TorchEngine(tiny_bert)), models, "one").load()
    reader.adapters()
    with monkeypatch.context() as patched:
        touched = Touched(patched)
        assert len([reader.describe(name) for name in reader.adapters()]) == MANY
    assert touched.count < 2 * MANY


def test_what_comes_and_goes_is_known_at_once(models):
    known = AdapterIndex(models)
    assert known.names() == ["one"]
    shutil.copytree(models / "one", models / "two")
    assert known.names() == ["one", "two"]
    shutil.rmtree(models / "one")
    assert known.names() == ["two"]


def test_a_folder_that_becomes_whole_is_known_at_once(models):
    known = AdapterIndex(models)
    (models / "half").mkdir()
    shutil.copy(models / "one" / LORA_FILE, models / "half")
    assert known.names() == ["one"]
    assert "half" in known.broken()
    for file in (models / "one").iterdir():
        if file.is_file():
            shutil.copy(file, models / "half")
    assert known.names() == ["half", "one"]
    assert known.broken() == {}


def test_what_is_written_over_in_place_is_seen_in_the_end(models, settled, monkeypatch):
    monkeypatch.setattr(index, "_AGAIN_S", 0.2)
    known = AdapterIndex(models)
    assert known.names() == ["one"]
    (models / "one" / "qa_config.json").write_text("{")
    time.sleep(0.25)
    assert known.names() == []
    assert "qa_config.json" in known.broken()["one"]


def test_an_adapter_is_listed_once_its_base_is_there(models):
    here = []
    known = AdapterIndex(models, lacks=lambda config: None if here else "its base is not on this machine")
    assert known.names() == []
    assert known.broken() == {"one": "its base is not on this machine"}
    here.append("base")
    known._looked = 0.0
    assert (known.names(), known.broken()) == (["one"], {})


def test_adapters_of_bases_that_are_not_offered_are_passed_over(models):
    def offers(config: QAConfig) -> bool:
        return False

    known = AdapterIndex(models, offers)
    assert (known.names(), known.broken()) == ([], {})

"""Adapters of several bases side by side, and bases that come and go."""

import json
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from localqa.engine.openvino_engine import OpenVINOEngine
from localqa.engine.torch_engine import TorchEngine
from localqa.errors import AdapterError, BaseModelError, OverloadedError
from localqa.extraction.answers import Query
from localqa.model.bases import resolve_base
from localqa.reading.batcher import Batcher
from localqa.reading.pool import Pool
from localqa.reading.reader import Reader
from tests.reading.test_reader import CONTEXT, LONG, make_adapter

FAMILIES = ("bert", "distilbert", "mpnet")


@pytest.fixture(scope="module")
def bases(tiny_bases):
    return {name: resolve_base(str(tiny_bases[name])) for name in FAMILIES}


@pytest.fixture(scope="module")
def models(bases, tmp_path_factory):
    """One adapter for each base, named as it is."""
    folder = tmp_path_factory.mktemp("models")
    for seed, (name, base) in enumerate(bases.items(), 1):
        make_adapter(base, folder, name, seed=seed)
    return folder


class Maker:
    """Makes engines, and remembers of which bases."""

    def __init__(self, engine=TorchEngine):
        self.engine = engine
        self.made = []

    def __call__(self, base, adapter):
        self.made.append(base.sha256)
        return self.engine(base)


def ask(reader, name, context=CONTEXT):
    return reader.answer([Query("What jumps?", context, name)])[0]


def in_memory(reader):
    return [base.family for base in reader.info().bases]


@pytest.mark.parametrize("engine", [TorchEngine, OpenVINOEngine])
def test_adapters_of_several_bases_answer_side_by_side(bases, models, engine):
    maker = Maker(engine)
    pool = Pool(maker, bases["bert"], most=3)
    batcher = Batcher(pool.run_each)
    reader = Reader(pool, models, "bert", batcher=batcher).load()
    try:
        assert reader.adapters() == list(FAMILIES)
        assert in_memory(reader) == ["bert"]
        answers = reader.answer([Query("What jumps?", LONG, name) for name in FAMILIES * 2])
        for answer, name in zip(answers, FAMILIES * 2, strict=True):
            alone = ask(Reader(Pool.of(engine(bases[name])), models, name).load(), name, LONG)
            assert (answer.adapter, answer.answer) == (name, alone.answer)
            assert answer.score == pytest.approx(alone.score, abs=1e-3)
        assert maker.made == [bases[name].sha256 for name in FAMILIES]
        assert [reader.describe(name).base.name for name in FAMILIES] == [
            bases[name].name for name in FAMILIES
        ]
    finally:
        reader.stop()


def test_the_base_not_used_longest_goes_and_comes_back(bases, models):
    maker = Maker()
    reader = Reader(Pool(maker, bases["bert"], most=2), models, "bert").load()
    before = ask(reader, "distilbert")
    assert in_memory(reader) == ["bert", "distilbert"]
    ask(reader, "mpnet")
    assert in_memory(reader) == ["bert", "mpnet"]
    assert reader.loaded() == ["bert", "mpnet"]
    assert ask(reader, "distilbert") == before
    assert in_memory(reader) == ["bert", "distilbert"]
    assert len(maker.made) == 4


def test_the_default_adapter_s_base_stays(bases, models):
    reader = Reader(Pool(Maker(), bases["bert"], most=1), models, "bert").load()
    with pytest.raises(OverloadedError, match="QA_MAX_BASES") as refused:
        ask(reader, "mpnet")
    assert "at most 1" in refused.value.message
    assert ask(reader, "bert").answer


def test_a_base_that_answers_now_does_not_go(bases, models):
    """The one asked for meanwhile has to wait, and the answer is whole."""
    gate, began = threading.Event(), threading.Event()

    class Held(TorchEngine):
        def run(self, windows, key, *more):
            if len(windows) > 1:
                began.set()
                gate.wait(20)
            return super().run(windows, key, *more)

    reader = Reader(Pool(Maker(Held), bases["bert"], most=2), models, "bert").load()
    with ThreadPoolExecutor(1) as threads:
        asked = threads.submit(ask, reader, "distilbert", LONG)
        assert began.wait(20)
        with pytest.raises(OverloadedError):
            ask(reader, "mpnet")
        gate.set()
        assert asked.result(20).adapter == "distilbert"
    assert ask(reader, "mpnet").adapter == "mpnet"


def test_many_at_once_while_bases_come_and_go(bases, models):
    pool = Pool(Maker(), bases["bert"], most=2)
    reader = Reader(pool, models, "bert", batcher=Batcher(pool.run_each)).load()
    expected = {name: ask(reader, name) for name in FAMILIES}

    def some(number):
        name = FAMILIES[number % 3]
        try:
            return ask(reader, name) == expected[name]
        except OverloadedError:
            return None

    try:
        with ThreadPoolExecutor(4) as threads:
            found = list(threads.map(some, range(60)))
    finally:
        reader.stop()
    assert False not in found
    assert True in found


def test_runs_of_different_bases_take_turns(bases, models):
    running, most = [], []

    class Counted(TorchEngine):
        def run(self, windows, key, *more):
            running.append(key)
            most.append(len(running))
            found = super().run(windows, key, *more)
            running.remove(key)
            return found

    reader = Reader(Pool(Maker(Counted), bases["bert"], most=3), models, "bert").load()
    for name in FAMILIES:
        reader.load_adapter(name)
    most.clear()
    with ThreadPoolExecutor(6) as threads:
        list(threads.map(lambda number: ask(reader, FAMILIES[number % 3], LONG), range(12)))
    assert max(most) == 1


def test_embedding_loads_its_base_and_may_be_the_one_that_goes(bases, models):
    reader = Reader(Pool(Maker(), bases["bert"], most=2), models, "mpnet").load()
    assert in_memory(reader) == ["mpnet"]
    before, _ = reader.embed([LONG])
    assert in_memory(reader) == ["mpnet", "bert"]
    ask(reader, "distilbert")
    assert in_memory(reader) == ["mpnet", "distilbert"]
    after, _ = reader.embed([LONG])
    assert (before == after).all()
    assert reader.embedder().base.checksum == bases["bert"].sha256


@pytest.fixture
def homeless(models, tmp_path):
    """Adapters of which one names a base that is not on this machine."""
    folder = tmp_path / "models"
    shutil.copytree(models, folder)
    file = folder / "mpnet" / "qa_config.json"
    changes = {"base": "nobody/has-this", "base_sha256": "a" * 64}
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))
    return folder


def test_a_base_that_is_not_here_is_an_error_with_the_command(bases, homeless, monkeypatch):
    monkeypatch.setattr("localqa.model.bases._on_hub", lambda name: pytest.fail("asked the Hub"))
    reader = Reader(Pool(Maker(), bases["bert"]), homeless, "bert").load()
    with pytest.raises(BaseModelError, match="needs the base 'nobody/has-this'") as refused:
        ask(reader, "mpnet")
    assert "hf download nobody/has-this" in refused.value.remedy
    assert reader.adapters() == ["bert", "distilbert"]
    (broken,) = reader.broken()
    assert broken["name"] == "mpnet"
    assert "hf download nobody/has-this" in broken["problem"]


def test_another_base_under_the_same_name_is_refused(bases, models, tmp_path):
    folder = tmp_path / "models"
    shutil.copytree(models, folder)
    file = folder / "mpnet" / "qa_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"base_sha256": "a" * 64}))
    reader = Reader(Pool(Maker(), bases["bert"]), folder, "bert").load()
    with pytest.raises(AdapterError, match="was trained on"):
        ask(reader, "mpnet")

"""One bad adapter is refused at loading, by the name of what is wrong, and spoils no other."""

import json
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from localqa.engine.openvino_engine import OpenVINOEngine
from localqa.engine.torch_engine import TorchEngine
from localqa.errors import AdapterError
from localqa.extraction.answers import Query
from localqa.extraction.windows import Windower
from localqa.model.adapter_files import FULL_FILE, LORA_FILE, PROMPT_FILE
from localqa.reading.pool import Pool
from localqa.reading.reader import Reader
from tests.reading.test_reader import CONTEXT, make_adapter

ENGINES = [OpenVINOEngine, TorchEngine]
PAIRS = [("What jumps?", CONTEXT)]


@pytest.fixture(scope="module")
def models(tiny_bert, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    for seed, name in enumerate(("one", "two", "three"), 1):
        make_adapter(tiny_bert, folder, name, seed=seed)
    make_adapter(tiny_bert, folder, "prompted", "prompt", seed=4)
    make_adapter(tiny_bert, folder, "whole", "full", seed=5)
    return folder


def changed(models, tmp_path, name, change, file=LORA_FILE):
    """A copy of an adapter, with its tensors changed."""
    folder = tmp_path / "bad"
    shutil.copytree(models / name, folder)
    tensors = load_file(folder / file)
    change(tensors)
    save_file({key: tensor.contiguous() for key, tensor in tensors.items()}, folder / file)
    return folder


def first(tensors, part):
    return next(name for name in tensors if part in name)


def cut(part, axis):
    def change(tensors):
        name = first(tensors, part)
        tensors[name] = tensors[name].narrow(axis, 0, tensors[name].shape[axis] - 1)

    return change


def put(part, value):
    def change(tensors):
        name = first(tensors, part)
        tensors[name] = value(tensors[name])

    return change


def drop(part):
    return lambda tensors: tensors.pop(first(tensors, part))


BAD = {
    "rank of B": (cut("lora_B", 1), "lora_B"),
    "rank of A": (cut("lora_A", 0), "lora_A"),
    "inputs": (cut("lora_A", 1), "lora_A"),
    "outputs": (cut("lora_B", 0), "lora_B"),
    "no A": (drop("lora_A"), "lora_A"),
    "no B": (drop("lora_B"), "lora_B"),
    "no pair of a layer that is named": (
        lambda tensors: [tensors.pop(one) for one in list(tensors) if "layer.1.attention.self.query" in one],
        "layer.1.attention.self.query",
    ),
    "one dimension": (put("lora_A", lambda one: one.flatten()), "lora_A"),
    "no dimension": (put("lora_A", lambda one: torch.tensor(1.0)), "lora_A"),
    "empty": (put("lora_B", lambda one: one[:0]), "lora_B"),
    "int8": (put("lora_B", lambda one: one.to(torch.int8)), "lora_B"),
    "float64": (put("lora_B", lambda one: one.double()), "lora_B"),
    "NaN": (put("lora_B", lambda one: one.fill_(float("nan"))), "lora_B"),
    "infinite": (put("lora_A", lambda one: one.fill_(float("inf"))), "lora_A"),
    "huge": (put("lora_A", lambda one: one.float() * 3e37), "lora_A"),
    "huge head": (put("qa_outputs.weight", lambda one: one.float() * 3e37), "qa_outputs.weight"),
    "head of one row": (cut("qa_outputs.weight", 0), "qa_outputs.weight"),
    "head of a third row": (
        put("qa_outputs.weight", lambda one: torch.cat([one, one[:1]])),
        "qa_outputs.weight",
    ),
    "bias of three": (put("qa_outputs.bias", lambda one: torch.zeros(3)), "qa_outputs.bias"),
    "bias of one": (put("qa_outputs.bias", lambda one: torch.zeros(1)), "qa_outputs.bias"),
    "no bias": (drop("qa_outputs.bias"), "qa_outputs.bias"),
    "no head": (drop("qa_outputs.weight"), "qa_outputs.weight"),
    "another layer": (
        lambda tensors: tensors.update(
            {
                name.replace("layer.0", "layer.7"): one.clone()
                for name, one in list(tensors.items())
                if "layer.0" in name
            }
        ),
        "layer.7",
    ),
    "something else": (lambda tensors: tensors.update(stowaway=torch.zeros(2)), "stowaway"),
}


@pytest.mark.parametrize("engine", ENGINES)
def test_weights_that_do_not_fit_are_refused_and_spoil_no_other(tiny_bert, models, tmp_path, engine):
    """All of them beside the same good ones, first and last."""
    runs = engine(tiny_bert)
    for name in ("one", "two", "three"):
        runs.load_adapter(name, models / name)
    windows = [one for group in Windower.from_folder(tiny_bert.folder).windows(PAIRS) for one in group]
    before = {name: runs.run(windows, name)[0][0] for name in ("one", "two", "three")}
    for case, (change, named) in BAD.items():
        folder = changed(models, tmp_path / case.replace(" ", "-"), "two", change)
        with pytest.raises(AdapterError) as error:
            runs.load_adapter(f"bad {case}", folder)
        assert named in error.value.message, case
        for name, logits in before.items():
            np.testing.assert_array_equal(runs.run(windows, name)[0][0], logits, err_msg=case)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"r": 0}, "r is 0"),
        ({"r": 400_000}, "r is 400000"),
        ({"r": True}, "r is True"),
        ({"r": "4"}, "r is '4'"),
        ({"r": 4.0}, "r is 4.0"),
        ({"r": None}, "r is None"),
        ({"r": 3}, "lora_A"),
        ({"lora_alpha": float("inf")}, "lora_alpha is inf"),
        ({"lora_alpha": float("nan")}, "lora_alpha is nan"),
        ({"lora_alpha": 0}, "lora_alpha is 0"),
        ({"lora_alpha": -8}, "lora_alpha is -8"),
        ({"lora_alpha": 10**400}, "lora_alpha is 1000"),
        ({"lora_alpha": True}, "lora_alpha is True"),
        ({"use_rslora": "yes"}, "use_rslora"),
        ({"target_modules": [1]}, "target_modules"),
        ({"target_modules": {"a": 1}}, "target_modules"),
        ({"peft_type": "IA3"}, "peft_type"),
    ],
)
def test_settings_of_the_matrices_are_checked(tiny_bert, models, tmp_path, engine, settings, named):
    shutil.copytree(models / "two", tmp_path / "bad")
    file = tmp_path / "bad" / "adapter_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | settings))
    with pytest.raises(AdapterError, match=named):
        engine(tiny_bert).load_adapter("bad", tmp_path / "bad")


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("content", ["[]", "", "null", "[" * 200_000, '{"r": 4, "r": 4}', '{"a": ' * 100_000])
def test_settings_that_are_no_object_are_refused(tiny_bert, models, tmp_path, engine, content):
    shutil.copytree(models / "two", tmp_path / "bad")
    (tmp_path / "bad" / "adapter_config.json").write_text(content)
    with pytest.raises(AdapterError, match="adapter_config.json"):
        engine(tiny_bert).load_adapter("bad", tmp_path / "bad")


@pytest.mark.parametrize(
    ("name", "file", "change", "named"),
    [
        ("prompted", PROMPT_FILE, cut("prompt_embeddings", 1), "prompt_embeddings"),
        ("prompted", PROMPT_FILE, put("prompt_embeddings", lambda one: one[:0]), "prompt_embeddings"),
        (
            "prompted",
            PROMPT_FILE,
            put("prompt_embeddings", lambda one: torch.zeros(500, 32)),
            "500 vectors",
        ),
        ("prompted", PROMPT_FILE, put("qa_outputs.bias", lambda one: torch.zeros(1)), "qa_outputs.bias"),
        ("prompted", PROMPT_FILE, drop("qa_outputs.weight"), "qa_outputs.weight"),
        ("whole", FULL_FILE, cut("query.weight", 0), "query.weight"),
        ("whole", FULL_FILE, put("query.weight", lambda one: one.to(torch.int8)), "query.weight"),
        ("whole", FULL_FILE, put("query.weight", lambda one: one.fill_(float("nan"))), "query.weight"),
        ("whole", FULL_FILE, drop("LayerNorm.bias"), "LayerNorm.bias"),
    ],
)
def test_other_methods_are_checked_too(tiny_bert, models, tmp_path, name, file, change, named):
    folder = changed(models, tmp_path, name, change, file)
    engine = TorchEngine(tiny_bert)
    engine.load_adapter("one", models / "one")
    with pytest.raises(AdapterError, match=named):
        engine.load_adapter("bad", folder)
    assert Reader(Pool.of(engine), models, "one").load().answer([Query("What jumps?", CONTEXT)])


@pytest.mark.parametrize("engine", ENGINES)
def test_windows_longer_than_the_base_reads_are_refused(tiny_bert, models, tmp_path, engine):
    shutil.copytree(models / "two", tmp_path / "bad")
    file = tmp_path / "bad" / "qa_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"max_length": 513}))
    with pytest.raises(AdapterError, match="max_length of 513"):
        engine(tiny_bert).load_adapter("bad", tmp_path / "bad")


@pytest.mark.parametrize("sizes", [{"max_length": 4, "stride": 0}, {"max_length": 384, "stride": 383}])
def test_windows_without_room_for_a_question_are_refused(tiny_bert, models, tmp_path, sizes):
    shutil.copytree(models / "two", tmp_path / "bad")
    file = tmp_path / "bad" / "qa_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | sizes))
    with pytest.raises(AdapterError, match="no room"):
        Reader(Pool.of(OpenVINOEngine(tiny_bert)), tmp_path, "bad").load()


@pytest.mark.parametrize("engine", ENGINES)
def test_products_beyond_all_bounds_are_refused(tiny_bert, models, tmp_path, engine):
    """Each matrix for itself is within them."""
    folder = changed(
        models,
        tmp_path,
        "two",
        lambda tensors: tensors.update(
            {name: torch.full_like(one, 60_000) for name, one in tensors.items() if ".query.lora_" in name}
        ),
    )
    with pytest.raises(AdapterError, match=r"product of lora_B and lora_A of .*query"):
        engine(tiny_bert).load_adapter("bad", folder)


def test_a_run_that_fails_spoils_no_other_adapter(tiny_bert, models):
    """What should never come so far: a matrix that does not fit reaches the graph that adapters share."""
    engine = OpenVINOEngine(tiny_bert)
    for name in ("one", "two", "three"):
        engine.load_adapter(name, models / name)
    windows = [one for group in Windower.from_folder(tiny_bert.folder).windows(PAIRS) for one in group]
    before = {name: engine.run(windows, name)[0][0] for name in ("one", "two")}
    key = next(key for key in engine._adapters["three"] if key.endswith(".up"))
    engine._adapters["three"][key] = engine._adapters["three"][key][:, :-1]
    for _ in range(2):
        with pytest.raises(RuntimeError):
            engine.run(windows, "three")
        for name, logits in before.items():
            np.testing.assert_array_equal(engine.run(windows, name)[0][0], logits)


def test_a_run_that_fails_leaves_the_first_adapter_its_answers(tiny_bert, models, monkeypatch):
    engine = OpenVINOEngine(tiny_bert)
    engine.load_adapter("one", models / "one")
    windows = [one for group in Windower.from_folder(tiny_bert.folder).windows(PAIRS) for one in group]
    before = engine.run(windows, "one")[0][0]
    embeddings = engine._embeddings
    monkeypatch.setattr(engine, "_embeddings", lambda batch: {"embedded": np.zeros((1, 2, 3), np.float32)})
    with pytest.raises(RuntimeError):
        engine.run(windows, "one")
    monkeypatch.setattr(engine, "_embeddings", embeddings)
    np.testing.assert_allclose(engine.run(windows, "one")[0][0], before, atol=1e-5)


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float32])
def test_weights_may_be_of_any_usual_type(tiny_bert, models, tmp_path, kind):
    folder = changed(
        models, tmp_path, "two", lambda tensors: tensors.update({k: v.to(kind) for k, v in tensors.items()})
    )
    windows = [one for group in Windower.from_folder(tiny_bert.folder).windows(PAIRS) for one in group]
    logits = []
    for engine in ENGINES:
        runs = engine(tiny_bert)
        runs.load_adapter("two", folder)
        logits.append(runs.run(windows, "two")[0][0])
    first, second = logits
    np.testing.assert_allclose(first, second, atol=1e-3)

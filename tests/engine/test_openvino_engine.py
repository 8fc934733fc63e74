"""The OpenVINO engine gives the torch engine's logits."""

import contextlib
import itertools
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from transformers import AutoModel

from localqa.engine.base_weights import BaseWeights, read_shape
from localqa.engine.embeddings import Embeddings, padded_length, padded_lengths
from localqa.engine.openvino_engine import OpenVINOEngine
from localqa.engine.session import Session
from localqa.engine.torch_engine import TorchEngine
from localqa.errors import AdapterError, BaseModelError
from localqa.extraction.qa_config import QAConfig
from localqa.extraction.windows import Windower
from localqa.model.adapter_files import LORA_FILE
from localqa.model.adapters import load_adapter
from localqa.model.bases import DEFAULT_BASE, resolve_base
from localqa.model.loading import load_model
from localqa.model.runner import run_windows
from localqa.reading.pool import Pool
from localqa.reading.reader import Reader
from tests.conftest import ROOT
from tests.reading.test_reader import CONTEXT, LONG, make_adapter

TASKS = Path("/proc/self/task")
PAIRS = [("What jumps?", CONTEXT), ("Who?", LONG), ("Where is the fox?", "The fox is here.")]


def windows_of(base, texts=PAIRS, **sizes):
    return [window for group in Windower.from_folder(base.folder, **sizes).windows(texts) for window in group]


def many_windows(base, rounds):
    """Of three lengths in turn."""
    return windows_of(base, [(q, text * (1 + number % 3)) for number in range(rounds) for q, text in PAIRS])


def logits_of(engine, folder, **sizes):
    engine.load_adapter("one#0", folder)
    return engine.run(windows_of(engine.base, **sizes), "one#0")


@pytest.fixture(params=["bert", "distilbert", "roberta", "mpnet"])
def base(request, tiny_bases):
    return resolve_base(str(tiny_bases[request.param]))


def test_logits_are_those_of_torch(base, tmp_path):
    make_adapter(base, tmp_path, "one", seed=1)
    own, torchs = (
        logits_of(engine(base), tmp_path / "one", max_length=128, stride=32)
        for engine in (OpenVINOEngine, TorchEngine)
    )
    assert len(own) > 5
    for mine, theirs in zip(own, torchs, strict=True):
        np.testing.assert_allclose(np.stack(mine), np.stack(theirs), atol=1e-4)


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="the system does not tell")
def test_a_run_is_bound_to_no_core(tiny_bases, tmp_path):
    """Bound ones of several processes would share the first core while others idle."""
    base = resolve_base(str(tiny_bases["bert"]))
    make_adapter(base, tmp_path, "one", seed=1)
    engine = OpenVINOEngine(base, threads=1)
    engine.load_adapter("one#0", tmp_path / "one")
    windows = [one for group in Windower.from_folder(base.folder).windows(PAIRS) for one in group]
    cores = os.sched_getaffinity(0)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(lambda: [engine.run(windows, "one#0") for _ in range(300)])
        while not running.done():
            with contextlib.suppress(ProcessLookupError):
                assert all(os.sched_getaffinity(int(task.name)) == cores for task in TASKS.iterdir())


@pytest.mark.parametrize(("kept", "off"), [("fp32", 1e-6), ("fp16", 1e-3), ("int8", 1e-2)])
def test_words_keep_their_vectors(base, kept, off):
    shape = read_shape(base.folder)
    weights = BaseWeights(base.folder, shape.family.prefix)
    (windows,) = Windower.from_folder(base.folder).windows([PAIRS[0]])
    exact, found = (Embeddings(weights, shape, kind)(windows)["embedded"] for kind in ("fp32", kept))
    np.testing.assert_allclose(found, exact, atol=off * np.abs(exact).max())


def test_lengths_are_few_and_hold_every_window():
    assert padded_lengths(40) == [16, 32, 48]
    assert padded_lengths(384)[-1] == 384
    for tokens in range(1, 513):
        assert tokens <= padded_length(tokens) < tokens + 32


@pytest.mark.parametrize("sizes", [{}, {"max_length": 16, "stride": 4}])
def test_vectors_are_the_mean_of_the_base_s_own_output(base, sizes):
    texts = ["The fox is here.", LONG]
    windows = Windower.from_folder(base.folder, **sizes).alone(texts)
    assert max(map(len, windows)) <= sizes.get("max_length", 384)
    tokenizer = Tokenizer.from_file(str(base.folder / "tokenizer.json"))
    assert list(windows[0].input_ids) == tokenizer.encode(texts[0]).ids
    assert windows[1].input_ids[-1] == tokenizer.encode(texts[1]).ids[-1]
    own, torchs = (engine(base).embed(windows) for engine in (OpenVINOEngine, TorchEngine))
    for mine, theirs in zip(own, torchs, strict=True):
        assert mine.shape == (OpenVINOEngine(base).hidden,)
        np.testing.assert_allclose(mine, theirs, atol=2e-3)


def test_vector_of_a_text_is_the_same_in_any_company(base):
    texts = [f"The fox is here{' again' * number}." for number in range(40)]
    windows = Windower.from_folder(base.folder).alone(texts)
    engine = OpenVINOEngine(base)
    together = engine.embed(windows)
    for number in (0, 17, 39):
        np.testing.assert_allclose(together[number], engine.embed([windows[number]])[0], atol=1e-4)


@pytest.mark.slow
def test_vectors_are_those_of_the_published_model():
    """Similarities that sentence-transformers gives: mean over tokens, length one."""
    base = resolve_base(DEFAULT_BASE)
    texts = ["A man is eating food.", "A man is eating a piece of bread.", "A cheetah chases its prey."]
    model = AutoModel.from_pretrained(base.folder).eval()
    tokenizer = Tokenizer.from_file(str(base.folder / "tokenizer.json"))
    wanted = []
    for text in texts:
        tokenizer.no_padding()
        ids = torch.tensor([tokenizer.encode(text).ids])
        with torch.inference_mode():
            mean = model(input_ids=ids).last_hidden_state[0].mean(dim=0)
        wanted.append((mean / mean.norm()).numpy())
    reader = Reader(Pool.of(OpenVINOEngine(base)), ROOT / "models", "squad").load()
    found, tokens = reader.embed(texts)
    assert tokens > 20
    np.testing.assert_allclose(found, np.stack(wanted), atol=1e-4)


@pytest.mark.slow
def test_shipped_adapter_has_the_logits_of_torch():
    base = resolve_base(DEFAULT_BASE)
    own, torchs = (
        logits_of(engine(base), ROOT / "models" / "squad") for engine in (OpenVINOEngine, TorchEngine)
    )
    for mine, theirs in zip(own, torchs, strict=True):
        np.testing.assert_allclose(np.stack(mine), np.stack(theirs), atol=5e-3)


@pytest.mark.slow
@pytest.mark.parametrize("bits", ["int8", "int4"])
def test_rounded_base_is_the_one_of_training(bits, tmp_path):
    base, folder = resolve_base(DEFAULT_BASE), tmp_path / "squad"
    shutil.copytree(ROOT / "models" / "squad", folder)
    replace(QAConfig.load(folder), rounded_base=bits).save(folder)
    engine = OpenVINOEngine(base, precision=bits)
    model = load_adapter(load_model(base, precision=f"served-{bits}"), folder).eval()
    windows = [window for group in Windower.from_folder(base.folder).windows(PAIRS) for window in group]
    own, torchs = logits_of(engine, folder), run_windows(model, windows)
    pairs = zip(own, torchs, strict=True)
    # Activations are rounded too, as they come.
    assert 0 < np.mean([np.abs(np.stack(mine) - np.stack(theirs)).mean() for mine, theirs in pairs]) < 0.15


def test_adapter_of_a_rounded_base_runs_over_that_base_alone(tiny_bert, tmp_path):
    make_adapter(tiny_bert, tmp_path, "one")
    replace(QAConfig.load(tmp_path / "one"), rounded_base="int4").save(tmp_path / "one")
    assert logits_of(OpenVINOEngine(tiny_bert, precision="int4"), tmp_path / "one")
    for engine in (
        OpenVINOEngine(tiny_bert),
        OpenVINOEngine(tiny_bert, precision="int8"),
        TorchEngine(tiny_bert),
    ):
        with pytest.raises(AdapterError, match="base in int4"):
            engine.load_adapter("one#0", tmp_path / "one")


@pytest.mark.slow
def test_merged_adapter_rounds_well():
    base, folder = resolve_base(DEFAULT_BASE), ROOT / "models" / "squad"
    own, torchs = (
        logits_of(engine, folder) for engine in (OpenVINOEngine(base, precision="int8"), TorchEngine(base))
    )
    pairs = zip(own, torchs, strict=True)
    assert 0 < np.mean([np.abs(np.stack(mine) - np.stack(theirs)).mean() for mine, theirs in pairs]) < 0.15


def test_adapters_take_turns_over_one_base(tiny_bert, tmp_path):
    for name, seed in (("one", 1), ("two", 2)):
        make_adapter(tiny_bert, tmp_path, name, seed=seed)
    engine = OpenVINOEngine(tiny_bert)
    first = logits_of(engine, tmp_path / "one")
    engine.load_adapter("two#0", tmp_path / "two")
    windows = windows_of(tiny_bert)
    assert not np.allclose(engine.run(windows, "two#0")[0], first[0])
    np.testing.assert_array_equal(engine.run(windows, "one#0")[0], first[0])
    engine.remove_adapter("one#0")
    assert engine.run(windows, "two#0")


def test_many_windows_are_computed_side_by_side(tiny_bert, tmp_path, monkeypatch):
    engine, name = OpenVINOEngine(tiny_bert, threads=2), "one"
    make_adapter(tiny_bert, tmp_path, name, seed=1)
    engine.load_adapter(name, tmp_path / name)
    windows = many_windows(tiny_bert, 12)
    alone = [engine.run([window], name)[0] for window in windows]
    with monkeypatch.context() as patched:
        patched.setattr(Session, "infer", None)
        together = engine.run(windows, name)
        for mine, other in zip(together, alone, strict=True):
            np.testing.assert_allclose(np.stack(mine), np.stack(other), atol=1e-5)
    embedded, calls = engine._embeddings, itertools.count()

    def full(batch):
        if next(calls) == 3:
            raise MemoryError("full")
        return embedded(batch)

    with monkeypatch.context() as patched:
        patched.setattr(engine, "_embeddings", full)
        with pytest.raises(MemoryError, match="full"):
            engine.run(windows, name)
    np.testing.assert_allclose(np.stack(engine.run(windows, name)[0]), np.stack(alone[0]), atol=1e-5)


@pytest.mark.parametrize("kind", [OpenVINOEngine, TorchEngine])
def test_windows_that_come_meanwhile_are_taken_up(tiny_bert, tmp_path, kind):
    engine, name = kind(tiny_bert, threads=2), "one"
    make_adapter(tiny_bert, tmp_path, name, seed=1)
    engine.load_adapter(name, tmp_path / name)
    windows = many_windows(tiny_bert, 9)
    alone = [engine.run([window], name)[0] for window in windows]
    portions = [windows[:20], windows[20:22], windows[22:-1], windows[-1:]]
    found = {}

    def coming():
        for portion in portions:
            yield portion
            if kind is OpenVINOEngine:
                # Nothing for now: some of what was begun is given before it is asked for again.
                given = len(found)
                yield []
                assert len(found) > given

    for numbers, logits in engine.run_each(coming(), name):
        found.update(zip(numbers, logits, strict=True))
    assert sorted(found) == list(range(len(windows)))
    for number, expected in enumerate(alone):
        np.testing.assert_allclose(np.stack(found[number]), np.stack(expected), atol=1e-5)


@pytest.mark.parametrize("part", ["query.lora_A", "dense.lora_B", "qa_outputs.weight"])
def test_matrices_of_another_shape_are_refused(tiny_bert, tmp_path, part):
    make_adapter(tiny_bert, tmp_path, "one")
    file = tmp_path / "one" / LORA_FILE
    tensors = load_file(file)
    name = next(name for name in tensors if part in name)
    axis = 0 if "lora_B" in name else 1
    tensors[name] = tensors[name].narrow(axis, 0, tensors[name].shape[axis] - 1).contiguous()
    save_file(tensors, file)
    with pytest.raises(AdapterError, match="another shape"):
        OpenVINOEngine(tiny_bert).load_adapter("one#0", tmp_path / "one")


@pytest.mark.parametrize("method", ["prompt", "full"])
def test_other_methods_are_refused(tiny_bert, tmp_path, method):
    make_adapter(tiny_bert, tmp_path, "one", method)
    with pytest.raises(AdapterError, match="no LoRA"):
        OpenVINOEngine(tiny_bert).load_adapter("one#0", tmp_path / "one")


def test_layers_without_lora_stay_the_base(tiny_bert, tmp_path):
    make_adapter(tiny_bert, tmp_path, "one", targets=["query"])
    own, torchs = (logits_of(engine(tiny_bert), tmp_path / "one") for engine in (OpenVINOEngine, TorchEngine))
    for mine, theirs in zip(own, torchs, strict=True):
        np.testing.assert_allclose(np.stack(mine), np.stack(theirs), atol=5e-3)


def test_engine_loads_no_torch():
    code = (
        "import localqa.engine.openvino_engine, localqa.reading.reader, sys;"
        "sys.exit(bool({'torch', 'transformers', 'peft'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_a_base_that_is_written_over_is_noticed(tiny_bert, tmp_path):
    """Read, not mapped: a mapped file that shrinks kills the process. The same bytes are the same base."""
    shutil.copytree(tiny_bert.folder, tmp_path / "base")
    base = resolve_base(str(tmp_path / "base"))
    weights = BaseWeights(base.folder, "bert.", base.sha256)
    name = "encoder.layer.0.attention.self.query.weight"
    before = weights[name]
    file = base.folder / "model.safetensors"
    content = file.read_bytes()
    file.write_bytes(content)
    np.testing.assert_array_equal(weights[name], before)
    for other in (content[: len(content) // 2], content[:-4] + b"\x00\x00\x80\x3f"):
        file.write_bytes(other)
        with pytest.raises(BaseModelError, match="has changed"):
            weights[name]
    file.write_bytes(content)
    np.testing.assert_array_equal(weights[name], before)


def test_no_weights_are_mapped(tiny_bert, tmp_path):
    make_adapter(tiny_bert, tmp_path, "one")
    for engine in (OpenVINOEngine, TorchEngine):
        loaded = engine(tiny_bert)
        loaded.load_adapter("one#0", tmp_path / "one")
        maps = Path("/proc/self/maps").read_text() if Path("/proc/self/maps").exists() else ""
        assert str(tiny_bert.folder) not in maps
        assert str(tmp_path) not in maps

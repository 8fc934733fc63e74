"""Vectors come from the base alone, as its own files say."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from localqa.engine.openvino_engine import OpenVINOEngine
from localqa.engine.torch_engine import TorchEngine
from localqa.errors import BaseModelError, InvalidInputError
from localqa.extraction.windows import Windower
from localqa.model.bases import LARGER_BASE, is_installed, resolve_base
from localqa.model.pooling import read_recipe
from localqa.reading.embedder import Embedder
from localqa.reading.pool import Pool
from localqa.reading.reader import Reader
from tests.reading.test_reader import LONG, make_adapter

EXPECTED = json.loads((Path(__file__).parent / "sentence_transformers_vectors.json").read_text())
SHORT, LONGEST = "The fox is here.", LONG * 3


@pytest.fixture
def sized(tiny_bert, tmp_path):
    """A function that gives a copy of the tiny base with files about its vectors."""

    def make(**files):
        folder = tmp_path / "base"
        shutil.copytree(tiny_bert.folder, folder)
        (folder / "1_Pooling").mkdir()
        names = {
            "limit": "sentence_bert_config.json",
            "pooling": "1_Pooling/config.json",
            "modules": "modules.json",
        }
        for name, content in files.items():
            (folder / names[name]).write_text(json.dumps(content))
        return resolve_base(str(folder))

    return make


@pytest.mark.parametrize("engine", [OpenVINOEngine, TorchEngine])
def test_the_default_adapter_makes_no_difference(tiny_bert, tmp_path, engine):
    """Its windows are of its own size, and a long text was cut to them."""
    make_adapter(tiny_bert, tmp_path, "wide", seed=1)
    make_adapter(tiny_bert, tmp_path, "narrow", seed=2, max_length=48, stride=8)
    first, second = (
        Reader(Pool.of(engine(tiny_bert)), tmp_path, name).load().embed([LONGEST])[0]
        for name in ("wide", "narrow")
    )
    np.testing.assert_allclose(first, second, atol=1e-6)


def test_limit_is_the_base_s_own(sized):
    base = sized(limit={"max_seq_length": 40})
    embedder = Embedder(Pool.of(TorchEngine(base)))
    assert embedder.info().max_tokens == 40
    assert embedder.embed([LONGEST])[1] == 40
    with pytest.raises(InvalidInputError, match="at most 40"):
        embedder.embed([LONGEST], truncate=False)


def test_limit_beyond_the_base_s_positions_is_not_believed(sized):
    assert read_recipe(sized(limit={"max_seq_length": 100_000}).folder).max_tokens == 512


@pytest.mark.parametrize("family", ["roberta", "mpnet"])
def test_positions_that_count_from_behind_the_padding_are_fewer(tiny_bases, family):
    assert read_recipe(tiny_bases[family]).max_tokens == 512


@pytest.mark.parametrize("engine", [OpenVINOEngine, TorchEngine])
@pytest.mark.parametrize(
    ("mode", "pool"),
    [
        ("pooling_mode_cls_token", lambda tokens: tokens[0]),
        ("pooling_mode_max_tokens", lambda tokens: tokens.max(axis=0)),
        ("pooling_mode_mean_tokens", lambda tokens: tokens.mean(axis=0)),
    ],
)
def test_pooling_is_the_base_s_own(sized, engine, mode, pool):
    import torch
    from transformers import AutoModel

    base = sized(pooling={mode: True, "pooling_mode_lasttoken": False})
    (window,) = Windower.from_folder(base.folder).alone([SHORT])
    with torch.inference_mode():
        model = AutoModel.from_pretrained(base.folder).eval()
        tokens = model(torch.from_numpy(window.input_ids[None].astype(np.int64))).last_hidden_state[0].numpy()
    wanted = pool(tokens) / np.linalg.norm(pool(tokens))
    found, _ = Embedder(Pool.of(engine(base))).embed([SHORT])
    np.testing.assert_allclose(found[0], wanted, atol=1e-4)


@pytest.mark.parametrize(
    ("files", "word"),
    [
        ({"pooling": {"pooling_mode_lasttoken": True}}, "lasttoken"),
        ({"pooling": {"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": True}}, r"cls\+mean"),
        ({"modules": [{"type": "sentence_transformers.models.Dense"}]}, "Dense"),
    ],
)
def test_unknown_ways_to_a_vector_are_refused_but_told(sized, files, word):
    embedder = Embedder(Pool.of(TorchEngine(sized(**files))))
    with pytest.raises(BaseModelError, match=word):
        embedder.embed([SHORT])
    assert embedder.info().pooling


def test_identity_tells_bases_poolings_and_limits_apart(tiny_bert, sized):
    plain = Embedder(Pool.of(TorchEngine(tiny_bert)))
    other = Embedder(Pool.of(TorchEngine(sized(limit={"max_seq_length": 40}))))
    assert plain.identity == f"{tiny_bert.sha256}:mean:512"
    assert other.identity == f"{tiny_bert.sha256}:mean:40"


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["fp32", "int8"])
@pytest.mark.parametrize("name", EXPECTED["bases"])
def test_vectors_are_those_of_sentence_transformers(name, precision):
    """Computed once by that library itself; in whatever precision questions are answered."""
    if name == LARGER_BASE and not is_installed(name):
        pytest.skip("the larger base is not installed")
    expected = EXPECTED["bases"][name]
    base = resolve_base(name)
    assert base.sha256 == expected["sha256"]
    pool = Pool(lambda base, adapter: OpenVINOEngine(base, precision=precision), base)
    embedder = Embedder(pool)
    assert embedder.info().max_tokens == expected["max_tokens"]
    found, _ = embedder.embed([EXPECTED["texts"][int(at)] for at in expected["vectors"]])
    np.testing.assert_allclose(found, list(expected["vectors"].values()), atol=1e-3)

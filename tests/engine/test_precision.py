"""The arithmetic that suits a processor."""

import json
import os
import subprocess
import sys

import pytest

from localqa.engine import precision
from localqa.engine.openvino_engine import OpenVINOEngine
from localqa.engine.session import has_bf16
from localqa.errors import ConfigError
from tests.conftest import ROOT


@pytest.fixture
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("QA_CACHE_DIR", str(tmp_path))
    return tmp_path / "precision.json"


@pytest.mark.parametrize(
    ("seconds", "chosen"),
    [
        ({"fp32": 1.0, "int8": 0.9}, "fp32"),
        ({"fp32": 1.0, "int8": 0.5}, "int8"),
        ({"fp32": 1.0, "bf16": 0.5, "int8": 0.45}, "bf16"),
        ({"fp32": 1.0, "bf16": 0.5, "int8": 0.3}, "int8"),
        ({"fp32": 0.4, "bf16": 0.5, "int8": 0.39}, "fp32"),
    ],
)
def test_rounded_weights_must_be_worth_it(tiny_bert, cache, monkeypatch, seconds, chosen):
    monkeypatch.setattr(precision, "_candidates", lambda: list(seconds))
    monkeypatch.setattr(precision, "_seconds", lambda base, one, threads: seconds[one])
    assert precision.fastest_precision(tiny_bert) == chosen


def test_what_was_measured_is_kept(tiny_bert, cache, monkeypatch):
    chosen = precision.fastest_precision(tiny_bert, threads=1)
    (entry,) = json.loads(cache.read_text()).values()
    assert entry["precision"] == chosen
    assert all(seconds > 0 for seconds in entry["seconds"].values())
    monkeypatch.setattr(precision, "_seconds", lambda *args: pytest.fail("measured again"))
    assert precision.fastest_precision(tiny_bert, threads=1) == chosen


def test_damaged_file_is_measured_over(tiny_bert, cache, monkeypatch):
    cache.write_text("{")
    monkeypatch.setattr(precision, "_seconds", lambda base, one, threads: 1.0)
    assert precision.fastest_precision(tiny_bert) in ("fp32", "bf16")
    assert json.loads(cache.read_text())


@pytest.mark.skipif(has_bf16(), reason="this processor has bfloat16")
def test_bfloat16_is_refused_where_there_is_none(tiny_bert, tmp_path):
    from tests.engine.test_reader import make_adapter

    make_adapter(tiny_bert, tmp_path, "one")
    with pytest.raises(ConfigError, match="bfloat16"):
        OpenVINOEngine(tiny_bert, precision="bf16").load_adapter("one#0", tmp_path / "one")


@pytest.mark.slow
@pytest.mark.parametrize("limit", ["AVX2", "AVX512_CORE"])
@pytest.mark.parametrize("precision", ["int8", "int4"])
def test_processor_without_products_of_whole_numbers_answers_all_the_same(limit, precision):
    """oneDNN is told to do without them, as on an older laptop."""
    code = (
        "from bert_qa import BertQA\n"
        f"qa = BertQA.load(precision='{precision}')\n"
        "print(qa.answer('Who jumps?', 'The brown fox jumps over the lazy dog.').answer)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"ONEDNN_MAX_CPU_ISA": limit},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "fox" in done.stdout

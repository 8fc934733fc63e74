"""The arithmetic that suits a processor."""

import json
import os
import subprocess
import sys

import pytest

from localqa.engine import precision
from localqa.engine.choosing import make_engine
from localqa.engine.openvino_engine import OpenVINOEngine
from localqa.engine.precision import abilities_of, decided, has_bf16
from localqa.errors import ConfigError
from localqa.extraction.qa_config import QAConfig
from tests.conftest import ROOT

AMX = {"amx_int8", "amx_bf16", "avx512_bf16", "avx512_vnni", "avx_vnni"}
EPYC = {"avx512_bf16", "avx512_vnni"}


@pytest.mark.parametrize(
    ("flags", "limit", "machine", "bf16", "chosen"),
    [
        (AMX, "", "x86_64", True, "int8"),
        (EPYC, "", "x86_64", True, "int8"),
        ({"avx512_vnni"}, "", "x86_64", False, "int8"),
        ({"avx2", "avx_vnni"}, "", "x86_64", False, "int8"),
        ({"avx2", "avx512f"}, "", "x86_64", False, "fp32"),
        ({"avx2"}, "", "x86_64", False, "fp32"),
        (AMX, "AVX512_CORE_AMX", "x86_64", True, "int8"),
        (AMX, "AVX512_CORE_BF16", "x86_64", True, "int8"),
        (AMX, "AVX512_CORE_VNNI", "x86_64", True, "int8"),
        (AMX, "avx2_vnni", "x86_64", True, "int8"),
        (AMX, "AVX512_CORE", "x86_64", True, "fp32"),
        (EPYC, "AVX2_VNNI", "x86_64", True, "fp32"),
        (AMX, "AVX2", "x86_64", True, "fp32"),
        (EPYC, "SSE41", "x86_64", True, "fp32"),
        (EPYC, "DEFAULT", "x86_64", True, "int8"),
        (EPYC, "nonsense", "x86_64", True, "int8"),
        ((), "", "AMD64", True, "int8"),
        ((), "", "AMD64", False, "fp32"),
        ((), "", "arm64", False, "fp32"),
        ({"asimd", "bf16"}, "", "aarch64", True, "bf16"),
        ({"asimd", "bf16"}, "", "aarch64", False, "fp32"),
    ],
)
def test_instructions_decide(flags, limit, machine, bf16, chosen):
    found, why = decided(abilities_of(flags, limit=limit, machine=machine, bf16=bf16))
    assert found == chosen
    assert why


def test_bfloat16_where_there_is_nothing_for_int8():
    assert decided({"bf16"})[0] == "bf16"


@pytest.mark.parametrize(
    ("limit", "has"),
    [
        ("", True),
        ("AVX512_CORE_BF16", True),
        ("AVX10_1_512", True),
        ("AVX512_CORE_VNNI", False),
    ],
)
def test_bfloat16_is_limited_as_the_rest(limit, has):
    assert ("bf16" in abilities_of(AMX, limit=limit, machine="x86_64", bf16=True)) is has


def test_the_table_is_what_was_measured():
    """For every kind of processor that was measured, the table names the fastest arithmetic."""
    results = json.loads((ROOT / "benchmarks" / "results" / "engines.json").read_text())
    assert len(results["table"]) >= 3
    for row in results["table"]:
        assert row["chosen"] == row["fastest"], row


def test_what_older_releases_left_in_the_cache_harms_nothing(tiny_bert, tmp_path, monkeypatch):
    monkeypatch.setenv("QA_CACHE_DIR", str(tmp_path))
    (tmp_path / "precision.json").write_text("{")
    engine = make_engine(tiny_bert, QAConfig("b", tiny_bert.sha256), engine="openvino")
    info = engine.info()
    assert (info["precision"], info["precision_reason"]) == precision.chosen()
    assert (tmp_path / "precision.json").read_text() == "{"


@pytest.mark.parametrize(
    ("given", "rounded", "expected", "reason"),
    [("fp32", None, "fp32", "as set"), ("auto", "int4", "int4", "learned over the base in this precision")],
)
def test_the_reason_is_told(tiny_bert, given, rounded, expected, reason):
    config = QAConfig("b", tiny_bert.sha256, rounded_base=rounded)
    info = make_engine(tiny_bert, config, engine="openvino", precision=given).info()
    assert info["precision"] == expected
    assert reason in info["precision_reason"]


@pytest.mark.skipif(has_bf16(), reason="this processor has bfloat16")
def test_bfloat16_is_refused_where_there_is_none(tiny_bert, tmp_path):
    from tests.reading.test_reader import make_adapter

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

"""Choosing the arithmetic for a processor by measuring it."""

import json
import os
import time
from typing import Any, Final

import numpy as np
import openvino as ov

from localqa import __version__
from localqa.config import Precision, cache_dir
from localqa.engine.base_weights import BaseWeights, read_shape
from localqa.engine.graph import GraphBuilder
from localqa.engine.session import Session, has_bf16, weights_of
from localqa.model.bases import Base
from localqa.model.lora_weights import LoraWeights

_FILE: Final = "precision.json"
_BATCH, _TOKENS, _RUNS = 8, 128, 5
_WORTH_ROUNDING = 1.2
"""How much faster rounded weights must be to be chosen: their answers differ a little."""


def fastest_precision(base: Base, *, threads: int = 0) -> Precision:
    """The arithmetic that runs a base fastest here without costing answers.

    bfloat16 or fp32, whichever is faster; int8 where it is faster than both by a fifth at least. What was
    measured stays in the cache folder, for this processor, base and version of OpenVINO and of this project.

    Args:
        base: found and verified.
        threads: processor threads; 0: all cores.
    """
    file = cache_dir() / _FILE
    known = _read(file)
    versions = f"{ov.__version__} {__version__}"
    key = "|".join([_processor(), versions, base.sha256, str(threads or os.cpu_count())])
    if key not in known:
        seconds = {precision: _seconds(base, precision, threads) for precision in _candidates()}
        known[key] = {"precision": _choice(seconds), "seconds": seconds}
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            partial = file.with_suffix(f".{os.getpid()}")
            partial.write_text(json.dumps(known, indent=1), encoding="utf-8")
            partial.replace(file)
        except OSError:
            pass  # measured anew at the next start
    precision: Precision = known[key]["precision"]
    return precision


def _candidates() -> list[Precision]:
    return ["fp32", "int8", "bf16"] if has_bf16() else ["fp32", "int8"]


def _choice(seconds: dict[Precision, float]) -> Precision:
    exact = min((one for one in seconds if one != "int8"), key=lambda one: seconds[one])
    return "int8" if seconds["int8"] * _WORTH_ROUNDING < seconds[exact] else exact


def _seconds(base: Base, precision: Precision, threads: int) -> float:
    """Time of a batch through the base, with a head of zeros."""
    shape = read_shape(base.folder)
    nothing = LoraWeights(
        {}, {}, np.zeros((2, shape.hidden), dtype=np.float32), np.zeros(2, dtype=np.float32)
    )
    weights = BaseWeights(base.folder, shape.family.prefix)
    graph = GraphBuilder(weights, shape, nothing, weights_of(precision)).build()
    session = Session(graph, precision, threads, shape.hidden)
    batch = {
        "embedded": np.random.default_rng(0).standard_normal((_BATCH, _TOKENS, shape.hidden), np.float32),
        "mask": np.zeros((_BATCH, 1, 1, _TOKENS), dtype=np.float32),
    }
    times = []
    for _ in range(1 + _RUNS):
        began = time.perf_counter()
        session.infer(batch)
        times.append(time.perf_counter() - began)
    # The first run prepares the kernels. The fastest of the others is the one that nothing else disturbed.
    return min(times[1:])


def _processor() -> str:
    core = ov.Core()
    name: str = core.get_property("CPU", "FULL_DEVICE_NAME")
    limit = os.environ.get("ONEDNN_MAX_CPU_ISA", "")
    return " ".join([name, *core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"), limit])


def _read(file: os.PathLike[str]) -> dict[str, Any]:
    try:
        with open(file, encoding="utf-8") as text:
            known = json.load(text)
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}

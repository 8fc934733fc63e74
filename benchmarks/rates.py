"""How fast this processor multiplies matrices in each arithmetic, by the engine's runtime and layer sizes."""

import time
from typing import Final

# First of all: it keeps OpenVINO from telling its makers of every start.
import localqa  # noqa: F401 - imported for that effect

# isort: split

import numpy as np
import openvino as ov
from openvino import opset13 as op

from localqa.config import Precision
from localqa.engine.compressed import compressed
from localqa.engine.precision import has_bf16
from localqa.engine.session import Session, weights_of

TOKENS, HIDDEN, WIDE, PAIRS, RUNS = 512, 384, 1536, 6, 60
"""A batch of the engine, through the wide layers of the default base."""
PRECISIONS: Final[tuple[Precision, ...]] = ("fp32", "bf16", "int8")


def matrix_rates() -> dict[str, float]:
    """Precision -> 10^9 operations a second (a multiplication and an addition are two)."""
    return {name: _rate(name) for name in PRECISIONS if name != "bf16" or has_bf16()}


def _rate(precision: Precision) -> float:
    random = np.random.default_rng(0)
    x = op.parameter(ov.PartialShape([-1, HIDDEN]), ov.Type.f32, name="x")
    x.output(0).set_names({"x"})
    y = x
    for inputs, outputs in [(HIDDEN, WIDE), (WIDE, HIDDEN)] * PAIRS:
        weight = random.standard_normal((outputs, inputs), np.float32) / np.float32(inputs**0.5)
        y = op.matmul(y, compressed(weight, weights_of(precision)), False, True)
    session = Session(ov.Model([op.result(y)], [x]), precision, 0, HIDDEN)
    batch = {"x": random.standard_normal((TOKENS, HIDDEN), np.float32)}
    seconds = []
    for _ in range(RUNS):
        began = time.perf_counter()
        session.infer(batch)
        seconds.append(time.perf_counter() - began)
    operations = 2 * TOKENS * HIDDEN * WIDE * 2 * PAIRS
    # What the processor can do is seen in the run that nothing else disturbed.
    return round(operations / min(seconds) / 1e9, 1)

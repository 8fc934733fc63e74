"""Weights in few bits, as a graph unpacks them."""

from typing import Any, Literal, TypeAlias

import numpy as np
import openvino as ov
from numpy.typing import NDArray
from openvino import opset13 as op

from localqa.engine.base_weights import Array
from localqa.model.rounding import Bits, rounded

Weights: TypeAlias = Literal["fp32"] | Bits


def compressed(weight: Array, kind: Weights) -> Any:
    """A node that gives a linear layer's weight, shape (outputs, inputs), from its rounded form."""
    if kind == "fp32":
        return op.constant(weight)
    values, scale, bits = rounded(weight, kind)
    if bits == "int8":
        return _unpacked(op.constant(values), scale)
    # A constant shares its tensor's memory; this tensor owns it, one made from an array would not.
    packed = ov.Tensor(ov.Type.i4, list(values.shape))
    packed.data[:] = _packed(values).reshape(packed.data.shape)
    return op.reshape(_unpacked(op.constant(packed), scale), op.constant(np.array(weight.shape)), False)


def _packed(values: NDArray[np.int8]) -> NDArray[np.uint8]:
    """Two numbers of four bits in a byte, the first one in its lower half."""
    nibbles = values.reshape(-1).view(np.uint8) & np.uint8(0x0F)
    return nibbles[::2] | (nibbles[1::2] << np.uint8(4))


def _unpacked(values: Any, scale: Array) -> Any:
    return op.multiply(op.convert(values, ov.Type.f32), op.constant(scale))

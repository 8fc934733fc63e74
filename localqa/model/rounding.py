"""Linear layers' weights in few bits: the rounding that engines serve and training can learn over."""

from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Bits: TypeAlias = Literal["int8", "int4"]
GROUP = 32
"""Inputs that share a scale in int4."""


class Rounded(NamedTuple):
    """A weight as whole numbers times scales.

    Attributes:
        values: int8, of shape (outputs, inputs), or (outputs, inputs / 32, 32) in int4 (from -7 to 7).
        scale: float32, the same shape with 1 as its last axis.
        bits: what it is in: "int8" too where int4 was asked for and the inputs do not divide by 32.
    """

    values: NDArray[np.int8]
    scale: NDArray[np.float32]
    bits: Bits

    def restored(self) -> NDArray[np.float32]:
        """The weight that the rounded one stands for, shape (outputs, inputs)."""
        weight = self.values * self.scale
        return weight.reshape(len(weight), -1)


def rounded(weight: NDArray[Any], bits: Bits) -> Rounded:
    """Round a weight of shape (outputs, inputs) symmetrically.

    int8 has a scale for each output, int4 one for each 32 inputs of an output.
    """
    outputs, inputs = weight.shape
    if bits == "int4" and inputs % GROUP == 0:
        weight, levels = weight.reshape(outputs, inputs // GROUP, GROUP), 7
    else:
        bits, levels = "int8", 127
    scale = np.maximum(np.abs(weight).max(axis=-1, keepdims=True), np.finfo(np.float32).tiny) / levels
    return Rounded(np.rint(weight / scale).astype(np.int8), scale.astype(np.float32), bits)

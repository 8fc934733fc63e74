"""What the graphs of BERT and of T5 are both built with."""

import math
from typing import Any

import numpy as np
import openvino as ov
from numpy.typing import NDArray
from openvino import opset13 as op


def parameter(name: str, sizes: list[int], kind: ov.Type = ov.Type.f32) -> Any:
    """An input of a graph under its name; -1 is a size that differs from call to call."""
    node = op.parameter(ov.PartialShape(sizes), kind, name=name)
    node.output(0).set_names({name})
    return node


def named(node: Any, name: str) -> Any:
    """An output of a graph under its name."""
    result = op.result(node)
    result.output(0).set_names({name})
    return result


def finished(outputs: list[Any], inputs: list[Any], name: str) -> ov.Model:
    """The graph between inputs and outputs, its types and sizes checked."""
    model = ov.Model(outputs, inputs, name)
    model.validate_nodes_and_infer_types()
    return model


def ints(*values: int) -> Any:
    """A constant vector, (values,) int64."""
    return op.constant(np.array(values, dtype=np.int64))


def number(value: int) -> Any:
    """A constant without dimensions, int64."""
    return op.constant(np.int64(value))


def split_heads(x: Any, heads: int, size: int) -> Any:
    """(batch, tokens, heads * size) -> (batch, heads, tokens, size)."""
    return op.transpose(op.reshape(x, ints(0, 0, heads, size), True), ints(0, 2, 1, 3))


def joined_heads(x: Any, heads: int, size: int) -> Any:
    """(batch, heads, tokens, size) -> (batch, tokens, heads * size)."""
    return op.reshape(op.transpose(x, ints(0, 2, 1, 3)), ints(0, 0, heads * size), True)


def distance_buckets(
    distance: NDArray[np.int64], buckets: int, farthest: int, *, both_ways: bool
) -> NDArray[np.int64]:
    """The bucket of each distance, by the scheme of T5 (Raffel et al. 2020), which MPNet shares.

    Args:
        distance: place of the key less that of the query, any shape.
        buckets: how many there are.
        farthest: distance from which all lie in the last one.
        both_ways: whether tokens look ahead, too: what lies ahead has the second half of the buckets.

    Returns:
        Numbers of buckets, of the shape of `distance`.
    """
    half = buckets // 2 if both_ways else buckets
    ahead = np.where(distance > 0, half, 0) if both_ways else 0
    away = np.abs(distance) if both_ways else np.maximum(-distance, 0)
    exact = half // 2
    far = np.log(np.maximum(away, 1) / exact) / math.log(farthest / exact) * (half - exact)
    index = np.where(away < exact, away, np.minimum(exact + far.astype(np.int64), half - 1))
    return np.asarray(index + ahead, dtype=np.int64)

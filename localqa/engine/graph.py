"""A base with a QA head as an OpenVINO graph, built from its weights without torch.

The graph takes an adapter's LoRA matrices and head as inputs, so that one compiled base serves any
number of adapters; or it has one adapter merged into its weights, which saves the thin products.
"""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import openvino as ov
from openvino import opset13 as op

from localqa.engine.base_weights import Array, BaseWeights, Shape
from localqa.engine.compressed import Weights, compressed
from localqa.model.lora_weights import LoraWeights


@dataclass(slots=True)
class GraphBuilder:
    """Builds the graph of one base, from behind its embeddings.

    Args:
        base: the weights of the base.
        shape: its sizes.
        merged: adapter to fold into the weights; None: adapters come as inputs.
        weights: how linear layers keep their weights.
        headless: end with the base's own output, and take no adapter.
    """

    base: BaseWeights
    shape: Shape
    merged: LoraWeights | None = None
    weights: Weights = "fp32"
    headless: bool = False
    _inputs: list[Any] = field(init=False, default_factory=list)

    def build(self) -> ov.Model:
        """Inputs `embedded` (batch, tokens, hidden) and `mask` (batch, 1, 1, tokens), float32.

        Without a merged adapter also, for each linear layer, `LAYER.down` (rank, inputs) and `LAYER.up`
        (outputs, rank), and `head` (2, hidden) and `head_bias` (2,), float32.
        Output: start and end logits, (batch, tokens, 2), or without a head (batch, tokens, hidden), float32.
        """
        embedded = self._input("embedded", [-1, -1, self.shape.hidden])
        bias = self._input("mask", [-1, 1, 1, -1])
        if self.shape.family.relative_bias:
            bias = op.add(bias, self._distance_bias(embedded))
        x = self._norm(embedded, "embeddings.LayerNorm")
        for number in range(self.shape.layers):
            x = self._layer(x, bias, self.shape.family.layer.format(number))
        model = ov.Model([op.result(x if self.headless else self._head(x))], self._inputs, "encoder")
        model.validate_nodes_and_infer_types()
        return model

    def _distance_bias(self, embedded: Any) -> Any:
        """Added to attention scores: (1, heads, tokens, tokens)."""
        length = op.gather(op.shape_of(embedded), _int(1), _int(0))
        places = op.range(_int(0), length, _int(1), ov.Type.i64)
        distance = op.subtract(op.unsqueeze(places, _int(0)), op.unsqueeze(places, _int(1)))
        table = _distance_buckets(self.base["encoder.relative_attention_bias.weight"])
        span = len(table) // 2
        values = op.gather(op.constant(table), op.add(distance, _int(span)), _int(0))
        by_head = op.transpose(values, op.constant(np.array([2, 0, 1], dtype=np.int64)))
        return op.unsqueeze(by_head, _int(0))

    def _layer(self, x: Any, bias: Any, name: str) -> Any:
        family = self.shape.family
        size = self.shape.hidden // self.shape.heads
        split = op.constant(np.array([0, 0, self.shape.heads, size], dtype=np.int64))
        turn = op.constant(np.array([0, 2, 1, 3], dtype=np.int64))
        query, key, value = (
            op.transpose(op.reshape(self._linear(x, name + part), split, True), turn)
            for part in (family.query, family.key, family.value)
        )
        attended = op.transpose(op.scaled_dot_product_attention(query, key, value, bias), turn)
        joined = op.reshape(attended, op.constant(np.array([0, 0, self.shape.hidden], dtype=np.int64)), True)
        x = self._norm(op.add(self._linear(joined, name + family.attended), x), name + family.attention_norm)
        inner = op.gelu(self._linear(x, name + family.up), "erf")
        return self._norm(op.add(self._linear(inner, name + family.down), x), name + family.output_norm)

    def _linear(self, x: Any, name: str) -> Any:
        weight = self.base[f"{name}.weight"]
        outputs, inputs = weight.shape
        if self.merged is not None and name in self.merged.down:
            weight = weight + self.merged.up[name] @ self.merged.down[name]
        product = op.matmul(x, compressed(weight, self.weights), False, True)
        y = op.add(product, self._constant(f"{name}.bias"))
        if self.merged is not None or self.headless:
            return y
        down = self._input(f"{name}.down", [-1, inputs])
        up = self._input(f"{name}.up", [outputs, -1])
        return op.add(y, op.matmul(op.matmul(x, down, False, True), up, False, True))

    def _head(self, x: Any) -> Any:
        if self.merged is not None:
            weight, bias = op.constant(self.merged.head), op.constant(self.merged.head_bias)
        else:
            weight = self._input("head", [2, self.shape.hidden])
            bias = self._input("head_bias", [2])
        return op.add(op.matmul(x, weight, False, True), bias)

    def _norm(self, x: Any, name: str) -> Any:
        last = op.constant(np.array([-1], dtype=np.int64))
        y = op.mvn(x, last, True, self.shape.norm_eps, "INSIDE_SQRT")
        return op.add(op.multiply(y, self._constant(f"{name}.weight")), self._constant(f"{name}.bias"))

    def _constant(self, name: str) -> Any:
        return op.constant(self.base[name])

    def _input(self, name: str, shape: list[int]) -> Any:
        parameter = op.parameter(ov.PartialShape(shape), ov.Type.f32, name=name)
        parameter.output(0).set_names({name})
        self._inputs.append(parameter)
        return parameter


def _distance_buckets(bias: Array) -> Array:
    """MPNet's bias by distance (key - query) from -1023 to 1023, shape (2047, heads).

    The bucketing is that of T5 (Raffel et al. 2020), two-sided, with distances up to 128.
    """
    distance = np.arange(-1023, 1024)
    buckets = len(bias) // 2
    exact = buckets // 2
    away = np.abs(distance)
    steps = np.log(np.maximum(away, 1) / exact) / math.log(128 / exact) * (buckets - exact)
    rising = exact + steps.astype(np.int64)
    index = np.where(away < exact, away, np.minimum(rising, buckets - 1))
    # What lies behind the query has the first half of the buckets, what lies before it the second.
    return bias[index + np.where(distance > 0, buckets, 0)]


def _int(value: int) -> Any:
    return op.constant(np.int64(value))

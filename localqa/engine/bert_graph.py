"""A base with a QA head as an OpenVINO graph, built from its weights without torch.

The graph takes an adapter's LoRA matrices and head as inputs, so that one compiled base serves any
number of adapters; or it has one adapter merged into its weights, which saves the thin products.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import openvino as ov
from openvino import opset13 as op

from localqa.engine.base_weights import Array, BaseWeights, Shape
from localqa.engine.compressed import Weights, compressed
from localqa.engine.graph_parts import (
    distance_buckets,
    finished,
    ints,
    joined_heads,
    number,
    parameter,
    split_heads,
)
from localqa.model.lora_weights import LoraWeights


@dataclass(slots=True)
class BertGraph:
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
        for layer in range(self.shape.layers):
            x = self._layer(x, bias, self.shape.family.layer.format(layer))
        return finished([op.result(x if self.headless else self._head(x))], self._inputs, "encoder")

    def _distance_bias(self, embedded: Any) -> Any:
        """Added to attention scores: (1, heads, tokens, tokens)."""
        length = op.gather(op.shape_of(embedded), number(1), number(0))
        places = op.range(number(0), length, number(1), ov.Type.i64)
        distance = op.subtract(op.unsqueeze(places, number(0)), op.unsqueeze(places, number(1)))
        table = _bias_by_distance(self.base["encoder.relative_attention_bias.weight"])
        span = len(table) // 2
        values = op.gather(op.constant(table), op.add(distance, number(span)), number(0))
        by_head = op.transpose(values, ints(2, 0, 1))
        return op.unsqueeze(by_head, number(0))

    def _layer(self, x: Any, bias: Any, name: str) -> Any:
        family = self.shape.family
        heads, size = self.shape.heads, self.shape.hidden // self.shape.heads
        query, key, value = (
            split_heads(self._linear(x, name + part), heads, size)
            for part in (family.query, family.key, family.value)
        )
        attended = op.scaled_dot_product_attention(query, key, value, bias)
        joined = joined_heads(attended, heads, size)
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
        last = ints(-1)
        y = op.mvn(x, last, True, self.shape.norm_eps, "INSIDE_SQRT")
        return op.add(op.multiply(y, self._constant(f"{name}.weight")), self._constant(f"{name}.bias"))

    def _constant(self, name: str) -> Any:
        return op.constant(self.base[name])

    def _input(self, name: str, shape: list[int]) -> Any:
        node = parameter(name, shape)
        self._inputs.append(node)
        return node


def _bias_by_distance(table: Array) -> Array:
    """MPNet's bias by distance (key - query) from -1023 to 1023, shape (2047, heads)."""
    return table[distance_buckets(np.arange(-1023, 1024), len(table), 128, both_ways=True)]

"""A base with a QA head as an OpenVINO graph, built from its weights without torch.

The graph takes an adapter's LoRA matrices and head as inputs, so that one compiled base serves any
number of adapters; or it has one adapter merged into its weights, which saves the thin products.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
from openvino import opset13 as op
from safetensors import safe_open

from localqa.errors import BaseModelError
from localqa.model.lora_weights import Array, LoraWeights

_TOKEN_TYPES = "embeddings.token_type_embeddings.weight"


@dataclass(frozen=True, slots=True)
class Family:
    """Where an architecture keeps its weights.

    Attributes:
        prefix: of the encoder inside a model with a head, e.g. "bert."; weights may come without it.
        layer: pattern of a layer's name.
        query, key, value, attended, up, down: linear layers, after the layer's name.
        attention_norm, output_norm: layer norms, after the layer's name.
        counts_from_padding: whether positions count from behind the padding token's id.
        relative_bias: whether attention has a learned bias by distance.
    """

    prefix: str
    layer: str = "encoder.layer.{}."
    query: str = "attention.self.query"
    key: str = "attention.self.key"
    value: str = "attention.self.value"
    attended: str = "attention.output.dense"
    attention_norm: str = "attention.output.LayerNorm"
    up: str = "intermediate.dense"
    down: str = "output.dense"
    output_norm: str = "output.LayerNorm"
    counts_from_padding: bool = False
    relative_bias: bool = False

    def linears(self) -> tuple[str, ...]:
        """The layers that may have LoRA matrices."""
        return (self.query, self.key, self.value, self.attended, self.up, self.down)


FAMILIES: Mapping[str, Family] = {
    "bert": Family("bert."),
    "roberta": Family("roberta.", counts_from_padding=True),
    "distilbert": Family(
        "distilbert.",
        layer="transformer.layer.{}.",
        query="attention.q_lin",
        key="attention.k_lin",
        value="attention.v_lin",
        attended="attention.out_lin",
        attention_norm="sa_layer_norm",
        up="ffn.lin1",
        down="ffn.lin2",
        output_norm="output_layer_norm",
    ),
    "mpnet": Family(
        "mpnet.",
        query="attention.attn.q",
        key="attention.attn.k",
        value="attention.attn.v",
        attended="attention.attn.o",
        attention_norm="attention.LayerNorm",
        counts_from_padding=True,
        relative_bias=True,
    ),
}


@dataclass(frozen=True, slots=True)
class Shape:
    """The sizes of a base, out of its config.json."""

    family: Family
    layers: int
    heads: int
    hidden: int
    norm_eps: float
    padding_id: int
    token_types: bool


def read_shape(folder: Path) -> Shape:
    """The sizes of a base.

    Raises:
        BaseModelError: an architecture that this module does not know.
    """
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    kind = config.get("model_type")
    activation = config.get("hidden_act", config.get("activation", "gelu"))
    if kind not in FAMILIES or activation != "gelu":
        raise BaseModelError(
            f"The engine has no graph for a base of type '{kind}' with activation '{activation}'.",
            remedy=f"Use one of {', '.join(FAMILIES)} with gelu, or QA_ENGINE=torch.",
        )

    def first(*names: str) -> Any:
        return next(config[name] for name in names if name in config)

    return Shape(
        family=FAMILIES[kind],
        layers=first("num_hidden_layers", "n_layers"),
        heads=first("num_attention_heads", "n_heads"),
        hidden=first("hidden_size", "dim"),
        norm_eps=config.get("layer_norm_eps", 1e-12),
        padding_id=config.get("pad_token_id") or 0,
        token_types=config.get("type_vocab_size", 0) > 1,
    )


@dataclass(slots=True)
class GraphBuilder:
    """Builds the graph of one base.

    Args:
        folder: of the base.
        merged: adapter to fold into the weights; None: adapters come as inputs.
    """

    folder: Path
    merged: LoraWeights | None = None
    shape: Shape = field(init=False)
    """The sizes of the base; after `build`."""
    _weights: dict[str, Array] = field(init=False)
    _inputs: list[Any] = field(init=False, default_factory=list)
    layers: dict[str, tuple[int, int]] = field(init=False, default_factory=dict)
    """Name of each layer that may have LoRA matrices -> (outputs, inputs); after `build`."""
    parameters: int = field(init=False, default=0)
    """Number of weights of the base and its head; after `build`."""

    def build(self) -> ov.Model:
        """Inputs `input_ids`, `attention_mask`, where used `token_type_ids`: (batch, tokens), int32.

        Without a merged adapter also, for each linear layer, `LAYER.down` (rank, inputs) and `LAYER.up`
        (outputs, rank), and `head` (2, hidden) and `head_bias` (2,), float32.
        Output: start and end logits, (batch, tokens, 2), float32.
        """
        self.shape = read_shape(self.folder)
        self._weights = _read_weights(self.folder, self.shape.family.prefix)
        ids, mask = (self._input(name, [-1, -1], ov.Type.i32) for name in ("input_ids", "attention_mask"))
        x = self._embedded(ids, mask)
        bias = self._attention_bias(ids, mask)
        for number in range(self.shape.layers):
            x = self._layer(x, bias, self.shape.family.layer.format(number))
        model = ov.Model([op.result(self._head(x))], self._inputs, "encoder")
        model.validate_nodes_and_infer_types()
        self.parameters = sum(one.size for one in self._weights.values()) + 2 * self.shape.hidden + 2
        return model

    def _embedded(self, ids: Any, mask: Any) -> Any:
        x = op.gather(self._constant("embeddings.word_embeddings.weight"), ids, _int(0))
        positions = op.gather(
            self._constant("embeddings.position_embeddings.weight"), self._positions(ids, mask), _int(0)
        )
        x = op.add(x, positions)
        if self.shape.token_types:
            types = self._input("token_type_ids", [-1, -1], ov.Type.i32)
            x = op.add(
                x, op.gather(self._constant("embeddings.token_type_embeddings.weight"), types, _int(0))
            )
        elif "embeddings.token_type_embeddings.weight" in self._weights:
            x = op.add(x, op.constant(self._weights["embeddings.token_type_embeddings.weight"][:1]))
        return self._norm(x, "embeddings.LayerNorm")

    def _positions(self, ids: Any, mask: Any) -> Any:
        if self.shape.family.counts_from_padding:
            # Padding stands at the end alone and is masked: it may have any position.
            counted = op.multiply(op.cumsum(mask, _int(1)), mask)
            return op.add(counted, op.constant(np.int32(self.shape.padding_id)))
        length = op.gather(op.shape_of(ids), _int(1), _int(0))
        return op.range(_int(0), length, _int(1), ov.Type.i64)

    def _attention_bias(self, ids: Any, mask: Any) -> Any:
        """Added to attention scores: (batch, 1 or heads, 1 or tokens, tokens)."""
        hidden = op.multiply(
            op.subtract(op.constant(np.float32(1)), op.convert(mask, ov.Type.f32)),
            op.constant(np.float32(-1e4)),
        )
        bias = op.unsqueeze(hidden, op.constant(np.array([1, 2], dtype=np.int64)))
        if not self.shape.family.relative_bias:
            return bias
        length = op.gather(op.shape_of(ids), _int(1), _int(0))
        places = op.range(_int(0), length, _int(1), ov.Type.i64)
        distance = op.subtract(op.unsqueeze(places, _int(0)), op.unsqueeze(places, _int(1)))
        table = _distance_buckets(self._weights["encoder.relative_attention_bias.weight"])
        span = len(table) // 2
        values = op.gather(op.constant(table), op.add(distance, _int(span)), _int(0))
        by_head = op.transpose(values, op.constant(np.array([2, 0, 1], dtype=np.int64)))
        return op.add(bias, op.unsqueeze(by_head, _int(0)))

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
        weight = self._weights[f"{name}.weight"]
        self.layers[name] = (weight.shape[0], weight.shape[1])
        if self.merged is not None and name in self.merged.down:
            weight = weight + self.merged.up[name] @ self.merged.down[name]
        y = op.add(op.matmul(x, op.constant(weight), False, True), self._constant(f"{name}.bias"))
        if self.merged is not None:
            return y
        down = self._input(f"{name}.down", [-1, weight.shape[1]], ov.Type.f32)
        up = self._input(f"{name}.up", [weight.shape[0], -1], ov.Type.f32)
        return op.add(y, op.matmul(op.matmul(x, down, False, True), up, False, True))

    def _head(self, x: Any) -> Any:
        if self.merged is not None:
            weight, bias = op.constant(self.merged.head), op.constant(self.merged.head_bias)
        else:
            weight = self._input("head", [2, self.shape.hidden], ov.Type.f32)
            bias = self._input("head_bias", [2], ov.Type.f32)
        return op.add(op.matmul(x, weight, False, True), bias)

    def _norm(self, x: Any, name: str) -> Any:
        last = op.constant(np.array([-1], dtype=np.int64))
        y = op.mvn(x, last, True, self.shape.norm_eps, "INSIDE_SQRT")
        return op.add(op.multiply(y, self._constant(f"{name}.weight")), self._constant(f"{name}.bias"))

    def _constant(self, name: str) -> Any:
        return op.constant(self._weights[name])

    def _input(self, name: str, shape: list[int], kind: Any) -> Any:
        parameter = op.parameter(ov.PartialShape(shape), kind, name=name)
        parameter.output(0).set_names({name})
        self._inputs.append(parameter)
        return parameter


def _read_weights(folder: Path, prefix: str) -> dict[str, Array]:
    """All weights of the encoder in fp32, by their name without the prefix."""
    with safe_open(folder / "model.safetensors", framework="numpy") as file:
        names = list(file.keys())
        return {
            name.removeprefix(prefix): file.get_tensor(name).astype(np.float32, copy=False) for name in names
        }


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

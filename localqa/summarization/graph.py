"""A T5 as two OpenVINO graphs, built from its weights without torch: the encoder, and a decoder's step.

Architecture: Raffel et al. 2020; gated layers: Shazeer 2020. Weights are named as transformers names them.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
from numpy.typing import NDArray
from openvino import opset13 as op

from localqa.engine.base_weights import Array, BaseWeights
from localqa.errors import BaseModelError

_NO_SCALE = 1.0
"""T5 has the usual division by the root of a head's size in its initial weights."""


@dataclass(frozen=True, slots=True)
class Shape:
    """The sizes of a T5, out of its config.json.

    Attributes:
        layers, decoder_layers, heads, head_size, hidden: sizes.
        norm_eps: of the layer norms.
        gated: whether the wide layer is gated by another, with the tanh form of gelu.
        output_scale: of what goes into the words' layer.
        buckets, farthest: of the learned bias by distance.
        start_id, end_id: tokens that a summary begins with, and ends with.
    """

    layers: int
    decoder_layers: int
    heads: int
    head_size: int
    hidden: int
    norm_eps: float
    gated: bool
    output_scale: float
    buckets: int
    farthest: int
    start_id: int
    end_id: int


def read_shape(folder: Path) -> Shape:
    """The sizes of a base.

    Raises:
        BaseModelError: it is no T5, or one that this module does not know.
    """
    try:
        config: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        return _shape(config)
    except (ValueError, KeyError, TypeError, AttributeError) as e:
        raise BaseModelError(
            f"The config.json in '{folder}' cannot be used ({type(e).__name__}: {e}).",
            remedy="Get the base again, or name another one with --base or QA_SUMMARY_BASE.",
        ) from e


def _shape(config: dict[str, Any]) -> Shape:
    kind, wide = config.get("model_type"), config.get("feed_forward_proj", "relu")
    if kind not in ("t5", "mt5") or wide not in ("relu", "gated-gelu"):
        raise BaseModelError(
            f"A base of type '{kind}' with layers of kind '{wide}' cannot summarise here.",
            remedy="Use one of the T5 family, such as google-t5/t5-small or google/flan-t5-small.",
        )
    tied = config.get("scale_decoder_outputs", config.get("tie_word_embeddings", True))
    return Shape(
        layers=config["num_layers"],
        decoder_layers=config.get("num_decoder_layers") or config["num_layers"],
        heads=config["num_heads"],
        head_size=config["d_kv"],
        hidden=config["d_model"],
        norm_eps=config.get("layer_norm_epsilon", 1e-6),
        gated=wide == "gated-gelu",
        output_scale=config["d_model"] ** -0.5 if tied else 1.0,
        buckets=config.get("relative_attention_num_buckets", 32),
        farthest=config.get("relative_attention_max_distance", 128),
        start_id=config.get("decoder_start_token_id") or 0,
        end_id=config.get("eos_token_id", 1),
    )


class GraphBuilder:
    """Builds the graphs of one base with an adapter folded into its weights.

    Args:
        base: the weights.
        shape: its sizes.
        down, up: layer name -> LoRA matrices, as `read_matrices` gives them; empty: the base alone.
    """

    def __init__(
        self, base: BaseWeights, shape: Shape, down: Mapping[str, Array], up: Mapping[str, Array]
    ) -> None:
        self._base = base
        self._shape = shape
        self._down, self._up = down, up
        self._words = op.constant(base["shared.weight"])
        self._merged: set[str] = set()

    @property
    def unmerged(self) -> set[str]:
        """Layers that the adapter has matrices for and that no graph built so far has."""
        return set(self._down) - self._merged

    def encoder(self) -> ov.Model:
        """Inputs `ids` (1, tokens) int64 and `bias` (1, heads, tokens, tokens) float32.

        Outputs: for each layer of the decoder, `cross_key.N` and `cross_value.N` (1, heads, tokens, size).
        """
        ids, bias = _input("ids", [1, -1], ov.Type.i64), _input("bias", [1, self._shape.heads, -1, -1])
        x = self._embedded(ids)
        for number in range(self._shape.layers):
            name = f"encoder.block.{number}.layer."
            normed = self._norm(x, f"{name}0.layer_norm")
            own = f"{name}0.SelfAttention."
            keys, values = self._heads(normed, f"{own}k"), self._heads(normed, f"{own}v")
            x = op.add(x, self._attended(normed, own, keys, values, bias))
            x = self._wide(x, f"{name}1.")
        x = self._norm(x, "encoder.final_layer_norm")
        outputs = []
        for number in range(self._shape.decoder_layers):
            other = f"decoder.block.{number}.layer.1.EncDecAttention."
            outputs += [
                _named(self._heads(x, f"{other}k"), f"cross_key.{number}"),
                _named(self._heads(x, f"{other}v"), f"cross_value.{number}"),
            ]
        return _model(outputs, [ids, bias], "encoder")

    def decoder(self) -> ov.Model:
        """One step: inputs `ids` (1, 1) int64, `bias` (1, heads, 1, tokens so far, this one included), and
        for each layer `key.N`, `value.N` (those of the tokens before), `cross_key.N` and `cross_value.N`.

        Outputs: `logits` (1, 1, words), and `key.N` and `value.N` with this token's in them.
        """
        shape = self._shape
        ids, bias = _input("ids", [1, 1], ov.Type.i64), _input("bias", [1, shape.heads, 1, -1])
        inputs, outputs = [ids, bias], []
        x = self._embedded(ids)
        for number in range(shape.decoder_layers):
            past_key, past_value, cross_key, cross_value = (
                _input(f"{part}.{number}", [1, shape.heads, -1, shape.head_size])
                for part in ("key", "value", "cross_key", "cross_value")
            )
            inputs += [past_key, past_value, cross_key, cross_value]
            name = f"decoder.block.{number}.layer."
            normed = self._norm(x, f"{name}0.layer_norm")
            own = f"{name}0.SelfAttention."
            keys = op.concat([past_key, self._heads(normed, f"{own}k")], 2)
            values = op.concat([past_value, self._heads(normed, f"{own}v")], 2)
            outputs += [_named(keys, f"new_key.{number}"), _named(values, f"new_value.{number}")]
            x = op.add(x, self._attended(normed, own, keys, values, bias))
            normed = self._norm(x, f"{name}1.layer_norm")
            x = op.add(x, self._attended(normed, f"{name}1.EncDecAttention.", cross_key, cross_value, None))
            x = self._wide(x, f"{name}2.")
        x = self._norm(x, "decoder.final_layer_norm")
        x = op.multiply(x, op.constant(np.float32(shape.output_scale)))
        own_words = "lm_head.weight" in self._base
        words = op.constant(self._base["lm_head.weight"]) if own_words else self._words
        return _model([_named(op.matmul(x, words, False, True), "logits"), *outputs], inputs, "decoder")

    def _embedded(self, ids: Any) -> Any:
        return op.gather(self._words, ids, op.constant(np.int64(0)))

    def _attended(self, x: Any, name: str, keys: Any, values: Any, bias: Any) -> Any:
        """What attention adds; without a bias every key counts alike."""
        queries = self._heads(x, f"{name}q")
        bias = op.constant(np.zeros((1, 1, 1, 1), dtype=np.float32)) if bias is None else bias
        scale = op.constant(np.float32(_NO_SCALE))
        attended = op.scaled_dot_product_attention(queries, keys, values, bias, scale)
        turned = op.transpose(attended, _ints(0, 2, 1, 3))
        joined = op.reshape(turned, _ints(0, 0, self._shape.heads * self._shape.head_size), True)
        return self._linear(joined, f"{name}o")

    def _heads(self, x: Any, name: str) -> Any:
        """A projection by head, (1, heads, tokens, size)."""
        split = op.reshape(self._linear(x, name), _ints(0, 0, self._shape.heads, self._shape.head_size), True)
        return op.transpose(split, _ints(0, 2, 1, 3))

    def _wide(self, x: Any, name: str) -> Any:
        normed = self._norm(x, f"{name}layer_norm")
        layer = f"{name}DenseReluDense."
        if self._shape.gated:
            gate = op.gelu(self._linear(normed, f"{layer}wi_0"), "tanh")
            inner = op.multiply(gate, self._linear(normed, f"{layer}wi_1"))
        else:
            inner = op.relu(self._linear(normed, f"{layer}wi"))
        return op.add(x, self._linear(inner, f"{layer}wo"))

    def _linear(self, x: Any, name: str) -> Any:
        weight = self._base[f"{name}.weight"]
        if name in self._down:
            weight = weight + self._up[name] @ self._down[name]
            self._merged.add(name)
        return op.matmul(x, op.constant(weight), False, True)

    def _norm(self, x: Any, name: str) -> Any:
        """Division by the root of the mean square; nothing is subtracted."""
        mean = op.reduce_mean(op.multiply(x, x), op.constant(np.int64(-1)), True)
        root = op.sqrt(op.add(mean, op.constant(np.float32(self._shape.norm_eps))))
        return op.multiply(op.divide(x, root), op.constant(self._base[f"{name}.weight"]))


def attention_bias(
    table: Array, queries: NDArray[np.int64], keys: NDArray[np.int64], shape: Shape, *, both_ways: bool
) -> Array:
    """The learned bias by distance, (1, heads, queries, keys).

    Args:
        table: (buckets, heads).
        queries, keys: places of the tokens.
        shape: of the base.
        both_ways: whether tokens look ahead (in the encoder) or back alone.
    """
    distance = keys[None, :] - queries[:, None]
    buckets = shape.buckets // 2 if both_ways else shape.buckets
    ahead = np.where(distance > 0, buckets, 0) if both_ways else 0
    away = np.abs(distance) if both_ways else np.maximum(-distance, 0)
    exact = buckets // 2
    far = np.log(np.maximum(away, 1) / exact) / math.log(shape.farthest / exact) * (buckets - exact)
    index = np.where(away < exact, away, np.minimum(exact + far.astype(np.int64), buckets - 1)) + ahead
    return np.ascontiguousarray(table[index].transpose(2, 0, 1)[None])


def _input(name: str, sizes: list[int], kind: ov.Type = ov.Type.f32) -> Any:
    parameter = op.parameter(ov.PartialShape(sizes), kind, name=name)
    parameter.output(0).set_names({name})
    return parameter


def _named(node: Any, name: str) -> Any:
    result = op.result(node)
    result.output(0).set_names({name})
    return result


def _model(outputs: list[Any], inputs: list[Any], name: str) -> ov.Model:
    model = ov.Model(outputs, inputs, name)
    model.validate_nodes_and_infer_types()
    return model


def _ints(*values: int) -> Any:
    return op.constant(np.array(values, dtype=np.int64))

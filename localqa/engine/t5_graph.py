"""A T5 as two OpenVINO graphs, built from its weights without torch: the encoder, and a decoder's step.

Architecture: Raffel et al. 2020; gated layers: Shazeer 2020. Weights are named as transformers names them.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import openvino as ov
from numpy.typing import NDArray
from openvino import opset13 as op

from localqa.engine.base_weights import Array, BaseWeights
from localqa.engine.graph_parts import distance_buckets, finished, joined_heads, named, parameter, split_heads
from localqa.model.t5_shape import T5Shape

_NO_SCALE = 1.0
"""T5 has the usual division by the root of a head's size in its initial weights."""


class T5Graphs:
    """Builds the graphs of one base with an adapter folded into its weights.

    Args:
        base: the weights.
        shape: its sizes.
        down, up: layer name -> LoRA matrices, as `read_matrices` gives them; empty: the base alone.
    """

    def __init__(
        self, base: BaseWeights, shape: T5Shape, down: Mapping[str, Array], up: Mapping[str, Array]
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
        ids, bias = parameter("ids", [1, -1], ov.Type.i64), parameter("bias", [1, self._shape.heads, -1, -1])
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
                named(self._heads(x, f"{other}k"), f"cross_key.{number}"),
                named(self._heads(x, f"{other}v"), f"cross_value.{number}"),
            ]
        return finished(outputs, [ids, bias], "encoder")

    def decoder(self) -> ov.Model:
        """One step: inputs `ids` (1, 1) int64, `bias` (1, heads, 1, tokens so far, this one included), and
        for each layer `key.N`, `value.N` (those of the tokens before), `cross_key.N` and `cross_value.N`.

        Outputs: `logits` (1, 1, words), and `key.N` and `value.N` with this token's in them.
        """
        shape = self._shape
        ids, bias = parameter("ids", [1, 1], ov.Type.i64), parameter("bias", [1, shape.heads, 1, -1])
        inputs, outputs = [ids, bias], []
        x = self._embedded(ids)
        for number in range(shape.decoder_layers):
            past_key, past_value, cross_key, cross_value = (
                parameter(f"{part}.{number}", [1, shape.heads, -1, shape.head_size])
                for part in ("key", "value", "cross_key", "cross_value")
            )
            inputs += [past_key, past_value, cross_key, cross_value]
            name = f"decoder.block.{number}.layer."
            normed = self._norm(x, f"{name}0.layer_norm")
            own = f"{name}0.SelfAttention."
            keys = op.concat([past_key, self._heads(normed, f"{own}k")], 2)
            values = op.concat([past_value, self._heads(normed, f"{own}v")], 2)
            outputs += [named(keys, f"new_key.{number}"), named(values, f"new_value.{number}")]
            x = op.add(x, self._attended(normed, own, keys, values, bias))
            normed = self._norm(x, f"{name}1.layer_norm")
            x = op.add(x, self._attended(normed, f"{name}1.EncDecAttention.", cross_key, cross_value, None))
            x = self._wide(x, f"{name}2.")
        x = self._norm(x, "decoder.final_layer_norm")
        x = op.multiply(x, op.constant(np.float32(shape.output_scale)))
        own_words = "lm_head.weight" in self._base
        words = op.constant(self._base["lm_head.weight"]) if own_words else self._words
        return finished([named(op.matmul(x, words, False, True), "logits"), *outputs], inputs, "decoder")

    def _embedded(self, ids: Any) -> Any:
        return op.gather(self._words, ids, op.constant(np.int64(0)))

    def _attended(self, x: Any, name: str, keys: Any, values: Any, bias: Any) -> Any:
        """What attention adds; without a bias every key counts alike."""
        queries = self._heads(x, f"{name}q")
        bias = op.constant(np.zeros((1, 1, 1, 1), dtype=np.float32)) if bias is None else bias
        scale = op.constant(np.float32(_NO_SCALE))
        attended = op.scaled_dot_product_attention(queries, keys, values, bias, scale)
        joined = joined_heads(attended, self._shape.heads, self._shape.head_size)
        return self._linear(joined, f"{name}o")

    def _heads(self, x: Any, name: str) -> Any:
        """A projection by head, (1, heads, tokens, size)."""
        return split_heads(self._linear(x, name), self._shape.heads, self._shape.head_size)

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
    table: Array, queries: NDArray[np.int64], keys: NDArray[np.int64], shape: T5Shape, *, both_ways: bool
) -> Array:
    """The learned bias by distance, (1, heads, queries, keys).

    Args:
        table: (buckets, heads).
        queries, keys: places of the tokens.
        shape: of the base.
        both_ways: whether tokens look ahead (in the encoder) or back alone.
    """
    distance = keys[None, :] - queries[:, None]
    index = distance_buckets(distance, shape.buckets, shape.farthest, both_ways=both_ways)
    return np.ascontiguousarray(table[index].transpose(2, 0, 1)[None])

"""A base's sizes and weights, read without torch."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open

from localqa.errors import BaseModelError

Array = NDArray[np.float32]


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
        """The linear layers, which may have LoRA matrices."""
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


class BaseWeights:
    """The weights of a base's encoder, each read from the file when it is asked for.

    Names are those in the encoder, without the prefix that a model with a head has.
    """

    def __init__(self, folder: Path, prefix: str) -> None:
        self._path = folder / "model.safetensors"
        with self._file() as file:
            self._names = {name.removeprefix(prefix): name for name in file.keys()}  # noqa: SIM118 - the file itself is no iterable
            self._sizes = {
                name: list(file.get_slice(whole).get_shape()) for name, whole in self._names.items()
            }

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def __getitem__(self, name: str) -> Array:
        """A weight in fp32."""
        # Opened each time: the pages of an open file count as this process's memory once they were read.
        with self._file() as file:
            return file.get_tensor(self._names[name]).astype(np.float32, copy=False)

    def linears(self, shape: Shape) -> dict[str, tuple[int, int]]:
        """Name of each layer that may have LoRA matrices -> (outputs, inputs)."""
        names = [
            shape.family.layer.format(number) + part
            for number in range(shape.layers)
            for part in shape.family.linears()
        ]
        sizes = ((name, self._sizes[f"{name}.weight"]) for name in names)
        return {name: (outputs, inputs) for name, (outputs, inputs) in sizes}

    def count(self) -> int:
        """Number of parameters."""
        return sum(math.prod(sizes) for sizes in self._sizes.values())

    def _file(self) -> Any:
        return safe_open(self._path, framework="numpy")

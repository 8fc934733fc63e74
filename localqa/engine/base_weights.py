"""A base's sizes and weights, read without torch."""

import contextlib
import json
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from localqa.errors import BaseModelError
from localqa.model.bases import file_sha256
from localqa.model.tensor_file import TensorFile

Array = NDArray[np.float32]
_TRIES, _PAUSE_S = 5, 0.1
"""How often, and after which seconds each time, a weight is read whose file is being written."""


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

    Args:
        folder: of the base.
        prefix: of the encoder.
        sha256: of the file; one that is written over later must still have it. None: none may be.

    Raises:
        BaseModelError: the file cannot be read; reading a weight raises it, too, where it has changed.
    """

    def __init__(self, folder: Path, prefix: str, sha256: str | None = None) -> None:
        self._path = folder / "model.safetensors"
        self._sha256 = sha256
        try:
            self._file = TensorFile(self._path)
            self._known = self._status()
        except (OSError, ValueError) as e:
            raise BaseModelError(
                f"The weights of the base in '{folder}' cannot be read ({e}).", remedy="Get the base again."
            ) from e
        self._names = {name.removeprefix(prefix): name for name in self._file.infos}
        self._sizes = {name: self._file.infos[whole].shape for name, whole in self._names.items()}

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def __getitem__(self, name: str) -> Array:
        """A weight in fp32."""
        whole = self._names[name]
        for _ in range(_TRIES):
            with contextlib.suppress(OSError, ValueError):
                before = self._status()
                self._recognise(before)
                values = self._file.read(whole)
                if self._status() == before:
                    return values
            time.sleep(_PAUSE_S)
        raise self._changed()

    def rows(self, name: str) -> int:
        """How many rows a table has; 0 where there is no such one."""
        return self._sizes[name][0] if name in self._sizes else 0

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

    def _recognise(self, status: tuple[int, int, int]) -> None:
        """Make sure that the file is still that of the start; its bytes are looked at where it seems not."""
        if status == self._known:
            return
        if self._sha256 is None or file_sha256(self._path) != self._sha256:
            raise self._changed()
        self._known = status

    def _status(self) -> tuple[int, int, int]:
        found = self._path.stat()
        return found.st_ino, found.st_size, found.st_mtime_ns

    def _changed(self) -> BaseModelError:
        return BaseModelError(
            f"{self._path} has changed since the start, or is being written.",
            remedy="Put the base back, or start again.",
        )

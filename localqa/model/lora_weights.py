"""A LoRA adapter's matrices as NumPy arrays, for engines without torch."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from localqa.errors import AdapterError
from localqa.model.adapter_files import HEAD, LORA_FILE, check_lora_files, damage_named

Array = NDArray[np.float32]
_PEFT_PREFIX = "base_model.model."
# What peft can do and this reader does not know would change the weights without a word.
_UNKNOWN = ("use_dora", "alpha_pattern", "rank_pattern", "fan_in_fan_out", "lora_bias", "layer_replication")


@dataclass(frozen=True, slots=True)
class LoraWeights:
    """An adapter's matrices.

    Attributes:
        down: layer name -> A, shape (rank, inputs).
        up: layer name -> B with the scale in it, shape (outputs, rank).
        head, head_bias: shapes (2, hidden) and (2,).
    """

    down: Mapping[str, Array]
    up: Mapping[str, Array]
    head: Array
    head_bias: Array


def read_lora(folder: Path, encoder_prefix: str) -> LoraWeights:
    """Read and check a LoRA adapter; layers are named as in the encoder, without its prefix.

    Raises:
        AdapterError: missing or damaged files, or a kind of LoRA that this project does not make.
    """
    check_lora_files(folder)
    with damage_named(folder):
        tensors = load_file(folder / LORA_FILE)
        return LoraWeights(
            *_matrices(folder, tensors, encoder_prefix),
            head=tensors[f"{_PEFT_PREFIX}{HEAD}.weight"].astype(np.float32),
            head_bias=tensors[f"{_PEFT_PREFIX}{HEAD}.bias"].astype(np.float32),
        )


def read_matrices(folder: Path) -> tuple[dict[str, Array], dict[str, Array]]:
    """The A and B matrices of a LoRA adapter without a head, as in `LoraWeights`.

    Raises:
        AdapterError: see `read_lora`.
    """
    check_lora_files(folder, head=False)
    with damage_named(folder):
        return _matrices(folder, load_file(folder / LORA_FILE), "")


def _matrices(
    folder: Path, tensors: Mapping[str, NDArray[Any]], encoder_prefix: str
) -> tuple[dict[str, Array], dict[str, Array]]:
    config: dict[str, Any] = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))
    used = [name for name in _UNKNOWN if config.get(name)]
    if used or config.get("peft_type") != "LORA" or config.get("bias", "none") != "none":
        raise AdapterError(
            f"The adapter in '{folder}' is made in a way that this engine cannot run "
            f"({', '.join(used) or config.get('peft_type')}).",
            remedy="Train it with fine_tune.py, or serve it with QA_ENGINE=torch.",
        )
    rank = config["r"]
    scale = config["lora_alpha"] / (math.sqrt(rank) if config.get("use_rslora") else rank)
    prefix = _PEFT_PREFIX + encoder_prefix

    def matrices(part: str, factor: float) -> dict[str, Array]:
        return {
            name.removeprefix(prefix).removesuffix(f".{part}.weight"): tensor.astype(np.float32) * factor
            for name, tensor in tensors.items()
            if name.endswith(f".{part}.weight")
        }

    return matrices("lora_A", 1.0), matrices("lora_B", scale)

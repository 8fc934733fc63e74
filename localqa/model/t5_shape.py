"""The sizes of a T5, read from its folder without loading a weight."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from localqa.errors import BaseModelError


@dataclass(frozen=True, slots=True)
class T5Shape:
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


def read_t5_shape(folder: Path) -> T5Shape:
    """The sizes of a base.

    Raises:
        BaseModelError: it is no T5, or one with layers of a kind that no graph here has.
    """
    try:
        config: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        return _shape(config)
    except (ValueError, KeyError, TypeError, AttributeError) as e:
        raise BaseModelError(
            f"The config.json in '{folder}' cannot be used ({type(e).__name__}: {e}).",
            remedy="Get the base again, or name another one with --base or QA_SUMMARY_BASE.",
        ) from e


def _shape(config: dict[str, Any]) -> T5Shape:
    kind, wide = config.get("model_type"), config.get("feed_forward_proj", "relu")
    if kind not in ("t5", "mt5") or wide not in ("relu", "gated-gelu"):
        raise BaseModelError(
            f"A base of type '{kind}' with layers of kind '{wide}' cannot summarise here.",
            remedy="Use one of the T5 family, such as google-t5/t5-small or google/flan-t5-small.",
        )
    tied = config.get("scale_decoder_outputs", config.get("tie_word_embeddings", True))
    return T5Shape(
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

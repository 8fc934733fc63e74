"""New adapters out of trained ones: combined by weight, averaged, or merged into the base."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from peft import LoraConfig, PeftModel, get_peft_model_state_dict
from torch import nn

from localqa.config import Combination
from localqa.errors import AdapterError, ConfigError
from localqa.extraction.qa_config import QAConfig
from localqa.model.adapter_files import HEAD, LORA_FILE, check_base
from localqa.model.adapters import (
    base_sizes,
    load_adapter,
    merge,
    peft_settings,
    save_adapter,
    write_weights,
)
from localqa.model.bases import Base
from localqa.model.loading import load_model
from localqa.model.lora_weights import LARGEST, MOST_RANK, LoraSettings, checked_tensors, read_settings
from localqa.model.snapshot import AdapterFiles
from localqa.model.versions import saving

_NEW = "combined"


def combine(
    base: Base,
    weights: Mapping[Path, float],
    output: Path,
    *,
    method: Combination = "cat",
    rank: int | None = None,
) -> None:
    """Write a new LoRA adapter that is the weighted sum of others, into a folder.

    The sum of their changes to the base, and the weighted mean of their heads:

    - cat: exactly; the ranks add up, and so does the size.
    - svd: the nearest one of a lower rank.
    - mean: of the matrices themselves, for an adapter and those trained further from it, which lie
      close together: the mean keeps the rank and often generalises better than each (Wortsman et al.
      2022, robust fine-tuning). For adapters trained apart it makes no sense.

    The new adapter takes the settings of the first one, without its threshold and calibration, which
    have to be fitted anew.

    Args:
        base: that all were trained on.
        weights: adapter folders with their weights.
        output: where to write.
        method: see above.
        rank: of the result, for svd; None: the highest among them.

    Raises:
        AdapterError: not LoRA, damaged, or made for another base.
        ConfigError: weights that cannot be used.
    """
    folders = list(weights)
    for weight in weights.values():
        # Not a number is not below it either.
        if not abs(weight) < LARGEST:
            raise ConfigError(f"{weight} is no weight.", remedy="Give numbers such as 0.7 and 0.3.")
    if len(folders) < 2 or sum(weights.values()) <= 0:
        raise ConfigError(
            "There is nothing to combine.",
            remedy="Name two adapters or more, with weights whose sum is positive.",
        )
    model = load_model(base)
    parts = [_read(folder, base, model) for folder in folders]
    states = [part.state for part in parts]
    if method == "mean":
        state = _mean(parts, list(weights.values()), folders)
        peft_config = peft_settings(parts[0].settings)
    else:
        state, peft_config = _by_peft(model, base, parts, list(weights.values()), method, rank)
        state |= _mean_head(states, list(weights.values()))
    with saving(output) as staging:
        peft_config.save_pretrained(str(staging))
        halves = {name: tensor.half().contiguous() for name, tensor in state.items()}
        if not all(tensor.isfinite().all() for tensor in halves.values()):
            raise ConfigError(
                "With these weights the combination holds numbers that are too large.",
                remedy="Give smaller weights, whose sum is about 1.",
            )
        write_weights(halves, staging / LORA_FILE)
        parts[0].config.uncalibrated().save(staging)


def merge_into_base(base: Base, folder: Path, output: Path) -> None:
    """Write base and adapter as one full model, into an existing folder; it loads like any adapter.

    Raises:
        AdapterError: not LoRA, damaged, or made for another base.
    """
    model = load_model(base)
    config = _read(folder, base, model).config
    save_adapter(merge(load_adapter(model, folder)), output, replace(config, method="full"))


@dataclass(frozen=True, slots=True)
class _Part:
    """An adapter that goes into a new one: its settings, and its tensors in fp32."""

    config: QAConfig
    settings: LoraSettings
    state: dict[str, torch.Tensor]


def _read(folder: Path, base: Base, model: nn.Module) -> _Part:
    files = AdapterFiles(folder)
    config = files.config()
    check_base(config, base, folder)
    if config.method != "lora":
        raise AdapterError(
            f"'{folder.name}' is no LoRA adapter (method {config.method}).", remedy="Name LoRA adapters only."
        )
    settings = read_settings(files)
    tensors = checked_tensors(files, settings, base_sizes(model))
    return _Part(config, settings, {name: torch.from_numpy(np.array(one)) for name, one in tensors.items()})


def _mean(
    parts: Sequence[_Part], weights: Sequence[float], folders: Sequence[Path]
) -> dict[str, torch.Tensor]:
    # The result has the scale of the first one, which must be that of all.
    kinds = [
        (part.settings.scale, {name: tensor.shape for name, tensor in part.state.items()}) for part in parts
    ]
    for folder, kind in zip(folders, kinds, strict=True):
        if kind != kinds[0]:
            raise AdapterError(
                f"'{folder}' and '{folders[0]}' differ in rank, scale or layers.",
                remedy="Use --method cat or svd, or average an adapter with one trained further from it.",
            )
    states = [part.state for part in parts]
    return _weighted(states, weights, states[0].keys())


def _mean_head(
    states: Sequence[dict[str, torch.Tensor]], weights: Sequence[float]
) -> dict[str, torch.Tensor]:
    return _weighted(states, weights, [name for name in states[0] if f".{HEAD}." in name])


def _weighted(
    states: Sequence[dict[str, torch.Tensor]], weights: Sequence[float], names: Iterable[str]
) -> dict[str, torch.Tensor]:
    total = sum(weights)
    return {
        name: sum(
            (weight / total * state[name].float() for weight, state in zip(weights, states, strict=True)),
            start=torch.zeros_like(states[0][name], dtype=torch.float32),
        )
        for name in names
    }


def _by_peft(
    base_model: nn.Module,
    base: Base,
    parts: Sequence[_Part],
    weights: list[float],
    method: Combination,
    rank: int | None,
) -> tuple[dict[str, torch.Tensor], LoraConfig]:
    """The combination of the LoRA matrices alone: peft combines no adapters that bring a head."""
    ranks = [part.settings.rank for part in parts]
    if method == "cat" and sum(ranks) > MOST_RANK:
        raise ConfigError(
            f"The ranks of these adapters add up to {sum(ranks):,}, at most {MOST_RANK:,} are served.",
            remedy="Use --method svd, or combine fewer.",
        )
    widest = min(MOST_RANK, min(min(size) for size in base_sizes(base_model).layers.values()))
    if method == "svd" and (rank or max(ranks)) > widest:
        raise ConfigError(
            f"A rank of {rank or max(ranks):,} is too high for this base: at most {widest:,}.",
            remedy="Give a smaller --rank.",
        )
    model = base_model
    names = [f"adapter_{number}" for number in range(len(parts))]
    for part, name in zip(parts, names, strict=True):
        config = peft_settings(part.settings)
        config.modules_to_save = None
        # The new one gets an alpha for the usual way of scaling, but takes the way itself from the first.
        config.use_rslora, config.lora_alpha = False, part.settings.scale * part.settings.rank
        if isinstance(model, PeftModel):
            model.add_adapter(name, config)
        else:
            model = PeftModel(model, config, adapter_name=name)
        _fill(model, part.state, name)
    assert isinstance(model, PeftModel)
    model.add_weighted_adapter(
        names,
        weights,
        _NEW,
        combination_type=method,
        **({"svd_rank": rank or max(ranks)} if method == "svd" else {}),
    )
    state = get_peft_model_state_dict(model, adapter_name=_NEW, save_embedding_layers=False)
    combined = model.peft_config[_NEW]
    combined.modules_to_save = [HEAD]
    combined.base_model_name_or_path = base.name
    combined.inference_mode = True
    return {name: tensor.detach().float() for name, tensor in state.items()}, combined


def _fill(model: PeftModel, state: dict[str, torch.Tensor], name: str) -> None:
    parameters = dict(model.named_parameters())
    with torch.no_grad():
        for key, tensor in state.items():
            if f".{HEAD}." not in key:
                parameters[key.replace(".weight", f".{name}.weight")].copy_(tensor)

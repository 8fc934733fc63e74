"""Adapters: create, save, load, merge. An adapter is a folder, see `qa_config` for its settings.

| method | weights in the folder |
|---|---|
| lora | `adapter_model.safetensors` (fp16) and `adapter_config.json`, as peft writes them |
| prompt | `prompt_model.safetensors` (fp16): the prompt vectors and the head |
| full | `model.safetensors` (fp16): every weight |
"""

import os
from collections.abc import Iterable, Mapping
from dataclasses import fields
from pathlib import Path

import numpy as np
import torch
from peft import (
    LoraConfig,
    PeftModel,
    get_peft_model,
    get_peft_model_state_dict,
    set_peft_model_state_dict,
)
from safetensors.torch import save_file
from torch import nn
from transformers import PreTrainedModel

from localqa.errors import AdapterError
from localqa.extraction.qa_config import QAConfig
from localqa.model.adapter_files import (
    FULL_FILE,
    HEAD,
    LORA_FILE,
    PROMPT_FILE,
    check_positions,
    damage_named,
)
from localqa.model.loading import max_tokens
from localqa.model.lora_weights import (
    PEFT_PREFIX,
    BaseSizes,
    LoraSettings,
    check_change,
    check_values,
    checked_tensors,
    misfit,
    read_settings,
)
from localqa.model.prompt import PromptTunedModel
from localqa.model.snapshot import AdapterFiles
from localqa.model.summary_config import SummaryConfig
from localqa.model.tensor_file import TensorInfo, as_float32, check_kind
from localqa.model.versions import saving

_PROMPT = "prompt_embeddings"
_ANY = -1


def linear_layers(model: nn.Module) -> list[str]:
    """The last name parts of all linear layers but the head, e.g. query, key, value, dense for BERT."""
    # bitsandbytes' quantized layers are subclasses of nn.Linear.
    names = {
        name.rpartition(".")[2] for name, module in model.named_modules() if isinstance(module, nn.Linear)
    }
    return sorted(names - {HEAD})


def add_lora(
    model: PreTrainedModel,
    *,
    rank: int = 16,
    alpha: float = 32,
    dropout: float = 0.0,
    target_modules: Iterable[str] = (),
    rslora: bool = False,
    head: bool = True,
) -> PeftModel:
    """Freeze the base and add LoRA matrices and, for questions, a trainable head.

    `task_type` stays unset: peft's question-answering wrapper drops the segment ids, so that
    training would see other inputs than a merged or exported model.

    Raises:
        AdapterError: a target module does not exist in this base.
    """
    known = linear_layers(model)
    targets = sorted(target_modules) or known
    unknown = [name for name in targets if name not in known]
    if unknown:
        raise AdapterError(
            f"{', '.join(unknown)}: no such linear layer in {type(model).__name__}.",
            remedy=f"Choose --target_modules from {', '.join(known)}.",
        )
    config = LoraConfig(
        r=rank,
        lora_alpha=alpha,
        lora_dropout=dropout,
        target_modules=targets,
        use_rslora=rslora,
        modules_to_save=[HEAD] if head else None,
    )
    return get_peft_model(model, config)


def add_prompt(model: PreTrainedModel, *, length: int) -> PromptTunedModel:
    """Freeze the base but its head, and put learned vectors before its input."""
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name.startswith(HEAD))
    return PromptTunedModel(model, length)


def trainable_state(model: nn.Module) -> dict[str, torch.Tensor]:
    """The trained tensors under the names they have in an adapter file, in fp32 on the CPU."""
    if isinstance(model, PeftModel):
        state = get_peft_model_state_dict(model, save_embedding_layers=False)
    elif isinstance(model, PromptTunedModel):
        head = getattr(model.model, HEAD)
        state = {_PROMPT: model.prompt_embeddings}
        state |= {f"{HEAD}.{name}": parameter for name, parameter in head.named_parameters()}
    else:
        state = dict(model.state_dict())
    return {name: tensor.detach().float().cpu().contiguous() for name, tensor in state.items()}


def save_adapter(model: nn.Module, folder: Path, config: QAConfig) -> None:
    """Write a trained model's adapter files, weights as fp16, into a folder.

    Whoever reads the folder meanwhile finds the new adapter whole or not yet; what it held before becomes
    one of its versions, see `localqa.model.versions`.
    """
    state = {name: tensor.half() for name, tensor in trainable_state(model).items()}
    with saving(folder) as staging:
        if isinstance(model, PeftModel):
            _save_lora(model, state, staging, config.base)
        elif isinstance(model, PromptTunedModel):
            write_weights(state, staging / PROMPT_FILE)
        else:
            write_weights(state, staging / FULL_FILE)
        config.save(staging)


def save_summary_adapter(model: PeftModel, folder: Path, config: SummaryConfig) -> None:
    """Write what was trained to summarise, as fp16, into a folder; see `save_adapter`."""
    state = {name: tensor.half() for name, tensor in trainable_state(model).items()}
    with saving(folder) as staging:
        _save_lora(model, state, staging, config.base)
        config.save(staging)


def _save_lora(model: PeftModel, state: dict[str, torch.Tensor], folder: Path, base: str) -> None:
    peft_config = model.peft_config[model.active_adapter]
    # The adapter must not remember a path of the machine it was trained on.
    peft_config.base_model_name_or_path = base
    peft_config.inference_mode = True
    peft_config.save_pretrained(str(folder))
    write_weights(state, folder / LORA_FILE)


def write_weights(state: dict[str, torch.Tensor], file: Path) -> None:
    """Write tensors that whoever may read the folder may read: a server often runs as another user.

    safetensors itself leaves a file that its owner alone can open.
    """
    save_file(state, file, metadata={"format": "pt"})
    mask = os.umask(0)
    os.umask(mask)
    file.chmod(0o666 & ~mask)


def load_adapter(model: PreTrainedModel, folder: Path | AdapterFiles) -> nn.Module:
    """Put a saved adapter's weights onto a base model: the model that was trained, in fp32.

    Raises:
        AdapterError: missing, damaged or mismatching files.
    """
    files = AdapterFiles.of(folder)
    config = files.config()
    positions = max_tokens(model)
    if config.method == "lora":
        check_positions(config, files.folder, positions)
        return load_lora(model, files, "default")
    wanted = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    if config.method == "full":
        check_positions(config, files.folder, positions)
        model.load_state_dict(_own_tensors(files, FULL_FILE, wanted))
        return model
    head = {name: shape for name, shape in wanted.items() if name.startswith(f"{HEAD}.")}
    words = model.get_input_embeddings().weight
    tensors = _own_tensors(files, PROMPT_FILE, head | {_PROMPT: (_ANY, words.shape[1])})
    length = len(tensors[_PROMPT])
    check_positions(config, files.folder, positions, before=length)
    tuned = add_prompt(model, length=length)
    with torch.no_grad():
        tuned.prompt_embeddings.copy_(tensors[_PROMPT])
        for name, parameter in getattr(model, HEAD).named_parameters():
            parameter.copy_(tensors[f"{HEAD}.{name}"])
    return tuned


def load_lora(
    model: PreTrainedModel | PeftModel,
    folder: Path | AdapterFiles,
    peft_name: str,
    *,
    trainable: bool = False,
) -> PeftModel:
    """Put a saved LoRA adapter onto a base model, beside those it may already have.

    Raises:
        AdapterError: missing, damaged or mismatching files.
    """
    files = AdapterFiles.of(folder)
    settings = read_settings(files)
    # Before peft sees any of it: peft keeps what it has read of an adapter whose loading fails.
    tensors = checked_tensors(files, settings, base_sizes(model))
    if not settings.unknown:
        for name in tensors:
            if name.endswith(".lora_A.weight"):
                layer = name.removesuffix(".lora_A.weight")
                up = tensors[f"{layer}.lora_B.weight"] * np.float32(settings.scale)
                check_change(files, layer, tensors[name], up)
    state = {name: torch.from_numpy(np.array(tensor)) for name, tensor in tensors.items()}
    with damage_named(files.folder):
        config = peft_settings(settings)
        config.inference_mode = not trainable
        started = model if isinstance(model, PeftModel) else None
        try:
            if started is None:
                started = PeftModel(model, config, adapter_name=peft_name)
            else:
                started.add_adapter(peft_name, config)
            _fill(started, state, peft_name)
        except Exception:
            # peft has registered the adapter by now; what it holds is of no use.
            if isinstance(model, PeftModel) and peft_name in model.peft_config:
                model.delete_adapter(peft_name)
            raise
    return started


def peft_settings(settings: LoraSettings) -> LoraConfig:
    """What an adapter's `adapter_config.json` says, as peft takes it; what peft does not know is left out."""
    known = {field.name for field in fields(LoraConfig)}
    return LoraConfig(**{name: value for name, value in settings.values.items() if name in known})


def _fill(model: PeftModel, state: dict[str, torch.Tensor], peft_name: str) -> None:
    """Give an adapter its weights; raises ValueError where the model and the file have other tensors."""
    wanted = get_peft_model_state_dict(model, adapter_name=peft_name, save_embedding_layers=False).keys()
    if different := sorted(wanted ^ state.keys()):
        where = "no" if different[0] in wanted else "an unused"
        raise ValueError(f"its file has {where} {different[0]}")
    set_peft_model_state_dict(model, state, adapter_name=peft_name)


def base_sizes(model: nn.Module) -> BaseSizes:
    """What a LoRA adapter must fit, with the names of its file; of a model that may have others already."""
    layers = {}
    for name, module in model.named_modules():
        plain = name.removeprefix(PEFT_PREFIX).removesuffix(".base_layer")
        own = ".lora_" in plain or HEAD in plain.split(".")
        if isinstance(module, nn.Linear) and not own:
            layers[PEFT_PREFIX + plain] = (module.out_features, module.in_features)
    heads = (module for name, module in model.named_modules() if HEAD in name.split("."))
    return BaseSizes(layers, next(module.in_features for module in heads if isinstance(module, nn.Linear)))


def _own_tensors(
    files: AdapterFiles, name: str, wanted: Mapping[str, tuple[int, ...]]
) -> dict[str, torch.Tensor]:
    """The tensors of a file that must hold exactly these; a size of `_ANY` may be any number above zero.

    Raises:
        AdapterError: naming the first one that is missing, does not fit or holds no usable numbers.
    """

    def check(infos: Mapping[str, TensorInfo]) -> None:
        if different := sorted(wanted.keys() ^ infos.keys()):
            where = "no" if different[0] in wanted else "an unknown"
            raise misfit(files, f"it has {where} {different[0][:200]}")
        for key, info in infos.items():
            fits = len(info.shape) == len(wanted[key]) and all(
                found > 0 if size == _ANY else found == size
                for found, size in zip(info.shape, wanted[key], strict=True)
            )
            if not fits:
                raise misfit(files, f"{key} has another shape, {info.shape}")
            try:
                check_kind(info)
            except ValueError as e:
                raise misfit(files, f"{key} cannot be used: {e}") from e

    found = files.tensors(name, check)
    tensors = {key: as_float32(content, info) for key, (info, content) in found.items()}
    check_values(files, tensors)
    return {key: torch.from_numpy(np.array(tensor)) for key, tensor in tensors.items()}


def merge(model: nn.Module) -> nn.Module:
    """Fold LoRA matrices into the base's weights; other methods are returned as they are."""
    return model.merge_and_unload() if isinstance(model, PeftModel) else model


def count_parameters(model: nn.Module) -> dict[str, int]:
    """`{"total": ..., "trainable": ...}`; 4-bit weights count as what they stand for."""
    total = trainable = 0
    for parameter in model.parameters():
        shape = getattr(getattr(parameter, "quant_state", None), "shape", parameter.shape)
        size = torch.Size(shape).numel()
        total += size
        trainable += size if parameter.requires_grad else 0
    return {"total": total, "trainable": trainable}

"""Adapters: create, save, load, merge. An adapter is a folder, see `qa_config` for its settings.

| method | weights in the folder |
|---|---|
| lora | `adapter_model.safetensors` (fp16) and `adapter_config.json`, as peft writes them |
| prompt | `prompt_model.safetensors` (fp16): the prompt vectors and the head |
| full | `model.safetensors` (fp16): every weight |
"""

import os
from collections.abc import Iterable
from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model, get_peft_model_state_dict
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import PreTrainedModel

from localqa.errors import AdapterError
from localqa.extraction.qa_config import FILE_NAME as QA_FILE
from localqa.extraction.qa_config import QAConfig
from localqa.model.adapter_files import (
    FULL_FILE,
    HEAD,
    LORA_FILE,
    PROMPT_FILE,
    check_finite,
    check_lora_files,
    damage_named,
)
from localqa.model.prompt import PromptTunedModel
from localqa.model.summary_config import FILE_NAME as SUMMARY_FILE
from localqa.model.summary_config import SummaryConfig
from localqa.ownership import refuse_foreign

_WEIGHTS = (LORA_FILE, "adapter_config.json", PROMPT_FILE, FULL_FILE)


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
        state = {"prompt_embeddings": model.prompt_embeddings}
        state |= {f"{HEAD}.{name}": parameter for name, parameter in head.named_parameters()}
    else:
        state = dict(model.state_dict())
    return {name: tensor.detach().float().cpu().contiguous() for name, tensor in state.items()}


def save_adapter(model: nn.Module, folder: Path, config: QAConfig) -> None:
    """Write a trained model's adapter files, weights as fp16, into an existing folder.

    What the folder may hold of another adapter is removed.
    """
    _clear(folder)
    state = {name: tensor.half() for name, tensor in trainable_state(model).items()}
    if isinstance(model, PeftModel):
        _save_lora(model, state, folder, config.base)
    elif isinstance(model, PromptTunedModel):
        write_weights(state, folder / PROMPT_FILE)
    else:
        write_weights(state, folder / FULL_FILE)
    config.save(folder)


def save_summary_adapter(model: PeftModel, folder: Path, config: SummaryConfig) -> None:
    """Write what was trained to summarise, as fp16, into an existing folder; see `save_adapter`."""
    _clear(folder)
    state = {name: tensor.half() for name, tensor in trainable_state(model).items()}
    _save_lora(model, state, folder, config.base)
    config.save(folder)


def check_adapter_folder(folder: Path, *, remedy: str) -> None:
    """Refuse a folder in which a new adapter would replace files that are no adapter's of this project.

    Raises:
        ConfigError: naming them.
    """
    ours = any((folder / name).is_file() for name in (QA_FILE, SUMMARY_FILE))
    # A training that was ended while it wrote its adapter has left its checkpoints.
    ours = ours or any(folder.glob("checkpoints/step-*/state.json"))
    names = (*_WEIGHTS, "report.json", "report.md", "curve.png")
    refuse_foreign([folder / name for name in names], ours=ours, remedy=remedy)


def _clear(folder: Path) -> None:
    """Remove what another adapter, for any task, may have left in a folder."""
    check_adapter_folder(folder, remedy="Choose another folder for the adapter.")
    # The settings go last: by them the folder is known, should this be cut off.
    for file in (*_WEIGHTS, QA_FILE, SUMMARY_FILE):
        (folder / file).unlink(missing_ok=True)


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


def load_adapter(model: PreTrainedModel, folder: Path) -> nn.Module:
    """Put a saved adapter's weights onto a base model: the model that was trained, in fp32.

    Raises:
        AdapterError: missing, damaged or mismatching files.
    """
    method = QAConfig.load(folder).method
    if method == "lora":
        return load_lora(model, folder, "default")
    with damage_named(folder):
        if method == "prompt":
            return _load_prompt(model, check_finite(load_file(folder / PROMPT_FILE)))
        model.load_state_dict(
            {name: tensor.float() for name, tensor in check_finite(load_file(folder / FULL_FILE)).items()}
        )
    return model


def load_lora(
    model: PreTrainedModel | PeftModel, folder: Path, peft_name: str, *, trainable: bool = False
) -> PeftModel:
    """Put a saved LoRA adapter onto a base model, beside those it may already have.

    Raises:
        AdapterError: missing, damaged or mismatching files.
    """
    check_lora_files(folder)
    with damage_named(folder):
        if not isinstance(model, PeftModel):
            return PeftModel.from_pretrained(
                model, str(folder), adapter_name=peft_name, is_trainable=trainable
            )
        try:
            model.load_adapter(str(folder), adapter_name=peft_name)
        except Exception:
            # peft has registered the adapter by now; what it holds is of no use.
            if peft_name in model.peft_config:
                model.delete_adapter(peft_name)
            raise
    return model


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


def _load_prompt(model: PreTrainedModel, state: dict[str, torch.Tensor]) -> PromptTunedModel:
    tuned = add_prompt(model, length=len(state["prompt_embeddings"]))
    head = getattr(model, HEAD)
    with torch.no_grad():
        tuned.prompt_embeddings.copy_(state["prompt_embeddings"])
        for name, parameter in head.named_parameters():
            parameter.copy_(state[f"{HEAD}.{name}"])
    return tuned

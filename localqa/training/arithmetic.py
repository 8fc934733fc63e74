"""The arithmetic of a run: the dtypes and forward passes that are fastest on its device."""

import types

import torch
from peft import PeftModel
from peft.tuners.lora import Linear as LoraLinear
from torch import nn

from localqa.model.adapter_files import HEAD
from localqa.training.config import RunConfig
from localqa.training.processor import has_bf16


def quickened(
    config: RunConfig, trained: nn.Module, device: torch.device, *, plain: bool = True
) -> tuple[nn.Module, bool, bool]:
    """The model on its device, in the dtypes and with the forward passes that are fastest there.

    Args:
        config: of the run.
        trained: with only the trained parameters requiring gradients.
        device: where to train.
        plain: whether the frozen weights are in full precision.

    Returns the model, whether it needs autocast, and whether the arithmetic is bfloat16.
    """
    bf16 = has_bf16(device) if config.bf16 is None else config.bf16
    # A frozen, unquantized base can be cast once; weights that train stay fp32 and are cast by autocast.
    frozen = any(not parameter.requires_grad for parameter in trained.parameters())
    cast_once = bf16 and frozen and plain
    if cast_once:
        _cast_frozen(trained)
    if isinstance(trained, PeftModel) and plain and not config.lora_dropout:
        _lean_forward(trained)
    return trained.to(device), bf16 and not cast_once, bf16


def _cast_frozen(model: nn.Module) -> None:
    for parameter in model.parameters():
        if not parameter.requires_grad:
            parameter.data = parameter.data.to(torch.bfloat16)
    for name, module in model.named_modules():
        # The head is trained in fp32, but its input comes from bf16 layers.
        if HEAD in name and isinstance(module, nn.Linear):
            module.register_forward_pre_hook(_input_in_weight_dtype)


def _input_in_weight_dtype(module: nn.Module, args: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    dtype = next(module.parameters()).dtype
    return tuple(arg.to(dtype) for arg in args)


def _lean_forward(model: PeftModel) -> None:
    """Let LoRA layers compute x W' + s x A' B' in the base's dtype, without copies between the terms.

    The same function and gradients as peft's (without LoRA dropout), which runs the thin products in
    fp32 and casts what goes in and comes out: twice the time of a step for a small BERT.
    """
    for module in model.modules():
        if isinstance(module, LoraLinear):
            module.forward = types.MethodType(_lora_forward, module)


def _lora_forward(layer: LoraLinear, x: torch.Tensor) -> torch.Tensor:
    (adapter,) = layer.active_adapters
    base = layer.base_layer
    dtype = base.weight.dtype
    down = layer.lora_A[adapter].weight.to(dtype)
    up = (layer.lora_B[adapter].weight * layer.scaling[adapter]).to(dtype)
    tokens = x.reshape(-1, x.shape[-1])
    frozen = nn.functional.linear(tokens, base.weight, base.bias)
    return torch.addmm(frozen, tokens @ down.T, up.T).view(*x.shape[:-1], -1)

"""The model as it is trained: method, precision, arithmetic and the fast paths that a CPU needs."""

import contextlib
import ctypes
import os
import types
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from peft.tuners.lora import Linear as LoraLinear
from torch import nn
from transformers import PreTrainedModel

from localqa.config import models_dirs
from localqa.errors import AdapterNotFoundError, ConfigError
from localqa.extraction.qa_config import FILE_NAME as QA_FILE
from localqa.extraction.qa_config import QAConfig
from localqa.model.adapter_files import HEAD, check_base, locate_adapter
from localqa.model.adapters import add_lora, add_prompt, load_lora
from localqa.model.attention import PLAIN
from localqa.model.bases import Base
from localqa.model.loading import load_model, max_tokens, packs_weights, served_bits
from localqa.training.config import RunConfig, TrainConfig
from localqa.training.losses import span_loss


@dataclass(frozen=True, slots=True)
class Trainee:
    """A model ready for training steps.

    Attributes:
        model: on its device, with only the trained parameters requiring gradients.
        autocast: whether forward passes run under bf16 autocast (otherwise dtypes are already right).
        bf16: whether the arithmetic is bfloat16, by either way.
        batch_loss: mean loss of some features, a scalar in fp32.
        unit: what a feature is.
    """

    model: nn.Module
    autocast: bool
    bf16: bool
    batch_loss: Callable[[Any, "Trainee", Sequence[Any]], torch.Tensor] = span_loss
    unit: str = "windows"

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return next(self.model.parameters()).device

    def arithmetic(self) -> contextlib.AbstractContextManager[object]:
        """The context in which forward passes run."""
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.autocast)

    def loss(self, config: RunConfig, features: Sequence[Any]) -> torch.Tensor:
        """Mean loss of features, a scalar in fp32."""
        return self.batch_loss(config, self, features)


def make_trainee(config: TrainConfig, base: Base) -> Trainee:
    """Load the base and make the parameters of the chosen method trainable."""
    device = training_device()
    model = load_model(
        base,
        precision=config.precision,
        attention="sdpa" if device.type == "cuda" else PLAIN,
        seed=config.seed,
    )
    _check_length(config, model)
    if config.gradient_checkpointing:
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        # Frozen embeddings give activations without gradients, which checkpointing would cut off.
        model.enable_input_require_grads()
    trained: nn.Module = model
    if config.init_adapter:
        trained = _continued(config, base, model)
    elif config.method == "lora":
        trained = add_lora(
            model,
            rank=config.lora_rank,
            alpha=config.lora_alpha,
            dropout=config.lora_dropout,
            target_modules=config.target_modules,
            rslora=config.rslora,
        )
    elif config.method == "prompt":
        trained = add_prompt(model, length=config.prompt_length)
    return Trainee(*quickened(config, trained, device, plain=not packs_weights(config.precision)))


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


def _continued(config: TrainConfig, base: Base, model: PreTrainedModel) -> PeftModel:
    folder = named_adapter(config.init_adapter or "")
    adapter = QAConfig.load(folder)
    check_base(adapter, base, folder, rounded=served_bits(config.precision))
    if adapter.method != "lora":
        raise ConfigError(
            f"--init_adapter {folder} is no LoRA adapter.", remedy="Start from one, or from none."
        )
    return load_lora(model, folder, "default", trainable=True)


def named_adapter(name: str, *folders: Path) -> Path:
    """The folder of an adapter that a setting names: by its name, or by a path.

    Args:
        name: as the user wrote it.
        folders: where adapters lie, before the folder of all models.

    Raises:
        AdapterNotFoundError: there is none.
    """
    for folder in folders:
        with contextlib.suppress(AdapterNotFoundError):
            return locate_adapter(folder, name)
    with contextlib.suppress(AdapterNotFoundError):
        return locate_adapter(models_dirs(), name)
    # A folder beside, too: names of folders were taken before names of adapters were.
    return Path(name).resolve() if (Path(name) / QA_FILE).is_file() else locate_adapter(models_dirs(), name)


def _check_length(config: TrainConfig, model: nn.Module) -> None:
    """Refuse windows that the base has no positions for, before anything is trained.

    Raises:
        ConfigError: naming the longest window.
    """
    limit = max_tokens(model)
    prompt = config.prompt_length if config.method == "prompt" else 0
    if limit is not None and config.max_length + prompt > limit:
        vectors = f" and {prompt} prompt vectors" if prompt else ""
        raise ConfigError(
            f"Windows of {config.max_length} tokens{vectors} exceed the {limit} positions of the base.",
            remedy=f"Lower --max_length to {limit - prompt} or less.",
        )


def training_device() -> torch.device:
    """A GPU where there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def has_bf16(device: torch.device) -> bool:
    """Whether the processor multiplies bfloat16 natively (AMX or AVX512-BF16; GPUs since Ampere)."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("amx_bf16") or capabilities.get("avx512_bf16"))


def keep_freed_memory() -> None:
    """Tell glibc to keep freed memory for the next step instead of giving it back to the system.

    Every step frees and takes the same hundreds of megabytes; giving them back costs a page fault
    for each 4 KiB again (a fifth of a step). Blocks above 32 MB still go back at once: kept, they
    fragment the heap to several times its need in a long run. Does nothing on other C libraries.
    """
    with contextlib.suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL("libc.so.6").mallopt
        trim_threshold, mmap_threshold = -1, -3
        mallopt(mmap_threshold, 32 << 20)
        mallopt(trim_threshold, (1 << 31) - 1)


def use_threads(threads: int | None) -> int:
    """Set the number of processor threads (None: the cores this process may use) and return it."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    torch.set_num_threads(threads or cores)
    return torch.get_num_threads()


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

"""What of a base is trained to answer questions: LoRA matrices, a prompt, or all of it."""

from pathlib import Path

from peft import PeftModel
from torch import nn
from transformers import PreTrainedModel

from localqa.errors import ConfigError
from localqa.extraction.qa_config import QAConfig
from localqa.model.adapter_files import check_base
from localqa.model.adapters import add_lora, add_prompt, load_lora
from localqa.model.attention import LEAN
from localqa.model.bases import Base
from localqa.model.loading import load_model, max_tokens, packs_weights, served_bits
from localqa.training.arithmetic import quickened
from localqa.training.config import TrainConfig
from localqa.training.losses import span_loss
from localqa.training.processor import training_device
from localqa.training.trainee import Trainee


def make_trainee(config: TrainConfig, base: Base, *, begin_from: Path | None = None) -> Trainee:
    """Load the base and make the parameters of the chosen method trainable.

    Args:
        config: of the run.
        base: to learn over.
        begin_from: folder of the LoRA adapter that is trained further; None: from nothing.

    Raises:
        AdapterError: that adapter is damaged, or belongs to another base.
        BaseModelError: see `load_model`.
        ConfigError: the settings do not fit the base or that adapter.
    """
    device = training_device()
    model = load_model(
        base,
        precision=config.precision,
        attention="sdpa" if device.type == "cuda" else LEAN,
        seed=config.seed,
    )
    _check_length(config, model)
    if config.gradient_checkpointing:
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        # Frozen embeddings give activations without gradients, which checkpointing would cut off.
        model.enable_input_require_grads()
    trained: nn.Module = model
    if begin_from:
        trained = _continued(config, base, model, begin_from)
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
    plain = not packs_weights(config.precision)
    unit = "questions" if config.windows_per_question > 1 else "windows"
    return Trainee(*quickened(config, trained, device, plain=plain), batch_loss=span_loss, unit=unit)


def _continued(config: TrainConfig, base: Base, model: PreTrainedModel, folder: Path) -> PeftModel:
    adapter = QAConfig.load(folder)
    check_base(adapter, base, folder, rounded=served_bits(config.precision))
    if adapter.method != "lora":
        raise ConfigError(
            f"--init_adapter {folder} is no LoRA adapter.", remedy="Start from one, or from none."
        )
    loaded = load_lora(model, folder, "default", trainable=True)
    had = loaded.peft_config["default"]
    own = {
        "lora_rank": had.r,
        "lora_alpha": had.lora_alpha,
        "lora_dropout": had.lora_dropout,
        "rslora": had.use_rslora,
    }
    asked = {name: getattr(config, name) for name in own.keys() & config.model_fields_set}
    wrong = sorted(name for name, value in asked.items() if value != own[name])
    if wrong:
        told = ", ".join(f"{name} {own[name]}" for name in wrong)
        raise ConfigError(f"--init_adapter {folder} has {told}, which stays.", remedy="Leave these out.")
    return loaded


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

"""A base's weights into memory, with a fresh question-answering head, at the precision asked for."""

import contextlib
import hashlib
import logging
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from torch import nn
from transformers import (
    AutoConfig,
    AutoModelForQuestionAnswering,
    AutoModelForSeq2SeqLM,
    BitsAndBytesConfig,
    PreTrainedModel,
)
from transformers import logging as transformers_logging

from localqa.errors import BaseModelError
from localqa.extraction.qa_config import QAConfig
from localqa.model.adapter_files import HEAD, check_base
from localqa.model.bases import WEIGHTS_FILE, Base
from localqa.model.rounding import Bits, rounded

Quantization = Literal["none", "int8", "nf4", "served-int8", "served-int4"]
_SERVED: Mapping[Quantization, Bits] = {"served-int8": "int8", "served-int4": "int4"}

_DROPOUTS = (
    "hidden_dropout_prob",
    "attention_probs_dropout_prob",
    "dropout",
    "attention_dropout",
    "qa_dropout",
    "dropout_rate",
)


def load_model(
    base: Base, *, precision: Quantization = "none", attention: str = "sdpa", seed: int = 0
) -> PreTrainedModel:
    """Load a base without dropout and with a QA head drawn from `seed`.

    LoRA on a frozen base hardly needs dropout, and on a CPU it is the largest cost of a step.

    Args:
        base: from `resolve_base`.
        precision: "none" (fp32), or for the frozen linear layers bitsandbytes' "int8" / "nf4", or
            "served-int8" / "served-int4": fp32 weights rounded as the serving engine rounds them.
        attention: attention implementation, by transformers' name or `attention.LEAN`.
        seed: of the fresh head, so that two loads agree.

    Raises:
        BaseModelError: the folder is no encoder with a QA head, or bitsandbytes is missing.
    """
    with _quiet_loading():
        try:
            config = _without_dropout(base)
            torch.manual_seed(seed)
            model = _from_pretrained(base, config, precision, attention)
        except (ValueError, KeyError, ImportError, OSError, SafetensorError) as e:
            raise BaseModelError(
                f"The base '{base.name}' in '{base.folder}' cannot be loaded for question answering "
                f"({type(e).__name__}: {e}).",
                remedy="Use an encoder that AutoModelForQuestionAnswering knows, such as BERT or RoBERTa"
                + (" and install bitsandbytes." if packs_weights(precision) else "."),
            ) from e
    if not isinstance(getattr(model, HEAD, None), nn.Linear):
        raise BaseModelError(
            f"{type(model).__name__} has no linear '{HEAD}' head.",
            remedy="Use a BERT-like encoder such as BERT, DistilBERT, RoBERTa or MPNet.",
        )
    if bits := served_bits(precision):
        _round_as_served(model, bits)
    if packs_weights(precision):
        _keep_training_layout(model)
    return model


def load_seq2seq(base: Base, *, seed: int = 0) -> PreTrainedModel:
    """Load an encoder-decoder without dropout, in fp32; what is drawn after it is drawn from `seed`.

    Raises:
        BaseModelError: the folder is no encoder-decoder.
    """
    with _quiet_loading():
        try:
            config = _without_dropout(base)
            model: PreTrainedModel = AutoModelForSeq2SeqLM.from_pretrained(
                base.folder,
                config=config,
                use_safetensors=True,
                trust_remote_code=False,
                dtype=torch.float32,
            )
            torch.manual_seed(seed)
        except (ValueError, KeyError, OSError, SafetensorError) as e:
            raise BaseModelError(
                f"The base '{base.name}' in '{base.folder}' cannot be loaded for summarisation "
                f"({type(e).__name__}: {e}).",
                remedy="Use an encoder-decoder of the T5 family.",
            ) from e
    return model


def _without_dropout(base: Base) -> Any:
    config = AutoConfig.from_pretrained(base.folder)
    for name in _DROPOUTS:
        if hasattr(config, name):
            setattr(config, name, 0.0)
    return config


def packs_weights(precision: Quantization) -> bool:
    """Whether frozen weights lie in bitsandbytes' packed form, which only its own layers can compute with."""
    return precision in ("int8", "nf4")


def served_bits(precision: Quantization) -> Bits | None:
    """What a base is rounded to as the serving engine rounds it, if it is."""
    return _SERVED.get(precision)


def load_base_of(folder: Path, base: Base) -> PreTrainedModel:
    """Load a base as the adapter in a folder learned over it: plain, or rounded.

    Raises:
        AdapterError: the adapter was trained on another base.
        BaseModelError: see `load_model`.
    """
    config = QAConfig.load(folder)
    check_base(config, base, folder, rounded=config.rounded_base)
    rounded = {bits: precision for precision, bits in _SERVED.items()}
    return load_model(base, precision=rounded[config.rounded_base] if config.rounded_base else "none")


def uses_token_types(model: nn.Module) -> bool:
    """Whether the model tells question from context by segment ids (BERT: yes; DistilBERT, RoBERTa: no)."""
    config: Any = model.config
    return getattr(config, "type_vocab_size", 0) > 1


def _from_pretrained(base: Base, config: Any, precision: Quantization, attention: str) -> PreTrainedModel:
    if packs_weights(precision):
        load = partial(AutoModelForQuestionAnswering.from_pretrained, base.folder, **_quantization(precision))
    else:
        with torch.device("meta"):
            kind = type(AutoModelForQuestionAnswering.from_config(config))
        load = partial(kind.from_pretrained, None, state_dict=_weights(base))
    load = partial(load, config=config, use_safetensors=True, trust_remote_code=False, dtype=torch.float32)
    state = torch.random.get_rng_state()
    try:
        return load(attn_implementation=attention)
    except ValueError as e:
        # Some encoders, MPNet for one, bring their own attention only.
        if "attention" not in str(e):
            raise
        torch.random.set_rng_state(state)
        return load(attn_implementation="eager")


def _weights(base: Base) -> dict[str, torch.Tensor]:
    """A base's weights, copied: a mapped file that is written over kills the process.

    Raises:
        BaseModelError: they are not those that the base was known by.
    """
    content = (base.folder / WEIGHTS_FILE).read_bytes()
    if hashlib.sha256(content).hexdigest() != base.sha256:
        raise BaseModelError(
            f"The weights of the base '{base.name}' have changed, or are being written.",
            remedy="Put the base back, or start again.",
        )
    return load_tensors(content)


def max_tokens(model: nn.Module) -> int | None:
    """Longest input in tokens, special tokens included; None when the base sets no limit."""
    config: Any = model.config
    positions: int | None = getattr(config, "max_position_embeddings", None)
    # RoBERTa and its kin count positions from behind the padding token's.
    offset = any(
        name.endswith("position_embeddings")
        and isinstance(module, nn.Embedding)
        and module.padding_idx is not None
        for name, module in model.named_modules()
    )
    return positions - config.pad_token_id - 1 if positions and offset else positions


def _quantization(precision: Quantization) -> dict[str, Any]:
    if not packs_weights(precision):
        return {}
    # The fresh head must stay a plain trainable layer; bitsandbytes calls this option int8 for 4 bits too.
    settings: dict[str, Any] = {"llm_int8_skip_modules": [HEAD]}
    if precision == "int8":
        settings["load_in_8bit"] = True
    else:
        settings |= {
            "load_in_4bit": True,
            "bnb_4bit_quant_type": "nf4",
            "bnb_4bit_compute_dtype": torch.float32,
        }
    return {"quantization_config": BitsAndBytesConfig(**settings)}


def _round_as_served(model: nn.Module, bits: Bits) -> None:
    """Give the encoder's linear layers and words the values that they have in the serving engine."""
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear) and HEAD not in name:
            _round(module, bits)
        elif name.endswith("word_embeddings"):
            _round(module, "int8")


def _round(module: Any, bits: Bits) -> None:
    restored = rounded(module.weight.detach().numpy(), bits).restored()
    module.weight.data.copy_(torch.from_numpy(restored))


def _keep_training_layout(model: nn.Module) -> None:
    """Keep bitsandbytes layers in training mode for good.

    In evaluation mode on a CPU they repack their 4-bit weights in a layout that the next training
    step cannot use. They hold no dropout, so the mode means nothing else to them.
    """
    import bitsandbytes as bnb

    for module in model.modules():
        if isinstance(module, bnb.nn.Linear4bit | bnb.nn.Linear8bitLt):
            module.train(True)
            module.train = lambda mode=True, module=module: module


@contextlib.contextmanager
def _quiet_loading() -> Iterator[None]:
    """Silence the report of a missing QA head and an unused pooler: both are meant."""
    verbosity = transformers_logging.get_verbosity()
    transformers_logging.set_verbosity(logging.ERROR)
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        transformers_logging.set_verbosity(verbosity)

"""The torch engine: one base in memory, many adapters over it."""

import itertools
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from peft import PeftModel
from torch import nn
from transformers import AutoConfig, PreTrainedModel

from localqa.engine.checked import checked_logits, trial
from localqa.engine.running import NOBODY, OnBatch, Portions, Ready, one_by_one
from localqa.errors import AdapterError
from localqa.extraction.qa_config import QAConfig
from localqa.extraction.spans import Logits
from localqa.extraction.windows import Window
from localqa.model.adapter_files import check_base, check_positions
from localqa.model.adapters import count_parameters, load_adapter, load_lora
from localqa.model.bases import Base
from localqa.model.loading import load_model, max_tokens
from localqa.model.pooling import Pooling
from localqa.model.runner import run_windows, vectors_of
from localqa.model.snapshot import AdapterFiles

_TOKENS_AT_ONCE = {"cpu": 1024, "gpu": 8192}
"""A GPU is busy only with many."""


@dataclass(frozen=True, slots=True)
class _Loaded:
    model: nn.Module
    peft_name: str | None
    """Name inside the shared peft model; None when the model belongs to this adapter alone."""


class TorchEngine:
    """Runs windows through a base with any of its adapters.

    LoRA adapters share one base; prompt-tuned and fully trained ones bring a model of their own.
    Thread-safe: runs take turns, for they already use all cores.
    """

    name = "torch"
    precision = "fp32"

    def __init__(self, base: Base, *, threads: int = 0) -> None:
        self.base = base
        self._threads = threads
        self._lock = threading.RLock()
        self._loaded: dict[str, _Loaded] = {}
        self._shared: PeftModel | None = None
        self._bare: PreTrainedModel | None = None
        self._numbers = itertools.count()
        self._parameters = 0
        self._max_tokens: int | None = None
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")

    def load_adapter(
        self, name: str, folder: Path | AdapterFiles, *, replaces: str | None = None
    ) -> QAConfig:
        """Load an adapter from its folder, or its files, and return its settings.

        An earlier version that it replaces stays until it is removed.

        Raises:
            AdapterError: a damaged folder, or one made for another base; the message names what does not fit.
        """
        files = AdapterFiles.of(folder)
        config = files.config()
        check_base(config, self.base, files.folder)
        with self._lock:
            if self._threads:
                torch.set_num_threads(self._threads)
            if config.method == "lora":
                self._loaded[name] = self._load_lora(config, files)
            else:
                model = load_adapter(self._fresh_base(), files).to(self._device).eval()
                self._loaded[name] = _Loaded(model, None)
            try:
                self.run(trial(), name)
            except AdapterError:
                self.remove_adapter(name)
                raise
        return config

    def remove_adapter(self, name: str) -> None:
        """Forget a loaded adapter and free its weights."""
        with self._lock:
            loaded = self._loaded.pop(name)
            if loaded.peft_name is None or self._shared is None:
                return
            if len(self._shared.peft_config) == 1:
                # peft cannot do without any: the base is loaded anew with the next adapter.
                self._shared = None
            else:
                # peft warns when it has to choose another active adapter itself.
                others = (name for name in self._shared.peft_config if name != loaded.peft_name)
                self._shared.set_adapter(next(others))
                self._shared.delete_adapter(loaded.peft_name)

    def run(self, windows: Sequence[Window], adapter: str, on_batch: OnBatch = NOBODY) -> list[Logits]:
        """Logits of each window under a loaded adapter, in order.

        Raises:
            AdapterError: its weights give values that are no numbers for these windows.
        """
        with self._lock:
            loaded = self._loaded[adapter]
            if loaded.peft_name is not None and isinstance(loaded.model, PeftModel):
                loaded.model.set_adapter(loaded.peft_name)
            return checked_logits(run_windows(loaded.model, windows, on_batch=on_batch))

    def run_each(self, portions: Portions, adapter: str) -> Ready:
        """Logits of windows as they are ready, while more of them come; see `Engine.run_each`."""
        return one_by_one(lambda windows: self.run(windows, adapter), portions)

    @property
    def hidden(self) -> int:
        """Length of the base's vectors."""
        return int(AutoConfig.from_pretrained(self.base.folder).hidden_size)

    @property
    def max_tokens(self) -> int | None:
        """Longest window in tokens, special tokens included; None: no limit, or nothing loaded."""
        return self._max_tokens

    @property
    def tokens_at_once(self) -> int:
        """Padded tokens of a portion above which windows come no faster."""
        return _TOKENS_AT_ONCE["cpu" if self._device.type == "cpu" else "gpu"]

    def embed(self, windows: Sequence[Window], pooling: Pooling = "mean") -> list[NDArray[np.float32]]:
        """Vectors of windows by the base alone, shape (hidden,) each."""
        with self._lock:
            if self._bare is None:
                self._bare = self._fresh_base().to(self._device).eval()
            return vectors_of(self._bare, windows, pooling)

    def info(self) -> dict[str, Any]:
        """Engine, precision and why, device and number of parameters of the base."""
        return {
            "engine": self.name,
            "precision": self.precision,
            "precision_reason": "the torch engine computes in fp32",
            "device": self._device.type,
            "parameters": self._parameters,
        }

    def _fresh_base(self) -> PreTrainedModel:
        model = load_model(self.base)
        self._parameters = count_parameters(model)["total"]
        self._max_tokens = max_tokens(model)
        return model

    def _load_lora(self, config: QAConfig, files: AdapterFiles) -> _Loaded:
        # peft uses the name as a module name, where dots are not allowed; a name whose loading failed
        # is never used again, because peft may keep part of what failed under it.
        peft_name = f"adapter_{next(self._numbers)}"
        model = self._shared or self._fresh_base()
        check_positions(config, files.folder, self._max_tokens)
        self._shared = load_lora(model, files, peft_name).to(self._device).eval()
        return _Loaded(self._shared, peft_name)

"""The OpenVINO engine: one compiled base without torch, any number of LoRA adapters over it."""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov

from localqa.engine.graph import GraphBuilder
from localqa.errors import AdapterError
from localqa.extraction.batches import in_batches, padded
from localqa.extraction.qa_config import QAConfig
from localqa.extraction.spans import FloatArray, Logits
from localqa.extraction.windows import Window
from localqa.model.adapter_files import HEAD, check_base
from localqa.model.bases import Base
from localqa.model.lora_weights import LoraWeights, read_lora

_BATCH_TOKENS = 4096
_NO_LORA = 1
"""Rank of the zeros that stand for a layer without LoRA matrices."""


class OpenVINOEngine:
    """Runs windows through a base with any of its LoRA adapters.

    Thread-safe: runs take turns, for they already use all cores.

    Args:
        base: found and verified.
        precision: "fp32" or "bf16", of the arithmetic.
        threads: processor threads; 0: all cores.
    """

    name = "openvino"

    def __init__(self, base: Base, *, precision: str = "fp32", threads: int = 0) -> None:
        self.base = base
        self.precision = precision
        self._lock = threading.Lock()
        self._loaded: dict[str, dict[str, ov.Tensor]] = {}
        self._active: str | None = None
        builder = GraphBuilder(base.folder)
        model = builder.build()
        self._shape, self._layers, self._parameters = builder.shape, builder.layers, builder.parameters
        del builder
        settings: dict[str, Any] = {
            "INFERENCE_PRECISION_HINT": {"fp32": "f32", "bf16": "bf16"}[precision],
            "PERFORMANCE_HINT": "LATENCY",
        }
        if threads:
            settings["INFERENCE_NUM_THREADS"] = threads
        self._request = ov.Core().compile_model(model, "CPU", settings).create_infer_request()

    def load_adapter(self, key: str, folder: Path) -> QAConfig:
        """Load an adapter from its folder and return its settings.

        Raises:
            AdapterError: a damaged folder, one made for another base, or no LoRA adapter.
        """
        config = QAConfig.load(folder)
        check_base(config, self.base, folder)
        if config.method != "lora":
            raise AdapterError(
                f"'{folder.name}' is no LoRA adapter (method {config.method}): this engine runs no other.",
                remedy="Serve it with QA_ENGINE=torch.",
            )
        tensors = self._tensors(read_lora(folder, self._shape.family.prefix), folder)
        with self._lock:
            self._loaded[key] = tensors
        return config

    def remove_adapter(self, key: str) -> None:
        """Forget a loaded adapter and free its weights."""
        with self._lock:
            del self._loaded[key]
            if self._active == key:
                self._active = None

    def run(
        self,
        windows: Sequence[Window],
        key: str,
        on_batch: Callable[[int], object] = lambda windows_done: None,
    ) -> list[Logits]:
        """Logits of each window under a loaded adapter, in order."""
        with self._lock:
            self._activate(key)
            return in_batches(windows, self._infer, max_tokens=_BATCH_TOKENS, on_batch=on_batch)

    def info(self) -> dict[str, Any]:
        """Engine, precision, device and number of parameters of the base."""
        return {
            "engine": self.name,
            "precision": self.precision,
            "device": "cpu",
            "parameters": self._parameters,
        }

    def _infer(self, windows: Sequence[Window]) -> tuple[FloatArray, FloatArray]:
        """Start and end logits, shape (batch, tokens) each."""
        shape = self._shape
        batch = padded(windows, pad_id=shape.padding_id, token_types=shape.token_types, dtype=np.int32)
        for name, values in batch.items():
            self._request.set_tensor(name, ov.Tensor(values))
        self._request.infer()
        # The request writes its next output over this one.
        logits = self._request.get_output_tensor(0).data.copy()
        return logits[:, :, 0], logits[:, :, 1]

    def _activate(self, key: str) -> None:
        """Put an adapter's matrices before the graph, unless they are there."""
        if self._active != key:
            self._active = None
            for name, tensor in self._loaded[key].items():
                self._request.set_tensor(name, tensor)
            self._active = key

    def _tensors(self, weights: LoraWeights, folder: Path) -> dict[str, ov.Tensor]:
        """The graph's inputs for an adapter; layers that it has no matrices for get zeros.

        Raises:
            AdapterError: matrices for a layer that the base does not have, or of another shape.
        """
        inputs = {"head": weights.head, "head_bias": weights.head_bias}
        unknown = set(weights.down)
        for name, (outputs, width) in self._layers.items():
            unknown.discard(name)
            inputs[f"{name}.down"] = weights.down.get(name, np.zeros((_NO_LORA, width), dtype=np.float32))
            inputs[f"{name}.up"] = weights.up.get(name, np.zeros((outputs, _NO_LORA), dtype=np.float32))
            fits = inputs[f"{name}.down"].shape[1] == width and inputs[f"{name}.up"].shape[0] == outputs
            if not fits:
                raise _misfit(folder, name)
        if unknown or weights.head.shape != (2, self._shape.hidden):
            raise _misfit(folder, min(unknown, default=HEAD))
        return {name: ov.Tensor(np.ascontiguousarray(values)) for name, values in inputs.items()}


def _misfit(folder: Path, layer: str) -> AdapterError:
    return AdapterError(
        f"The adapter in '{folder}' does not fit the base: its matrices for {layer} have another shape.",
        remedy="Restore the folder or train again.",
    )

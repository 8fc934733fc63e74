"""Windows through a torch model: length-sorted batches under a token budget."""

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import nn
from transformers import PreTrainedModel

from localqa.extraction.batches import in_batches, length_sorted_batches, padded
from localqa.extraction.spans import FloatArray, Logits
from localqa.extraction.windows import Window
from localqa.model.loading import uses_token_types
from localqa.model.pooling import Pooling, pooled

_CPU_TOKENS, _GPU_TOKENS = 2048, 32_768
"""Padded tokens in one batch. On a CPU the activations of larger batches fall out of its caches:
with 4,096 tokens an answer takes 1.2 times as long, with 8,192 1.6 times (all-MiniLM-L6-v2 in fp32)."""

Batch = dict[str, torch.Tensor]
"""input_ids, attention_mask and, for bases that take them, token_type_ids: (batch, tokens) each."""


def collate(windows: Sequence[Window], *, pad_id: int, token_types: bool, device: torch.device) -> Batch:
    """Windows padded to the longest one, as tensors."""
    batch = padded(windows, pad_id=pad_id, token_types=token_types)
    return {name: torch.from_numpy(values).to(device) for name, values in batch.items()}


def run_windows(
    model: nn.Module,
    windows: Sequence[Window],
    *,
    max_tokens: int | None = None,
    on_batch: Callable[[int], object] = lambda windows_done: None,
) -> list[Logits]:
    """Start and end logits of each window, in the windows' order, fp32, shape (T,) each.

    Args:
        model: in evaluation mode.
        windows: any number, of any lengths.
        max_tokens: padded tokens in one batch at most; None: what suits the device.
        on_batch: called after each batch with the number of windows in it (for progress bars).
    """
    device = next(model.parameters()).device
    pad_id = pad_token_id(model)
    budget = max_tokens or (_CPU_TOKENS if device.type == "cpu" else _GPU_TOKENS)

    def infer(batch: Sequence[Window]) -> tuple[FloatArray, FloatArray]:
        tensors = collate(batch, pad_id=pad_id, token_types=uses_token_types(model), device=device)
        with torch.inference_mode():
            output = model(**tensors)
        return output.start_logits.float().cpu().numpy(), output.end_logits.float().cpu().numpy()

    batches = list(length_sorted_batches([len(window) for window in windows], budget))
    return in_batches(windows, partial(map, infer), batches=batches, on_batch=on_batch)


def vectors_of(model: PreTrainedModel, windows: Sequence[Window], pooling: Pooling) -> list[FloatArray]:
    """The encoder's output for each window made one vector, in order, fp32, shape (hidden,) each."""
    vectors: dict[int, FloatArray] = {}
    budget = _CPU_TOKENS if model.device.type == "cpu" else _GPU_TOKENS
    for indices in length_sorted_batches([len(window) for window in windows], budget):
        tensors = collate(
            [windows[at] for at in indices],
            pad_id=pad_token_id(model),
            token_types=uses_token_types(model),
            device=model.device,
        )
        with torch.inference_mode():
            hidden = model.base_model(**tensors).last_hidden_state.float().cpu().numpy()
        vectors.update(
            (at, pooled(hidden[row, : len(windows[at])], pooling)) for row, at in enumerate(indices)
        )
    return [vectors[at] for at in range(len(windows))]


def pad_token_id(model: nn.Module) -> int:
    """The base's padding token (RoBERTa and MPNet derive positions from it)."""
    pad = getattr(model.config, "pad_token_id", None)
    return 0 if pad is None else int(pad)

"""Windows through a torch model: length-sorted batches under a token budget."""

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import torch
from torch import nn

from localqa.extraction.spans import Logits
from localqa.extraction.windows import IntArray, Window
from localqa.model.loading import uses_token_types

_CPU_TOKENS, _GPU_TOKENS = 2048, 32_768
"""Padded tokens in one batch. On a CPU the activations of larger batches fall out of its caches:
with 4,096 tokens an answer takes 1.2 times as long, with 8,192 1.6 times (all-MiniLM-L6-v2 in fp32)."""

Batch = dict[str, torch.Tensor]
"""input_ids, attention_mask and, for bases that take them, token_type_ids: (batch, tokens) each."""


def length_sorted_batches(lengths: Sequence[int], max_tokens: int) -> Iterator[list[int]]:
    """Indices grouped so that a padded batch has at most `max_tokens` tokens (one item at least)."""
    batch: list[int] = []
    for index in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        if batch and lengths[batch[0]] * (len(batch) + 1) > max_tokens:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch


def collate(windows: Sequence[Window], *, pad_id: int, token_types: bool, device: torch.device) -> Batch:
    """Pad windows to the longest one."""
    longest = max(len(window) for window in windows)

    def padded(rows: Iterable[IntArray], fill: int) -> torch.Tensor:
        table = np.full((len(windows), longest), fill, dtype=np.int64)
        for row, values in zip(table, rows, strict=True):
            row[: len(values)] = values
        return torch.from_numpy(table).to(device)

    batch = {
        "input_ids": padded((window.input_ids for window in windows), pad_id),
        "attention_mask": padded((np.ones(len(window), dtype=np.int64) for window in windows), 0),
    }
    if token_types:
        batch["token_type_ids"] = padded((window.token_type_ids for window in windows), 0)
    return batch


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
    results: dict[int, Logits] = {}
    for indices in length_sorted_batches([len(window) for window in windows], budget):
        batch = collate(
            [windows[i] for i in indices], pad_id=pad_id, token_types=uses_token_types(model), device=device
        )
        with torch.inference_mode():
            output = model(**batch)
        starts = output.start_logits.float().cpu().numpy()
        ends = output.end_logits.float().cpu().numpy()
        for row, index in enumerate(indices):
            length = len(windows[index])
            results[index] = (starts[row, :length], ends[row, :length])
        on_batch(len(indices))
    return [results[index] for index in range(len(windows))]


def pad_token_id(model: nn.Module) -> int:
    """The base's padding token (RoBERTa and MPNet derive positions from it)."""
    pad = getattr(model.config, "pad_token_id", None)
    return 0 if pad is None else int(pad)

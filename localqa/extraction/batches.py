"""Windows into padded batches, for any engine."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from localqa.extraction.spans import FloatArray, Logits
from localqa.extraction.windows import Window


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


def in_batches(
    windows: Sequence[Window],
    infer: Callable[[Sequence[Window]], tuple[FloatArray, FloatArray]],
    *,
    max_tokens: int,
    on_batch: Callable[[int], object],
) -> list[Logits]:
    """Start and end logits of each window, in the windows' order, shape (T,) each.

    Args:
        windows: any number, of any lengths.
        infer: start and end logits of a batch, shape (batch, tokens) each, which the results share.
        max_tokens: padded tokens in one batch at most.
        on_batch: called after each batch with the number of windows in it (for progress bars).
    """
    results: dict[int, Logits] = {}
    for indices in length_sorted_batches([len(window) for window in windows], max_tokens):
        starts, ends = infer([windows[i] for i in indices])
        for row, index in enumerate(indices):
            length = len(windows[index])
            results[index] = (starts[row, :length], ends[row, :length])
        on_batch(len(indices))
    return [results[index] for index in range(len(windows))]


def padded(
    windows: Sequence[Window], *, pad_id: int, token_types: bool, dtype: type[np.integer] = np.int64
) -> dict[str, NDArray[np.integer]]:
    """`input_ids`, `attention_mask` and, for bases that take them, `token_type_ids`.

    Padded to the longest window: (batch, tokens) each.
    """
    size = (len(windows), max(len(window) for window in windows))
    batch = {"input_ids": np.full(size, pad_id, dtype=dtype), "attention_mask": np.zeros(size, dtype=dtype)}
    if token_types:
        batch["token_type_ids"] = np.zeros(size, dtype=dtype)
    for row, window in enumerate(windows):
        batch["input_ids"][row, : len(window)] = window.input_ids
        batch["attention_mask"][row, : len(window)] = 1
        if token_types:
            batch["token_type_ids"][row, : len(window)] = window.token_type_ids
    return batch

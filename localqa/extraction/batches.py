"""Windows into padded batches, for any engine."""

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from localqa.extraction.spans import FloatArray, Logits
from localqa.extraction.windows import Window

_SIMILAR = 0.75
"""Items in a batch are so long at least, as a share of the longest: padding costs as much as text."""


def length_sorted_batches(lengths: Sequence[int], max_tokens: int) -> Iterator[list[int]]:
    """Indices grouped so that a padded batch has at most `max_tokens` tokens (one item at least)."""
    batch: list[int] = []
    for index in _longest_first(lengths):
        if batch and lengths[batch[0]] * (len(batch) + 1) > max_tokens:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch


def batches_of_few_sizes(
    lengths: Sequence[int], *, padded_length: Callable[[int], int], max_tokens: int
) -> Iterator[list[int]]:
    """Indices grouped so that padded batches come in few sizes, two for each length.

    A batch is padded to `padded_length` of its longest item. It holds one item, or the largest power of two
    that makes at most `max_tokens` tokens, if so many items of similar length are there.
    """
    order = _longest_first(lengths)
    while order:
        length = padded_length(lengths[order[0]])
        size = 1 << max(0, (max_tokens // length).bit_length() - 1)
        similar = len(order) >= size and lengths[order[size - 1]] >= _SIMILAR * lengths[order[0]]
        batch, order = (order[:size], order[size:]) if similar else (order[:1], order[1:])
        yield batch


def in_batches(
    windows: Sequence[Window],
    infer: Callable[[Iterable[Sequence[Window]]], Iterable[tuple[FloatArray, FloatArray]]],
    *,
    batches: Sequence[Sequence[int]],
    on_batch: Callable[[int], object],
) -> list[Logits]:
    """Start and end logits of each window, in the windows' order, shape (T,) each.

    Args:
        windows: any number, of any lengths.
        infer: start and end logits of each batch, in order, (batch, tokens) each, which the results share.
        batches: indices of the windows of each batch; every window is in one.
        on_batch: called after each batch with the number of windows in it (for progress bars).
    """
    results: dict[int, Logits] = {}
    found = infer([windows[i] for i in indices] for indices in batches)
    for indices, (starts, ends) in zip(batches, found, strict=True):
        for row, index in enumerate(indices):
            length = len(windows[index])
            results[index] = (starts[row, :length], ends[row, :length])
        on_batch(len(indices))
    return [results[index] for index in range(len(windows))]


def padded(
    windows: Sequence[Window],
    *,
    pad_id: int,
    token_types: bool,
    length: int | None = None,
    dtype: type[np.integer] = np.int64,
) -> dict[str, NDArray[np.integer]]:
    """`input_ids`, `attention_mask` and, for bases that take them, `token_type_ids`.

    Padded to a length, by default that of the longest window: (batch, tokens) each.
    """
    size = (len(windows), length or max(len(window) for window in windows))
    batch = {"input_ids": np.full(size, pad_id, dtype=dtype), "attention_mask": np.zeros(size, dtype=dtype)}
    if token_types:
        batch["token_type_ids"] = np.zeros(size, dtype=dtype)
    for row, window in enumerate(windows):
        batch["input_ids"][row, : len(window)] = window.input_ids
        batch["attention_mask"][row, : len(window)] = 1
        if token_types:
            batch["token_type_ids"][row, : len(window)] = window.token_type_ids
    return batch


def _longest_first(lengths: Sequence[int]) -> list[int]:
    return sorted(range(len(lengths)), key=lambda index: -lengths[index])

"""Logits to spans: the one decoder, used by training, `BertQA`, the API and every engine.

The rule is the one of the original BERT code (run_squad.py, Devlin et al. 2018): a span's score is
its start logit plus its end logit, over spans of at most `max_answer_tokens` tokens inside the
context; the null score of a window is the same sum at its first position, and the lowest null score
over all windows counts. A span seen by several windows has the highest of its scores.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from localqa.extraction.windows import IntArray, Window

FloatArray = NDArray[np.float32]
Logits = tuple[FloatArray, FloatArray]
"""Start and end logits of one window, each of shape (T,)."""


@dataclass(frozen=True, slots=True)
class Span:
    """A candidate: code points [start, end) of the context, and its score in logits."""

    start: int
    end: int
    score: float


@dataclass(frozen=True, slots=True)
class Decoded:
    """What the logits of one question say.

    Attributes:
        spans: best first, none overlapping another; empty when no window has a valid span.
        null: score of "no answer", the lowest over the windows, in logits.
        scores: scores of all valid spans of the context, shape (N,), for probabilities.
    """

    spans: tuple[Span, ...]
    null: float
    scores: FloatArray


def decode(
    context: str,
    windows: Sequence[Window],
    logits: Sequence[Logits],
    *,
    max_answer_tokens: int = 30,
    top_k: int = 1,
    borders: Sequence[int] = (),
) -> Decoded:
    """The best `top_k` spans of a context that do not overlap, the null score and all span scores.

    Spans are ordered by score; of equal ones the earlier start wins, then the shorter span.

    Args:
        context: the text; spans are trimmed of white space in it.
        windows: all windows of one question, in reading order.
        logits: for each window start and end logits, shape (T,) each, T as the window's length.
        max_answer_tokens: longest span, in tokens.
        top_k: how many spans to return at most.
        borders: code points, ascending, that no span reaches across.
    """
    offsets = _context_offsets(windows)
    table = _score_table(windows, logits, len(offsets), max_answer_tokens)
    # A token of no width (some tokenizers emit them) can neither start nor end a span.
    empty = offsets[:, 1] <= offsets[:, 0]
    if empty.any():
        table[empty] = -np.inf
        _at_end(table, empty)
    if borders:
        _keep_within(table, np.searchsorted(borders, offsets[:, 0], side="right"))
    scores = table[np.isfinite(table)]
    null = min(float(start[0] + end[0]) for start, end in logits)
    return Decoded(tuple(_best_apart(context, offsets, table, top_k)), null, scores)


def _context_offsets(windows: Sequence[Window]) -> IntArray:
    """Code points of every token of the context, shape (N, 2), put together from the windows."""
    if len(windows) == 1:
        return windows[0].offsets
    last = windows[-1]
    offsets = np.zeros((last.first_token + len(last.offsets), 2), dtype=np.int32)
    for window in windows:
        offsets[window.first_token : window.first_token + len(window.offsets)] = window.offsets
    return offsets


def _score_table(
    windows: Sequence[Window], logits: Sequence[Logits], tokens: int, max_answer_tokens: int
) -> FloatArray:
    """Scores by first token and length - 1, shape (N, max_answer_tokens); -inf where there is no span."""
    table = np.full((tokens, max_answer_tokens), -np.inf, dtype=np.float32)
    for window, (start, end) in zip(windows, logits, strict=True):
        count = len(window.offsets)
        if not count:
            continue
        inside = slice(window.context_at, window.context_at + count)
        padded = np.full(count + max_answer_tokens - 1, -np.inf, dtype=np.float32)
        padded[:count] = end[inside]
        ends = np.lib.stride_tricks.sliding_window_view(padded, max_answer_tokens)
        rows = table[window.first_token : window.first_token + count]
        np.maximum(rows, np.asarray(start[inside], dtype=np.float32)[:, None] + ends, out=rows)
    return table


def _at_end(table: FloatArray, tokens: NDArray[np.bool_]) -> None:
    """Rule out every span that ends at one of these tokens."""
    rows = np.arange(table.shape[0])[:, None]
    ends = rows + np.arange(table.shape[1])[None, :]
    inside = ends < len(tokens)
    table[inside & tokens[np.where(inside, ends, 0)]] = -np.inf


def _keep_within(table: FloatArray, parts: NDArray[np.integer]) -> None:
    """Rule out every span whose first and last token are in different parts."""
    for further in range(1, min(table.shape[1], len(parts))):
        table[:-further, further][parts[further:] != parts[:-further]] = -np.inf


def _best_apart(context: str, offsets: IntArray, table: FloatArray, top_k: int) -> list[Span]:
    spans: list[Span] = []
    if not table.size:
        return spans
    longest = table.shape[1]
    if top_k > 1:
        table = table.copy()
    while len(spans) < top_k:
        row, extra = divmod(int(table.argmax()), longest)
        score = float(table[row, extra])
        if score == -np.inf:
            break
        span = _trimmed(context, int(offsets[row, 0]), int(offsets[row + extra, 1]), score)
        if span is None:
            table = table.copy()
            table[row, extra] = -np.inf
            continue
        spans.append(span)
        if len(spans) < top_k:
            _rule_out_overlaps(table, row, row + extra)
    return spans


def _rule_out_overlaps(table: FloatArray, first: int, last: int) -> None:
    table[first : last + 1] = -np.inf
    for row in range(max(0, first - table.shape[1] + 1), first):
        table[row, first - row :] = -np.inf


def _trimmed(context: str, start: int, end: int, score: float) -> Span | None:
    text = context[start:end]
    stripped = text.strip()
    if not stripped:
        return None
    start += len(text) - len(text.lstrip())
    return Span(start, start + len(stripped), score)

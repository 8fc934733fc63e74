"""Logits to spans: the one decoder, used by training, `BertQA`, the API and every engine.

The rule is the one of the original BERT code (run_squad.py, Devlin et al. 2018): a span's score is
its start logit plus its end logit, over spans of at most `max_answer_tokens` tokens inside the
context; the null score of a window is the same sum at its first position.

Of several windows, each was normalised by itself in training: logits of one say nothing beside those of
another, but the margin of a span over its own window's null score does (Clark and Gardner 2018 compare
paragraphs so). Spans are ranked by it, and a span seen by several windows has the highest of its margins.

Spans over the end of a paragraph, and of marks or filler words alone, are none; the best ones are widened
to what belongs together, see `edges.whole`.
"""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import regex
from numpy.typing import NDArray

from localqa.extraction.edges import BREAK, whole
from localqa.extraction.windows import IntArray, Window

FloatArray = NDArray[np.float32]
Logits = tuple[FloatArray, FloatArray]
"""Start and end logits of one window, each of shape (T,)."""

_COMPETING: Final = 20
"""Spans that share the probability, as many as in the n-best lists of the original BERT code: in a long text
the hopeless ones are so many that all of them together would outweigh a sure answer."""
_COMPARED: Final = 16 * _COMPETING
"""The highest spans, among which those that compete are found: a text may say all of them so many times."""
_TELLING: Final = regex.compile(r"[\p{L}\p{N}\p{So}\p{Sc}]")
"""Letters, digits, and symbols such as an emoji: without one of them a span says nothing."""
_FILLERS: Final = frozenset(
    ("the", "a", "an", "of", "to", "in", "on", "at", "by", "for", "from", "with", "and", "or", "as")
)
"""English words that alone answer no question; "A", "OR" and "IN" may be names."""


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
        null: score of "no answer", in logits: what a span without any margin over it would have.
        scores: the highest first, shape (N,), N at most 20, for probabilities: one of each wording, as what a
            text says in several places is one answer.
        windows: how many windows were read.
    """

    spans: tuple[Span, ...]
    null: float
    scores: FloatArray
    windows: int = 1


def decode(
    context: str,
    windows: Sequence[Window],
    logits: Sequence[Logits],
    *,
    max_answer_tokens: int = 30,
    top_k: int = 1,
    borders: Sequence[int] = (),
    priors: Sequence[float] = (),
) -> Decoded:
    """The best `top_k` spans of a context that do not overlap, the null score, and what competes with them.

    Spans are ordered by score; of equal ones the earlier start wins, then the shorter span.

    Args:
        context: the text, in which spans are widened and trimmed, see `edges.whole`.
        windows: all windows of one question, in reading order.
        logits: for each window start and end logits, shape (T,) each, T as the window's length.
        max_answer_tokens: longest span, in tokens.
        top_k: how many spans to return at most.
        borders: code points, ascending, that no span reaches across.
        priors: logits that the spans of each part between the borders gain, one more than borders, where
            each part has windows of its own; empty: none.
    """
    offsets = _context_offsets(windows)
    nulls = [float(start[0] + end[0]) for start, end in logits]
    null = min(nulls)
    gains = [_prior(window, borders, priors) for window in windows]
    lifts = [null - one + gain for one, gain in zip(nulls, gains, strict=True)]
    table = _score_table(windows, logits, lifts, len(offsets), max_answer_tokens)
    _rule_out_impossible(context, offsets, table, borders)
    scores = _competing(context, offsets, table)
    return Decoded(tuple(_best_apart(context, offsets, table, top_k)), null, scores, len(windows))


def _prior(window: Window, borders: Sequence[int], priors: Sequence[float]) -> float:
    if not priors or not len(window.offsets):
        return 0.0
    return priors[bisect_right(borders, int(window.offsets[0, 0]))]


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
    windows: Sequence[Window],
    logits: Sequence[Logits],
    lifts: Sequence[float],
    tokens: int,
    max_answer_tokens: int,
) -> FloatArray:
    """Scores by first token and length - 1, shape (N, max_answer_tokens); -inf where there is no span.

    Each window's are lifted by so much that its own null score would be the common one.
    """
    table = np.full((tokens, max_answer_tokens), -np.inf, dtype=np.float32)
    for window, (start, end), lift in zip(windows, logits, lifts, strict=True):
        count = len(window.offsets)
        if not count:
            continue
        inside = slice(window.context_at, window.context_at + count)
        padded = np.full(count + max_answer_tokens - 1, -np.inf, dtype=np.float32)
        padded[:count] = end[inside]
        ends = np.lib.stride_tricks.sliding_window_view(padded, max_answer_tokens)
        rows = table[window.first_token : window.first_token + count]
        starts = np.asarray(start[inside], dtype=np.float32) + np.float32(lift)
        np.maximum(rows, starts[:, None] + ends, out=rows)
    return table


def _rule_out_impossible(context: str, offsets: IntArray, table: FloatArray, borders: Sequence[int]) -> None:
    """Leave no score to spans without a width, over the end of a paragraph or across a border."""
    if not table.size:
        return
    starts, ends = offsets[:, 0], offsets[:, 1]
    # A token of no width (some tokenizers emit them) can neither start nor end a span.
    empty = ends <= starts
    if empty.any():
        table[empty] = -np.inf
        table[_by_last_token(empty, table.shape[1])] = -np.inf
    breaks = [found.start() for found in BREAK.finditer(context)]
    if breaks:
        _keep_within(table, np.searchsorted(breaks, starts), np.searchsorted(breaks, ends))
    if borders:
        part = np.searchsorted(borders, starts, side="right")
        _keep_within(table, part, part)


def _keep_within(table: FloatArray, of_start: NDArray[Any], of_end: NDArray[Any]) -> None:
    """Rule out every span that begins in one part of the context and ends in another."""
    table[_by_last_token(of_end, table.shape[1]) != of_start[:, None]] = -np.inf


def _leave_telling(
    context: str, offsets: IntArray, table: FloatArray, tells: Callable[[str], object]
) -> None:
    """Leave no score to spans without any token that tells something."""
    telling = np.array([bool(tells(context[start:end])) for start, end in offsets.tolist()])
    until = np.cumsum(telling)
    table[_by_last_token(until, table.shape[1]) == (until - telling)[:, None]] = -np.inf


def _answers(text: str) -> bool:
    return text not in _FILLERS and (text.isalnum() or bool(_TELLING.search(text)))


def _answers_in_words(text: str) -> bool:
    return text not in _FILLERS and any(map(str.isalnum, text))


def _by_last_token(values: NDArray[Any], longest: int) -> NDArray[Any]:
    """A value of each token, shape (N,), as a table of spans, shape (N, longest): that of the last token."""
    padded = np.concatenate([values, np.repeat(values[-1:], longest - 1)])
    return np.lib.stride_tricks.sliding_window_view(padded, longest)


def _competing(context: str, offsets: IntArray, table: FloatArray) -> FloatArray:
    """The highest scores of spans with different words."""
    flat = table.ravel()
    places = np.argpartition(flat, -_COMPARED)[-_COMPARED:] if len(flat) > _COMPARED else np.arange(len(flat))
    places = places[np.isfinite(flat[places])]
    places = places[np.argsort(-flat[places], kind="stable")]
    firsts, extras = np.divmod(places, table.shape[1])
    best: dict[str, int] = {}
    for place, start, end in zip(
        places.tolist(), offsets[firsts, 0].tolist(), offsets[firsts + extras, 1].tolist(), strict=True
    ):
        best.setdefault(context[start:end].casefold(), place)
        if len(best) == _COMPETING:
            break
    return flat[list(best.values())]


def _best_apart(context: str, offsets: IntArray, table: FloatArray, top_k: int) -> list[Span]:
    spans: list[Span] = []
    if not table.size:
        return spans
    longest = table.shape[1]
    table = table.copy()
    tells, left = _answers, None
    while len(spans) < top_k:
        row, extra = divmod(int(table.argmax()), longest)
        score = float(table[row, extra])
        if score == -np.inf:
            break
        first, last = int(offsets[row, 0]), int(offsets[row + extra, 1])
        if left is not tells and not tells(context[first:last].strip()):
            # Once, and seldom: it takes longer than all the rest.
            _leave_telling(context, offsets, table, tells)
            left = tells
            continue
        start, end = whole(context, first, last) or (first, last)
        if all(end <= span.start or span.end <= start for span in spans):
            spans.append(Span(start, end, score))
            # A lone symbol may be the answer; among the others it would be noise.
            tells = _answers_in_words
        if len(spans) < top_k:
            row_first = min(row, int(np.searchsorted(offsets[:, 1], start, side="right")))
            row_last = max(row + extra, int(np.searchsorted(offsets[:, 0], end, side="left")) - 1)
            _rule_out_overlaps(table, row_first, row_last)
    return spans


def _rule_out_overlaps(table: FloatArray, first: int, last: int) -> None:
    table[first : last + 1] = -np.inf
    for row in range(max(0, first - table.shape[1] + 1), first):
        table[row, first - row :] = -np.inf

"""What goes into extraction and what comes out: `Query` and `Answer`."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Query:
    """One question about one context, to be answered by one adapter (None: the default one).

    Attributes:
        borders: code points of the context, ascending, that no answer reaches across: where one source
            ends and the next begins.
    """

    question: str
    context: str
    adapter: str | None = None
    top_k: int = 1
    borders: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """An exact span of the context, or an honest "not answerable".

    `context[start:end] == answer` always holds, in code points. When the question is not
    answerable, `answer` is empty, `start == end == 0` and `score` is the probability of that verdict.

    Attributes:
        answer: the span, or "" when not answerable.
        score: probability that this is the right answer, 0 to 1.
        start: first code point of the span.
        end: one past the last code point of the span.
        answerable: whether the text holds an answer.
        null_score: score of "no answer" minus score of the best span, in logits; higher means
            less answerable (SQuAD 2.0 calls it the score difference).
        adapter: name of the adapter that answered.
        alternatives: the next best spans that do not overlap better ones (`top_k - 1` at most).
    """

    answer: str
    score: float
    start: int
    end: int
    answerable: bool
    null_score: float
    adapter: str = ""
    alternatives: "tuple[Answer, ...]" = ()

    def named(self, adapter: str) -> "Answer":
        """The same answer, signed by an adapter."""
        alternatives = tuple(replace(other, adapter=adapter) for other in self.alternatives)
        return replace(self, adapter=adapter, alternatives=alternatives)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a caller wants an answer.

    Attributes:
        deadline: time (`time.monotonic`) after which nobody wants it.
        cancelled: whether the caller has gone.
    """

    deadline: float = math.inf
    cancelled: Callable[[], bool] = lambda: False

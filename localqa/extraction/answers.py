"""What goes into extraction and what comes out: `Query` and `Answer`."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Query:
    """One question about one context, to be answered by one adapter (None: the default one).

    Attributes:
        borders: code points of the context, ascending, that no answer reaches across: where one source
            ends and the next begins.
        priors: what speaks for each part between the borders before it is read, in logits, one more than
            borders; where they are given, each part is read in windows of its own. Empty: read in one.
        rounds: numbers of parts, ascending: after the first so many of them the rest is read only if it may
            still change the answer; with priors that fall from part to part. Empty: all are read.
        whole: read all of it, however long it is; else what the answer likeliest stands in may do.
        abstain: whether the adapter may find that the text holds no answer; None: as it was made to.
        min_score: below it an answer is held back, 0 to 1; see `Answer.kept`.
    """

    question: str
    context: str
    adapter: str | None = None
    top_k: int = 1
    borders: tuple[int, ...] = ()
    priors: tuple[float, ...] = ()
    rounds: tuple[int, ...] = ()
    whole: bool = False
    abstain: bool | None = None
    min_score: float = 0.0


@dataclass(frozen=True, slots=True)
class Answer:
    """An exact span of the context, or an honest "not answerable".

    `context[start:end] == answer` always holds, in code points. When the question is not
    answerable, `answer` is empty, `start == end == 0` and `score` is the probability of that verdict; of
    an answer that was held back, the probability that it would have been wrong.

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

    def held_back(self, min_score: float) -> "Answer":
        """Not answerable where the score is below `min_score`; the spans are its alternatives then."""
        if not self.answerable or self.score >= min_score:
            return self
        return Answer(
            "",
            1 - self.score,
            0,
            0,
            answerable=False,
            null_score=self.null_score,
            adapter=self.adapter,
            alternatives=(replace(self, alternatives=()), *self.alternatives),
        )

    def kept(self, min_score: float, top_k: int) -> "Answer":
        """What is left of it for a caller who wants no span that scores less, and `top_k` at most."""
        held = self.held_back(min_score)
        others = [other for other in held.alternatives if other.score >= min_score]
        return replace(held, alternatives=tuple(others[: top_k - 1]))

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


AnswersAll: TypeAlias = Callable[[Sequence[Query]], list[Answer]]
"""What answers questions, in their order."""

"""What became of each question: the answer beside the gold ones."""

from collections.abc import Sequence
from dataclasses import dataclass

from localqa.extraction.answers import Answer
from localqa.squad.metrics import exact_match, f1
from localqa.squad.records import Example

_NO_ANSWER = "(not answerable)"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One question, its answer and how right it is.

    Attributes:
        example: the question with its accepted answers.
        text: what was answered; "" for "not answerable".
        score: the probability that was claimed for it.
        null_score: of "no answer" against the best span, in logits.
        span: the best span, even where the answer is "not answerable".
        exact: 1.0 when the answer is right (exact match), else 0.0.
        f1: overlap in words with the best accepted answer, 0 to 1.
    """

    example: Example
    text: str
    score: float
    null_score: float
    span: str
    exact: float
    f1: float


def make_outcomes(examples: Sequence[Example], answers: Sequence[Answer]) -> list[Outcome]:
    """Compare answers with the gold ones; ask for `top_k=2`, so that abstentions bring their best span."""
    return [_outcome(example, answer) for example, answer in zip(examples, answers, strict=True)]


def worst(outcomes: Sequence[Outcome], count: int) -> list[Outcome]:
    """The answers that were surest and least right, the worst first; none that is right."""
    wrong = [one for one in outcomes if one.exact < 1.0]
    return sorted(wrong, key=lambda one: one.score * (one.f1 - 1.0))[:count]


def accepted(example: Example) -> str:
    """The accepted answers of a question, each once."""
    return " / ".join(dict.fromkeys(gold.text for gold in example.answers)) or _NO_ANSWER


def told(outcome: Outcome) -> str:
    """What was answered, with its score."""
    return f"{outcome.text or _NO_ANSWER} [{outcome.score:.2f}]"


def _outcome(example: Example, answer: Answer) -> Outcome:
    golds = [gold.text for gold in example.answers]
    span = answer.answer
    if not answer.answerable and answer.alternatives:
        span = answer.alternatives[0].answer
    return Outcome(
        example=example,
        text=answer.answer,
        score=answer.score,
        null_score=answer.null_score,
        span=span,
        exact=exact_match(answer.answer, golds),
        f1=f1(answer.answer, golds),
    )

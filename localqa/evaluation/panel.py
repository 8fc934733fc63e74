"""The figures of an adapter on a set, all from what it said once: with its threshold, without, at best."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from localqa.evaluation.breakdown import interval, owners
from localqa.evaluation.confidence import expected_calibration_error
from localqa.evaluation.outcomes import Outcome, make_outcomes
from localqa.extraction.answers import Answer
from localqa.extraction.pipeline import to_answer
from localqa.extraction.qa_config import QAConfig
from localqa.extraction.spans import Decoded
from localqa.squad.metrics import best_threshold
from localqa.squad.records import Example

Floats = NDArray[np.float64]
INTERVALS = ("exact", "f1", "answerable_f1", "refused")
"""The figures that have an interval."""


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What an adapter says about a set of questions under its own settings, and made to answer.

    Attributes:
        own: with its threshold, where it has one.
        made_to_answer: without.
    """

    own: list[Outcome]
    made_to_answer: list[Outcome]

    @classmethod
    def of(
        cls,
        examples: Sequence[Example],
        decoded: Sequence[Decoded],
        config: QAConfig,
        *,
        by_overlap: bool = False,
    ) -> "Verdicts":
        """Apply an adapter's settings to what it said.

        Args:
            examples: the questions.
            decoded: what was said of them, two spans each, in their order.
            config: settings of the adapter.
            by_overlap: score by the share of an answer that lies in an accepted one.
        """
        both = []
        for one in (config, replace(config, null_threshold=None)):
            answers = [to_answer(e.context, d, one, top_k=2) for e, d in zip(examples, decoded, strict=True)]
            outcomes = make_outcomes(examples, answers)
            if by_overlap:
                outcomes = [_by_overlap(*pair) for pair in zip(outcomes, answers, strict=True)]
            both.append(outcomes)
        return cls(*both)


def figures(verdicts: Verdicts) -> dict[str, Any]:
    """All figures of a set, in percent, ready for JSON; None where a set has no such questions.

    - exact, f1: of all questions, under the adapter's own threshold; an unanswerable one counts as right when
      it is refused.
    - answerable_f1, refused: of the answerable and the unanswerable questions apart.
    - made_to_answer_f1: of the answerable ones, were it not allowed to refuse.
    - best_f1: what the best threshold of this very set would reach, for information.
    - ece: distance between scores and the share of right verdicts, in ten bins.
    - intervals_95: of some, under drawing other documents.
    """
    own = verdicts.own
    impossible = np.array([one.example.is_impossible for one in own])
    owner = owners(own)
    values = {name: np.array([getattr(one, name) for one in own]) for name in ("exact", "f1", "score")}
    made = np.array([one.f1 for one in verdicts.made_to_answer])
    columns = {
        "exact": (values["exact"], np.ones(len(own), dtype=bool)),
        "f1": (values["f1"], np.ones(len(own), dtype=bool)),
        "answerable_f1": (values["f1"], ~impossible),
        "refused": (values["f1"], impossible),
        "made_to_answer_f1": (made, ~impossible),
    }
    found: dict[str, Any] = {
        "questions": len(own),
        "answerable": int((~impossible).sum()),
        "documents": len(np.unique(owner)),
    }
    found |= {name: _percent(part[kept]) for name, (part, kept) in columns.items()}
    found["best_f1"] = _best_f1(verdicts.made_to_answer, impossible, made) if impossible.any() else None
    found["ece"] = round(100 * expected_calibration_error(values["score"], values["exact"]), 2)
    found["mean_score"] = _percent(values["score"])
    found["intervals_95"] = {
        name: [round(100 * end, 2) for end in interval(part[kept], owner[kept])]
        for name, (part, kept) in columns.items()
        if name in INTERVALS and kept.any()
    }
    return found


def _best_f1(made_to_answer: Sequence[Outcome], impossible: NDArray[np.bool_], f1: Floats) -> float:
    # Where nothing can be answered at all, refusing is all there is.
    told = np.array([bool(one.text) for one in made_to_answer])
    gains = np.where(impossible, -told.astype(float), f1)
    gained, _ = best_threshold([one.null_score for one in made_to_answer], gains.tolist())
    return round(100 * (gained + int(impossible.sum())) / len(made_to_answer), 2)


def _percent(values: Floats) -> float | None:
    return round(100 * float(values.mean()), 2) if len(values) else None


def _by_overlap(outcome: Outcome, answer: Answer) -> Outcome:
    """An outcome by the share of the answer's characters that lie in the accepted answer that holds most."""
    if outcome.example.is_impossible or not answer.answerable:
        return outcome
    inside = max(
        max(0, min(answer.end, gold.end) - max(answer.start, gold.start)) for gold in outcome.example.answers
    )
    share = inside / (answer.end - answer.start)
    return replace(outcome, exact=float(share == 1.0), f1=share)

"""Long texts: the parts that are likeliest to hold the answer are read, and not all the rest."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from localqa.answering.joined import Joined
from localqa.documents.ranking import Ranked, likeliest
from localqa.extraction.answers import Answer, Query

LONG: Final = 12_000
"""Characters from which on a text is long: about eight windows."""
READ: Final = 10
"""Passages of about a hundred words that are read of it."""
_ROUNDS: Final = (3, 6)
"""After so many of them the rest is read only if it may still change the answer."""
_PRIOR: Final = 8.0
"""Logits between the best passage and one that shares no word with the question; see benchmarks/evidence.py
for this and the next one."""
_FOUND: Final = 1.2
"""Logits that all of them gain, for having been looked for: thresholds are those of a paragraph alone."""


_taking_apart: Final = threading.Lock()
"""Long texts are taken apart one at a time: it takes many times their size."""


@dataclass(frozen=True, slots=True)
class Narrowed:
    """A question about the likeliest passages of a text in place of all of it.

    Attributes:
        query: the question.
        joined: the passages.
        parts: where they come from.
    """

    query: Query
    joined: Joined
    parts: tuple[Ranked, ...]

    def widened(self, answer: Answer) -> Answer:
        """An answer with the places that it has in the whole text."""
        others = tuple(self._moved(other) for other in answer.alternatives)
        return replace(self._moved(answer), alternatives=others)

    def _moved(self, answer: Answer) -> Answer:
        if not answer.answerable:
            return answer
        number, at = self.joined.passage_at(answer.start)
        start = self.parts[number].passage.start + at
        return replace(answer, start=start, end=start + len(answer.answer))


def narrowed(query: Query) -> Narrowed | None:
    """The same question about less; None where the text is short, or its parts are told apart already."""
    if len(query.context) < LONG or query.borders or query.whole or not query.context.strip():
        return None
    with _taking_apart:
        parts = tuple(likeliest(query.context, query.question, most=READ))
    if not parts:
        return None
    joined = Joined.of([query.context[one.passage.start : one.passage.end] for one in parts])
    priors = tuple(round(_FOUND + _PRIOR * (one.score - 1), 4) for one in parts)
    # Whoever wants more answers than one wants those of other passages.
    rounds = _ROUNDS if query.top_k == 1 else ()
    shorter = replace(query, context=joined.text, borders=joined.borders, priors=priors, rounds=rounds)
    return Narrowed(shorter, joined, parts)


def shortened(queries: Sequence[Query]) -> tuple[list[Query], list[Narrowed | None]]:
    """The queries as they are read, and what leads each answer back."""
    found = [narrowed(query) for query in queries]
    return [one.query if one else query for one, query in zip(found, queries, strict=True)], found

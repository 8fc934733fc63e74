"""Questions to the library: its likeliest passages are read together, with one verdict over all of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from localqa.answering.joined import Joined
from localqa.documents.library import ALL, Entry, Library, Scope, Vectors
from localqa.documents.search import Found, search
from localqa.extraction.answers import Answer, AnswersAll, Query

READ: Final = 10
"""Passages that are read for a question."""
_ROUNDS: Final = (3, 6)
"""After so many of them the rest is read only if it may still change the answer."""
_PRIOR: Final = 12.0
"""Logits that a passage loses for each point that the search scores it below the best one; see
benchmarks/evidence.py for this and the next two."""
_NEARNESS: Final = 8.0
"""Logits that all passages gain for each point of the best one's cosine with the question above ..."""
_NEAR: Final = 0.25
"""... this one: what is not in the documents has nothing near it there."""

Embeds = Callable[[Sequence[str]], Vectors]
"""Texts as vectors of length one."""


@dataclass(frozen=True, slots=True)
class LibraryAsk:
    """A question to the library.

    Attributes:
        question: what is asked.
        scope: the collection or the documents that are looked through.
        adapter: that shall answer; None: the default one.
        top_k: answers wanted.
        passages: read at most.
        abstain: whether the documents may be found to hold no answer, see `Query`.
        min_score: below it an answer is held back, see `Query`.
    """

    question: str
    scope: Scope = ALL
    adapter: str | None = None
    top_k: int = 1
    passages: int = READ
    abstain: bool | None = None
    min_score: float = 0.0


@dataclass(frozen=True, slots=True)
class Place:
    """Where an answer stands.

    Attributes:
        found: the passage, its document and how it was found.
        start: of the answer in the document's text, in code points.
        end: one past its last code point there.
    """

    found: Found
    start: int
    end: int

    @property
    def document(self) -> Entry:
        """The document it stands in."""
        return self.found.passage.document


@dataclass(frozen=True, slots=True)
class Located:
    """An answer out of the library.

    Attributes:
        answer: its offsets are those in its passage; its alternatives are in `others`.
        place: where it stands; None when nothing in the library answers.
        others: the next best answers with their places.
        read: the passages that were read, the likeliest first.
    """

    answer: Answer
    place: Place | None
    others: tuple[tuple[Answer, Place], ...]
    read: tuple[Found, ...]

    @property
    def nearest(self) -> Found | None:
        """The likeliest passage where nothing in the library answers, for people to look at themselves."""
        return self.read[0] if self.place is None and self.read else None


NOTHING: Final = Located(Answer("", 1.0, 0, 0, answerable=False, null_score=0.0), None, (), ())
"""The answer of a library, or of a part of it, that holds nothing."""


def ask_library(ask: LibraryAsk, library: Library, *, embed: Embeds, read: AnswersAll) -> Located:
    """Answer a question from the passages that the search finds.

    Args:
        ask: the question.
        library: to look through.
        embed: makes the question's vector.
        read: BERT.

    Raises:
        LocalQAError: what `embed` and `read` raise.
    """
    vector = embed([ask.question])[0]
    found = tuple(search(library, ask.question, vector, scope=ask.scope, most=ask.passages, distinct=True))
    if not found:
        return NOTHING
    return _located(read([_query(ask, found)])[0], found)


def _joined(found: Sequence[Found]) -> Joined:
    return Joined.of([one.passage.text for one in found])


def _query(ask: LibraryAsk, found: Sequence[Found]) -> Query:
    """One question over all passages, each in windows of its own."""
    best = found[0]
    near = _NEARNESS * (best.cosine - _NEAR)
    joined = _joined(found)
    return Query(
        ask.question,
        joined.text,
        ask.adapter,
        ask.top_k,
        borders=joined.borders,
        priors=tuple(round(near + _PRIOR * (one.score - best.score), 4) for one in found),
        # Whoever wants more answers than one wants those of other passages.
        rounds=_ROUNDS if ask.top_k == 1 else (),
        abstain=ask.abstain,
        min_score=ask.min_score,
    )


def _located(answer: Answer, found: tuple[Found, ...]) -> Located:
    joined = _joined(found)

    def at(span: Answer) -> tuple[Answer, Place]:
        number, start = joined.passage_at(span.start)
        end = start + len(span.answer)
        passage = found[number].passage
        place = Place(found[number], passage.start + start, passage.start + end)
        return replace(span, start=start, end=end, alternatives=()), place

    others = tuple(map(at, answer.alternatives))
    if not answer.answerable:
        return Located(replace(answer, alternatives=()), None, others, found)
    best, place = at(answer)
    return Located(best, place, others, found)

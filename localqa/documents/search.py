"""The passages that may hold an answer: found by words and by vectors, in one order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from localqa.documents.indexed import words_of
from localqa.documents.library import ALL, Kept, Library, Scope, Vectors

_EACH: Final = 60
"""Passages that words and vectors may propose each."""
_WORDS: Final = 0.5
"""What the share of a passage in the best BM25 counts beside its cosine; see benchmarks/documents.py."""


@dataclass(frozen=True, slots=True)
class Found:
    """A passage that may hold the answer.

    Attributes:
        passage: what was found.
        score: what it is ranked by: the cosine, and half its share in the best BM25.
        cosine: of its vector with the question's.
        words: its BM25 score; 0 where it shares no word, or is not among the best by words.
    """

    passage: Kept
    score: float
    cosine: float
    words: float


def search(
    library: Library,
    question: str,
    vector: Vectors,
    *,
    scope: Scope = ALL,
    most: int = 10,
    distinct: bool = False,
) -> list[Found]:
    """The likeliest passages, best first; none where the library, or the scope, is empty.

    Args:
        library: to look through.
        question: its words are looked for.
        vector: of the question, of length one.
        scope: what is looked through.
        most: passages at most.
        distinct: whether of passages with the same words only the best one counts.
    """
    each = max(_EACH, most)
    by_words = dict(library.by_words(words_of(question), scope, each))
    by_vector = dict(library.by_vector(vector, scope, each))
    by_vector |= _missing(library, vector, by_words, by_vector)
    ranked = fused(by_words, by_vector)
    found: list[Found] = []
    seen: set[str] = set()
    # Mostly the first part is enough: of copies there are few.
    for at in range(0, len(ranked), most):
        part = dict(ranked[at : at + most])
        for passage in library.passages(list(part)):
            if len(found) == most:
                break
            if distinct:
                text = " ".join(passage.text.split())
                if text in seen:
                    continue
                seen.add(text)
            number = passage.number
            found.append(Found(passage, part[number], by_vector[number], by_words.get(number, 0.0)))
        if len(found) == most:
            break
    return found


def fused(words: Mapping[int, float], cosines: Mapping[int, float]) -> list[tuple[int, float]]:
    """Passages with their scores, best first.

    BM25 counts by its share in the best one: its height depends on how many passages there are.

    Args:
        words: BM25 of those found by words.
        cosines: of all.
    """
    best = max(words.values(), default=1.0)
    scores = [(number, cosine + _WORDS * words.get(number, 0.0) / best) for number, cosine in cosines.items()]
    return sorted(scores, key=lambda one: (-one[1], one[0]))


def _missing(
    library: Library, vector: Vectors, words: Mapping[int, float], vectors: Mapping[int, float]
) -> dict[int, float]:
    """Cosines of the passages that words alone have found."""
    unknown: Sequence[int] = [number for number in words if number not in vectors]
    return dict(zip(unknown, library.cosines(vector, unknown), strict=True))

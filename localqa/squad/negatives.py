"""Unanswerable questions made out of answerable ones, for adapters that learn to abstain."""

import random
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import lru_cache, partial

from localqa.squad.records import Example

_CANDIDATES = 12
"""Paragraphs compared for one mismatched pair; the one most like the question is taken."""
_NAME = re.compile(r"(?<=[a-z,] )[A-Z][\w'-]+(?: [A-Z][\w'-]+)*|\b\d[\d,.]*\d\b")
"""Names inside a sentence (capitalised words that do not begin it) and numbers of two digits or more."""
_COMMON = frozenset(
    [
        "a",
        "an",
        "and",
        "are",
        "as",
        "at",
        "be",
        "by",
        "did",
        "do",
        "does",
        "for",
        "from",
        "had",
        "has",
        "have",
        "how",
        "in",
        "is",
        "it",
        "of",
        "on",
        "or",
        "that",
        "the",
        "their",
        "they",
        "this",
        "to",
        "was",
        "were",
        "what",
        "when",
        "where",
        "which",
        "who",
        "whose",
        "why",
        "with",
    ]
)


def make_negatives(examples: Sequence[Example], share: float, seed: int) -> list[Example]:
    """Unanswerable copies of a share of the answerable examples.

    Half of them ask the question about another paragraph of the same article, one that reads most
    like an answer to it and holds none of the accepted answers. The other half ask about the same
    paragraph, with a name or number in the question replaced by one that stands elsewhere in the
    article but not in this paragraph, as many of the unanswerable questions of SQuAD 2.0 are made
    (Rajpurkar et al. 2018). Where one way does not work the other is taken, or none.

    Args:
        examples: with the titles of their articles; those without a title count as one article.
        share: how many negatives for each answerable example, 0 to 1.
        seed: another seed, other negatives.
    """
    articles: dict[str, dict[str, None]] = {}
    for example in examples:
        articles.setdefault(example.title, {})[example.context] = None
    contexts = {title: list(found) for title, found in articles.items()}
    names = {title: sorted(_names(found)) for title, found in contexts.items()}
    answerable = [example for example in examples if not example.is_impossible]
    rng = random.Random(seed)  # noqa: S311 - no secret hangs on it
    chosen = rng.sample(answerable, round(share * len(answerable)))
    negatives = []
    for number, example in enumerate(chosen):
        ways = [
            partial(_mismatched, example, contexts[example.title], rng),
            partial(_swapped, example, names[example.title], rng),
        ]
        found = next(filter(None, (way() for way in (ways if number % 2 else reversed(ways)))), None)
        if found:
            negatives.append(found)
    return negatives


def _mismatched(example: Example, contexts: Sequence[str], rng: random.Random) -> Example | None:
    candidates = [
        context
        for context in rng.sample(contexts, min(_CANDIDATES, len(contexts)))
        if context != example.context and not _holds_answer(context, example)
    ]
    if not candidates:
        return None
    wanted = _words(example.question)
    best = max(candidates, key=lambda context: len(wanted & _words(context)))
    return replace(example, id=f"{example.id}-mismatched", context=best, answers=())


def _swapped(example: Example, names: Sequence[str], rng: random.Random) -> Example | None:
    own = [match for match in _NAME.finditer(example.question) if match.group() in example.context]
    if not own:
        return None
    match = rng.choice(own)
    number = match.group()[0].isdigit()
    other = next(
        (
            name
            for name in rng.sample(names, len(names))
            if name[0].isdigit() == number and name not in example.context and name not in example.question
        ),
        None,
    )
    if other is None:
        return None
    question = example.question[: match.start()] + other + example.question[match.end() :]
    return replace(example, id=f"{example.id}-swapped", question=question, answers=())


def _names(contexts: Iterable[str]) -> set[str]:
    return {match.group() for context in contexts for match in _NAME.finditer(context)}


def _holds_answer(context: str, example: Example) -> bool:
    text = context.casefold()
    return any(answer.text.casefold() in text for answer in example.answers)


@lru_cache(maxsize=4096)
def _words(text: str) -> frozenset[str]:
    """The words that say what a text is about; of a paragraph they are wanted again and again."""
    return frozenset(re.findall(r"\w+", text.lower())) - _COMMON

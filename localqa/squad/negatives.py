"""Unanswerable questions made out of answerable ones, for adapters that learn to abstain."""

import random
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import lru_cache, partial

from localqa.squad.english import COMMON, NEGATED, OPPOSITES
from localqa.squad.records import Example

_CANDIDATES = 12
"""Paragraphs compared for one mismatched pair; the one most like the question is taken."""
_NAME = re.compile(r"(?<=[a-z,] )[A-Z][\w'-]+(?: [A-Z][\w'-]+)*|\b\d[\d,.]*\d\b")
"""Names inside a sentence (capitalised words that do not begin it) and numbers of two digits or more."""
_NEGATED = 1 / 3
"""Share of the questions without a word that has an opposite which are negated instead: more of them would
teach that a negated question has no answer."""
_WORD = re.compile(r"\b[a-z]{5,}\b")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")


def make_negatives(examples: Sequence[Example], share: float, seed: int) -> list[Example]:
    """Unanswerable copies of a share of the answerable examples.

    There are several ways, which take turns; where one does not work the next is taken, or none:

    - the question is asked about another paragraph of the same article, one that reads most like an
      answer to it and holds none of the accepted answers;
    - a name or number in the question is replaced by another one, of the same paragraph or of the rest of
      the article;
    - a word in the question is replaced by its opposite, or its verb is negated;
    - a word that question and paragraph share is replaced by another one of the paragraph;
    - the sentences that hold an accepted answer are taken out of the paragraph.

    The questions of the middle three are as near to the paragraph as the answerable ones, as most of the
    unanswerable questions of SQuAD 2.0 are (Rajpurkar et al. 2018, table 2).

    Args:
        examples: with the titles of their articles; those without a title count as one article.
        share: how many negatives for each answerable example, 0 to 1.
        seed: another seed, other negatives.
    """
    articles: dict[str, dict[str, None]] = {}
    for example in examples:
        articles.setdefault(example.title, {})[example.context] = None
    contexts = {title: list(found) for title, found in articles.items()}
    names = {title: _names(found) for title, found in contexts.items()}
    answerable = [example for example in examples if not example.is_impossible]
    rng = random.Random(seed)  # noqa: S311 - no secret hangs on it
    chosen = rng.sample(answerable, round(share * len(answerable)))
    negatives = []
    for number, example in enumerate(chosen):
        ways = [
            partial(_mismatched, example, contexts[example.title], rng),
            partial(_swapped, example, _names([example.context]), rng, inside=True),
            partial(_opposed, example, rng),
            partial(_reworded, example, rng),
            partial(_swapped, example, names[example.title], rng, inside=False),
            partial(_removed, example),
        ]
        turn = number % len(ways)
        found = next(filter(None, (way() for way in ways[turn:] + ways[:turn])), None)
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


def _swapped(example: Example, names: Iterable[str], rng: random.Random, *, inside: bool) -> Example | None:
    own = [match for match in _NAME.finditer(example.question) if match.group() in example.context]
    if not own:
        return None
    match = rng.choice(own)
    number = match.group()[0].isdigit()
    others = [
        name
        for name in names
        if name[0].isdigit() == number
        and (name in example.context) == inside
        and name not in example.question
        and not any(name in answer.text for answer in example.answers)
    ]
    return _with_word(example, match, rng.choice(others), "swapped") if others else None


def _reworded(example: Example, rng: random.Random) -> Example | None:
    words = set(_WORD.findall(example.context))
    own = [match for match in _WORD.finditer(example.question) if match.group() in words - COMMON]
    if not own:
        return None
    match = rng.choice(own)
    question, golds = example.question.lower(), " ".join(answer.text for answer in example.answers)
    # The same ending is mostly the same part of speech.
    others = sorted(
        word
        for word in words
        if word[-2:] == match.group()[-2:] and word not in question and word not in golds
    )
    return _with_word(example, match, rng.choice(others), "reworded") if others else None


def _opposed(example: Example, rng: random.Random) -> Example | None:
    words = list(re.finditer(r"[A-Za-z]+", example.question))
    opposites = OPPOSITES
    found = [match for match in words if match.group().lower() in opposites]
    if not found and rng.random() < _NEGATED:
        opposites = NEGATED
        found = [match for match in words if match.group().lower() in opposites]
    if not found:
        return None
    match = rng.choice(found)
    other = opposites[match.group().lower()]
    other = other.capitalize() if match.group()[0].isupper() else other
    return _with_word(example, match, other, "opposed")


def _removed(example: Example) -> Example | None:
    """The paragraph without the sentences that hold an answer; None where too little would be left."""
    kept = []
    at = 0
    for sentence in _SENTENCE_END.split(example.context):
        at = example.context.index(sentence, at)
        if not any(answer.start < at + len(sentence) and at < answer.end for answer in example.answers):
            kept.append(sentence)
        at += len(sentence)
    context = " ".join(kept)
    if 2 * len(context) < len(example.context) or _holds_answer(context, example):
        return None
    return replace(example, id=f"{example.id}-removed", context=context, answers=())


def _with_word(example: Example, match: re.Match[str], word: str, way: str) -> Example:
    """The example with another word in its question, unanswerable."""
    question = example.question[: match.start()] + word + example.question[match.end() :]
    return replace(example, id=f"{example.id}-{way}", question=question, answers=())


def _names(contexts: Iterable[str]) -> list[str]:
    return sorted({match.group() for context in contexts for match in _NAME.finditer(context)})


def _holds_answer(context: str, example: Example) -> bool:
    text = context.casefold()
    return any(answer.text.casefold() in text for answer in example.answers)


@lru_cache(maxsize=4096)
def _words(text: str) -> frozenset[str]:
    """The words that say what a text is about; of a paragraph they are wanted again and again."""
    return frozenset(re.findall(r"\w+", text.lower())) - COMMON

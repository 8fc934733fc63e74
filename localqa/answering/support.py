"""Does what a model generated stand in the text that it was given?

Words are compared, not meanings: an answer is supported when nearly all of its words that carry content,
and all of its numbers, are in the context. That is strict with good paraphrases and cannot see a "not" that
was lost; the span that comes with it lets a reader judge.
"""

import re
from collections.abc import Sequence
from typing import Final

from localqa.extraction.answers import Answer
from localqa.squad.metrics import f1

_ENOUGH: Final = 0.8
"""Share of the answer's content words that must stand in the context."""
_WORD: Final = re.compile(r"\w+(?:[.,:]\d+)*")
_ENDING: Final = re.compile(r"(?<=...)(?:e?s|e?d|ing)$")
"""Of English words that are others of the same: covers, covered, covering."""
_EMPTY_TEXT: Final = """
a an and are as at be been by can could did do does for from had has have he her his how i if in into is it
its may might more most must no not of on only or our she should so such than that the their them then there
these they this those to was we were what when where which who whom whose why will with would you your
according answer context provided question states text
"""
_EMPTY: Final = frozenset(_EMPTY_TEXT.split())
"""English words that say nothing of their own, and those in which models speak of the text itself."""


def is_supported(generated: str, question: str, context: str) -> bool:
    """Whether the content of a generated answer stands in the context.

    Args:
        generated: the answer.
        question: its own words may be repeated, beside something that the context says: an answer of nothing
            else only says yes, and has to stand there as a whole.
        context: the text.
    """
    said = [word for word in _words(generated) if word not in _EMPTY]
    there = set(_words(context))
    asked = _words(question)
    known = there | {word for word in asked if not _is_number(word)}
    found = [word in known for word in said]
    stems = {_stem(word) for word in asked}
    own = [word for word in said if _stem(word) not in stems]
    says_something = any(word in there for word in own) if own else bool(said) and there.issuperset(said)
    numbers = all(word in known for word in said if _is_number(word))
    return says_something and numbers and sum(found) >= _ENOUGH * len(found)


def best_support(generated: str, spans: Sequence[Answer]) -> Answer | None:
    """The span that shares most with a generated answer; None when none shares a word.

    Args:
        generated: the answer.
        spans: possible answers to the same question from the context, the likeliest first.
    """
    best = max(spans, key=lambda span: f1(generated, [span.answer]), default=None)
    return best if best is not None and f1(generated, [best.answer]) > 0 else None


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())


def _stem(word: str) -> str:
    return _ENDING.sub("", word)


def _is_number(word: str) -> bool:
    return any(char.isdigit() for char in word)

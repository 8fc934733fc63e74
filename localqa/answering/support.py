"""Does what a model generated stand in the text that it was given?

Words are compared, not meanings: an answer is supported when nearly all of its words that carry content,
and all of its numbers, are in the context. That is strict with good paraphrases and cannot see a "not" that
was lost; the span that comes with it lets a reader judge.
"""

import re
import unicodedata
from collections.abc import Sequence
from typing import Final

import regex

from localqa.extraction.answers import Answer
from localqa.squad.metrics import f1

_ENOUGH: Final = 0.8
"""Share of the answer's content words that must stand in the context."""
_CLOSE: Final = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
"""Scripts that put no space between words: each character is one."""
_WORD: Final = regex.compile(rf"[{_CLOSE}]|(?:(?![{_CLOSE}])[\w\p{{M}}])+(?:[.,:]\d+)*")
_ITEM: Final = re.compile(
    r"^[ \t]*(?:\(?\d{1,3}\)|\d{1,3}\.)(?=[ \t])"
    r"(?!\s*(?:jan|feb|m[aä]r|apr|ma[iy]|ju[nl]|aug|sep|o[ck]t|nov|de[cz]))",
    re.IGNORECASE | re.MULTILINE,
)
"""The number of an item in a list; "9. June" is a date."""
_NOT: Final = re.compile(r"\b(wo|ca|sha)?n['’]t\b|(?<=\w)n['’]t\b")
_SHORTENED: Final = {"wo": "will", "ca": "can", "sha": "shall"}
_NUMERALS_TEXT: Final = """
two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million billion half
twice
一 二 两 三 四 五 六 七 八 九 十 百 千 万
"""
_NUMERALS: Final = frozenset(_NUMERALS_TEXT.split())
"""Numbers in words; "one" is a pronoun, too."""
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
    said = [word for word in _words(_ITEM.sub("", generated)) if word not in _EMPTY]
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


def overlap(said: str, part: str) -> float:
    """F1 of the words of two texts, 0 to 1, whatever their script."""
    return f1(" ".join(_words(said)), [" ".join(_words(part))])


def _words(text: str) -> list[str]:
    plain = unicodedata.normalize("NFKC", text).lower()
    return _WORD.findall(_NOT.sub(lambda found: f"{_SHORTENED.get(found[1], '')} not", plain))


def _stem(word: str) -> str:
    return _ENDING.sub("", word)


def _is_number(word: str) -> bool:
    return word in _NUMERALS or any(char.isdigit() for char in word)

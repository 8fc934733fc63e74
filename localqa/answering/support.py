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

from localqa.documents.indexed import UNSPACED
from localqa.extraction.answers import Answer
from localqa.squad.metrics import f1

_ENOUGH: Final = 0.8
"""Share of the answer's content words that must stand in the context."""
_WORD: Final = regex.compile(rf"[{UNSPACED}]|(?:(?![{UNSPACED}])[\w\p{{M}}])+(?:[.,:]\d+)*")
_ITEM: Final = re.compile(r"^[ \t]*(?:\((?P<both>\d{1,3})\)|(?P<one>\d{1,3})[.)])(?=[ \t])", re.MULTILINE)
"""The number of an item in a list."""
_NOT: Final = re.compile(r"\b(wo|ca|sha)?n['’]t\b|(?<=\w)n['’]t\b")
_SHORTENED: Final = {"wo": "will", "ca": "can", "sha": "shall"}
_COUNTED_TEXT: Final = """
two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
eighteen nineteen twenty
"""
_TENS_TEXT: Final = "thirty forty fifty sixty seventy eighty ninety"
_COUNTED: Final = {word: str(number) for number, word in enumerate(_COUNTED_TEXT.split(), 2)} | {
    word: str(number) for number, word in zip(range(30, 100, 10), _TENS_TEXT.split(), strict=True)
}
"""Numbers in words that texts write in figures as well; "one" is a pronoun, too."""
_NUMERALS_TEXT: Final = """
hundred thousand million billion half twice
二 两 三 四 五 六 七 八 九 十 百 千 万
"""
_NUMERALS: Final = frozenset(_NUMERALS_TEXT.split())
"""Others, which are compared as words."""
_ENDING: Final = re.compile(r"(?<=...)(?:e?s|e?d|ing)$")
"""Of English words that are others of the same: covers, covered, covering."""
_EMPTY_TEXT: Final = """
a an and are as at be been by can could did do does for from had has have he her his how i if in into is it
its may might more most must no not of on only or our she should so such than that the their them then there
these they this those to was we were what when where which who whom whose why will with would you your
according answer context provided question states text cannot s re ll ve m d t
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
    plain = _ITEM.sub("", generated) if counts_up(generated) else generated
    said = [word for word in _words(plain) if word not in _EMPTY]
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


def counts_up(text: str) -> bool:
    """Whether the numbers at the beginnings of lines are those of a list: 1, 2, 3."""
    numbers = [int(item["both"] or item["one"]) for item in _ITEM.finditer(text)]
    return numbers == list(range(1, len(numbers) + 1))


def without_item(sentence: str) -> str:
    """A sentence without the number of the item that it begins."""
    return _ITEM.sub("", sentence, count=1)


def overlap(said: str, part: str) -> float:
    """F1 of the words of two texts, 0 to 1, whatever their script."""
    return f1(" ".join(_words(said)), [" ".join(_words(part))])


def _words(text: str) -> list[str]:
    plain = unicodedata.normalize("NFKC", text).lower()
    found = _WORD.findall(_NOT.sub(lambda short: f"{_SHORTENED.get(short[1], '')} not", plain))
    return [_COUNTED.get(word, word) for word in found]


def _stem(word: str) -> str:
    return _ENDING.sub("", word)


def _is_number(word: str) -> bool:
    return word in _NUMERALS or any(char.isdigit() for char in word)

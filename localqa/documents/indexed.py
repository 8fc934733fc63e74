"""What of a passage, and of a question, is looked up in the index of words."""

from collections.abc import Sequence
from typing import Final

import regex

UNSPACED: Final = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
"""Scripts that put no space between words, for a class of characters: each character is one."""
_CLOSE: Final = regex.compile(rf"[{UNSPACED}]")
WORD: Final = regex.compile(r"[\p{L}\p{N}\p{M}\p{Co}]+")
_COMMON_TEXT: Final = """
a about after all also an and any are as at be because been before being between both but by can could did
do does doing during each else for from get give given had has have having he her here him his how i if in
into is it its itself me more most much my name no nor not of off on once only or other our out over own
please same she should so some such tell than that the their them then there these they this those through
to too under until up us very was we were what when where which while who whom whose why will with would
you your
"""
_COMMON: Final = frozenset(_COMMON_TEXT.split())
"""English words that say nothing of what is asked about."""


TOKENIZE: Final = "porter unicode61 remove_diacritics 2"
"""How FTS5 takes these words apart: endings and accents do not count."""


def any_of(words: Sequence[str]) -> str:
    """A query of FTS5 for some of these words; none of them is taken for a command."""
    return " OR ".join('"' + word.replace('"', '""') + '"' for word in words)


def indexed(headings: Sequence[str], text: str) -> str:
    """The words that a passage is found by: its own and those of the headings above it."""
    return _apart("\n".join((*headings, text)))


def words_of(question: str) -> list[str]:
    """The words of a question to look for, each once; all of them where none says anything of its own.

    In lower case and no more, as the index has them: casefolding makes "strasse" of "Straße". Among other
    words one in capitals is a name: US, IT, WHO.
    """
    words = list(dict.fromkeys(WORD.findall(_apart(question))))
    capitals_tell = any(map(str.islower, question))

    def tells(word: str) -> bool:
        return word.lower() not in _COMMON or (capitals_tell and len(word) > 1 and word.isupper())

    told = [word for word in words if tells(word)] or words
    return list(dict.fromkeys(word.lower() for word in told))


def _apart(text: str) -> str:
    """The text with spaces around the words of scripts that put none."""
    return text if text.isascii() else _CLOSE.sub(r" \g<0> ", text)

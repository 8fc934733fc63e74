"""Sentences and words of a summary, counted without a tokenizer."""

import re
from typing import Final

SENTENCE_END: Final = re.compile(r"(?<=[.!?])\s+")


def within(text: str, max_words: int) -> str:
    """A text's sentences that fit into so many words; where not even the first does, its first words.

    A text that fits is returned as it is.
    """
    if len(text.split()) <= max_words:
        return text
    kept: list[str] = []
    for sentence in SENTENCE_END.split(text.strip()):
        if len(" ".join([*kept, sentence]).split()) > max_words:
            break
        kept.append(sentence)
    return " ".join(kept) or " ".join(text.split()[:max_words])

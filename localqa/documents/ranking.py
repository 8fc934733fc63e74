"""The parts of one long text that a question is likeliest answered by, by their words alone."""

import sqlite3
from dataclasses import dataclass
from typing import Final

from localqa.documents.document import Document
from localqa.documents.indexed import TOKENIZE, any_of, indexed, words_of
from localqa.documents.passages import Passage, split_passages

_FEW: Final = 3
"""Passages by whose words alone nothing is ruled out: the question may be asked in other words."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """A part of a text and its share in the best BM25, 0 to 1."""

    passage: Passage
    score: float


def likeliest(text: str, question: str, *, most: int) -> list[Ranked]:
    """The likeliest passages, best first; none where too few share a word with the question to tell by.

    Args:
        text: to look through.
        question: its words are looked for.
        most: passages at most.
    """
    passages = split_passages(Document("", "text/plain", "", "", text))
    index = sqlite3.connect(":memory:")
    try:
        index.execute(f"CREATE VIRTUAL TABLE words USING fts5(text, tokenize='{TOKENIZE}')")
        index.executemany(
            "INSERT INTO words (rowid, text) VALUES (?, ?)",
            ((number, indexed((), text[one.start : one.end])) for number, one in enumerate(passages)),
        )
        wanted = any_of(words_of(question))
        query = "SELECT rowid, -rank FROM words WHERE words MATCH ? ORDER BY rank LIMIT ?"
        rows = index.execute(query, (wanted, most)).fetchall() if wanted else []
    finally:
        index.close()
    best = max((score for _, score in rows), default=1.0) or 1.0
    if len(rows) < _FEW:
        return []
    return [Ranked(passages[number], score / best) for number, score in rows]

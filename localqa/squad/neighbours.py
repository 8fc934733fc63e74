"""Questions among other paragraphs than their own, as a reader of whole documents meets them.

A reader that has seen nothing but the right paragraph finds an answer in every other one, too. So it learns
from paragraphs that look right and are not (the best that a search for the question finds), and from texts in
which the right one stands among them (Clark and Gardner 2018).
"""

import random
import re
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import replace

from tqdm import tqdm

from localqa.squad.english import COMMON
from localqa.squad.records import Example, GoldAnswer

BETWEEN = "\n\n"
"""What parts the paragraphs of a joined text."""
LEFT_OUT = "-left-out"
"""Behind the id of a question that is asked without its own paragraph."""
_SEARCHED = 20
"""Paragraphs looked through for those that do not hold the answer."""


class Paragraphs:
    """The paragraphs of some examples, found by the words of a question.

    Args:
        examples: whose contexts are the paragraphs.
    """

    def __init__(self, examples: Sequence[Example]) -> None:
        self.all = list(dict.fromkeys(example.context for example in examples))
        self._of_article: dict[str, dict[str, None]] = {}
        for example in examples:
            self._of_article.setdefault(example.title, {})[example.context] = None
        self._index = sqlite3.connect(":memory:")
        self._index.execute("CREATE VIRTUAL TABLE paragraphs USING fts5(text, tokenize='porter unicode61')")
        self._index.executemany("INSERT INTO paragraphs VALUES (?)", ((text,) for text in self.all))

    def like(self, question: str) -> Iterator[str]:
        """The paragraphs that share most with a question, best first by BM25."""
        words = dict.fromkeys(re.findall(r"\w+", question.lower()))
        wanted = " OR ".join(f'"{word}"' for word in words if word not in COMMON)
        if not wanted:
            return
        query = "SELECT rowid FROM paragraphs WHERE paragraphs MATCH ? ORDER BY rank LIMIT ?"
        for (row,) in self._index.execute(query, (wanted, _SEARCHED)).fetchall():
            yield self.all[row - 1]

    def beside(self, example: Example) -> list[str]:
        """The other paragraphs of an example's article."""
        return [text for text in self._of_article.get(example.title, {}) if text != example.context]


def make_retrieved(
    examples: Sequence[Example], paragraphs: Paragraphs, share: float, seed: int
) -> list[Example]:
    """Unanswerable copies of a share of the answerable examples: asked of the likeliest wrong paragraph.

    Args:
        examples: to copy from.
        paragraphs: to search.
        share: of the answerable examples, 0 to 1.
        seed: another seed, other examples.
    """
    found = []
    for example in _sample([one for one in examples if not one.is_impossible], share, seed, "retrieve"):
        others = (text for text in paragraphs.like(example.question) if not _answers(text, example))
        context = next(others, None)
        if context is not None:
            found.append(replace(example, id=f"{example.id}-retrieved", context=context, answers=()))
    return found


def join_paragraphs(
    examples: Sequence[Example], paragraphs: Paragraphs, share: float, most: int, seed: int
) -> list[Example]:
    """The examples, a share of them with their paragraph among 1 to `most` others.

    The others are, by turns, of the same article and those most like the question, and hold no accepted
    answer. Beside an unanswerable question stand paragraphs drawn from anywhere: those like it might
    answer it.

    Args:
        examples: in whose order the result is.
        paragraphs: to take the others from.
        share: of the examples, 0 to 1.
        most: other paragraphs at most.
        seed: another seed, other examples.
    """
    chosen = {example.id for example in _sample(examples, share, seed, "join")}
    rng = random.Random(seed)  # noqa: S311 - no secret hangs on it
    joined = []
    for example in examples:
        if example.id in chosen:
            others = _others(example, paragraphs, rng.randint(1, most), rng)
            joined.append(_among(example, others, rng.randint(0, len(others))))
        else:
            joined.append(example)
    return joined


def surround(
    examples: Sequence[Example], paragraphs: Paragraphs, count: int, seed: int, *, right: bool = True
) -> list[Example]:
    """The examples with their paragraph at any place among others, so many in all; or the others alone.

    The others are of the same article, those most like the question and, where these do not suffice, any, as
    far as they hold no accepted answer; they stand in any order. What surrounds an example depends on itself
    and the seed alone.

    Args:
        examples: in whose order the result is.
        paragraphs: to take the others from.
        count: paragraphs in all, 1 or more.
        seed: another seed, other paragraphs.
        right: whether the example's own paragraph is there; without it there is no answer.
    """
    made = []
    for example in tqdm(examples, desc=f"{count} paragraphs", unit="question", leave=False, disable=None):
        rng = random.Random(f"{seed} {example.id}")  # noqa: S311 - no secret hangs on it
        others = _so_many_others(example, paragraphs, count - 1 if right else count, rng)
        if right:
            made.append(_among(example, others, rng.randint(0, len(others))))
        else:
            alone, name = BETWEEN.join(others), f"{example.id}{LEFT_OUT}"
            made.append(replace(example, id=name, context=alone, answers=()))
    return made


def _so_many_others(example: Example, paragraphs: Paragraphs, count: int, rng: random.Random) -> list[str]:
    if not count:
        return []
    others = _others(example, paragraphs, count, rng)
    for text in rng.sample(paragraphs.all, len(paragraphs.all)):
        if len(others) == count:
            break
        if text not in others and not _answers(text, example):
            others.append(text)
    rng.shuffle(others)
    return others


def _sample(examples: Sequence[Example], share: float, seed: int, doing: str) -> list[Example]:
    rng = random.Random(seed)  # noqa: S311 - no secret hangs on it
    chosen = rng.sample(examples, round(share * len(examples)))
    return list(tqdm(chosen, desc=doing, unit="question", leave=False, disable=None))


def _others(example: Example, paragraphs: Paragraphs, count: int, rng: random.Random) -> list[str]:
    if example.is_impossible:
        drawn = rng.sample(paragraphs.all, min(count + 1, len(paragraphs.all)))
        return [text for text in drawn if text != example.context][:count]
    beside = paragraphs.beside(example)
    rng.shuffle(beside)
    sources = [iter(beside), paragraphs.like(example.question)]
    others: list[str] = []
    for turn in range(2 * _SEARCHED):
        text = next(sources[turn % 2], None)
        if text is not None and text not in others and not _answers(text, example):
            others.append(text)
        if len(others) == count:
            break
    return others


def _among(example: Example, others: Sequence[str], at: int) -> Example:
    """The example with its paragraph behind `at` of the others."""
    before = "".join(text + BETWEEN for text in others[:at])
    after = "".join(BETWEEN + text for text in others[at:])
    answers = tuple(GoldAnswer(gold.text, gold.start + len(before)) for gold in example.answers)
    return replace(example, context=before + example.context + after, answers=answers)


def _answers(text: str, example: Example) -> bool:
    """Whether a paragraph is an example's own, or holds one of its answers."""
    folded = text.casefold()
    return text == example.context or any(gold.text.casefold() in folded for gold in example.answers)

"""This project's BertQA, with the precision that it chooses for this processor."""

import os

from protocol import Pair, serve

from localqa import BertQA

reader = BertQA.load(adapter="squad", precision=os.environ.get("PRECISION", "auto"))


def answer_many(pairs: list[Pair]) -> list[str]:
    """All pairs."""
    return [answer.answer for answer in reader.answer_batch(pairs)]


def answer_one(question: str, context: str) -> str:
    """One pair."""
    return reader.answer(question, context).answer


serve("localqa", answer_many, answer_one)

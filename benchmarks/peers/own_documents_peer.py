"""This project over long texts, as its server answers: the likeliest parts are read, and not all the rest."""

from protocol import Pair, serve

from localqa.answering.long_texts import shortened
from localqa.config import Settings
from localqa.extraction.answers import Query
from localqa.reading.loading import load_reader

reader = load_reader(Settings.load(adapter="squad"))


def answer_many(pairs: list[Pair]) -> list[str]:
    """All questions, one after the other."""
    return [answer_one(*pair) for pair in pairs]


def answer_one(question: str, context: str) -> str:
    """One question to a long text."""
    queries, _ = shortened([Query(question, context)])
    return reader.answer(queries)[0].answer


serve("localqa", answer_many, answer_one)

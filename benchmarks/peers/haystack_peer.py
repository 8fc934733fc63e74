"""Haystack's extractive reader; it takes one question at a time, with its documents."""

from haystack import Document
from haystack_integrations.components.readers.transformers import TransformersExtractiveReader
from protocol import Pair, model_folder, serve

reader = TransformersExtractiveReader(model=model_folder(), no_answer=False, top_k=1)
reader.warm_up()


def answer_one(question: str, context: str) -> str:
    """One pair."""
    answer: str = reader.run(query=question, documents=[Document(content=context)])["answers"][0].data
    return answer


def answer_many(pairs: list[Pair]) -> list[str]:
    """All pairs, one after the other."""
    return [answer_one(*pair) for pair in pairs]


serve("transformers-haystack", answer_many, answer_one)

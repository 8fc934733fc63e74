"""transformers' question-answering pipeline, which version 5.3 removed."""

from protocol import Pair, model_folder, serve
from transformers import pipeline

BATCH = 16

reader = pipeline("question-answering", model=model_folder(), tokenizer=model_folder(), framework="pt")


def answer_many(pairs: list[Pair]) -> list[str]:
    """All pairs, shortest first: the pipeline pads a batch to its longest text."""
    order = sorted(range(len(pairs)), key=lambda index: len(pairs[index][1]))
    texts = {"question": [pairs[i][0] for i in order], "context": [pairs[i][1] for i in order]}
    found = dict(zip(order, reader(**texts, batch_size=BATCH), strict=True))
    return [found[index]["answer"] for index in range(len(pairs))]


def answer_one(question: str, context: str) -> str:
    """One pair."""
    answer: str = reader(question=question, context=context)["answer"]
    return answer


serve("transformers", answer_many, answer_one)

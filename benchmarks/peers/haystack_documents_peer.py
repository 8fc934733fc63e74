"""Haystack over documents: its BM25 retriever's ten best paragraphs, read by its extractive reader.

A "context" here is the path of a JSON file: a list of the texts of the documents.
"""

import json
from functools import cache
from pathlib import Path

from haystack import Document
from haystack.components.preprocessors import DocumentSplitter
from haystack.components.retrievers.in_memory import InMemoryBM25Retriever
from haystack.document_stores.in_memory import InMemoryDocumentStore
from haystack_integrations.components.readers.transformers import TransformersExtractiveReader
from protocol import Pair, model_folder, serve

READ = 10
LONGEST = 250
"""Words in a paragraph."""

reader = TransformersExtractiveReader(model=model_folder(), no_answer=False, top_k=1)
reader.warm_up()


@cache
def retriever_of(file: str) -> InMemoryBM25Retriever:
    """What finds the paragraphs of a collection."""
    documents = [Document(content=text) for text in json.loads(Path(file).read_text("utf-8"))]
    for splitter in (
        DocumentSplitter(split_by="passage", split_length=1),
        # Some texts have no paragraphs: it would read chapters.
        DocumentSplitter(split_by="word", split_length=LONGEST, split_overlap=LONGEST // 10),
    ):
        splitter.warm_up()
        documents = splitter.run(documents=documents)["documents"]
    store = InMemoryDocumentStore()
    store.write_documents(documents, policy="overwrite")
    return InMemoryBM25Retriever(store, top_k=READ)


def answer_one(question: str, context: str) -> str:
    """One question to a collection."""
    found = retriever_of(context).run(query=question)["documents"]
    answers = reader.run(query=question, documents=found)["answers"] if found else []
    return answers[0].data or "" if answers else ""


def answer_many(pairs: list[Pair]) -> list[str]:
    """All questions, one after the other."""
    return [answer_one(*pair) for pair in pairs]


serve("haystack-ai", answer_many, answer_one)

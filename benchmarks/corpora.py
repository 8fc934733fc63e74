"""Collections of documents with questions, as benchmarks/documents.py asks them."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from localqa.documents.document import Document
from localqa.squad.load import load_training_data
from localqa.squad.records import Example

BETWEEN: Final = "\n\n"


@dataclass(frozen=True, slots=True)
class Gold:
    """Where an answer stands: a document, and there the part [start, end), or anywhere in it."""

    document: str
    start: int = 0
    end: int = 1 << 60


@dataclass(frozen=True, slots=True)
class Asked:
    """A question: the answers that are accepted (none: only its place is judged), and where they stand."""

    question: str
    answers: tuple[str, ...]
    gold: tuple[Gold, ...]


@dataclass(frozen=True, slots=True)
class Collected:
    """A collection: its documents and the questions about them."""

    name: str
    documents: tuple[Document, ...]
    questions: tuple[Asked, ...]


def articles(name: str, path: Path) -> Collected:
    """The articles of a SQuAD file, each joined to a document; questions with an answer."""
    return collected(name, [one for one in load_training_data([str(path)])[0] if not one.is_impossible])


def collected(name: str, examples: Sequence[Example]) -> Collected:
    """The articles that questions are about, each joined to a document."""
    texts: dict[str, dict[str, int]] = {}
    lengths: dict[str, int] = {}
    for one in examples:
        places = texts.setdefault(one.title, {})
        if one.context not in places:
            places[one.context] = lengths.get(one.title, 0)
            lengths[one.title] = places[one.context] + len(one.context) + len(BETWEEN)
    documents = tuple(_document(title, title, BETWEEN.join(places)) for title, places in texts.items())
    questions = []
    for one in examples:
        at = texts[one.title][one.context]
        gold = tuple(
            Gold(one.title, at + span.start, at + span.start + len(span.text)) for span in one.answers
        )
        questions.append(Asked(one.question, tuple(span.text for span in one.answers), gold))
    return Collected(name, documents, tuple(questions))


def retrieval(name: str, path: Path) -> Collected:
    """A collection with documents of its own; places or answers where the file has them."""
    values = json.loads(path.read_text(encoding="utf-8"))
    documents = tuple(
        _document(one["id"], one["title"] or one["id"], one["text"])
        for one in values["documents"]
        if one["text"].strip()
    )
    questions = tuple(
        Asked(one["question"], tuple(_answers(one)), tuple(map(_gold, one["gold"])))
        for one in values["questions"]
    )
    return Collected(name, documents, questions)


def _answers(one: Mapping[str, Any]) -> list[str]:
    """Short answers alone: the sentences of a manual are none that a span could be."""
    if isinstance(one["answer"], list):
        return [text for group in one["answer"] for text in (group if isinstance(group, list) else [group])]
    return []


def _gold(one: Mapping[str, Any]) -> Gold:
    return Gold(one["doc"], one["start"], one["end"]) if "start" in one else Gold(one["doc"])


def _document(name: str, title: str, text: str) -> Document:
    return Document(name, "text/plain", "", title.replace("_", " "), text)


COLLECTIONS: Final[Mapping[str, tuple[Callable[[str, Path], Collected], str]]] = {
    "squad-dev": (articles, "squad_v1/dev-v1.1.json"),
    "new-wiki": (articles, "squadshifts/new_wiki_v1.0.json"),
    "manual-s10": (retrieval, "retrieval/emanual_s10/emanual_s10.json"),
    "manual-tv": (retrieval, "retrieval/emanual_smart_tv/emanual_smart_tv.json"),
    "five-texts": (retrieval, "retrieval/chunking_evaluation/chunking_evaluation.json"),
    "abstracts": (retrieval, "retrieval/bioasq7b/bioasq7b.json"),
}
"""Name -> how it is read, and the file below the folder of data."""

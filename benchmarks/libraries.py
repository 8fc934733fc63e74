"""Passages found in an SQLite library and in PostgreSQL: is one as good as the other?

Both keep the same documents with the same vectors and are asked the same questions, by words alone and as
`search` joins words and vectors. Recall at N: the passage that holds the answer is among the first N.

    python benchmarks/libraries.py --library postgresql://USER:PASSWORD@HOST/DATABASE      an empty one

The last line printed is one JSON object; --keep writes it to benchmarks/results/libraries.json, too.
"""

import argparse
import os
import random
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from common import ROOT, parser_of, publish
from corpora import COLLECTIONS, Asked
from localqa.answering.shelf import ReaderEmbedder
from localqa.config import Settings, data_dir
from localqa.documents.importing import item_of
from localqa.documents.indexed import words_of
from localqa.documents.library import ALL, Item, Kept, Library, Vectors
from localqa.documents.opening import open_library
from localqa.documents.search import search
from localqa.errors import InvalidInputError, LocalQAError, report_and_exit
from localqa.reading.loading import load_reader

SEED = 0
RECALLS = (1, 5, 10)
HEADER = ["library", "found by", *(f"recall@{most}" for most in RECALLS)]


def main() -> None:
    """Ask both libraries and print the table."""
    args = _parser().parse_args()
    folder = Path(args.data).resolve() if args.data else data_dir().resolve()
    os.chdir(ROOT)
    read, path = COLLECTIONS[args.collection]
    collected = read(args.collection, folder / path)
    rng = random.Random(SEED)
    asked = rng.sample(collected.questions, min(args.limit, len(collected.questions)))
    other = open_library(args.library)
    if other.entries(most=1):
        raise InvalidInputError("--library: it holds documents.", remedy="Name an empty one.")
    reader = load_reader(Settings.load())
    embedder = ReaderEmbedder(lambda: reader)
    documents = tqdm(collected.documents, desc="embed", unit="document", leave=False, disable=None)
    items = [item_of(one, embedder, collection="default", source=one.name) for one in documents]
    vectors = embedder.vectors([one.question for one in asked])
    with tempfile.TemporaryDirectory() as temporary:
        beside = open_library(str(Path(temporary) / "library.sqlite"))
        rows = [
            row
            for name, library in (("SQLite", beside), ("PostgreSQL", other))
            for row in _rows(name, library, items, asked, vectors)
        ]
        beside.close()
    other.close()
    report = {"rows": rows, "collection": args.collection, "questions": len(asked), "seed": SEED}
    publish("libraries", report, HEADER, [list(row.values()) for row in rows], keep=args.keep)


def _rows(
    name: str, library: Library, items: Sequence[Item], asked: Sequence[Asked], vectors: Vectors
) -> list[dict[str, Any]]:
    """What a library finds, by words and by both; it is left empty."""
    entries = [library.put(item) for item in tqdm(items, desc=name, leave=False, disable=None)]
    ranks: dict[str, list[float]] = {"words": [], "words and vectors": []}
    for one, vector in zip(tqdm(asked, desc=name, leave=False, disable=None), vectors, strict=True):
        numbers = [number for number, _ in library.by_words(words_of(one.question), ALL, max(RECALLS))]
        ranks["words"].append(_rank(library.passages(numbers), one))
        both = search(library, one.question, vector, most=max(RECALLS))
        ranks["words and vectors"].append(_rank([found.passage for found in both], one))
    with library.removing():
        for entry in entries:
            library.remove(entry.id)
    return [
        {"library": name, "found_by": found_by}
        | {f"recall_{most}": round(100 * float(np.mean(np.array(of) <= most)), 1) for most in RECALLS}
        for found_by, of in ranks.items()
    ]


def _rank(found: Sequence[Kept], asked: Asked) -> float:
    """Where the first passage stands that holds an answer, from 1 on; infinite: nowhere."""
    for rank, passage in enumerate(found, 1):
        for gold in asked.gold:
            if passage.document.source == gold.document and (
                passage.start <= gold.start and gold.end <= passage.end
            ):
                return rank
    return float("inf")


def _parser() -> argparse.ArgumentParser:
    parser = parser_of(__doc__)
    parser.add_argument("--library", required=True, metavar="ADDRESS", help="an empty database of PostgreSQL")
    parser.add_argument("--collection", default="squad-dev", choices=[*COLLECTIONS])
    parser.add_argument("--limit", type=int, default=500, help="questions")
    parser.add_argument("--data", help="folder of the collections [QA_DATA_DIR]")
    parser.add_argument("--keep", action="store_true", help="write results/libraries.json")
    return parser


if __name__ == "__main__":
    try:
        main()
    except LocalQAError as e:
        report_and_exit(e)

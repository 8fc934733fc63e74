"""Questions to whole collections: is the passage found, the answer right, its document, and how fast?

Each collection becomes a library of its own, as `localqa documents add` makes it. Asked are so many of its
questions, one at a time, and as many of the next collection, to which "not in your documents" is right.

    python benchmarks/documents.py                  all collections and adapters, two hours on two cores
    python benchmarks/documents.py --collections squad-dev --adapters squad2 --limit 100
    python benchmarks/documents.py --peer           Haystack beside, with the same weights as squad
    python benchmarks/documents.py --passages 500000       how long a search takes among made-up passages
    python benchmarks/documents.py --folder FOLDER         how fast the files in a folder are added

Recall at N: a passage that holds the answer, or is of the right document where only that is known, is among
the first N. The calibration error is of both kinds of questions together. With --keep, rows of other
collections and adapters stay in the file. The last line printed is one JSON object, which
benchmarks/results/documents.json holds too.
"""

import argparse
import json
import os
import random
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from tqdm import tqdm

from common import ROOT, parser_of, publish, resident_mb, saved_rows
from corpora import COLLECTIONS, Asked, Collected, Gold
from localqa.answering.library import LibraryAsk, ask_library
from localqa.answering.shelf import ReaderEmbedder
from localqa.config import Settings, data_dir
from localqa.documents.document import Document
from localqa.documents.importing import Importer, item_of
from localqa.documents.library import Item
from localqa.documents.passages import Passage
from localqa.documents.search import Found, search
from localqa.documents.sqlite import SqliteLibrary
from localqa.errors import LocalQAError, report_and_exit
from localqa.evaluation.confidence import expected_calibration_error
from localqa.reading.loading import load_reader
from localqa.reading.reader import Reader
from localqa.squad.metrics import exact_match, f1
from peers.starting import RUNS, Peer, write_pairs

SEED = 0
PEER, PEER_TIMED = "haystack", 50
"""Haystack with the weights of `squad`, and how many questions of it are timed."""
RECALLS = (1, 5, 20)
Made: TypeAlias = tuple[SqliteLibrary, dict[str, float]]
"""A library, and its figures."""
Verdicts: TypeAlias = list[tuple[float, float]]
"""The probability that was claimed for each, and whether it was right, 1 or 0."""
HEADER = {
    "collection": "collection",
    "adapter": "adapter",
    "recall_1": "recall@1",
    "recall_5": "@5",
    "recall_20": "@20",
    "exact": "EM",
    "f1": "F1",
    "right_document": "right document, %",
    "answered": "answered, %",
    "refused": "refused of others, %",
    "ece": "calibration error, %",
    "same_as_all": "as if all were read, %",
    "p50_ms": "p50 ms",
    "p99_ms": "p99 ms",
}


def main() -> None:
    """Ask all collections and print the table."""
    args = _parser().parse_args()
    folder = Path(args.data).resolve() if args.data else data_dir().resolve()
    files = Path(args.folder).resolve() if args.folder else None
    os.chdir(ROOT)
    if args.passages:
        _publish_row("documents_crowd", _crowd(args.passages), keep=args.keep)
        return
    if files:
        _publish_row("documents_added", _added(files), keep=args.keep)
        return
    collections = [_read(name, folder) for name in args.collections]
    readers = {adapter: load_reader(Settings.load(adapter=adapter)) for adapter in args.adapters}
    rows = saved_rows("documents") if args.keep else []
    for at, collection in enumerate(collections):
        others = collections[(at + 1) % len(collections)].questions if len(collections) > 1 else ()
        found = _judged(collection, others, readers, args.limit, peer=args.peer)
        new = {_key(row) for row in found}
        rows = [*(row for row in rows if _key(row) not in new), *found]
        publish("documents", _report(rows, args.limit), keep=args.keep)
    shown = [[row.get(key) for key in HEADER] for row in rows]
    publish("documents", _report(rows, args.limit), list(HEADER.values()), shown, keep=args.keep)


def _publish_row(name: str, row: dict[str, Any], *, keep: bool) -> None:
    publish(name, {"rows": [row]}, list(row), [list(row.values())], keep=keep)


def _report(rows: Sequence[dict[str, Any]], limit: int) -> dict[str, Any]:
    return {"benchmark": "documents", "questions": limit, "seed": SEED, "rows": list(rows)}


def _key(row: dict[str, Any]) -> tuple[str, str]:
    return row["collection"], row["adapter"]


def _read(name: str, folder: Path) -> Collected:
    read, path = COLLECTIONS[name]
    return read(name, folder / path)


def _judged(
    collection: Collected, others: Sequence[Asked], readers: Mapping[str, Reader], limit: int, *, peer: bool
) -> list[dict[str, Any]]:
    """A row for each adapter, and the peer's; one library serves all that read with the same base."""
    rng = random.Random(SEED)  # noqa: S311 - no secret hangs on it
    asked = rng.sample(collection.questions, min(limit, len(collection.questions)))
    foreign = rng.sample(list(others), min(limit, len(others)))
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        made: dict[str, Made] = {}
        for adapter, reader in readers.items():
            embedder = ReaderEmbedder(lambda reader=reader: reader)  # type: ignore[misc] # bound here, not later
            if embedder.identity not in made:
                path = Path(folder) / f"{len(made)}.sqlite"
                made[embedder.identity] = _library_of(collection, embedder, path, asked)
            library, figures = made[embedder.identity]
            answers, verdicts = _answers(library, embedder, reader, asked)
            refusals, others_verdicts = _refusals(library, embedder, reader, foreign)
            told = {"collection": collection.name, "adapter": adapter, "memory_mb": round(resident_mb())}
            calibration = _calibration(verdicts, others_verdicts)
            rows.append(told | figures | answers | refusals | calibration)
        if peer:
            rows.append({"collection": collection.name, "adapter": PEER, **_peer_of(collection, asked)})
        for library, _ in made.values():
            library.close()
    return rows


def _peer_of(collection: Collected, asked: Sequence[Asked]) -> dict[str, Any]:
    """What Haystack answers with the weights of `squad`, and how fast."""
    RUNS.mkdir(parents=True, exist_ok=True)
    file = RUNS / f"{collection.name}.json"
    file.write_text(json.dumps([document.text for document in collection.documents]), encoding="utf-8")
    peer = Peer(
        "haystack_documents",
        write_pairs([(one.question, str(file)) for one in asked]),
        environment="haystack",
    )
    try:
        peer.ask("many", 5)
        answers = peer.ask("many", len(asked))["answers"]
        times = [1000 * seconds for seconds in peer.ask("each", min(PEER_TIMED, len(asked)))["seconds"]]
    finally:
        peer.end()
    judged = [(text, list(one.answers)) for text, one in zip(answers, asked, strict=True) if one.answers]
    return {
        "package": f"{peer.about['package']} {peer.about['version']}",
        "exact": 100 * float(np.mean([exact_match(*one) for one in judged])) if judged else None,
        "f1": 100 * float(np.mean([f1(*one) for one in judged])) if judged else None,
        "p50_ms": float(np.median(times)),
        "p99_ms": float(np.quantile(times, 0.99)),
    }


def _library_of(
    collection: Collected, embedder: ReaderEmbedder, path: Path, asked: Sequence[Asked]
) -> "Made":
    """A library of the collection's documents; how fast it was made, its size, what is found in it."""
    library = SqliteLibrary(path)
    began = time.perf_counter()
    entries = [
        library.put(item_of(one, embedder, collection="default", source=one.name))
        for one in tqdm(collection.documents, desc=collection.name, unit="document", leave=False)
    ]
    passages = sum(entry.passages for entry in entries)
    figures = {
        "documents": len(entries),
        "passages": passages,
        "passages_per_s": round(passages / (time.perf_counter() - began), 1),
        "bytes_per_passage": round(library.size() / passages),
    }
    return library, figures | _recalls(library, embedder, asked)


def _recalls(library: SqliteLibrary, embedder: ReaderEmbedder, asked: Sequence[Asked]) -> dict[str, float]:
    hits = dict.fromkeys(RECALLS, 0)
    for one in tqdm(asked, desc="search", unit="question", leave=False):
        found = search(library, one.question, embedder.vectors([one.question])[0], most=max(RECALLS))
        ranks = [rank for rank, passage in enumerate(found, 1) if _holds(passage, one.gold)]
        for most in RECALLS:
            hits[most] += bool(ranks) and ranks[0] <= most
    return {f"recall_{most}": 100 * count / len(asked) for most, count in hits.items()}


def _answers(
    library: SqliteLibrary,
    embedder: ReaderEmbedder,
    reader: Reader,
    asked: Sequence[Asked],
) -> tuple[dict[str, Any], Verdicts]:
    verdicts: Verdicts = []
    overlap, right, same, answered, times = [], [], [], 0, []
    for one in asked[:5]:
        ask_library(LibraryAsk(one.question), library, embed=embedder.vectors, read=reader.answer)
    for one in tqdm(asked, desc="ask", unit="question", leave=False):
        began = time.perf_counter()
        found = ask_library(LibraryAsk(one.question), library, embed=embedder.vectors, read=reader.answer)
        times.append(1000 * (time.perf_counter() - began))
        answered += found.place is not None
        # Whoever wants two answers has all passages read.
        whole = ask_library(
            LibraryAsk(one.question, top_k=2), library, embed=embedder.vectors, read=reader.answer
        )
        same.append(whole.answer.answer == found.answer.answer)
        if one.answers:
            verdicts.append((found.answer.score, exact_match(found.answer.answer, list(one.answers))))
            overlap.append(f1(found.answer.answer, list(one.answers)))
        right.append(
            found.place is not None and found.place.document.name in {gold.document for gold in one.gold}
        )
    return {
        "exact": 100 * float(np.mean([exact for _, exact in verdicts])) if verdicts else None,
        "f1": 100 * float(np.mean(overlap)) if overlap else None,
        "right_document": 100 * float(np.mean(right)),
        "answered": 100 * answered / len(asked),
        "same_as_all": 100 * float(np.mean(same)),
        "p50_ms": float(np.median(times)),
        "p99_ms": float(np.quantile(times, 0.99)),
    }, verdicts


def _refusals(
    library: SqliteLibrary, embedder: ReaderEmbedder, reader: Reader, foreign: Sequence[Asked]
) -> tuple[dict[str, Any], Verdicts]:
    verdicts: Verdicts = []
    for one in tqdm(foreign, desc="others' questions", unit="question", leave=False):
        found = ask_library(LibraryAsk(one.question), library, embed=embedder.vectors, read=reader.answer)
        verdicts.append((found.answer.score, float(found.place is None)))
    return {"refused": 100 * float(np.mean([right for _, right in verdicts])) if verdicts else None}, verdicts


def _calibration(verdicts: Verdicts, others: Verdicts) -> dict[str, float | None]:
    """Of both kinds together; None where it is not known which answers are right."""
    if not verdicts:
        return {"ece": None}
    scores, right = np.array([*verdicts, *others]).T
    return {"ece": 100 * expected_calibration_error(scores, right)}


def _holds(found: Found, gold: Sequence[Gold]) -> bool:
    passage = found.passage
    return any(
        passage.document.name == one.document and passage.start < one.end and one.start < passage.end
        for one in gold
    )


def _added(folder: Path) -> dict[str, Any]:
    """How fast files are read, taken apart, embedded and kept, as `localqa documents add` does it."""
    reader = load_reader(Settings.load())
    embedder = ReaderEmbedder(lambda: reader)
    embedder.vectors(["Making the graph takes a moment."])
    with tempfile.TemporaryDirectory() as place:
        library = SqliteLibrary(Path(place) / "library.sqlite")
        began = time.perf_counter()
        outcomes = list(tqdm(Importer(library, embedder).add([folder]), unit="file", leave=False))
        seconds = time.perf_counter() - began
        entries = library.entries()
        library.close()
    pages = sum(entry.pages for entry in entries)
    passages = sum(entry.passages for entry in entries)
    return {
        "files": len(outcomes),
        "read": len(entries),
        "pages": pages,
        "passages": passages,
        "seconds": round(seconds, 1),
        "pages_per_s": round(pages / seconds, 1),
        "passages_per_s": round(passages / seconds, 1),
        "memory_mb": round(resident_mb()),
    }


def _crowd(count: int) -> dict[str, Any]:
    """How long words and vectors take among so many made-up passages."""
    rng = np.random.default_rng(SEED)
    # Words as seldom as in real texts (Zipf), vectors in some hundred clouds.
    ranks = 1 / np.arange(1, 50_001)
    chances = ranks / ranks.sum()
    centres = rng.normal(size=(500, 384)).astype(np.float32)
    each = 1000
    with tempfile.TemporaryDirectory() as folder:
        library = SqliteLibrary(Path(folder) / "library.sqlite")
        for number in tqdm(range(count // each), unit=f"x {each} passages"):
            words = rng.choice(50_000, size=(each, 90), p=chances)
            texts = [" ".join(f"w{word}" for word in row) for row in words]
            starts = np.cumsum([0, *(len(text) + 2 for text in texts[:-1])]).tolist()
            passages = [Passage(at, at + len(text)) for at, text in zip(starts, texts, strict=True)]
            document = Document(f"{number}", "text/plain", "", f"{number}", "\n\n".join(texts))
            vectors = centres[rng.integers(0, 500, each)] + rng.normal(size=(each, 384)).astype(np.float32)
            vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
            library.put(Item("default", f"{number}", document, passages, vectors, "made up"))
        times = []
        for _ in tqdm(range(55), unit="question"):
            question = " ".join(f"w{word}" for word in rng.choice(50_000, size=8, p=chances))
            vector = centres[rng.integers(0, 500)] + rng.normal(size=384).astype(np.float32)
            began = time.perf_counter()
            search(library, question, vector / np.linalg.norm(vector))
            times.append(1000 * (time.perf_counter() - began))
        row = {
            "passages": count,
            "p50_ms": round(float(np.median(times[5:])), 1),
            "p99_ms": round(float(np.quantile(times[5:], 0.99)), 1),
            "bytes_per_passage": round(library.size() / count),
            "memory_mb": round(resident_mb()),
        }
        library.close()
    return row


def _parser() -> argparse.ArgumentParser:
    parser = parser_of(__doc__)
    parser.add_argument("--collections", nargs="+", choices=list(COLLECTIONS), default=list(COLLECTIONS))
    parser.add_argument("--adapters", nargs="+", default=["squad", "squad2"], help="[squad squad2]")
    parser.add_argument("--limit", type=int, default=500, metavar="N", help="questions of each [500]")
    parser.add_argument("--data", help="folder of the data files [QA_DATA_DIR]")
    parser.add_argument("--passages", type=int, metavar="N", help="search among N made-up passages instead")
    parser.add_argument("--folder", help="add the files of this folder instead")
    parser.add_argument(
        "--peer", action="store_true", help="Haystack beside it, in an environment of its own"
    )
    parser.add_argument("--keep", action="store_true", help="write results/documents.json")
    return parser


if __name__ == "__main__":
    try:
        main()
    except LocalQAError as e:
        report_and_exit(e)

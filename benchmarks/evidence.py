"""What should the search's figures count beside what BERT reads, and when has enough been read?

The weights of `localqa/answering/library.py` and the bounds of `localqa/extraction/pipeline.py` come from
here: from articles that the adapters held out of their training, with some others around them as a library.
Asked are questions about them, with and without an answer, and questions about articles that are not in the
library. Every passage found is read once; then all weights are tried on what was read.

    python benchmarks/evidence.py                  a quarter of an hour on two cores
    python benchmarks/evidence.py --limit 50
    python benchmarks/evidence.py --long           the same for the parts of long texts (long_texts.py there)

The last line printed is one JSON object, which benchmarks/results/evidence.json holds too.
"""

import argparse
import itertools
import json
import os
import random
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np
from tqdm import tqdm

from common import ROOT, parser_of, publish
from corpora import collected
from judged import Judged
from localqa.answering.shelf import ReaderEmbedder
from localqa.config import Settings, data_dir
from localqa.documents.importing import item_of
from localqa.documents.library import Library
from localqa.documents.ranking import likeliest
from localqa.documents.search import Found, search
from localqa.documents.sqlite import SqliteLibrary
from localqa.errors import LocalQAError, report_and_exit
from localqa.reading.loading import load_reader
from localqa.squad.load import load_training_data
from localqa.squad.metrics import f1
from localqa.squad.neighbours import Paragraphs, surround
from localqa.squad.records import Example

DATA: Final = "squad_v2/train-v2.0.json"
HELD_OUT: Final = "configs/squad2.json"
SEED: Final = 5
AMONG, AWAY, READ = 30, 60, 10
REFUSED: Final = 0.9
PRIORS: Final = (0.0, 4.0, 8.0, 12.0, 16.0)
NEARNESS: Final = (0.0, 4.0, 8.0, 12.0, 16.0, 24.0)
FARTHEST: Final = (3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 12.0, 14.0)
ROUNDS: Final = (3, 6)
LONG: Final = 150
KINDS: Final = ("answerable", "not answerable", "not there")
Asked: TypeAlias = tuple[str, Example]
"""Its kind, and a question."""


@dataclass(frozen=True, slots=True)
class Part:
    """A passage that may hold the answer: its text, the search's score, its cosine with the question."""

    text: str
    score: float
    near: float = 0.0


@dataclass(frozen=True, slots=True)
class Read:
    """What was found and read for one question.

    Attributes:
        kind: of `KINDS`.
        scores: of the search, for each passage, best first.
        near: cosine of the best one.
        margins: of the best span of each passage over "no answer", in logits.
        f1: of these spans.
    """

    kind: str
    scores: tuple[float, ...]
    near: float
    margins: tuple[float, ...]
    f1: tuple[float, ...]


def main() -> None:
    """Read for all questions, try all weights and print what they reach."""
    args = _parser().parse_args()
    folder = Path(args.data).resolve() if args.data else data_dir().resolve()
    os.chdir(ROOT)
    adapter = Judged(args.adapter, "auto")
    asked, found = (_long if args.long else _library)(folder, args.limit)
    reads = _read(adapter, asked, found)
    weights = [
        {"prior": prior, "nearness": nearness, **_reached(reads, prior, nearness)}
        for prior, nearness in itertools.product(PRIORS, NEARNESS[:1] if args.long else NEARNESS)
    ]
    best = max(weights, key=lambda row: row["f1"])
    threshold = adapter.config.null_threshold
    near = (
        0.0 if threshold is None or not best["nearness"] else (best["margin"] + threshold) / best["nearness"]
    )
    ends = [{"farthest": bound, **_ended(reads, best, near, bound, threshold)} for bound in FARTHEST]
    report = {
        "adapter": args.adapter,
        "questions": len(reads),
        "weights": weights,
        "near": near,
        "ends": ends,
    }
    for rows in (ends, weights):
        publish(
            "evidence_long" if args.long else "evidence",
            report,
            list(rows[0]),
            [list(row.values()) for row in rows],
            keep=args.keep,
        )


def _library(folder: Path, limit: int) -> tuple[list[Asked], list[list[Part]]]:
    """Questions to a library, and the passages that its search finds."""
    examples, titles, rng = _held_out(folder)
    others = rng.sample(sorted({one.title for one in examples} - titles), AMONG + AWAY)
    among, away = titles | set(others[:AMONG]), set(others[AMONG:])
    held_out = [one for one in examples if one.title in titles]
    kinds = {
        "answerable": [one for one in held_out if not one.is_impossible],
        "not answerable": [one for one in held_out if one.is_impossible],
        "not there": [one for one in examples if one.title in away and not one.is_impossible],
    }
    asked = [(kind, one) for kind, some in kinds.items() for one in rng.sample(some, min(limit, len(some)))]
    reader = load_reader(Settings.load())
    embedder = ReaderEmbedder(lambda: reader)
    with tempfile.TemporaryDirectory() as place:
        library = SqliteLibrary(Path(place) / "library.sqlite")
        documents = collected("held out", [one for one in examples if one.title in among]).documents
        for document in tqdm(documents, desc="library", unit="document", leave=False):
            library.put(item_of(document, embedder, collection="default", source=document.name))
        found = [
            [Part(each.passage.text, each.score, each.cosine) for each in _found(library, embedder, one)]
            for _, one in tqdm(asked, desc="search", leave=False)
        ]
        library.close()
    return asked, found


def _long(folder: Path, limit: int) -> tuple[list[Asked], list[list[Part]]]:
    """Questions about long texts, with the right paragraph and without it, and their likeliest parts."""
    examples, titles, rng = _held_out(folder)
    others = rng.sample(sorted({one.title for one in examples} - titles), AMONG)
    paragraphs = Paragraphs([one for one in examples if one.title in titles | set(others)])
    answerable = [one for one in examples if one.title in titles and not one.is_impossible]
    some = rng.sample(answerable, min(limit, len(answerable)))
    asked = [
        (kind, one)
        for kind, right in (("answerable", True), ("not there", False))
        for one in surround(some, paragraphs, LONG, SEED, right=right)
    ]
    found = [
        [
            Part(one.context[part.passage.start : part.passage.end], part.score)
            for part in likeliest(one.context, one.question, most=READ)
        ]
        for _, one in tqdm(asked, desc="search", leave=False)
    ]
    # Where too few parts share a word with the question, a text is read as a whole.
    told = [(one, parts) for one, parts in zip(asked, found, strict=True) if parts]
    return [one for one, _ in told], [parts for _, parts in told]


def _held_out(folder: Path) -> tuple[list[Example], set[str], random.Random]:
    examples, _ = load_training_data([DATA], data_dir=folder)
    titles = set(json.loads(Path(HELD_OUT).read_text(encoding="utf-8"))["validation_titles"])
    return examples, titles, random.Random(SEED)  # noqa: S311 - no secret hangs on it


def _read(adapter: Judged, asked: Sequence[Asked], found: Sequence[Sequence[Part]]) -> list[Read]:
    pairs = [
        (one.question, part.text) for (_, one), parts in zip(asked, found, strict=True) for part in parts
    ]
    said = iter(adapter.decoded(pairs, "passages"))
    reads = []
    for (kind, one), parts in zip(asked, found, strict=True):
        gold = [span.text for span in one.answers] if kind == "answerable" else []
        margins, overlaps = [], []
        for part, decoded in zip(parts, said, strict=False):
            best = decoded.spans[0] if decoded.spans else None
            margins.append(best.score - decoded.null if best else -np.inf)
            overlaps.append(f1(part.text[best.start : best.end], gold) if best and gold else 0.0)
        scores = tuple(part.score for part in parts)
        reads.append(Read(kind, scores, parts[0].near, tuple(margins), tuple(overlaps)))
    return reads


def _found(library: Library, embedder: ReaderEmbedder, one: Example) -> list[Found]:
    return search(library, one.question, embedder.vectors([one.question])[0], most=READ)


def _weighed(read: Read, prior: float, shift: float) -> list[float]:
    """Margins as the verdict sees them."""
    return [
        margin + prior * (score - read.scores[0]) + shift
        for margin, score in zip(read.margins, read.scores, strict=True)
    ]


def _reached(reads: Sequence[Read], prior: float, nearness: float) -> dict[str, float]:
    """F1 and more, at the margin below which nine in ten questions whose answer is not there are refused."""
    verdicts: dict[str, list[tuple[float, float]]] = {kind: [] for kind in KINDS}
    for read in reads:
        margins = _weighed(read, prior, nearness * read.near)
        best = int(np.argmax(margins))
        verdicts[read.kind].append((margins[best], read.f1[best]))
    bar = float(np.quantile([margin for margin, _ in verdicts["not there"]], REFUSED))
    return {
        "f1": 100 * float(np.mean([right * (margin > bar) for margin, right in verdicts["answerable"]])),
        "answered": 100 * float(np.mean([margin > bar for margin, _ in verdicts["answerable"]])),
        "refused": 100
        * float(np.mean([margin <= bar for margin, _ in verdicts["not answerable"] or [(bar, 0)]])),
        "margin": bar,
    }


def _ended(
    reads: Sequence[Read], weights: Mapping[str, float], near: float, farthest: float, threshold: float | None
) -> dict[str, float]:
    """How many passages are read where reading ends at a bound, and how many answers are others then."""
    bar = -np.inf if threshold is None else -threshold
    counts, changed = [], 0
    for read in reads:
        margins = _weighed(read, weights["prior"], weights["nearness"] * (read.near - near))
        priors = [weighed - margin for weighed, margin in zip(margins, read.margins, strict=True)]
        count = next(
            count
            for count in (*ROUNDS, len(margins))
            if count >= len(margins) or max(*margins[:count], bar) - priors[count] > farthest
        )
        best, whole = int(np.argmax(margins[:count])), int(np.argmax(margins))
        answers = margins[best] >= bar
        changed += answers != (margins[whole] >= bar) or (answers and best != whole)
        counts.append(count)
    return {
        "median": float(np.median(counts)),
        "mean": float(np.mean(counts)),
        "changed": 100 * changed / len(reads),
    }


def _parser() -> argparse.ArgumentParser:
    parser = parser_of(__doc__)
    parser.add_argument("--adapter", default="squad2", help="whose margins are weighed [squad2]")
    parser.add_argument("--limit", type=int, default=200, metavar="N", help="questions of each kind [200]")
    parser.add_argument(
        "--long", action="store_true", help="parts of long texts in place of a library's passages"
    )
    parser.add_argument("--data", help="folder of the data files [QA_DATA_DIR]")
    parser.add_argument("--keep", action="store_true", help="write results/evidence.json")
    return parser


if __name__ == "__main__":
    try:
        main()
    except LocalQAError as e:
        report_and_exit(e)

"""The right paragraph among ever more others: F1, refusals, calibration and milliseconds a question.

Paragraphs of SQuAD v1.1 dev are joined to texts of 1, 5, 20, 50 and 150 of them, those of the same article
and those most like the question first, the right one at any place. The same question is asked of as many
paragraphs without the right one, where "not answerable" is right. All windows are read. Questions are asked
one at a time, and every answer is kept in the cache folder: a run that was ended goes on where it stopped,
with the times that were measured before.

    python benchmarks/length.py                     an hour and a half on two cores
    python benchmarks/length.py --adapters squad2 --paragraphs 1 20 --limit 10
    python benchmarks/length.py --as_served --paragraphs 150

As served, a long text's likeliest parts are read alone; results/length_as_served.json holds what that gives.

The last line printed is one JSON object, which benchmarks/results/length.json holds too.
"""

import argparse
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np
from tqdm import tqdm

from adapters import GENERAL
from common import RESULTS, ROOT, parser_of, publish, saved_rows
from judged import Judged, judged_ones
from localqa.answering.long_texts import shortened
from localqa.config import Precision, Settings, data_dir
from localqa.errors import LocalQAError, report_and_exit
from localqa.evaluation.panel import Verdicts, figures
from localqa.evaluation.panel_charts import draw_length
from localqa.extraction.answers import Query
from localqa.reading.loading import load_reader
from localqa.squad.load import load_training_data
from localqa.squad.metrics import f1
from localqa.squad.neighbours import Paragraphs, surround
from localqa.squad.records import Example
from localqa.squad.split import subset

DATA = "squad_v1/dev-v1.1.json"
COUNTS = (1, 5, 20, 50, 150)
QUESTIONS = 100
SEED = 0
SHOWN = {
    "paragraphs": "paragraphs",
    "words": "words",
    "adapter": "adapter",
    "answerable_f1": "F1",
    "refused": "refused rightly, %",
    "ece": "calibration error, %",
    "made_to_answer_f1": "made to answer",
    "ms": "ms",
}
"""What tables show of a row, and what they call it."""


def main() -> None:
    """Ask all adapters about all lengths and print the table."""
    args = _parser().parse_args()
    folder = Path(args.data).resolve() if args.data else data_dir().resolve()
    os.chdir(ROOT)
    whole = args.limit == QUESTIONS
    rows = saved_rows("length") if whole else []
    try:
        examples, _ = load_training_data([DATA], data_dir=folder)
        paragraphs, asked = Paragraphs(examples), subset(examples, args.limit, SEED)
        if args.as_served:
            served = [
                _served(name, asked, paragraphs, count)
                for name in args.adapters or _shipped()
                for count in args.paragraphs
            ]
            anew = {_key(row) for row in served}
            kept = saved_rows("length_as_served") if whole else []
            served = in_order([*(row for row in kept if _key(row) not in anew), *served])
            shown = [list(row.values()) for row in served]
            publish("length_as_served", _report(served), list(served[0]), shown, keep=whole)
            return
        for adapter in judged_ones(args.adapters or _shipped(), args.precision):
            for count in args.paragraphs:
                row = judge(adapter, asked, paragraphs, count)
                rows = in_order([*(old for old in rows if _key(old) != _key(row)), row])
                if whole:
                    publish("length", _report(rows))
    except LocalQAError as e:
        report_and_exit(e)
    shown = [[row[key] for key in SHOWN] for row in rows]
    publish("length", _report(rows), list(SHOWN.values()), shown, keep=whole)
    if whole:
        draw_length(RESULTS / "length.png", rows)


def judge(adapter: Judged, asked: Sequence[Example], paragraphs: Paragraphs, count: int) -> dict[str, Any]:
    """The figures of an adapter on texts of so many paragraphs, half of them without the right one."""
    texts = surround(asked, paragraphs, count, SEED) + surround(asked, paragraphs, count, SEED, right=False)
    pairs = [(example.question, example.context) for example in texts]
    decoded, ms = adapter.timed(pairs, f"{count} paragraphs")
    return {
        "adapter": adapter.label,
        "paragraphs": count,
        "words": round(float(np.mean([len(context.split()) for _, context in pairs]))),
        "windows": round(float(np.mean([one.windows for one in decoded])), 1),
        "weights_sha256": adapter.sha256,
        "precision": adapter.precision,
        "null_threshold": adapter.config.null_threshold,
        "ms": round(float(np.median(ms)), 1),
        **figures(Verdicts.of(texts, decoded, adapter.config)),
    }


def _served(adapter: str, asked: Sequence[Example], paragraphs: Paragraphs, count: int) -> dict[str, Any]:
    """F1 with the right paragraph, refusals without it, and milliseconds, as a server answers."""
    reader = load_reader(Settings.load(adapter=adapter))
    overlaps, refused, times = [], [], []
    texts = surround(asked, paragraphs, count, SEED) + surround(asked, paragraphs, count, SEED, right=False)
    for example in tqdm(texts, desc=f"{adapter}: {count} paragraphs", unit="question", leave=False):
        began = time.perf_counter()
        [query], [way] = shortened([Query(example.question, example.context)])
        [answer] = reader.answer([query])
        answer = way.widened(answer) if way else answer
        times.append(1000 * (time.perf_counter() - began))
        if example.is_impossible:
            refused.append(not answer.answerable)
        else:
            overlaps.append(f1(answer.answer, [gold.text for gold in example.answers]))
    return {
        "adapter": adapter,
        "paragraphs": count,
        "words": round(float(np.mean([len(example.context.split()) for example in texts]))),
        "F1": 100 * float(np.mean(overlaps)),
        "refused rightly, %": 100 * float(np.mean(refused)),
        "p50 ms": float(np.median(times)),
        "p99 ms": float(np.quantile(times, 0.99)),
    }


def in_order(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows by length, then as they came."""
    return sorted(rows, key=lambda row: row["paragraphs"])


def _key(row: dict[str, Any]) -> tuple[int, str]:
    return row["paragraphs"], row["adapter"]


def _report(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {"benchmark": "length", "data": DATA, "rows": list(rows)}


def _shipped() -> list[str]:
    return [name for name in GENERAL if (ROOT / "models" / name).is_dir()]


def _parser() -> argparse.ArgumentParser:
    parser = parser_of(__doc__)
    parser.add_argument(
        "--adapters", nargs="+", metavar="NAME", help="by name, or LABEL=FOLDER [the shipped general ones]"
    )
    parser.add_argument(
        "--paragraphs", nargs="+", type=int, default=COUNTS, metavar="N", help="in a text [1 5 20 50 150]"
    )
    parser.add_argument(
        "--as_served", action="store_true", help="read the likeliest parts alone, as the server does"
    )
    parser.add_argument("--data", metavar="FOLDER", help="of the evaluation files [QA_DATA_DIR]")
    parser.add_argument(
        "--limit",
        type=int,
        default=QUESTIONS,
        metavar="N",
        help=f"questions of each length; any other number than {QUESTIONS} is written nowhere [{QUESTIONS}]",
    )
    parser.add_argument(
        "--precision",
        choices=get_args(Precision),
        default="auto",
        help="arithmetic of the engine, as the server chooses it [auto]",
    )
    return parser


if __name__ == "__main__":
    main()

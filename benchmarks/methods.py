"""What full fine-tuning, LoRA of several ranks and over quantized bases, and prompt tuning cost and give.

Two more rows learn over the base as the engine rounds it when it serves in int8 and int4; what that gains
is the second table, in which the plain LoRA adapter is served in the same precisions.

Every method learns the same examples by `fine_tune.py`, in a process of its own, and is judged by
`scripts/evaluate.py` on the same questions. Finished runs are kept in runs/methods/, so that a run
of this benchmark that was ended goes on where it stopped (--fresh starts anew). How fast each one learns
is measured at the end, by a few steps of each, one after the other: the long runs may have been disturbed.

    python benchmarks/methods.py             8,000 examples each; an hour and a half on two cores

The last line printed is one JSON object, which benchmarks/results/methods.json holds too.
"""

import argparse
import hashlib
import json
import re
import sys
from pathlib import Path
from typing import Any

from tabulate import tabulate

from common import ROOT, TEST, TRAIN, in_own_process, parser_of, publish
from localqa.ownership import claim, clear
from localqa.training.report import environment

RUNS = ROOT / "runs" / "methods"
QUERY_VALUE = ["--target_modules", "query", "value"]
METHODS: dict[str, list[str]] = {
    "full": ["--method", "full", "--learning_rate", "1.5e-4"],
    **{
        f"lora-r{rank}-{where}": ["--lora_rank", str(rank), "--lora_alpha", str(2 * rank), *layers]
        for where, layers in (("qv", QUERY_VALUE), ("all", []))
        for rank in (4, 8, 16, 32)
    },
    "lora-r16-all-int8": ["--lora_rank", "16", "--precision", "int8"],
    "lora-r16-all-nf4": ["--lora_rank", "16", "--precision", "nf4"],
    "lora-r16-all-served-int8": ["--lora_rank", "16", "--precision", "served-int8"],
    "lora-r16-all-served-int4": ["--lora_rank", "16", "--precision", "served-int4"],
    "prompt": ["--method", "prompt", "--learning_rate", "1e-2"],
}
_SPEED_STEPS = 20
PRECISIONS: dict[str, tuple[str, ...]] = {
    "lora-r16-all": ("fp32", "int8", "int4"),
    "lora-r16-all-served-int8": ("int8",),
    "lora-r16-all-served-int4": ("int4",),
}
"""Arithmetic that a method is judged in, where it is not fp32 alone."""


def main() -> None:
    """Train and judge every method, then print the table."""
    args = _parser().parse_args()
    claim(RUNS, remedy="Move it away: this benchmark keeps its runs there.")
    if args.fresh:
        clear(RUNS, re.compile(r"\d+-[0-9a-f]{8}|speed"))
    chosen = args.only or list(METHODS)
    results = {name: measure(name, args) for name in chosen}
    for name, result in results.items():
        result["seconds"] = round(args.examples / speed(name, args))
    full = results.get("full", {}).get("f1")
    for result in results.values():
        result["share_of_full_f1"] = round(100 * result["f1"] / full, 2) if full else None
    served = {
        f"{name} in {precision}": judge(_runs_of(args) / name, precision, args)["f1"]
        for name, precisions in PRECISIONS.items()
        for precision in precisions
        if name in chosen
    }
    columns = list(next(iter(results.values())))
    report = {
        "benchmark": "methods",
        "examples": args.examples,
        "questions": args.questions,
        "methods": results,
        "served_f1": served,
        "environment": environment(),
    }
    names = [column.replace("_", " ") for column in columns]
    rows = [[name, *result.values()] for name, result in results.items()]
    if served:
        print(tabulate(served.items(), ["trained and served", "F1"], floatfmt=".2f"), end="\n\n")
    publish("methods", report, ["method", *names], rows)


def measure(name: str, args: argparse.Namespace) -> dict[str, Any]:
    """Train and judge one method, or read what an earlier run found."""
    folder = _runs_of(args) / name
    if not (folder / "report.json").exists():
        print(f"{name}: training", file=sys.stderr)
        settings = ["--train_data", args.train, "--exclude_data", args.test, "--output_dir", str(folder)]
        amount = ["--subset_size", str(args.examples), "--validation_size", "0", "--num_epochs", "1"]
        in_own_process(["fine_tune.py", *settings, *amount, *METHODS[name]])
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    scores = judge(folder, PRECISIONS.get(name, ("fp32",))[0], args)
    return {
        "trained_parameters": report["result"]["parameters"]["trainable"],
        "peak_memory_mb": report["cost"]["peak_memory_mb"],
        "adapter_bytes": report["result"]["adapter_bytes"],
        **scores,
    }


def _runs_of(args: argparse.Namespace) -> Path:
    """Where the runs of these data are kept."""
    data = hashlib.sha256(repr((args.train, args.test)).encode()).hexdigest()
    return RUNS / f"{args.examples}-{data[:8]}"


def speed(name: str, args: argparse.Namespace) -> float:
    """Windows that one method learns in a second."""
    folder = RUNS / "speed" / name
    if not (folder / "report.json").exists():
        print(f"{name}: {_SPEED_STEPS} steps", file=sys.stderr)
        settings = ["--train_data", args.train, "--output_dir", str(folder), "--validation_size", "0"]
        steps = ["--subset_size", "2000", "--max_steps", str(_SPEED_STEPS)]
        in_own_process(["fine_tune.py", *settings, *steps, *METHODS[name]])
    cost = json.loads((folder / "report.json").read_text(encoding="utf-8"))["cost"]
    return float(cost["windows_per_second"])


def judge(folder: Path, precision: str, args: argparse.Namespace) -> dict[str, float]:
    """EM and F1 of a trained folder in some arithmetic, or what an earlier run found."""
    judged = folder / "evaluation" / f"{args.questions}-{precision}.json"
    if not judged.exists():
        print(f"{folder.name}: {args.questions} questions in {precision}", file=sys.stderr)
        data = ["--data", args.test, "--limit", str(args.questions), "--precision", precision]
        output = ["--output", str(judged.parent), "--name", judged.stem]
        in_own_process(["scripts/evaluate.py", "--adapter", folder, *data, *output])
    scores = json.loads(judged.read_text(encoding="utf-8"))["scores"]
    return {key: round(scores[key], 2) for key in ("exact", "f1")}


def _parser() -> argparse.ArgumentParser:
    parser = parser_of(__doc__)
    parser.add_argument("--examples", type=int, default=8000, help="training questions [8000]")
    parser.add_argument("--questions", type=int, default=2000, help="questions to score on [2000]")
    parser.add_argument(
        "--only", nargs="+", choices=METHODS, metavar="METHOD", help=f"of {', '.join(METHODS)}"
    )
    parser.add_argument("--fresh", action="store_true", help="forget what earlier runs found")
    parser.add_argument("--train", default=TRAIN, help=f"training data, below QA_DATA_DIR [{TRAIN}]")
    parser.add_argument("--test", default=TEST, help=f"data to score on, below QA_DATA_DIR [{TEST}]")
    return parser


if __name__ == "__main__":
    main()

"""What runs the model fastest: OpenVINO or ONNX Runtime, in which arithmetic, on which processors?

Both run the shipped adapter merged into its base, in their own batches, taking turns. OpenVINO runs also
as processors without this one's newest instructions would run it (ONEDNN_MAX_CPU_ISA); ONNX Runtime has
no such switch.

    python benchmarks/engines.py             ten minutes on two cores

The second table holds what the engine chooses by itself for these processors (localqa/engine/precision.py)
against what was fastest. `--judge` prints it for the figures of the last time, and measures nothing.

The last line printed is one JSON object, which benchmarks/results/engines.json holds too.
"""

import argparse
import json
import os
import statistics
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tabulate import tabulate

from common import RESULTS, add_turns_flags, parser_of, publish
from localqa.engine.precision import LIMIT, Ability, abilities, decided, has_bf16
from localqa.errors import LocalQAError, report_and_exit
from localqa.squad.load import load_reported
from localqa.training.report import environment
from peers.starting import OWN, Peer, write_pairs

LIMITS = ("", "AVX512_CORE_VNNI", "AVX2")
PRECISIONS = ("fp32", "bf16", "int8", "int4")


def main() -> None:
    """Run all of them and print the comparison."""
    args = _parser().parse_args()
    if args.judge:
        report = json.loads((RESULTS / "engines.json").read_text(encoding="utf-8"))
        _publish(report | {"table": judged(report)})
        return
    try:
        examples = load_reported([args.data], limit=args.questions)
        pairs = [(example.question, example.context) for example in examples]
        results = compare(write_pairs(pairs), args)
    except LocalQAError as e:
        report_and_exit(e)
    report = {
        "benchmark": "engines",
        "questions": len(pairs),
        "rounds": args.rounds,
        "engines": results,
        "abilities": {limit or "all": sorted(_abilities_under(limit)) for limit in LIMITS},
        "environment": environment(),
    }
    report["table"] = judged(report)
    _publish(report)


def judged(report: Mapping[str, Any]) -> list[dict[str, str]]:
    """What the table of precisions chooses for each kind of processor, and what was fastest there.

    int4 is not among them: it costs answers.
    """
    rows = []
    for kind, has in report["abilities"].items():
        measured = {
            one["precision"]: one["per_second"]
            for one in report["engines"]
            if one["engine"] == "OpenVINO" and one["instructions"] == kind
        }
        candidates = [name for name in ("fp32", "bf16", "int8") if name in measured]
        chosen, why = decided(has)
        fastest = max(candidates, key=lambda name: measured[name])
        rows.append({"instructions": kind, "chosen": chosen, "fastest": fastest, "why": why})
    return rows


def _abilities_under(limit: str) -> frozenset[Ability]:
    before = os.environ.pop(LIMIT, None)
    try:
        if limit:
            os.environ[LIMIT] = limit
        return abilities()
    finally:
        os.environ.pop(LIMIT, None)
        if before is not None:
            os.environ[LIMIT] = before


def _publish(report: dict[str, Any]) -> None:
    print(tabulate([row.values() for row in report["table"]], ["instructions", "chosen", "fastest", "why"]))
    rows = [list(result.values()) for result in report["engines"]]
    publish("engines", report, ["engine", "precision", "instructions", "questions/s", "p50, ms"], rows)


def compare(pairs: Path, args: argparse.Namespace) -> list[dict[str, Any]]:
    """Questions per second and milliseconds of a lone question, for every engine and precision."""
    kinds = [(OWN, precision, limit) for limit in LIMITS for precision in PRECISIONS]
    kinds += [("onnxruntime", precision, "") for precision in ("fp32", "int8")]
    # bfloat16 needs instructions that the limits leave out.
    kinds = [kind for kind in kinds if kind[1] != "bf16" or (has_bf16() and not kind[2])]
    seconds: dict[tuple[str, str, str], list[float]] = {kind: [] for kind in kinds}
    singles: dict[tuple[str, str, str], list[float]] = {kind: [] for kind in kinds}
    for number in range(args.rounds):
        for kind in kinds:
            name, precision, limit = kind
            print(f"round {number + 1} of {args.rounds}: {' '.join(kind)}", file=sys.stderr)
            # One at a time: so many processes would not all fit into memory.
            peer = Peer(name, pairs, variables={"PRECISION": precision} | ({LIMIT: limit} if limit else {}))
            peer.ask("many", args.questions)
            seconds[kind].append(peer.ask("many", args.questions)["seconds"])
            singles[kind] += peer.ask("each", args.singles)["seconds"]
            peer.end()
    return [
        {
            "engine": "OpenVINO" if kind[0] == OWN else "ONNX Runtime",
            "precision": kind[1],
            "instructions": kind[2] or "all",
            "per_second": round(args.questions / statistics.median(seconds[kind]), 1),
            "p50_ms": round(1000 * statistics.median(singles[kind]), 1),
        }
        for kind in kinds
    ]


def _parser() -> argparse.ArgumentParser:
    parser = parser_of(__doc__)
    parser.add_argument("--judge", action="store_true", help="judge the figures of the last time")
    add_turns_flags(parser, questions=300, singles=60, rounds=3)
    return parser


if __name__ == "__main__":
    main()

"""How many rows a second does `localqa answer-file` answer: one process, and two Ray nodes on this machine?

The same rows both ways, in turns, and a tenth of them: what a run takes more for all of them tells how fast
it is once it has started. Medians count.

    python benchmarks/bulk.py                five minutes on two cores; needs requirements-ray.txt

The last line printed is one JSON object, which benchmarks/results/bulk.json holds too.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from common import ROOT, TEST, parser_of, publish
from localqa.errors import LocalQAError, report_and_exit
from localqa.squad.load import load_reported
from localqa.training.report import environment
from tests.integration.ray_nodes import ray_nodes

COMMAND = [sys.executable, "scripts/answer_file.py"]
WAYS = {"one process": [], "two Ray nodes of a core each": ["--ray", "--worker_cpus", "1"]}


def main() -> None:
    """Answer the rows both ways and print the comparison."""
    args = _parser().parse_args()
    try:
        examples = load_reported([args.data], limit=args.questions)
    except LocalQAError as e:
        report_and_exit(e)
    few = len(examples) // 10
    taken: dict[tuple[str, int], list[float]] = {}
    with tempfile.TemporaryDirectory() as folder, ray_nodes() as (cluster, _):
        sources = {}
        for count in (few, len(examples)):
            sources[count] = Path(folder) / f"{count}.jsonl"
            lines = (
                json.dumps({"question": one.question, "context": one.context}) for one in examples[:count]
            )
            sources[count].write_text("\n".join(lines) + "\n", encoding="utf-8")
        for number in range(args.rounds):
            for way, flags in WAYS.items():
                for count, source in sources.items():
                    print(f"round {number + 1} of {args.rounds}: {way}, {count} rows", file=sys.stderr)
                    seconds = _answered(source, ["--part_rows", str(args.part_rows), *flags], cluster)
                    taken.setdefault((way, count), []).append(seconds)
    rows = []
    for way in WAYS:
        short, whole = (statistics.median(taken[way, count]) for count in (few, len(examples)))
        rate = (len(examples) - few) / (whole - short)
        rows.append({"way": way, "seconds": round(whole, 1), "rows_per_second": round(rate, 1)})
    report = {"benchmark": "bulk", "questions": len(examples), "rows": rows, "environment": environment()}
    header = [f"{len(examples):,} rows", "seconds, the start with them", "rows/s once started"]
    publish("bulk", report, header, [list(row.values()) for row in rows])


def _answered(source: Path, flags: list[str], cluster: dict[str, str]) -> float:
    """Seconds of a run."""
    output = source.with_name("answered.jsonl")
    began = time.perf_counter()
    subprocess.run(
        [*COMMAND, source, output, "--overwrite", *flags],
        cwd=ROOT,
        env=os.environ | cluster,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    return time.perf_counter() - began


def _parser() -> argparse.ArgumentParser:
    parser = parser_of(__doc__)
    for name, default, told in (
        ("questions", 3000, "rows"),
        ("part_rows", 100, "of them written at a time"),
        ("rounds", 3, "turns of each"),
    ):
        parser.add_argument(f"--{name}", type=int, default=default, metavar="N", help=f"{told} [{default}]")
    parser.add_argument("--data", default=TEST, help=f"questions, below QA_DATA_DIR [{TEST}]")
    return parser


if __name__ == "__main__":
    main()

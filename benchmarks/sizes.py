"""The small and the larger base as served, side by side: time, questions a second, memory.

A real server for each adapter, the same questions in turns, so that a noisy machine treats both alike;
medians of the rounds count. What they get right is judged by adapters.py.

    python benchmarks/sizes.py               two minutes; the larger base must be installed (make serve-large)

The last line printed is one JSON object, which benchmarks/results/sizes.json holds too.
"""

import argparse
import itertools
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import requests

from common import add_turns_flags, parser_of, publish, served_mb
from localqa.errors import LocalQAError, report_and_exit
from localqa.squad.load import load_reported
from localqa.training.report import environment
from tests.server import running

SHOWN: Final = {
    "adapter": "adapter",
    "precision": "precision",
    "p50_ms": "lone question, ms",
    "per_second": "questions/s",
    "memory_mb": "memory, MB",
}
"""What tables show of a row, and what they call it."""
CALLERS = 8


def main() -> None:
    """Measure and print the table."""
    args = _parser().parse_args()
    try:
        examples = load_reported([args.data], limit=args.questions)
    except LocalQAError as e:
        report_and_exit(e)
    bodies = [{"question": one.question, "context": one.context} for one in examples]
    rows = measure(args.adapters, bodies, args)
    report = {
        "benchmark": "sizes",
        "questions": len(bodies),
        "callers": CALLERS,
        "rows": rows,
        "environment": environment(),
    }
    publish("sizes", report, list(SHOWN.values()), [[row[key] for key in SHOWN] for row in rows])


def measure(
    adapters: Sequence[str], bodies: Sequence[dict[str, str]], args: argparse.Namespace
) -> list[dict[str, Any]]:
    """A row for each adapter."""
    with ExitStack() as servers:
        folder = Path(servers.enter_context(tempfile.TemporaryDirectory()))
        started = {}
        for name in adapters:
            (folder / name).mkdir()
            started[name] = servers.enter_context(
                running(folder / name, QA_ADAPTER=name, QA_LOG_LEVEL="warning", QA_CACHE_SIZE="0")
            )
        alone: dict[str, list[float]] = {name: [] for name in adapters}
        together: dict[str, list[float]] = {name: [] for name in adapters}
        for url, _ in started.values():
            _asked(url, bodies[: args.singles], 1)
        for number, name in itertools.product(range(args.rounds), adapters):
            print(f"round {number + 1} of {args.rounds}: {name}", file=sys.stderr)
            alone[name] += _asked(started[name][0], bodies[: args.singles], 1)
            began = time.perf_counter()
            _asked(started[name][0], bodies, CALLERS)
            together[name].append(len(bodies) / (time.perf_counter() - began))
        return [
            {
                "adapter": name,
                "precision": requests.get(f"{url}/api/model/info", timeout=60).json()["precision"],
                "p50_ms": round(1000 * statistics.median(alone[name]), 1),
                "per_second": round(statistics.median(together[name]), 1),
                "memory_mb": served_mb(process.pid),
            }
            for name, (url, process) in started.items()
        ]


def _asked(url: str, bodies: Sequence[dict[str, str]], callers: int) -> list[float]:
    """The seconds that each question took."""
    with requests.Session() as session, ThreadPoolExecutor(callers) as pool:

        def seconds(body: dict[str, str]) -> float:
            began = time.perf_counter()
            session.post(f"{url}/api/qa", json=body, timeout=60).raise_for_status()
            return time.perf_counter() - began

        return list(pool.map(seconds, bodies))


def _parser() -> argparse.ArgumentParser:
    parser = parser_of(__doc__)
    parser.add_argument(
        "--adapters", nargs="+", default=["squad2", "squad2-large"], help="[squad2 squad2-large]"
    )
    add_turns_flags(parser, questions=400, singles=60, rounds=5)
    return parser


if __name__ == "__main__":
    main()

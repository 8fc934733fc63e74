"""How long does a small question wait while another caller sends long texts all the time?

One server, one caller of small questions; first alone, then beside a caller that sends a text of 500,000
characters again and again: as the server reads it by itself, the likeliest parts, and read as a whole.

    python benchmarks/fairness.py            a minute and a half on two cores

The last line printed is one JSON object, which benchmarks/results/fairness.json holds too.
"""

import argparse
import itertools
import json
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import requests

from common import TEST, parser_of, publish
from localqa.errors import LocalQAError, report_and_exit
from localqa.squad.load import load_reported
from localqa.training.report import environment
from tests.server import running

LENGTH = 500_000
READ = {"alone": None, "beside its likeliest parts": "likeliest", "beside all of it": "all"}


def main() -> None:
    """Ask in each company and print the times."""
    args = _parser().parse_args()
    try:
        examples = load_reported([args.data])
    except LocalQAError as e:
        report_and_exit(e)
    contexts = list(dict.fromkeys(example.context for example in examples))
    text = "\n\n".join(itertools.islice(itertools.cycle(contexts), LENGTH // 100))[:LENGTH]
    small = [_body(example.question, example.context) for example in examples[: args.questions]]
    rows = []
    with tempfile.TemporaryDirectory() as folder, running(Path(folder), QA_LOG_LEVEL="warning") as (url, _):
        for body in small:
            _ask(url, body)
        for name, read in READ.items():
            print(name, file=sys.stderr)
            crowd = _body(examples[-1].question, text, read=read) if read else None
            with ExitStack() as company:
                long = company.enter_context(long_caller(url, crowd)) if crowd else []
                times = _asked(url, small, args.seconds)
            rows.append(
                {
                    "company": name,
                    "questions": len(times),
                    "p50_ms": _ms(statistics.median(times)),
                    "p99_ms": _ms(statistics.quantiles(times, n=100)[98]),
                    "long_p50_ms": _ms(statistics.median(long)) if long else None,
                }
            )
        precision = requests.get(f"{url}/api/model/info", timeout=60).json()["precision"]
    report = {
        "benchmark": "fairness",
        "characters": len(text),
        "precision": precision,
        "rows": rows,
        "environment": environment(),
    }
    header = ["small questions", "asked", "p50, ms", "p99, ms", "the long text, ms"]
    publish("fairness", report, header, [list(row.values()) for row in rows])


@contextmanager
def long_caller(url: str, body: bytes) -> Iterator[list[float]]:
    """Somebody who asks about a long text as soon as the last answer is there; the seconds of each."""
    taken: list[float] = []
    ended = threading.Event()

    def ask() -> None:
        while not ended.is_set():
            taken.append(_ask(url, body))

    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(ask)
        try:
            # Its first text is on its way.
            time.sleep(1)
            yield taken
        finally:
            ended.set()
        asking.result()


def _asked(url: str, bodies: list[bytes], seconds: float) -> list[float]:
    """Seconds of each small question, one after another, with a pause as long as a person's key press."""
    times: list[float] = []
    ends = time.monotonic() + seconds
    for body in itertools.cycle(bodies):
        if time.monotonic() > ends:
            return times
        times.append(_ask(url, body))
        time.sleep(0.02)
    return times


def _ask(url: str, body: bytes) -> float:
    began = time.perf_counter()
    # Encoded once, ahead: the callers share the server's cores.
    reply = requests.post(
        f"{url}/api/qa", data=body, headers={"Content-Type": "application/json"}, timeout=300
    )
    reply.raise_for_status()
    return time.perf_counter() - began


def _body(question: str, context: str, **fields: Any) -> bytes:
    return json.dumps({"question": question, "context": context, **fields}).encode()


def _ms(seconds: float) -> float:
    return round(1000 * seconds, 1)


def _parser() -> argparse.ArgumentParser:
    parser = parser_of(__doc__)
    parser.add_argument("--questions", type=int, default=50, metavar="N", help="small questions in turn [50]")
    parser.add_argument("--seconds", type=int, default=20, metavar="N", help="in each company [20]")
    parser.add_argument("--data", default=TEST, help=f"questions, below QA_DATA_DIR [{TEST}]")
    return parser


if __name__ == "__main__":
    main()

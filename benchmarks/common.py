"""What every benchmark does: flags, a process for each measurement, a table, one JSON object as last line."""

import argparse
import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tabulate import tabulate

ROOT = Path(__file__).resolve().parents[1]
# What starts a server for the tests does so here, too.
sys.path.append(str(ROOT))
RESULTS = ROOT / "benchmarks" / "results"
TRAIN = "squad_v1/train-v1.1-part.json"
TEST = "squad_v1/dev-v1.1.json"


def parser_of(told: str | None) -> argparse.ArgumentParser:
    """A parser whose help begins with the docstring of the benchmark, line by line as it stands there."""
    return argparse.ArgumentParser(description=told, formatter_class=argparse.RawDescriptionHelpFormatter)


def add_turns_flags(parser: argparse.ArgumentParser, *, questions: int, singles: int, rounds: int) -> None:
    """Declare what is asked where several take turns: `--questions`, `--singles`, `--rounds` and `--data`."""
    for name, default, told in (
        ("questions", questions, "questions in a round"),
        ("singles", singles, "of them asked alone, in each round"),
        ("rounds", rounds, "turns of each"),
    ):
        parser.add_argument(f"--{name}", type=int, default=default, metavar="N", help=f"{told} [{default}]")
    parser.add_argument("--data", default=TEST, help=f"questions, below QA_DATA_DIR [{TEST}]")


def in_own_process(command: Sequence[str | Path]) -> str:
    """Run a command of the project to its end and return what it printed; its progress shows on stderr.

    Peak memory belongs to a process, and what one measurement leaves in memory must not slow the next.
    """
    done = subprocess.run(
        [sys.executable, *map(str, command)], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True
    )
    return done.stdout


def last_json(printed: str) -> dict[str, Any]:
    """The JSON object in the last line of what a benchmark printed."""
    found: dict[str, Any] = json.loads(printed.splitlines()[-1])
    return found


def resident_mb() -> float:
    """Memory of this process that lies in RAM now, in MB (10^6 bytes); Linux only."""
    pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def served_mb(pid: int) -> float:
    """Memory of a process and its children in MB, pages that they share counted once; Linux only."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split()
    kilobytes = 0
    for one in [str(pid), *children]:
        text = Path(f"/proc/{one}/smaps_rollup").read_text(encoding="utf-8")
        kilobytes += int(re.search(r"^Pss: +(\d+)", text, re.MULTILINE)[1])  # type: ignore[index]  # always there
    return round(kilobytes * 1024 / 1e6, 1)


def publish(
    name: str,
    report: dict[str, Any],
    header: Sequence[str] = (),
    rows: Sequence[Sequence[Any]] = (),
    *,
    keep: bool = True,
) -> None:
    """Write results/NAME.json; with rows, print them as a table and the same JSON as the last line.

    Args:
        name: of the benchmark.
        report: what it found.
        header, rows: of the table; none: it is not finished, and nothing is printed.
        keep: whether the file is written; a quick look leaves it as it is.
    """
    if keep:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / f"{name}.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    if rows:
        print(tabulate(rows, header, floatfmt=",.1f", intfmt=","))
        print(json.dumps(report))


def saved(name: str) -> dict[str, Any]:
    """What results/NAME.json holds; raises FileNotFoundError where it is not there."""
    report: dict[str, Any] = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    return report


def saved_rows(name: str) -> list[dict[str, Any]]:
    """The rows of results/NAME.json; none where it is not there."""
    try:
        rows: list[dict[str, Any]] = saved(name)["rows"]
    except FileNotFoundError:
        return []
    return rows

"""How fast is answering here, beside transformers' pipeline and Haystack's reader, with the same weights?

Each peer runs in a virtual environment of its own (made in runs/serve/, once), with the shipped adapter
merged into its base in fp32 and its own way of batching; here the engine chooses its precision. They take
turns, so that a noisy machine treats them alike, and medians count. Then the server answers 32 callers that
wrk plays on the same cores, and is weighed.

    python benchmarks/serve.py               a quarter of an hour on two cores; needs wrk

The last line printed is one JSON object, which benchmarks/results/serve.json holds too.
"""

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import time
import venv
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import requests

from benchmarks.common import TEST, publish
from localqa.errors import ConfigError, LocalQAError, report_and_exit
from localqa.squad.load import load_reported
from localqa.training.report import environment
from tests.server import running

RUNS = ROOT / "runs" / "serve"
PEERS = ROOT / "benchmarks" / "peers"
OWN = "own"
PACKAGES = {
    "pipeline": ["torch==2.13.0", "transformers==4.57.6"],
    "haystack": ["torch==2.13.0", "transformers-haystack==2.0.0", "transformers==5.20.2"],
}
CALLERS = 32


class Peer:
    """A process that answers the benchmark's commands; see `benchmarks/peers/protocol.py`."""

    def __init__(self, name: str, python: Path, model: Path, pairs: Path) -> None:
        self.name = name
        self._process = subprocess.Popen(
            [python, PEERS / f"{name}.py", model, pairs],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"HF_HUB_OFFLINE": "1", "HAYSTACK_TELEMETRY_ENABLED": "False"},
        )
        self.about = self._answer()

    def ask(self, do: str, count: int) -> dict[str, Any]:
        """Have `count` pairs answered, "many" at a time or "each" alone."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": do, "count": count}) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def end(self) -> None:
        """Let the process end."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("{"):
                found: dict[str, Any] = json.loads(line)
                return found
        raise ConfigError(f"The peer {self.name} ended.", remedy="See its output above.")


def main() -> None:
    """Run all of it and print the comparison."""
    args = _parser().parse_args()
    try:
        if not shutil.which("wrk"):
            raise ConfigError("wrk is not installed.", remedy="On Debian and Ubuntu: apt install wrk.")
        examples = load_reported([args.data], limit=args.questions)
        pairs = [(example.question, example.context) for example in examples]
        peers = compare(pairs, args)
        http = serve_callers(pairs, args)
    except LocalQAError as e:
        report_and_exit(e)
    own = peers[OWN]
    others = [peer for name, peer in peers.items() if name != OWN]
    ratios = {
        "throughput": round(own["per_second"] / max(peer["per_second"] for peer in others), 2),
        "latency": round(own["p50_ms"] / min(peer["p50_ms"] for peer in others), 3),
        "http_share": round(http["per_second"] / own["per_second"], 3),
        "http_p99_to_p50": round(http["p99_ms"] / http["p50_ms"], 2),
    }
    report = {
        "benchmark": "serve",
        "questions": len(pairs),
        "rounds": args.rounds,
        "peers": peers,
        "http": http,
        "ratios": ratios,
        "environment": environment(),
    }
    rows: list[list[Any]] = [
        [f"{peer['package']} {peer['version']}", peer["per_second"], peer["p50_ms"], peer["same_answers"]]
        for peer in peers.values()
    ]
    rows.append([f"localqa over HTTP, {CALLERS} callers", http["per_second"], http["p50_ms"], None])
    rows.append(["localqa to the faster peer", ratios["throughput"], ratios["latency"], None])
    publish("serve", report, ["", "questions/s", "p50, ms", "answers as here, %"], rows)


def compare(pairs: list[tuple[str, str]], args: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """Each peer's questions per second, and milliseconds of a lone question."""
    RUNS.mkdir(parents=True, exist_ok=True)
    model, file = merged_model(), RUNS / "pairs.json"
    file.write_text(json.dumps(pairs), encoding="utf-8")
    running_peers = [Peer(OWN, Path(sys.executable), model, file)]
    running_peers += [Peer(name, environment_of(name), model, file) for name in PACKAGES]
    seconds: dict[str, list[float]] = {peer.name: [] for peer in running_peers}
    singles: dict[str, list[float]] = {peer.name: [] for peer in running_peers}
    answers: dict[str, list[str]] = {}
    try:
        for peer in running_peers:
            peer.ask("many", min(64, len(pairs)))
        for number in range(args.rounds):
            for peer in running_peers:
                print(f"round {number + 1} of {args.rounds}: {peer.name}", file=sys.stderr)
                found = peer.ask("many", len(pairs))
                answers[peer.name] = found["answers"]
                seconds[peer.name].append(found["seconds"])
                singles[peer.name] += peer.ask("each", args.singles)["seconds"]
    finally:
        for peer in running_peers:
            peer.end()
    return {
        peer.name: {
            **peer.about,
            "per_second": round(len(pairs) / statistics.median(seconds[peer.name]), 1),
            "p50_ms": round(1000 * statistics.median(singles[peer.name]), 2),
            "same_answers": round(100 * _share_equal(answers[peer.name], answers[OWN]), 1),
        }
        for peer in running_peers
    }


def serve_callers(pairs: list[tuple[str, str]], args: argparse.Namespace) -> dict[str, Any]:
    """The server under `CALLERS` callers; its start and its memory with one adapter and with more."""
    bodies = RUNS / "bodies.jsonl"
    bodies.write_text(
        "".join(json.dumps({"question": q, "context": c}) + "\n" for q, c in pairs), encoding="utf-8"
    )
    with running(RUNS):
        pass  # what is measured once for a processor is measured now
    began = time.perf_counter()
    with running(RUNS, QA_LOG_LEVEL="warning") as (url, process):
        ready = time.perf_counter() - began
        _wrk(url, bodies, 3)
        found = _wrk(url, bodies, args.seconds)
        memory = _memory_mb(process.pid)
        others = []
        for name in args.others:
            requests.post(f"{url}/api/adapters", json={"name": name}, timeout=60).raise_for_status()
            body = {"question": pairs[0][0], "context": pairs[0][1], "adapter": name}
            requests.post(f"{url}/api/qa", json=body, timeout=60).raise_for_status()
            others.append(_memory_mb(process.pid))
        info = requests.get(f"{url}/api/model/info", timeout=60).json()
    return {
        **found,
        "callers": CALLERS,
        "precision": info["precision"],
        "start_s": round(ready, 2),
        "mb_with_one_adapter": memory,
        "mb_with_second_adapter": others[0] if others else None,
        "mb_for_each_more": round((others[-1] - others[0]) / (len(others) - 1), 1)
        if len(others) > 1
        else None,
    }


def merged_model() -> Path:
    """The adapter merged into its base, as transformers reads it."""
    folder = RUNS / "merged"
    if not (folder / "tokenizer.json").exists():
        from localqa.model.adapters import load_adapter, merge
        from localqa.model.bases import DEFAULT_BASE, resolve_base
        from localqa.model.loading import load_model

        base = resolve_base(DEFAULT_BASE)
        merged: Any = merge(load_adapter(load_model(base), ROOT / "models" / "squad"))
        merged.save_pretrained(folder)
        for name in ("vocab.txt", "tokenizer_config.json", "special_tokens_map.json", "tokenizer.json"):
            if (base.folder / name).exists():
                shutil.copy(base.folder / name, folder / name)
    return folder


def environment_of(name: str) -> Path:
    """The interpreter of a peer's own environment, made where it is missing."""
    folder = RUNS / f"venv-{name}"
    python = folder / "bin" / "python"
    done = folder / ".done"
    if not done.exists():
        print(f"installing {', '.join(PACKAGES[name])}", file=sys.stderr)
        venv.create(folder, with_pip=True, clear=True)
        # One after the other: the first decides which build of torch the others find.
        for package in PACKAGES[name]:
            subprocess.run([python, "-m", "pip", "install", "-q", package], check=True, stdout=sys.stderr)
        done.touch()
    return python


def _share_equal(one: list[str], other: list[str]) -> float:
    return sum(a.strip() == b.strip() for a, b in zip(one, other, strict=True)) / len(one)


def _wrk(url: str, bodies: Path, seconds: int) -> dict[str, float]:
    command = ["wrk", "-t2", f"-c{CALLERS}", f"-d{seconds}s", "--timeout", "30s", "--latency"]
    printed = subprocess.run(
        [*command, "-s", str(PEERS / "requests.lua"), url],
        env=os.environ | {"BODIES": str(bodies)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    if "Non-2xx" in printed or "Socket errors" in printed:
        raise ConfigError(f"Not every request was answered:\n{printed}", remedy="Run it again, alone.")
    found = re.search(r"Requests/sec: +([\d.]+)", printed)
    assert found, printed
    return {
        "per_second": float(found[1]),
        "p50_ms": _milliseconds(printed, "50%"),
        "p99_ms": _milliseconds(printed, "99%"),
    }


def _milliseconds(printed: str, percentile: str) -> float:
    found = re.search(rf"{percentile} +([\d.]+)(us|ms|s)\b", printed)
    assert found, printed
    return float(found[1]) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[found[2]]


def _memory_mb(pid: int) -> float:
    """Memory of a process and its children in MB, pages that they share counted once; Linux only."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split()
    kilobytes = 0
    for one in [str(pid), *children]:
        text = Path(f"/proc/{one}/smaps_rollup").read_text(encoding="utf-8")
        kilobytes += int(re.search(r"^Pss: +(\d+)", text, re.MULTILINE)[1])  # type: ignore[index]  # always there
    return round(kilobytes * 1024 / 1e6, 1)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--questions", type=int, default=500, help="questions in a batch [500]")
    parser.add_argument("--singles", type=int, default=100, help="of them asked alone, in each round [100]")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each peer [3]")
    parser.add_argument("--seconds", type=int, default=20, help="of load over HTTP [20]")
    parser.add_argument(
        "--others", nargs="*", default=["squad2", "policy", "contracts"], help="adapters to add to the server"
    )
    parser.add_argument("--data", default=TEST, help=f"questions, below QA_DATA_DIR [{TEST}]")
    return parser


if __name__ == "__main__":
    main()

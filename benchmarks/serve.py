"""How fast is answering here, beside transformers' pipeline and Haystack's reader, with the same weights?

Each peer runs in a virtual environment of its own (made in runs/serve/, once), with the shipped adapter
merged into its base in fp32 and its own way of batching; here the engine chooses its precision. They take
turns, so that a noisy machine treats them alike, and medians count. So they do with long documents, whole
articles, each asked several questions: the peers read all of it for every one, here the likeliest parts are
read, as the server does. Then the server answers 32 callers that wrk plays on the same cores, and is
weighed. How much of what the processor's matrix products allow the engine reaches is told too: a processor
whose int8 products are four times as fast as its fp32 ones leaves no room for more than about that.

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
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import requests
from tabulate import tabulate
from tqdm import tqdm

from common import add_turns_flags, parser_of, publish, served_mb
from localqa.engine.base_weights import BaseWeights, read_shape
from localqa.errors import ConfigError, LocalQAError, report_and_exit
from localqa.extraction.windows import Windower
from localqa.model.bases import DEFAULT_BASE, resolve_base
from localqa.squad.load import load_reported
from localqa.squad.metrics import f1
from localqa.squad.neighbours import BETWEEN
from localqa.squad.records import Example
from localqa.training.report import environment
from peers.starting import OWN, RUNS, SCRIPTS, Peer, write_pairs
from rates import matrix_rates
from tests.server import running

PEERS = (OWN, "pipeline", "haystack")
CALLERS = 32
LONG_PEERS = {OWN: "own_documents", "pipeline": "pipeline", "haystack": "haystack"}
"""Who reads long documents, and the peer that does."""
PARAGRAPHS = 40
"""Paragraphs of an article that make a long document: some 5,000 words."""
ASKED = 5
"""Questions to each of them."""


def main() -> None:
    """Run all of it and print the comparison."""
    args = _parser().parse_args()
    try:
        if not shutil.which("wrk"):
            raise ConfigError("wrk is not installed.", remedy="On Debian and Ubuntu: apt install wrk.")
        examples = load_reported([args.data], limit=args.questions)
        pairs = [(example.question, example.context) for example in examples]
        peers = compare(pairs, args)
        documents = compare_documents(args)
        http = serve_callers(pairs, args)
    except LocalQAError as e:
        report_and_exit(e)
    own = peers[OWN]
    others = [peer for name, peer in peers.items() if name != OWN]
    ratios = {
        "throughput": round(own["per_second"] / max(peer["per_second"] for peer in others), 2),
        "latency": round(own["p50_ms"] / min(peer["p50_ms"] for peer in others), 3),
        "document": round(
            min(found["p50_ms"] for name, found in documents["peers"].items() if name != OWN)
            / documents["peers"][OWN]["p50_ms"],
            1,
        ),
        "http_share": round(http["per_second"] / own["per_second"], 3),
        "http_p99_to_p50": round(http["p99_ms"] / http["p50_ms"], 2),
    }
    rates = matrix_rates()
    reached = own["per_second"] * operations_of_a_question(pairs) / 1e9
    products = {
        "rates_gops": rates,
        "engine_gops": round(reached, 1),
        "engine_share": round(reached / rates[http["precision"]], 3),
    }
    report = {
        "benchmark": "serve",
        "questions": len(pairs),
        "rounds": args.rounds,
        "peers": peers,
        "documents": documents,
        "http": http,
        "ratios": ratios,
        "matrix_products": products,
        "environment": environment(),
    }
    rows: list[list[Any]] = [
        [f"{peer['package']} {peer['version']}", peer["per_second"], peer["p50_ms"], peer["same_answers"]]
        for peer in peers.values()
    ]
    rows.append([f"localqa over HTTP, {CALLERS} callers", http["per_second"], http["p50_ms"], None])
    for precision, rate in rates.items():
        print(f"matrix products in {precision}: {rate:,.0f} GOP/s")
    print(f"of these the engine does {products['engine_gops']:,.0f}, in {http['precision']}\n")
    rows.append(["localqa to the faster peer", ratios["throughput"], ratios["latency"], None])
    told = [f"{documents['words']:,} words", "p50, ms", "F1"]
    by_name = documents["peers"].items()
    print(
        tabulate([[name, *found.values()] for name, found in by_name], told, floatfmt=",.1f", intfmt=","),
        end="\n\n",
    )
    publish("serve", report, ["", "questions/s", "p50, ms", "answers as here, %"], rows)


def compare(pairs: list[tuple[str, str]], args: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """Each peer's questions per second, and milliseconds of a lone question."""
    file = write_pairs(pairs)
    running_peers = [Peer(name, file) for name in PEERS]
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


def compare_documents(args: argparse.Namespace) -> dict[str, Any]:
    """Milliseconds of a question to a long document, and F1; all take turns with every document."""
    # Of one more, which no one is timed by, what a first request must load.
    asked = long_documents(load_reported([args.data]), args.documents + 1)
    file = write_pairs([(question, text) for question, text, _ in asked], "documents")
    peers = {name: Peer(script, file, environment=name) for name, script in LONG_PEERS.items()}
    seconds: dict[str, list[float]] = {name: [] for name in peers}
    answers: dict[str, list[str]] = {name: [] for name in peers}
    try:
        for peer in peers.values():
            peer.ask("each", 1)
        for first in tqdm(range(ASKED, len(asked), ASKED), desc="documents", unit="document"):
            for name, peer in peers.items():
                said = peer.ask("each", ASKED, first)
                seconds[name] += said["seconds"]
                answers[name] += said["answers"]
    finally:
        for peer in peers.values():
            peer.end()
    judged = asked[ASKED:]
    return {
        "documents": args.documents,
        "words": round(statistics.mean(len(text.split()) for _, text, _ in judged)),
        "questions": len(judged),
        "peers": {
            name: {
                "p50_ms": round(1000 * statistics.median(seconds[name]), 1),
                "f1": round(
                    100
                    * statistics.mean(
                        f1(answer, golds) for answer, (_, _, golds) in zip(answers[name], judged, strict=True)
                    ),
                    1,
                ),
            }
            for name in peers
        },
    }


def long_documents(examples: Sequence[Example], count: int) -> list[tuple[str, str, list[str]]]:
    """Questions, the document of each, and the accepted answers: `ASKED` of each of so many articles."""
    articles: dict[str, list[Example]] = {}
    for example in examples:
        articles.setdefault(example.title, []).append(example)
    found: list[tuple[str, str, list[str]]] = []
    for article in articles.values():
        paragraphs = list(dict.fromkeys(example.context for example in article))[:PARAGRAPHS]
        inside = [example for example in article if example.context in paragraphs and example.answers]
        if len(paragraphs) < PARAGRAPHS or len(inside) < ASKED:
            continue
        text = BETWEEN.join(paragraphs)
        # From all over the text, a question a stretch.
        for example in inside[:: len(inside) // ASKED][:ASKED]:
            found.append((example.question, text, [gold.text for gold in example.answers]))
        if len(found) == ASKED * count:
            return found
    raise ConfigError(
        f"There are only {len(found) // ASKED} articles of {PARAGRAPHS} paragraphs.",
        remedy="Give fewer --documents, or another file by --data.",
    )


def serve_callers(pairs: list[tuple[str, str]], args: argparse.Namespace) -> dict[str, Any]:
    """The server under `CALLERS` callers; its start and its memory with one adapter and with more."""
    bodies = RUNS / "bodies.jsonl"
    bodies.write_text(
        "".join(json.dumps({"question": q, "context": c}) + "\n" for q, c in pairs), encoding="utf-8"
    )
    began = time.perf_counter()
    with running(RUNS, QA_LOG_LEVEL="warning") as (url, process):
        ready = time.perf_counter() - began
        _wrk(url, bodies, 3)
        found = _wrk(url, bodies, args.seconds)
        memory = served_mb(process.pid)
        others = []
        for name in args.others:
            requests.post(f"{url}/api/adapters", json={"name": name}, timeout=60).raise_for_status()
            body = {"question": pairs[0][0], "context": pairs[0][1], "adapter": name}
            requests.post(f"{url}/api/qa", json=body, timeout=60).raise_for_status()
            others.append(served_mb(process.pid))
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


def operations_of_a_question(pairs: list[tuple[str, str]]) -> float:
    """Mean operations of the base's matrix products for a question, padding not counted."""
    base = resolve_base(DEFAULT_BASE)
    shape = read_shape(base.folder)
    weights = BaseWeights(base.folder, shape.family.prefix).linears(shape)
    of_a_token = 2 * sum(outputs * inputs for outputs, inputs in weights.values())
    lengths = [len(one) for group in Windower.from_folder(base.folder).windows(pairs) for one in group]
    # Scores and weighted sums of attention, over all heads.
    attention = 4 * shape.layers * shape.hidden
    return sum(length * of_a_token + attention * length**2 for length in lengths) / len(pairs)


def _share_equal(one: list[str], other: list[str]) -> float:
    return sum(a.strip() == b.strip() for a, b in zip(one, other, strict=True)) / len(one)


def _wrk(url: str, bodies: Path, seconds: int) -> dict[str, float]:
    command = ["wrk", "-t2", f"-c{CALLERS}", f"-d{seconds}s", "--timeout", "30s", "--latency"]
    printed = subprocess.run(
        [*command, "-s", str(SCRIPTS / "requests.lua"), url],
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


def _parser() -> argparse.ArgumentParser:
    parser = parser_of(__doc__)
    add_turns_flags(parser, questions=500, singles=100, rounds=3)
    parser.add_argument(
        "--documents", type=int, default=6, help="long ones, asked several questions each [6]"
    )
    parser.add_argument("--seconds", type=int, default=20, help="of load over HTTP [20]")
    parser.add_argument(
        "--others", nargs="*", default=["squad", "policy", "contracts"], help="adapters to add to the server"
    )
    return parser


if __name__ == "__main__":
    main()

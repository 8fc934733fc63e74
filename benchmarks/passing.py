"""What a generation costs that is passed through this server instead of asked of Ollama directly.

Both ways take turns with the same prompt, streamed. Needs an Ollama server with a model.

    python benchmarks/passing.py             a minute; OLLAMA_HOST and OLLAMA_MODEL say whom to ask

The last line printed is one JSON object, which benchmarks/results/passing.json holds too.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import requests

from common import parser_of, publish
from localqa.errors import ConfigError, LocalQAError, report_and_exit
from localqa.ollama.address import LOCAL, server_url
from localqa.training.report import environment
from tests.server import running

PROMPT = "Write about the sea."


def main() -> None:
    """Measure both ways and print the comparison."""
    args = _parser().parse_args()
    try:
        upstream = server_url(args.host)
        measured = compare(upstream, args)
    except LocalQAError as e:
        report_and_exit(e)
    except requests.RequestException as e:
        report_and_exit(
            ConfigError(f"Ollama at {args.host} does not answer ({e}).", remedy="Start it: `ollama serve`.")
        )
    direct, passed = measured["direct"], measured["through"]
    ratios = {
        "tokens_per_second": round(passed["tokens_per_second"] / direct["tokens_per_second"], 4),
        "added_to_first_token_ms": round(passed["first_token_ms"] - direct["first_token_ms"], 2),
    }
    report = {
        "benchmark": "passing",
        "model": args.model,
        "tokens": args.tokens,
        "rounds": args.rounds,
        **measured,
        "ratios": ratios,
        "environment": environment(),
    }
    rows: list[list[Any]] = [[way, *result.values()] for way, result in measured.items()]
    rows.append(["through to direct", ratios["tokens_per_second"], ratios["added_to_first_token_ms"]])
    publish("passing", report, ["", "tokens/s (ratio)", "first token, ms (difference)"], rows)


def compare(upstream: str, args: argparse.Namespace) -> dict[str, dict[str, float]]:
    """Tokens per second after the first, and milliseconds to it, for both ways."""
    found: dict[str, list[tuple[float, float]]] = {"direct": [], "through": []}
    with (
        tempfile.TemporaryDirectory() as folder,
        running(Path(folder), QA_OLLAMA="on", OLLAMA_HOST=upstream, QA_LOG_LEVEL="warning") as (url, _),
        requests.Session() as session,
    ):
        for number in range(1 + args.rounds):
            for way, address in (("direct", upstream), ("through", url)):
                measured = generation(session, address, args)
                if number:  # the first loads the model
                    found[way].append(measured)
    return {
        way: {
            "tokens_per_second": round(statistics.median(rate for rate, _ in measured), 2),
            "first_token_ms": round(1000 * statistics.median(first for _, first in measured), 2),
        }
        for way, measured in found.items()
    }


def generation(session: requests.Session, url: str, args: argparse.Namespace) -> tuple[float, float]:
    """Tokens per second after the first one, and seconds to it."""
    options = {"num_predict": args.tokens, "temperature": 0}
    body = {"model": args.model, "prompt": PROMPT, "options": options}
    began = time.perf_counter()
    with session.post(f"{url}/api/generate", json=body, stream=True, timeout=120) as response:
        response.raise_for_status()
        times = [
            time.perf_counter()
            for line in response.iter_lines(chunk_size=1)
            if line and not json.loads(line).get("done")
        ]
    return (len(times) - 1) / (times[-1] - times[0]), times[0] - began


def _parser() -> argparse.ArgumentParser:
    parser = parser_of(__doc__)
    host = os.environ.get("OLLAMA_HOST") or LOCAL
    parser.add_argument("--host", default=host, help=f"address of the Ollama server [{host}]")
    model = os.environ.get("OLLAMA_MODEL") or "smollm2:135m"
    parser.add_argument("--model", default=model, help=f"model to ask [{model}]")
    parser.add_argument("--tokens", type=int, default=64, help="tokens to generate [64]")
    parser.add_argument("--rounds", type=int, default=11, help="turns of each way [11]")
    return parser


if __name__ == "__main__":
    main()

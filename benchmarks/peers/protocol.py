"""How a benchmark talks to what it compares: each in a process and an environment of its own.

A peer is started with the folder of a model and a JSON file of (question, context) pairs, loads, prints one
line, and then answers a line of JSON to each command that it reads. Between commands it does nothing, so
that only one peer computes at a time. Standard library alone: peers have nothing else in common.
"""

import json
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

Pair = tuple[str, str]


def serve(
    package: str, answer_many: Callable[[list[Pair]], list[str]], answer_one: Callable[[str, str], str]
) -> None:
    """Answer commands until the input ends.

    Args:
        package: whose version is told.
        answer_many: the texts of the answers to all pairs, in batches of the peer's own making.
        answer_one: the text of one answer.
    """
    pairs: list[Pair] = [
        (question, context) for question, context in json.loads(_pairs_file().read_text("utf-8"))
    ]
    _tell({"package": package, "version": version(package)})
    for line in sys.stdin:
        command = json.loads(line)
        some = pairs[command["first"] :][: command["count"]]
        if command["do"] == "many":
            began = time.perf_counter()
            answers = answer_many(some)
            _tell({"seconds": time.perf_counter() - began, "answers": answers})
        else:
            timed = [_timed(answer_one, *pair) for pair in some]
            _tell({"seconds": [seconds for seconds, _ in timed], "answers": [answer for _, answer in timed]})


def model_folder() -> str:
    """The folder of the model that the peer was started with."""
    return sys.argv[1]


def _pairs_file() -> Path:
    return Path(sys.argv[2])


def _timed(answer_one: Callable[[str, str], str], question: str, context: str) -> tuple[float, str]:
    began = time.perf_counter()
    answer = answer_one(question, context)
    return time.perf_counter() - began, answer


def _tell(values: dict[str, Any]) -> None:
    print(json.dumps(values), flush=True)

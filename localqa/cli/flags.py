"""Flags that several verbs have."""

import argparse
import math
import os
from collections.abc import Callable
from typing import Final

from localqa.config import DEFAULT_ADAPTER
from localqa.datafiles.files import add_format_flags


def add_task_flag(parser: argparse.ArgumentParser, told: str) -> None:
    """Declare `--task`; `told` is what its help says of it."""
    parser.add_argument(
        "--task",
        choices=("question-answering", "summarization"),
        default="question-answering",
        help=f"{told} [question-answering]",
    )


def add_data_flags(parser: argparse.ArgumentParser) -> None:
    """Declare `--data`, which must be given, and what is known of its files."""
    parser.add_argument(
        "--data", nargs="+", required=True, help="data files (any supported format), or squad:validation"
    )
    add_columns_flags(parser)


def add_columns_flags(parser: argparse.ArgumentParser) -> None:
    """Declare `--columns`, and the encoding and delimiter of data files."""
    parser.add_argument("--columns", metavar="NAME=COLUMN,...", help="field names, e.g. question=q,context=c")
    add_format_flags(parser)


def add_adapter_flag(parser: argparse.ArgumentParser) -> None:
    """Declare `--adapter`; without it the one that a server would answer with, see `BertQA.load`."""
    parser.add_argument(
        "--adapter", help=f"adapter name, or folder [the one that QA_ADAPTER names, else {DEFAULT_ADAPTER}]"
    )


def add_base_flag(parser: argparse.ArgumentParser) -> None:
    """Declare `--base`."""
    parser.add_argument("--base", help="base model: Hub name or folder [the adapter's own]")


def add_verdict_flags(parser: argparse.ArgumentParser) -> None:
    """Declare `--no-abstain` and `--min_score`; see `BertQA.answer`."""
    parser.add_argument(
        "--no-abstain",
        dest="abstain",
        action="store_const",
        const=False,
        help="the best span at any rate, also of an adapter that abstains",
    )
    parser.add_argument(
        "--min_score",
        type=_probability,
        default=0.0,
        metavar="P",
        help="rather nothing than an answer that scores less, 0 to 1 [0]",
    )


def whole(least: int) -> Callable[[str], int]:
    """What reads a flag that is a whole number, not below one."""

    def read(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = least - 1
        if value < least:
            raise argparse.ArgumentTypeError(f"'{text}' is no whole number from {least}")
        return value

    return read


positive: Final = whole(1)
"""Reads a flag that counts something."""


def server_address(text: str) -> str:
    """The address of a server; one without a scheme, such as localhost:5000, is http."""
    return (text if "://" in text else f"http://{text}").rstrip("/")


def add_key_flag(parser: argparse.ArgumentParser) -> None:
    """Declare `--key`, for what asks a server."""
    parser.add_argument(
        "--key",
        default=os.environ.get("LOCALQA_KEY", ""),
        help="API key of the server, if it has keys (better in LOCALQA_KEY, where other users do not see it)",
    )


def key_headers(key: str) -> dict[str, str | bytes]:
    """What a request brings its key in; as bytes, for it may hold any letters."""
    return {"Authorization": f"Bearer {key}".encode()} if key else {}


def duration(text: str) -> float:
    """Reads a flag that is a time, longer than none."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"'{text}' is no number of seconds above 0")
    return value


def _probability(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"'{text}' is no number from 0 to 1")
    return value

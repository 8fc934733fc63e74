"""Flags that several verbs have."""

import argparse


def add_verdict_flags(parser: argparse.ArgumentParser) -> None:
    """Declare `--no_abstain` and `--min_score`; see `BertQA.answer`."""
    parser.add_argument(
        "--no_abstain",
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


def _probability(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not from 0 to 1")
    return value

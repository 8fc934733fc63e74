"""Fit an adapter's scores, and its no-answer threshold, on questions that it was not trained on.

Training does so with its validation data; an adapter that was combined from others, or trained
without validation data, needs this, and so does one that will read long texts, or documents of another kind
than it learned from: one threshold and one calibration are fitted to all kinds of questions that are given,
each weighing the same. Never use the data that the adapter is judged by.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from localqa.cli.flags import add_base_flag, add_columns_flags, positive
from localqa.config import data_dir, models_dirs
from localqa.datafiles.files import format_of
from localqa.errors import ConfigError
from localqa.evaluation.calibrate import calibrate
from localqa.evaluation.held_out import check_not_judged, with_long
from localqa.extraction.qa_config import QAConfig
from localqa.model.adapter_files import locate_adapter
from localqa.model.bases import resolve_base
from localqa.model.versions import keep
from localqa.squad.load import load_reported
from localqa.squad.parsing import parse_columns
from localqa.squad.records import Example
from localqa.squad.split import subset
from localqa.training.calibrating import before_and_after, decoded_kinds, table
from localqa.training.config import read_config
from localqa.training.processor import use_threads
from localqa.training.question_data import load_data
from localqa.writing import check_writable

EPILOG = """examples:
  localqa calibrate --adapter faq --data held-out.json
  localqa calibrate --adapter squad2 --config configs/squad2.json --long 5 20 \\
      --data data/user_documents/choose.json
  localqa calibrate --adapter squad --config configs/squad.json
"""
_FEW = 100
"""Questions of a kind, below which chance decides much of a fit."""


def run(args: argparse.Namespace) -> int:
    """Write the fitted values into the adapter's qa_config.json.

    Raises:
        LocalQAError: unreadable data, no such adapter or one that cannot be written, or nothing to choose a
            threshold by.
    """
    folder = locate_adapter(models_dirs(), args.adapter)
    check_writable(folder)
    config = QAConfig.load(folder)
    examples = _examples(args)
    abstain = config.null_threshold is not None if args.abstain is None else args.abstain
    if abstain and not any(one.is_impossible for kind in examples.values() for one in kind):
        raise ConfigError(
            "The data has no unanswerable question to choose the no-answer threshold by.",
            remedy="Give --data that has some, or --no-abstain for an adapter that always answers.",
        )
    use_threads(None)
    kinds = decoded_kinds(folder, resolve_base(args.base or config.base), examples)
    fitted = calibrate(kinds, config, abstain=abstain)
    keep(folder)
    fitted.save(folder)
    print(
        f"{folder}: temperature {config.temperature:g} -> {fitted.temperature:g}, "
        f"offset {config.score_offset:g} -> {fitted.score_offset:g}, "
        f"no-answer threshold {config.null_threshold} -> {fitted.null_threshold}"
    )
    print(f"What it was is kept: `localqa adapters rollback {args.adapter}` brings it back.")
    fewest = min(map(len, examples.values()))
    if fewest < _FEW:
        print(f"warning: {fewest} questions of a kind are few: what is fitted may hold for these alone.")
    rows = before_and_after(kinds, config, abstain=abstain)
    if rows:
        print(f"Before, and with settings fitted on the other half of these questions:\n{table(rows)}")
    else:
        print("What they are worth cannot be told: it takes questions about two texts or more.")
    return 0


def _examples(args: argparse.Namespace) -> dict[str, Sequence[Example]]:
    """The questions by kind: those that the config held out, those of each file, and longer ones of both."""
    if not (args.data or args.config):
        raise ConfigError("There is nothing to fit by.", remedy="Give --data, --config or both.")
    check_not_judged(args.data or [], data_dir())
    columns = parse_columns(args.columns) if args.columns else None
    kinds: dict[str, Sequence[Example]] = {}
    if args.config:
        config = read_config(Path(args.config))
        check_not_judged(config.validation_data, data_dir())
        held_out = load_data(config).validation
        if not held_out:
            raise ConfigError(f"{args.config} holds nothing out.", remedy="Give --data instead.")
        kinds[f"held out by {Path(args.config).name}"] = held_out
    for source in args.data or []:
        kinds[source] = load_reported([source], columns=columns, text_format=format_of(args))
    sampled = {name: subset(some, args.limit, seed=0) if args.limit else some for name, some in kinds.items()}
    return with_long(sampled, args.long, args.long_limit) if args.long else sampled


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of this verb."""
    parser.add_argument("--adapter", required=True, help="adapter name, or folder")
    parser.add_argument(
        "--data", nargs="+", help="data files, in any supported format; each is a kind and weighs the same"
    )
    parser.add_argument("--config", metavar="FILE", help="a kind more: what this config held out")
    parser.add_argument(
        "--long",
        nargs="+",
        type=positive,
        default=[],
        metavar="N",
        help="kinds more: texts of paragraphs among N others",
    )
    parser.add_argument(
        "--long_limit",
        type=positive,
        default=300,
        metavar="N",
        help="questions of each long kind [300]",
    )
    add_columns_flags(parser)
    add_base_flag(parser)
    parser.add_argument(
        "--limit", type=positive, metavar="N", help="use a fixed sample of N questions of each kind"
    )
    parser.add_argument(
        "--abstain",
        action=argparse.BooleanOptionalAction,
        help="whether it may say 'not answerable' [if it does so now]",
    )

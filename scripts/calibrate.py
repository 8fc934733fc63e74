"""Fit an adapter's scores, and its no-answer threshold, on questions that it was not trained on.

fine_tune.py does so with its validation data; an adapter that was combined from others, or trained
without validation data, needs this. Never use the data that the adapter is judged by.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

# The project's own folder has to be on the path first.
from localqa.config import models_dirs
from localqa.errors import ConfigError, LocalQAError, report_and_exit
from localqa.evaluation.calibrate import calibrate, score_decoded
from localqa.extraction.qa_config import QAConfig
from localqa.extraction.windows import Windower
from localqa.model.adapter_files import locate_adapter
from localqa.model.adapters import load_adapter
from localqa.model.bases import resolve_base
from localqa.model.loading import load_base_of
from localqa.model.versions import keep
from localqa.squad.files import add_format_flags, format_of
from localqa.squad.load import load_reported
from localqa.squad.parsing import parse_columns
from localqa.squad.records import Example
from localqa.squad.split import subset
from localqa.training.config import read_config
from localqa.training.run import load_data
from localqa.training.setup import use_threads
from localqa.training.validate import predict


def main(argv: Sequence[str] | None = None) -> int:
    """Calibrate as the arguments say; returns the exit status."""
    args = _parser().parse_args(argv)
    try:
        run(args)
    except LocalQAError as e:
        report_and_exit(e)
    return 0


def run(args: argparse.Namespace) -> None:
    """Write the fitted values into the adapter's qa_config.json.

    Raises:
        LocalQAError: unreadable data, no such adapter, or nothing to choose a threshold by.
    """
    folder = locate_adapter(models_dirs(), args.adapter)
    config = QAConfig.load(folder)
    examples = _examples(args)
    abstain = config.null_threshold is not None if args.abstain is None else args.abstain
    if abstain and not any(example.is_impossible for example in examples):
        raise ConfigError(
            "The data has no unanswerable question to choose the no-answer threshold by.",
            remedy="Give --data that has some, or --no-abstain for an adapter that always answers.",
        )
    use_threads(None)
    base = resolve_base(args.base or config.base)
    windower = Windower.from_folder(base.folder, max_length=config.max_length, stride=config.stride)
    model = load_adapter(load_base_of(folder, base), folder)
    decoded = predict(model, examples, windower=windower, config=config)
    fitted = calibrate(examples, decoded, config, abstain=abstain)
    scores = score_decoded(examples, decoded, fitted)
    keep(folder)
    fitted.save(folder)
    print(
        f"{folder}: temperature {config.temperature:g} -> {fitted.temperature:g}, "
        f"offset {config.score_offset:g} -> {fitted.score_offset:g}, "
        f"no-answer threshold {config.null_threshold} -> {fitted.null_threshold}\n"
        f"EM {scores.exact:.2f} F1 {scores.f1:.2f} on these {scores.total:,} questions"
    )


def _examples(args: argparse.Namespace) -> list[Example]:
    if not args.config:
        columns = parse_columns(args.columns) if args.columns else None
        return load_reported(args.data, columns=columns, limit=args.limit, text_format=format_of(args))
    examples = load_data(read_config(Path(args.config))).validation
    if not examples:
        raise ConfigError(f"{args.config} holds nothing out.", remedy="Give --data instead.")
    return subset(examples, args.limit, seed=0) if args.limit else examples


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog="examples: python scripts/calibrate.py --adapter faq --data held-out.json\n"
        "          python scripts/calibrate.py --adapter squad --config configs/squad.json",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--adapter", required=True, help="adapter name, or folder")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--data", nargs="+", help="data files, in any supported format")
    source.add_argument("--config", metavar="FILE", help="what this config of its training held out")
    parser.add_argument("--columns", metavar="NAME=COLUMN,...", help="field names, e.g. question=q,context=c")
    add_format_flags(parser)
    parser.add_argument("--base", help="base model: Hub name or folder [the adapter's own]")
    parser.add_argument("--limit", type=int, metavar="N", help="use a fixed sample of N questions only")
    parser.add_argument(
        "--abstain",
        action=argparse.BooleanOptionalAction,
        help="whether it may say 'not answerable' [if it does so now]",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())

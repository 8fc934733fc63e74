"""The short form of fine_tune.py: train an adapter on the sample data, or your own, with four flags."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from door import door
from localqa.cli.flags import add_task_flag, positive

SAMPLE = Path(__file__).resolve().parents[1] / "data" / "sample_qa_data.json"


def main(argv: Sequence[str] | None = None) -> int:
    """Translate the few flags into fine_tune.py's; returns the exit status."""
    parser = _parser()
    args = parser.parse_args(argv)
    if args.task == "summarization" and args.data == [str(SAMPLE)]:
        parser.error("--task summarization needs --data: the sample data is for questions")
    flags = [
        "--task",
        args.task,
        "--train_data",
        *args.data,
        "--output_dir",
        args.output_dir,
    ]
    flags += ["--num_epochs", str(args.num_epochs)]
    for name in ("init_adapter", "batch_size", "subset_size", "max_steps"):
        if getattr(args, name) is not None:
            flags += [f"--{name}", str(getattr(args, name))]
    if args.overwrite:
        flags.append("--overwrite")
    return door("train")(flags)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog="Every other setting: python fine_tune.py --help. "
        "example: python scripts/train_model.py --data squad --subset_size 5000 --num_epochs 2",
    )
    add_task_flag(parser, "what is learned")
    parser.add_argument(
        "--data", nargs="+", default=[str(SAMPLE)], help="data files, or squad [the sample data]"
    )
    parser.add_argument(
        "--output_dir", default="models/my-adapter", help="folder of the adapter [models/my-adapter]"
    )
    parser.add_argument("--init_adapter", metavar="NAME", help="adapter to start from, such as squad")
    parser.add_argument("--subset_size", type=positive, metavar="N", help="train on N examples only")
    parser.add_argument("--num_epochs", type=float, default=1, metavar="X", help="passes over the data [1]")
    parser.add_argument(
        "--batch_size", type=positive, metavar="N", help="windows, or texts, in one batch [32; texts: 8]"
    )
    parser.add_argument("--max_steps", type=positive, metavar="N", help="N steps, whatever --num_epochs")
    parser.add_argument("--overwrite", action="store_true", help="replace a finished adapter in --output_dir")
    return parser


if __name__ == "__main__":
    sys.exit(main())

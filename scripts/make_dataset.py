"""Write a data set of a made-up field: manuals of invented appliances, with questions and answers.

With it the whole way from data to a served adapter can be tried without any download. The same seed writes
the same file. About a quarter of the questions have no answer on their page, unless --unanswerable says
otherwise.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import door  # noqa: F401 - it puts the project's folder on the path
from localqa.cli import reporting
from localqa.cli.flags import positive
from localqa.errors import ConfigError, LocalQAError
from localqa.squad.checks import check
from localqa.squad.mock import make_mock
from localqa.squad.records import Example
from localqa.squad.split import split_by_context
from localqa.squad.writers import write_jsonl, write_squad

_EXAMPLES = """examples:
  python scripts/make_dataset.py data/manuals.json
  python scripts/make_dataset.py data/manuals.jsonl --questions 5000 --unanswerable 0
  python scripts/make_dataset.py data/manuals.json --test 0.2      also writes data/manuals-test.json
"""


def main(argv: Sequence[str] | None = None) -> None:
    """Make the examples, check them, write them."""
    args = _setup(argv)
    with reporting():
        out = Path(args.out)
        examples = make_mock(args.questions, seed=args.seed, unanswerable=args.unanswerable)
        problems = check(examples).problems
        if problems:
            raise LocalQAError(f"The maker of mock data has a fault: {problems[0]}")
        parts = {out: examples}
        if args.test:
            train, test = split_by_context(examples, held_out=args.test, seed=args.seed)
            parts = {out: train, out.with_stem(f"{out.stem}-test"): test}
        for path, some in parts.items():
            _write(some, path, overwrite=args.overwrite)
            missing = sum(example.is_impossible for example in some)
            pages = len({example.context for example in some})
            print(f"{path}: {len(some):,} questions about {pages:,} pages, {missing:,} without an answer")


def _write(examples: list[Example], path: Path, *, overwrite: bool) -> None:
    if path.suffix == ".jsonl":
        write_jsonl(examples, path, overwrite=overwrite)
    elif path.suffix == ".json":
        write_squad(examples, path, overwrite=overwrite)
    else:
        raise ConfigError(f"'{path}' ends in neither .json nor .jsonl.", remedy="Name the file so.")


def _setup(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=_EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", metavar="OUT", help="file to write: .json (SQuAD v2.0) or .jsonl (flat)")
    parser.add_argument("--questions", type=positive, default=2000, help="how many [2000]")
    parser.add_argument("--seed", type=int, default=0, help="of everything that is drawn [0]")
    parser.add_argument(
        "--unanswerable", type=float, default=0.25, help="share of questions without an answer [0.25]"
    )
    parser.add_argument("--test", type=float, default=0.0, help="share of pages kept apart in OUT-test [0]")
    parser.add_argument("--overwrite", action="store_true", help="replace files with other content")
    args = parser.parse_args(argv)
    for name in ("unanswerable", "test"):
        if not 0 <= getattr(args, name) < 1:
            parser.error(f"--{name} is a share: 0 to below 1")
    return args


if __name__ == "__main__":
    main()

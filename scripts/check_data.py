"""Check question-answering data files, and repair what can be repaired.

Exit status: 0 when nothing is wrong, 1 when problems remain, 2 when a file cannot be read.
"""

import argparse
import io
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

# Run as a program, the repository root is not on the path.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from localqa.errors import ConfigError, DataError, LocalQAError, report_and_exit
from localqa.squad.checks import CheckReport, check, repair
from localqa.squad.files import add_format_flags, format_of
from localqa.squad.parsing import parse_columns
from localqa.squad.readers import read_examples, remedy_of, told
from localqa.squad.records import Example
from localqa.squad.writers import write_jsonl, write_squad

_EXAMPLES = """examples:
  python scripts/check_data.py train.json dev.json
  python scripts/check_data.py faq.csv --columns question=q,context=passage,answer=a
  python scripts/check_data.py train.json --repair train-repaired.json
"""


def setup(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=_EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "files", nargs="+", metavar="FILE", help=".json, .jsonl, .csv, .tsv, squad or squad_v2"
    )
    parser.add_argument(
        "--columns",
        metavar="FIELD=COLUMN,...",
        help="column names of flat records, such as question=q,context=text",
    )
    parser.add_argument(
        "--repair", metavar="OUT", type=Path, help="write FILE repaired to OUT (.json: SQuAD, .jsonl: flat)"
    )
    parser.add_argument(
        "--limit-shown", metavar="N", type=int, default=20, help="problems told per file (default: 20)"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace OUT when it has other content")
    add_format_flags(parser)
    arguments = parser.parse_args(argv)
    if arguments.limit_shown < 0:
        parser.error("--limit-shown cannot be negative")
    return arguments


def main(argv: Sequence[str] | None = None) -> int:
    """Check every file; returns the exit status."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # data may hold what the terminal cannot show
    arguments = setup(argv)
    try:
        if arguments.repair:
            return repair_file(arguments)
        clean = [check_file(file, arguments) for file in arguments.files]
    except LocalQAError as error:
        report_and_exit(error)
    return 0 if all(clean) else 1


def check_file(file: str, arguments: argparse.Namespace) -> bool:
    """Check one file and print what was found; returns whether it is clean."""
    examples, unreadable = _read(file, arguments)
    report = replace(check(examples), unreadable=unreadable)
    print(_told(file, report, shown=arguments.limit_shown))
    return report.ok


def repair_file(arguments: argparse.Namespace) -> int:
    """Write one file's repaired examples; returns 1 when some had to be left out.

    Raises ConfigError for more than one file, an unknown format, or an output that is the input or exists;
    DataError when nothing is left.
    """
    if len(arguments.files) != 1:
        raise ConfigError("--repair takes one FILE.", remedy="Repair the files one by one.")
    file, out = arguments.files[0], arguments.repair
    if out.suffix.lower() not in (".json", ".jsonl"):
        raise ConfigError(f"--repair: cannot write {out.name}.", remedy="Name it .json (SQuAD) or .jsonl.")
    read, unreadable = _read(file, arguments)
    if out.exists() and Path(file).exists() and out.samefile(file):
        raise ConfigError(
            f"--repair: {out} is the input.", remedy="Name another file; inputs are never overwritten."
        )
    examples, report = repair(read)
    report = replace(report, unreadable=unreadable)
    print(_told(file, report, shown=arguments.limit_shown))
    if not examples and not report.ok:
        raise DataError(
            f"Nothing in {file} is usable: {out} is not written.", remedy="Correct the records named above."
        )
    write = write_squad if out.suffix.lower() == ".json" else write_jsonl
    write(examples, out, overwrite=arguments.overwrite)
    left_out = report.unusable + len(unreadable)
    print(f"wrote {len(examples):,} examples to {out}: {report.repairable:,} repaired, {left_out:,} left out")
    for problem in report.problems:
        if problem.repair is None:
            print(f"  left out {problem.source} id {problem.example_id}: {problem.kind}: {problem.message}")
    for fault in unreadable:
        print(f"  left out {fault.message}")
    return 1 if left_out else 0


def _read(file: str, arguments: argparse.Namespace) -> tuple[list[Example], tuple[DataError, ...]]:
    """The examples of a file, and what cannot be read as one.

    Raises DataError when there are none, and the reason is not an empty file.
    """
    columns = parse_columns(arguments.columns) if arguments.columns else None
    faults: list[DataError] = []
    examples = read_examples(file, columns=columns, faults=faults, text_format=format_of(arguments))
    if faults and not examples:
        raise DataError("\n".join(told(faults)), remedy=remedy_of(faults))
    return examples, tuple(faults)


def _told(file: str, report: CheckReport, *, shown: int) -> str:
    return report.summary(shown) if report.total else f"{file}: no records"


if __name__ == "__main__":
    raise SystemExit(main())

"""Check question-answering data files, and repair what can be repaired.

Exit status: 0 when nothing is wrong, 1 when problems remain, 2 when a file cannot be read.
"""

import argparse
from dataclasses import replace
from pathlib import Path

from localqa.cli.flags import whole
from localqa.datafiles.files import add_format_flags, format_of
from localqa.errors import ConfigError, DataError
from localqa.squad.checks import CheckReport, check, repair
from localqa.squad.parsing import parse_columns
from localqa.squad.readers import read_examples, remedy_of, told
from localqa.squad.records import Example
from localqa.squad.writers import write_jsonl, write_squad

EPILOG = """examples:
  localqa check train.json dev.json
  localqa check faq.csv --columns question=q,context=passage,answer=a
  localqa check train.json --repair train-repaired.json
"""


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of this verb."""
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
        "--limit_shown",
        metavar="N",
        type=whole(0),
        default=20,
        help="problems told per file [20]",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace OUT when it has other content")
    add_format_flags(parser)


def run(arguments: argparse.Namespace) -> int:
    """Check every file; returns the exit status.

    Raises:
        LocalQAError: a file cannot be read, or the repaired one not be written.
    """
    if arguments.repair:
        return repair_file(arguments)
    clean = [check_file(file, arguments) for file in arguments.files]
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

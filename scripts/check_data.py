"""Check question-answering data files, and repair what can be repaired.

Exit status: 0 when nothing is wrong, 1 when problems remain, 2 when a file cannot be read.
"""

import argparse
import io
import sys
from collections.abc import Sequence
from pathlib import Path

# Run as a program, the repository root is not on the path.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from localqa.errors import ConfigError, LocalQAError, report_and_exit
from localqa.squad.checks import CheckReport, check, repair
from localqa.squad.parsing import parse_columns
from localqa.squad.readers import read_examples
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
        columns = parse_columns(arguments.columns) if arguments.columns else None
        if arguments.repair:
            return repair_file(
                arguments.files, arguments.repair, columns=columns, shown=arguments.limit_shown
            )
        clean = [check_file(file, columns=columns, shown=arguments.limit_shown) for file in arguments.files]
    except LocalQAError as error:
        report_and_exit(error)
    return 0 if all(clean) else 1


def check_file(file: str, *, columns: dict[str, str] | None, shown: int) -> bool:
    """Check one file and print what was found; returns whether it is clean."""
    report = check(read_examples(file, columns=columns))
    print(_told(file, report, shown=shown))
    return report.ok


def repair_file(files: Sequence[str], out: Path, *, columns: dict[str, str] | None, shown: int) -> int:
    """Write one file's repaired examples; returns 1 when some had to be left out.

    Raises ConfigError for more than one file, an unknown format, or an output that is the input.
    """
    if len(files) != 1:
        raise ConfigError("--repair takes one FILE.", remedy="Repair the files one by one.")
    file = files[0]
    if out.suffix.lower() not in (".json", ".jsonl"):
        raise ConfigError(f"--repair: cannot write {out.name}.", remedy="Name it .json (SQuAD) or .jsonl.")
    read = read_examples(file, columns=columns)
    if out.exists() and Path(file).exists() and out.samefile(file):
        raise ConfigError(
            f"--repair: {out} is the input.", remedy="Name another file; inputs are never overwritten."
        )
    examples, report = repair(read)
    print(_told(file, report, shown=shown))
    write = write_squad if out.suffix.lower() == ".json" else write_jsonl
    write(examples, out)
    changes = f"{report.repairable:,} repaired, {report.unusable:,} left out"
    print(f"wrote {len(examples):,} examples to {out}: {changes}")
    for problem in report.problems:
        if problem.repair is None:
            print(f"  left out {problem.source} id {problem.example_id}: {problem.kind}: {problem.message}")
    return 1 if report.unusable else 0


def _told(file: str, report: CheckReport, *, shown: int) -> str:
    return report.summary(shown) if report.total else f"{file}: no records"


if __name__ == "__main__":
    raise SystemExit(main())

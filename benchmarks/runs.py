"""The record of training runs: one line each, with settings, data, steps and what was held out.

    python benchmarks/runs.py add models/squad2 --note "rank 32, labels of squad2-large"
    python benchmarks/runs.py                    the record as a table

`add` reads the report.json that fine_tune.py leaves beside an adapter, so that what was tried is known
after its folder is gone. The record is benchmarks/results/runs.jsonl.
"""

import argparse
import json
from pathlib import Path

from common import ROOT, parser_of
from localqa.errors import LocalQAError, report_and_exit
from localqa.training.record import read_record, record_of, table, write_record

RECORD = ROOT / "benchmarks" / "results" / "runs.jsonl"


def main() -> None:
    """Add the runs of some folders, and print the record."""
    args = _parser().parse_args()
    try:
        runs = read_record(RECORD)
        if args.command == "add":
            for folder in args.folders:
                run = record_of(folder, args.note)
                runs = [*(old for old in runs if old["id"] != run["id"]), run]
            write_record(RECORD, runs)
    except LocalQAError as e:
        report_and_exit(e)
    print(table(runs, "simple"))
    print(json.dumps({"benchmark": "runs", "runs": len(runs)}))


def _parser() -> argparse.ArgumentParser:
    parser = parser_of(__doc__)
    commands = parser.add_subparsers(dest="command")
    add = commands.add_parser("add", help="add the runs that made some adapters; a run is added once")
    add.add_argument("folders", nargs="+", type=Path, metavar="FOLDER", help="of an adapter")
    add.add_argument("--note", default="", help="what was tried, in a few words")
    return parser


if __name__ == "__main__":
    main()

"""Every shipped adapter on the test set of its field, and the general adapter `squad` beside it.

Each pair is judged by `scripts/evaluate.py` in a process of its own, which writes the whole evaluation
below the folder of the adapter it judged; this command puts the figures side by side.

    python benchmarks/adapters.py            half an hour on two cores
    python benchmarks/adapters.py --only policy

The last line printed is one JSON object, which benchmarks/results/adapters.json holds too.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.common import in_own_process, publish

GENERAL = "squad"


class Field(NamedTuple):
    """What an adapter is judged on: data below QA_DATA_DIR, and its name in tables and of files."""

    data: str
    title: str
    name: str


FIELDS = {
    "squad": Field("squad_v1/dev-v1.1.json", "SQuAD v1.1 dev", "dev-v1.1"),
    "squad2": Field("squad_v2/dev-v2.0-part.json", "SQuAD v2.0 dev (20 articles)", "dev-v2.0-part"),
    "policy": Field("policyqa/test.json", "PolicyQA test", "policyqa-test"),
    "contracts": Field("cuad/windows-test.json", "CUAD test windows", "cuad-windows-test"),
}


def main() -> None:
    """Judge the adapters and print the table."""
    args = _parser().parse_args()
    for adapter in args.only or FIELDS:
        for judged in (adapter, GENERAL) if adapter != GENERAL else (adapter,):
            judge(adapter, judged)
    rows = [row for adapter in FIELDS for row in rows_of(adapter)]
    report = {"benchmark": "adapters", "rows": rows}
    publish("adapters", report, list(rows[0]), [list(row.values()) for row in rows])


def judge(adapter: str, judged: str) -> None:
    """Evaluate an adapter, or the general one, on the test set of the first."""
    field = FIELDS[adapter]
    print(f"{judged} on {field.title}", file=sys.stderr)
    path = report_path(adapter, judged)
    output = ["--output", str(path.parent), "--name", path.stem]
    in_own_process(["scripts/evaluate.py", "--adapter", judged, "--data", field.data, *output])


def rows_of(adapter: str) -> list[dict[str, Any]]:
    """What the evaluations on an adapter's test set found; nothing of those that were not made yet."""
    rows = []
    for judged in dict.fromkeys((GENERAL, adapter)):
        path = report_path(adapter, judged)
        if path.exists():
            found = json.loads(path.read_text(encoding="utf-8"))
            scores = found["scores"]
            weights = (ROOT / "models" / judged).glob("*.safetensors")
            row: dict[str, Any] = {"data": FIELDS[adapter].title, "questions": scores["total"]}
            row |= {"adapter": judged, "MB": round(sum(file.stat().st_size for file in weights) / 1e6, 1)}
            row |= {"EM": round(scores["exact"], 1), "F1": round(scores["f1"], 1)}
            row |= {
                title: round(scores[key], 1) if key in scores else None
                for title, key in (("F1, answerable", "has_ans_f1"), ("refused rightly, %", "no_ans_f1"))
            }
            rows.append(row | {"calibration error, %": found["calibration"]["ece"]})
    return rows


def report_path(adapter: str, judged: str) -> Path:
    """The JSON file of the evaluation of an adapter, or of the general one, on the test set of the first."""
    return ROOT / "models" / judged / "evaluation" / f"{FIELDS[adapter].name}.json"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--only", nargs="+", choices=FIELDS, metavar="ADAPTER", help=f"of {', '.join(FIELDS)}"
    )
    return parser


if __name__ == "__main__":
    main()

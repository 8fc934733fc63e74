"""Adapters on every evaluation set: short paragraphs and long, other fields, other words, wrong paragraphs.

What an adapter says of a set is found out once and kept in the cache folder: a run that was ended goes on
where it stopped, and new thresholds or scores of the same weights cost nothing. Rows of other adapters and
sets that results/adapters.json holds stay there: adapters of different days stand beside each other.

    python benchmarks/adapters.py                      the shipped ones; an hour on two cores
    python benchmarks/adapters.py --limit 50           a quick look, which is written nowhere
    python benchmarks/adapters.py --adapters mine before=old/mine --sets dev-v2.0 user-documents

The last line printed is one JSON object, which benchmarks/results/adapters.json holds too.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

from common import RESULTS, ROOT, parser_of, publish, saved_rows
from judged import Judged, judged_ones
from localqa.config import Precision, data_dir
from localqa.errors import LocalQAError, report_and_exit
from localqa.evaluation import seen
from localqa.evaluation.panel import Verdicts, figures
from localqa.evaluation.panel_charts import draw_sets
from localqa.evaluation.report import figures as whole_figures
from localqa.evaluation.report import write_evaluation
from localqa.evaluation.sets import SETS, EvaluationSet
from localqa.squad.records import Example
from localqa.squad.split import fingerprint

GENERAL = ("squad", "squad2", "squad2-large")
"""Judged by everything, as far as they are here."""
FIELDS = {
    "squad": "dev-v1.1",
    "squad2": "dev-v2.0",
    "squad2-large": "dev-v2.0",
    "policy": "policyqa-test",
    "contracts": "cuad-windows-test",
}
"""The set of an adapter's own field, of which the whole evaluation is kept in its folder."""
SHOWN = {
    "title": "data",
    "questions": "questions",
    "adapter": "adapter",
    "exact": "EM",
    "f1": "F1",
    "answerable_f1": "F1, answerable",
    "refused": "refused rightly, %",
    "made_to_answer_f1": "made to answer",
    "best_f1": "best threshold",
    "ece": "calibration error, %",
}
"""What tables show of a row, and what they call it."""


def main() -> None:
    """Judge the adapters and print the table."""
    args = _parser().parse_args()
    folder = Path(args.data).resolve() if args.data else data_dir().resolve()
    # Adapters and the project's own documents are found from here.
    os.chdir(ROOT)
    try:
        rows = judge_all(args, folder)
    except LocalQAError as e:
        report_and_exit(e)
    shown = [[row.get(key) for key in SHOWN] for row in rows]
    report = {"benchmark": "adapters", "rows": rows}
    publish("adapters", report, list(SHOWN.values()), shown, keep=not args.limit)
    if not args.limit:
        draw_sets(RESULTS / "adapters.png", rows)


def judge_all(args: argparse.Namespace, folder: Path) -> list[dict[str, Any]]:
    """Judge adapter by adapter, set by set; returns all rows, those of earlier runs included."""
    names = args.adapters or [name for name in FIELDS if (ROOT / "models" / name).is_dir()]
    chosen = [one for one in SETS if not args.sets or one.name in args.sets]
    rows = [] if args.limit else saved_rows("adapters")
    for adapter in judged_ones(names, args.precision):
        for one in chosen:
            if not (args.adapters or adapter.label in GENERAL or FIELDS.get(adapter.label) == one.name):
                continue
            missing = one.missing(folder)
            if missing:
                print(f"{one.title}: left out, there is no {', '.join(missing)}", file=sys.stderr)
                continue
            row = judge(adapter, one, one.examples(folder, args.limit), keep=not args.limit)
            rows = in_order([*(old for old in rows if _key(old) != _key(row)), row])
            if not args.limit:
                publish("adapters", {"benchmark": "adapters", "rows": rows})
    return rows


def judge(adapter: Judged, one: EvaluationSet, examples: Sequence[Example], *, keep: bool) -> dict[str, Any]:
    """The figures of an adapter on a set; of its own field the whole evaluation is written, too."""
    pairs = [(example.question, example.context) for example in examples]
    decoded = adapter.decoded(pairs, one.title)
    verdicts = Verdicts.of(examples, decoded, adapter.config, by_overlap=one.by_overlap)
    caution = seen.caution(adapter.folder, pairs, one.sources, fingerprint(examples))
    if caution:
        print(f"warning: {caution}", file=sys.stderr)
    own = adapter.folder.resolve() == (ROOT / "models" / adapter.label).resolve()
    if keep and own and FIELDS.get(adapter.label) == one.name:
        report = {
            "adapter": adapter.label,
            **({"caution": caution} if caution else {}),
            "data": [Path(source).name for source in one.sources],
            "data_sha256": fingerprint(examples),
            "through": f"benchmarks/adapters.py, {adapter.precision}",
            **whole_figures(verdicts.own),
        }
        write_evaluation(adapter.folder / "evaluation", one.name, report, verdicts.own)
    return {
        "set": one.name,
        "title": one.title,
        "adapter": adapter.label,
        "weights_sha256": adapter.sha256,
        "megabytes": round(adapter.megabytes, 1),
        "precision": adapter.precision,
        "null_threshold": adapter.config.null_threshold,
        **({"caution": caution} if caution else {}),
        **figures(verdicts),
    }


def in_order(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows by set as `SETS` has them, those of sets that are gone first, then as they came."""
    places = {one.name: at for at, one in enumerate(SETS)}
    return sorted(rows, key=lambda row: places.get(row["set"], -1))


def _key(row: dict[str, Any]) -> tuple[str, str]:
    return row["set"], row["adapter"]


def _parser() -> argparse.ArgumentParser:
    parser = parser_of(__doc__)
    parser.add_argument(
        "--adapters", nargs="+", metavar="NAME", help="by name, or LABEL=FOLDER [the shipped ones]"
    )
    names = [one.name for one in SETS]
    parser.add_argument("--sets", nargs="+", choices=names, metavar="SET", help=f"of {', '.join(names)}")
    parser.add_argument("--data", metavar="FOLDER", help="of the evaluation files [QA_DATA_DIR]")
    parser.add_argument("--limit", type=int, metavar="N", help="N questions of each set, written nowhere")
    parser.add_argument(
        "--precision",
        choices=get_args(Precision),
        default="fp32",
        help="arithmetic of the engine; only fp32 gives the same figures on every processor [fp32]",
    )
    return parser


if __name__ == "__main__":
    main()

"""Write the tables in README.md and benchmarks/README.md out of what benchmarks and evaluations found.

    python benchmarks/claims.py              after any benchmark, or after a new evaluation

--check only says whether they are up to date.
"""

import contextlib
import sys
from typing import Any

from tabulate import tabulate

from adapters import SHOWN
from common import ROOT, parser_of, saved, saved_rows
from documents import HEADER as DOCUMENTS_SHOWN
from length import SHOWN as LENGTH_SHOWN
from localqa.training.record import read_record
from localqa.training.record import table as run_table
from runs import RECORD
from sizes import SHOWN as SIZES_SHOWN

IN_README = ("dev-v1.1", "dev-v2.0", "user-documents", "policyqa-test", "cuad-windows-test")
"""The sets whose figures everybody should see."""
Row = tuple[str, str, str]
NOT_YET = "Not measured yet."


def main() -> int:
    """Update the tables, or check them; returns the exit status."""
    parser = parser_of(__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; fail if a table is stale")
    args = parser.parse_args()
    stale = []
    for file, tables in TABLES.items():
        text = (ROOT / file).read_text(encoding="utf-8")
        updated = with_tables(text, {name: table() for name, table in tables.items()})
        if text != updated:
            stale.append(file)
        if not args.check:
            (ROOT / file).write_text(updated, encoding="utf-8")
    if args.check:
        print(f"{', '.join(stale)}: run benchmarks/claims.py" if stale else "the tables are up to date")
        return int(bool(stale))
    print(f"written: {', '.join(stale) or 'nothing, the tables were up to date'}")
    return 0


def with_tables(text: str, tables: dict[str, str]) -> str:
    """A text with the tables between their marks replaced."""
    for name, table in tables.items():
        begin, end = f"<!-- {name}: written by benchmarks/claims.py -->", f"<!-- end of {name} -->"
        before, _, rest = text.partition(begin)
        _, _, after = rest.partition(end)
        text = f"{before}{begin}\n{table}\n{end}{after}"
    return text


def adapters() -> str:
    """What each adapter reaches on the test set of its field, and the general ones there."""
    rows = [row for row in saved("adapters")["rows"] if row["set"] in IN_README]
    names = {**SHOWN, "megabytes": "MB"}
    for left_out in ("made_to_answer_f1", "best_f1"):
        names.pop(left_out)
    return tabulate(
        [["" if row.get(key) is None else row[key] for key in names] for row in rows],
        list(names.values()),
        tablefmt="github",
        intfmt=",",
        floatfmt=".1f",
    )


def sets() -> str:
    """F1 of the adapters that were judged by several sets, a set a row."""
    rows = saved("adapters")["rows"]
    judged = dict.fromkeys(row["adapter"] for row in rows)
    several = [name for name in judged if sum(row["adapter"] == name for row in rows) > 1]
    found = {(row["title"], row["adapter"]): row for row in rows}
    table = [
        [title, *(_told(found.get((title, name))) for name in several)]
        for title in dict.fromkeys(row["title"] for row in rows)
    ]
    return tabulate(table, ["", *several], tablefmt="github", disable_numparse=True)


def _told(row: dict[str, Any] | None) -> str:
    if row is None:
        return ""
    parts = "" if row["refused"] is None else f" ({row['answerable_f1']:.0f} / {row['refused']:.0f} %)"
    return f"{row['f1']:.1f}{parts}, {row['ece']:.0f} %"


def length() -> str:
    """What becomes of scores and times when the text grows."""
    rows = saved_rows("length")
    if not rows:
        return NOT_YET
    table = [[row[key] for key in LENGTH_SHOWN] for row in rows]
    return tabulate(table, list(LENGTH_SHOWN.values()), tablefmt="github", intfmt=",", floatfmt=".1f")


def sizes() -> str:
    """The small and the larger base side by side: what they get right, and what that costs."""
    rows = saved_rows("sizes")
    if not rows:
        return NOT_YET
    judged = _judged()
    rights = {"dev-v2.0": "F1, SQuAD v2.0 dev", "user-documents": "F1, users' documents"}
    table = [
        [row["adapter"], *(judged.get((row["adapter"], one), {}).get("f1") for one in rights)]
        + [row[key] for key in SIZES_SHOWN if key != "adapter"]
        for row in rows
    ]
    adapter, *others = SIZES_SHOWN.values()
    return tabulate(table, [adapter, *rights.values(), *others], tablefmt="github", floatfmt=".1f")


def documents() -> str:
    """What is found in whole collections, answered and refused, and how fast."""
    rows = saved_rows("documents")
    if not rows:
        return NOT_YET
    table = [[row.get(key) for key in DOCUMENTS_SHOWN] for row in rows]
    return tabulate(table, list(DOCUMENTS_SHOWN.values()), tablefmt="github", floatfmt=",.1f")


def crowd() -> str:
    """How long a search takes among many passages."""
    return _as_saved("documents_crowd")


def added() -> str:
    """How fast files are added."""
    return _as_saved("documents_added")


def served() -> str:
    """What is found in long texts whose likeliest parts alone are read."""
    return _as_saved("length_as_served")


def _as_saved(name: str) -> str:
    rows = saved_rows(name)
    return tabulate(rows, "keys", tablefmt="github", intfmt=",", floatfmt=".1f") if rows else NOT_YET


def runs() -> str:
    """The record of training runs."""
    return run_table(read_record(RECORD), "github")


def claims() -> str:
    """What is said of such adapters, and what was measured."""
    rows: list[Row] = []
    for measured in (_speed, _methods, _memory, _serving, _passing, _abstaining, _calibration):
        # What was not measured yet is not claimed.
        with contextlib.suppress(FileNotFoundError):
            rows += measured()
    return tabulate(rows, ["claim", "measured", "command"], tablefmt="github")


def _speed() -> list[Row]:
    found = saved("train_speed")
    own, lean, book = (found[recipe] for recipe in ("localqa", "localqa-checkpointed", "textbook"))
    measured = (
        f"{found['ratio']:.1f} times: {own['samples_per_second']:.1f} against "
        f"{book['samples_per_second']:.1f} samples/s; F1 {own['f1']:.1f} against {book['f1']:.1f} after "
        f"{found['examples']:,} examples{', in ' + found['arithmetic'] if 'arithmetic' in found else ''}"
    )
    return [
        (
            "LoRA training on a CPU at least 6 times as fast as the textbook recipe",
            measured,
            _by("train_speed"),
        ),
        (
            "training on a laptop: at most 1.5 GB, 1 GB with --gradient_checkpointing",
            f"{own['peak_memory_mb']:,} MB, {lean['peak_memory_mb']:,} MB; "
            f"{book['peak_memory_mb']:,} MB by the textbook",
            _by("train_speed"),
        ),
        *_quarter(own, lean, found.get("textbook-full")),
    ]


def _quarter(own: dict[str, Any], lean: dict[str, Any], full: dict[str, Any] | None) -> list[Row]:
    """Training's memory beside that of full fine-tuning by the textbook, where that was measured."""
    if full is None:
        return []
    share, least = (one["peak_memory_mb"] / full["peak_memory_mb"] for one in (own, lean))
    measured = (
        f"{share:.2f} of full fine-tuning by the textbook ({full['peak_memory_mb']:,} MB), {least:.2f} with "
        "--gradient_checkpointing"
    )
    return [("a quarter of the memory in training", measured, _by("train_speed"))]


def _methods() -> list[Row]:
    found = saved("methods")
    methods = found["methods"]
    full, small, shipped, nf4 = (
        methods[name] for name in ("full", "lora-r4-qv", "lora-r32-all", "lora-r16-all-nf4")
    )

    def less(key: str, one: dict[str, Any]) -> float:
        return float(full[key] / one[key])

    parameters = (
        f"{less('trained_parameters', small):,.0f} times with rank 4 on query and value "
        f"({small['share_of_full_f1']:.1f} % of full fine-tuning's F1), "
        f"{less('trained_parameters', shipped):,.0f} times with rank 32 on all layers "
        f"({shipped['share_of_full_f1']:.1f} %)"
    )
    quality = (
        f"{shipped['share_of_full_f1']:.1f} % (rank 32, plain base), "
        f"{nf4['share_of_full_f1']:.1f} % (rank 16, nf4 base) after {found['examples']:,} examples"
    )
    storage = (
        f"{small['adapter_bytes'] / 1e6:.1f} MB (rank 4) to {shipped['adapter_bytes'] / 1e6:.1f} MB "
        f"(rank 32) against {full['adapter_bytes'] / 1e6:.0f} MB"
    )
    return [
        ("300 times fewer trained parameters", parameters, _by("methods")),
        ("98.5 % of full fine-tuning's F1", quality, _by("methods")),
        ("1 to 3 MB for each task instead of hundreds", storage, _by("methods")),
    ]


def _memory() -> list[Row]:
    found = saved("memory")
    one, full = found["adapters"], found["full_models"]
    measured = (
        f"{one['mb_with_all']:,.0f} MB against {full['mb_with_all']:,.0f} MB; each after the second costs "
        f"{one['mb_for_each_more']:.1f} against {full['mb_for_each_more']:.1f} MB"
    )
    return [(f"{found['count']} adapters cost one base and a few MB each", measured, _by("memory"))]


def _serving() -> list[Row]:
    found = saved("serve")
    ratios, http, own = found["ratios"], found["http"], found["peers"]["own"]
    rates = found["matrix_products"]["rates_gops"]
    precision = http["precision"]
    faster = rates[precision] / rates["fp32"]
    measured = (
        f"{ratios['throughput']:.1f} times the faster peer's questions: {own['per_second']:.0f}/s in "
        f"{precision}, in which this processor multiplies matrices {faster:.1f} times as fast as in fp32; a "
        f"lone question takes {own['p50_ms']:.1f} ms, {ratios['latency']:.2f} of the peer's"
    )
    share, more = 100 * ratios["http_share"], http["mb_for_each_more"]
    load = (
        f"{http['per_second']:.0f}/s for {http['callers']} callers, {share:.0f} % of the engine alone; "
        f"{http['mb_with_one_adapter']:.0f} MB with one adapter, {more:.1f} MB more for each after the "
        f"second; starts in {http['start_s']:.1f} s"
    )
    return [
        ("6 times as fast as transformers' pipeline and Haystack's reader", measured, _by("serve")),
        ("a small server that holds under load", load, _by("serve")),
    ]


def _passing() -> list[Row]:
    ratios = saved("passing")["ratios"]
    measured = (
        f"{100 * (1 - ratios['tokens_per_second']):.1f} % of the tokens/s and "
        f"{ratios['added_to_first_token_ms']:.1f} ms to the first token"
    )
    return [("a generation passed through to Ollama costs next to nothing", measured, _by("passing"))]


def _abstaining() -> list[Row]:
    found = _judged()["squad2", "dev-v2.0"]
    measured = (
        f"F1 {found['f1']:.1f} on {found['title']}: {found['answerable_f1']:.1f} where there is an answer, "
        f"{found['refused']:.1f} % of the questions without one refused"
    )
    return [("abstains when the text holds no answer", measured, _by("adapters"))]


def _calibration() -> list[Row]:
    found = _judged()["squad", "dev-v1.1"]
    measured = f"calibration error {found['ece']:.1f} % on {found['title']}"
    return [("a score is the probability that the answer is right", measured, _by("adapters"))]


def engines() -> str:
    """What ran the model how fast."""
    names = {"per_second": "questions/s", "p50_ms": "p50, ms"}
    rows = [{names.get(key, key): value for key, value in row.items()} for row in saved("engines")["engines"]]
    return tabulate(rows, "keys", tablefmt="github", floatfmt=".1f")


def _by(benchmark: str) -> str:
    return f"`benchmarks/{benchmark}.py`"


def _judged() -> dict[tuple[str, str], dict[str, Any]]:
    """What was measured of each adapter on each set."""
    return {(row["adapter"], row["set"]): row for row in saved_rows("adapters")}


TABLES = {
    "README.md": {"adapters": adapters, "claims": claims, "sizes": sizes},
    "benchmarks/README.md": {
        "engines": engines,
        "sets": sets,
        "length": length,
        "served": served,
        "documents": documents,
        "crowd": crowd,
        "added": added,
        "runs": runs,
    },
}

if __name__ == "__main__":
    sys.exit(main())

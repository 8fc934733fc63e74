"""Memory and disk of ten adapters over one base, beside ten full models.

Both kinds answer the same question with each of their ten models, in a process of their own. The ten
are copies of the shipped adapter, and of the full model it merges into: what they hold does not
matter for their size. The second adapter brings a second graph, which all further ones share.

    python benchmarks/memory.py              about a minute

The last line printed is one JSON object, which benchmarks/results/memory.json holds too.
"""

import argparse
import json
import shutil
import tempfile
from pathlib import Path

from common import ROOT, in_own_process, last_json, parser_of, publish, resident_mb
from localqa import BertQA

KINDS = ("adapters", "full models")
QUESTION = ("What does LoRA train?", "LoRA trains two small matrices beside each frozen one.")


def main() -> None:
    """Measure both kinds and print the comparison, or one of them for the other process."""
    args = _parser().parse_args()
    if args.folder:
        print(json.dumps(measure(Path(args.folder))))
        return
    with tempfile.TemporaryDirectory() as folder:
        results = {}
        for kind in KINDS:
            prepare(kind, Path(folder) / kind, args.adapter, args.count)
            results[kind] = last_json(in_own_process([__file__, "--folder", Path(folder) / kind]))
    # Here, not above: the processes that are measured load no torch.
    from localqa.training.report import environment

    report = {
        "benchmark": "memory",
        "count": args.count,
        **{kind.replace(" ", "_"): result for kind, result in results.items()},
        "environment": environment(),
    }
    header = [
        "kind",
        "MB with one",
        "with two",
        f"with {args.count}",
        "for each after two",
        "on disk for each",
    ]
    publish("memory", report, header, [[kind, *result.values()] for kind, result in results.items()])


def prepare(kind: str, folder: Path, adapter: str, count: int) -> None:
    """Make the copies."""
    folder.mkdir()
    first = folder / "copy-0"
    if kind == "adapters":
        shutil.copytree(ROOT / "models" / adapter, first)
    else:
        BertQA.load(adapter=adapter).merge(adapter, first)
    for number in range(1, count):
        shutil.copytree(first, folder / f"copy-{number}")


def measure(folder: Path) -> dict[str, float]:
    """Load all models of a folder into this process and ask each."""
    first, *others = sorted(folder.iterdir())
    qa = BertQA.load(adapter=first)
    qa.answer(*QUESTION)
    with_one = resident_mb()
    sizes = []
    for other in others:
        qa.answer(*QUESTION, adapter=qa.add(other))
        sizes.append(resident_mb())
    with_two, with_all = sizes[0], sizes[-1]
    disk = sum(file.stat().st_size for file in first.glob("*.safetensors"))
    return {
        "mb_with_one": round(with_one, 1),
        "mb_with_two": round(with_two, 1),
        "mb_with_all": round(with_all, 1),
        "mb_for_each_more": round((with_all - with_two) / max(1, len(sizes) - 1), 1),
        "mb_on_disk_for_each": round(disk / 1e6, 1),
    }


def _parser() -> argparse.ArgumentParser:
    parser = parser_of(__doc__)
    parser.add_argument("--adapter", default="squad", help="adapter to copy [squad]")
    parser.add_argument("--count", type=int, default=10, help="how many, three at least [10]")
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    main()

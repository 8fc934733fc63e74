"""What a summariser makes of texts whose summaries are known, in figures and side by side."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tabulate import tabulate
from tqdm import tqdm

from localqa.config import models_dirs
from localqa.evaluation.charts import pyplot
from localqa.evaluation.comparison import chance, in_cell, paired
from localqa.evaluation.report import with_interval
from localqa.model.adapter_files import locate_adapter
from localqa.model.bases import resolve_base
from localqa.model.summary_config import FILE_NAME, SummaryConfig
from localqa.ownership import check_report
from localqa.summarization.pairs import Pair
from localqa.summarization.scores import KINDS, by_text, score
from localqa.summarization.summarizer import Summarizer

UNTRAINED = "untrained"
"""Stands for the base without an adapter."""


def load(name: str, *, like: str, base: str | None = None) -> Summarizer:
    """The summariser of a name.

    Args:
        name: of an adapter, its folder, or `UNTRAINED`.
        like: the adapter whose base and settings `UNTRAINED` has.
        base: Hub name or folder of the base; None: the adapter's own.

    Raises:
        LocalQAError: it cannot be loaded.
    """
    folder = locate_adapter(models_dirs(), like if name == UNTRAINED else name, FILE_NAME)
    if name != UNTRAINED:
        return Summarizer.load(folder, base=base)
    config = SummaryConfig.load(folder)
    return Summarizer(resolve_base(base or config.base), config)


def summaries(summarizer: Summarizer, pairs: Sequence[Pair], description: str) -> list[str]:
    """A summary of each text, with progress."""
    return [
        summarizer.summarize(pair.document).text
        for pair in tqdm(pairs, desc=description, unit="text", mininterval=0.5, disable=None)
    ]


def table(models: Mapping[str, Mapping[str, Any]], style: str) -> str:
    """ROUGE and BLEU of some models, one column each."""
    return _tabulated(_rows(models), ["", *models], style)


def _rows(models: Mapping[str, Mapping[str, Any]]) -> list[list[str]]:
    return [
        [
            title,
            *(
                with_interval(one[key], one["interval_95"][key])
                if key in one["interval_95"]
                else f"{one[key]:.2f}"
                for one in models.values()
            ),
        ]
        for key, title in KINDS.items()
    ]


def draw(path: Path, report: Mapping[str, Any]) -> None:
    """The scores of a comparison's models beside each other, with their intervals, as PNG."""
    plt = pyplot()
    figure, axis = plt.subplots(figsize=(7, 4), layout="constrained")
    for place, (name, one) in enumerate(report["models"].items()):
        at = np.arange(len(KINDS)) + (place - 0.5) * 0.38
        limits = [one["interval_95"].get(key, [one[key]] * 2) for key in KINDS]
        reach = np.abs(np.array(limits).T - [one[key] for key in KINDS])
        color = ("tab:grey", "tab:blue")[place]
        axis.bar(at, [one[key] for key in KINDS], 0.36, yerr=reach, capsize=4, color=color, label=name)
    axis.set(xticks=range(len(KINDS)), ylabel="%", title=f"On {', '.join(report['data'])}, 95 % intervals")
    axis.set_xticklabels(KINDS.values())
    axis.legend(loc="best")
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _tabulated(rows: Sequence[Sequence[str]], header: Sequence[str], style: str) -> str:
    places = ("left", *["right"] * (len(header) - 1))
    return tabulate(rows, header, style, disable_numparse=True, colalign=places)


def compare(
    names: tuple[str, str], found: tuple[list[str], list[str]], pairs: Sequence[Pair]
) -> dict[str, Any]:
    """Scores of two models on the same texts, and the second's gain, ready for JSON; in percent.

    Args:
        names: of the models.
        found: the summaries of each.
        pairs: the texts with what their summaries should have been.
    """
    references = [pair.references for pair in pairs]
    documents = {document: at for at, document in enumerate(dict.fromkeys(pair.document for pair in pairs))}
    owner = np.array([documents[pair.document] for pair in pairs])
    before, after = (by_text(some, references) for some in found)
    differences = {}
    for name in before:
        gain = paired(after[name] - before[name], owner)
        differences[name] = {
            "gain": round(gain.gain, 2),
            "interval_95": [round(gain.low, 2), round(gain.high, 2)],
            "p_value": round(gain.p_value, 5),
        }
    return {
        "models": {
            name: score(some, references, rouge=rouge)
            for name, some, rouge in zip(names, found, (before, after), strict=True)
        },
        "differences": differences,
        "texts": len(pairs),
    }


def summary(report: Mapping[str, Any], style: str) -> str:
    """The table of a comparison: both models, the gain and whether it is chance."""
    rows = _rows(report["models"])
    for row, key in zip(rows, KINDS, strict=True):
        gained = report["differences"].get(key)
        if gained is None:
            first, second = (one[key] for one in report["models"].values())
            row += [f"{second - first:+.2f}", ""]
        else:
            low, high = gained["interval_95"]
            row += [f"{gained['gain']:+.2f} ({low:+.1f} to {high:+.1f})", chance(gained["p_value"])]
    return _tabulated(rows, ["", *report["models"], "gain", "p"], style)


def write(
    folder: Path,
    name: str,
    report: Mapping[str, Any],
    table_text: str,
    columns: Mapping[str, Sequence[str]],
    *,
    shown: int = 20,
) -> None:
    """Write NAME.json and NAME.md into a folder, which is made where it is missing; of two models NAME.png.

    Args:
        folder: where.
        name: of the files.
        report: for the JSON.
        table_text: for the Markdown.
        columns: title -> texts, side by side; the first `shown` of each.
        shown: how many.
    """
    check_report(folder, name)
    folder.mkdir(parents=True, exist_ok=True)
    rows = [[in_cell(text) for text in row] for row in list(zip(*columns.values(), strict=True))[:shown]]
    texts = tabulate(rows, list(columns), "github", disable_numparse=True)
    compared = len(report.get("models", ())) == 2
    pictures = [f"![Scores with their intervals]({name}.png)"] if compared else []
    written = f"Written by `scripts/{'compare_models' if pictures else 'evaluate'}.py`."
    caution = [f"**{report['caution']}**"] if report.get("caution") else []
    body = [f"# {name}", written, *caution, table_text, *pictures, f"## The first {len(rows)} texts", texts]
    (folder / f"{name}.md").write_text("\n\n".join(body) + "\n", encoding="utf-8")
    (folder / f"{name}.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    if compared:
        draw(folder / f"{name}.png", report)

"""What adapters reach, drawn: by set, and by how much text there is."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from localqa.evaluation.charts import pyplot

_PANELS = {
    "f1": "F1, all questions",
    "answerable_f1": "F1 where there is an answer",
    "refused": "refused where there is none, %",
}
_COLORS = [f"tab:{name}" for name in ("blue", "orange", "green", "red", "purple", "brown", "pink", "grey")]
_MARKERS = "osD^vPX*"
_APART = 0.7
"""Share of a row's height over which its adapters are spread."""


def draw_sets(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """One row a set, one mark an adapter with its 95 % interval, as PNG.

    Args:
        path: of the picture.
        rows: figures with `title` and `adapter`, see `panel.figures`.
    """
    plt = pyplot()
    titles = list(dict.fromkeys(row["title"] for row in rows))
    adapters = list(dict.fromkeys(row["adapter"] for row in rows))
    height = 1.6 + len(titles) * max(0.36, 0.13 * len(adapters))
    figure, axes = plt.subplots(1, len(_PANELS), figsize=(13, height), sharey=True, layout="constrained")
    for axis, (key, title) in zip(axes, _PANELS.items(), strict=True):
        for number, adapter in enumerate(adapters):
            shown = [row for row in rows if row["adapter"] == adapter and row.get(key) is not None]
            spread = _APART * ((number + 0.5) / len(adapters) - 0.5)
            places = [titles.index(row["title"]) + spread for row in shown]
            values = [row[key] for row in shown]
            reach = [_reach(row, key) for row in shown]
            axis.errorbar(
                values,
                places,
                xerr=list(zip(*reach, strict=True)) if reach else None,
                fmt=_MARKERS[number % len(_MARKERS)],
                color=_COLORS[number % len(_COLORS)],
                markersize=5,
                elinewidth=1,
                label=adapter,
            )
        axis.set(xlim=(-2, 102), title=title)
        axis.grid(axis="x", alpha=0.3)
        for border in range(1, len(titles)):
            axis.axhline(border - 0.5, color="lightgrey", linewidth=0.6)
    axes[0].set_yticks(range(len(titles)), titles)
    axes[0].set_ylim(len(titles) - 0.5, -0.5)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=min(6, len(adapters)))
    figure.savefig(path, dpi=110)
    plt.close(figure)


def draw_length(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """F1 and refusals against the number of paragraphs, and the milliseconds beneath, as PNG.

    Args:
        path: of the picture.
        rows: figures with `adapter`, `paragraphs` and `ms`.
    """
    plt = pyplot()
    figure, (scores, times) = plt.subplots(
        2, 1, figsize=(8, 7), sharex=True, height_ratios=(2, 1), layout="constrained"
    )
    for number, adapter in enumerate(dict.fromkeys(row["adapter"] for row in rows)):
        own = sorted((row for row in rows if row["adapter"] == adapter), key=lambda row: row["paragraphs"])
        at = [row["paragraphs"] for row in own]
        color = _COLORS[number % len(_COLORS)]
        scores.plot(at, [row["answerable_f1"] for row in own], "o-", color=color, label=f"{adapter}: F1")
        scores.plot(
            at, [row["refused"] for row in own], "s--", color=color, alpha=0.6, label=f"{adapter}: refused"
        )
        times.plot(at, [row["ms"] for row in own], "o-", color=color, label=adapter)
    counts = sorted({row["paragraphs"] for row in rows})
    scores.set(
        ylim=(-2, 102),
        ylabel="%",
        title="F1 with the right paragraph among so many; refused where it is left out",
    )
    times.set(xscale="log", yscale="log", xlabel="paragraphs", ylabel="milliseconds a question")
    times.set_xticks(counts, [str(count) for count in counts])
    times.minorticks_off()
    times.yaxis.set_major_formatter("{x:,g}")
    for axis in (scores, times):
        axis.grid(alpha=0.3)
    scores.legend(loc="best", fontsize="small", ncols=2)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _reach(row: Mapping[str, Any], key: str) -> tuple[float, float]:
    """How far the interval reaches below and above a figure; nothing where there is none."""
    low, high = row.get("intervals_95", {}).get(key, (row[key], row[key]))
    return max(0.0, row[key] - low), max(0.0, high - row[key])

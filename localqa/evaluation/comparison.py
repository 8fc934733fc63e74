"""Two models on the same questions: what differs, and whether the difference is more than chance."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tabulate import tabulate

from localqa.evaluation.breakdown import bootstrap_interval, owners
from localqa.evaluation.charts import pyplot
from localqa.evaluation.confidence import expected_calibration_error, reliability
from localqa.evaluation.outcomes import Outcome, accepted, told
from localqa.evaluation.report import with_interval
from localqa.ownership import check_report

_RESAMPLES = 10_000
_SHOWN_CHARS = 120
_METRICS = {"exact": "EM", "f1": "F1"}


@dataclass(frozen=True, slots=True)
class Difference:
    """What the second model gains over the first, in percent.

    Attributes:
        gain: of the score.
        low, high: 95 % interval of the gain under drawing other contexts.
        p_value: how likely so large a gain, either way, would be if the models were equals.
    """

    gain: float
    low: float
    high: float
    p_value: float


def difference(
    before: Sequence[Outcome], after: Sequence[Outcome], metric: str, *, seed: int = 0
) -> Difference:
    """Gain, interval and significance of one metric, "exact" or "f1".

    A paired permutation test (approximate randomization, Noreen 1989; Yeh 2000): the two answers to all
    questions about one context change sides together, for those stand or fall together.
    """
    gains = [getattr(b, metric) - getattr(a, metric) for a, b in zip(before, after, strict=True)]
    return paired(100 * np.array(gains), owners(before), seed=seed)


def paired(gains: NDArray[np.float64], owner: NDArray[np.int64], *, seed: int = 0) -> Difference:
    """Interval and significance of a mean gain; see `difference`.

    Args:
        gains: of each case, in percent, shape (N,).
        owner: what each case is about, numbered from 0, shape (N,).
        seed: of what is drawn.
    """
    sums, counts = np.bincount(owner, weights=gains), np.bincount(owner)
    random = np.random.default_rng(seed)
    observed = float(sums.sum())
    at_least = 0
    means: list[NDArray[np.float64]] = []
    # In portions: a row for each resample and a column for each context would fill the memory.
    for _ in range(10):
        signs = random.integers(0, 2, size=(_RESAMPLES // 10, len(sums)), dtype=np.int8) * 2 - 1
        at_least += int((np.abs(signs @ sums) >= abs(observed) - 1e-9).sum())
        drawn = random.multinomial(len(sums), np.full(len(sums), 1 / len(sums)), size=_RESAMPLES // 100)
        means.append((drawn @ sums) / (drawn @ counts))
    low, high = np.percentile(np.concatenate(means), [2.5, 97.5])
    p_value = (at_least + 1) / (_RESAMPLES + 1)
    return Difference(observed / len(gains), float(low), float(high), p_value)


def compare(names: tuple[str, str], before: Sequence[Outcome], after: Sequence[Outcome]) -> dict[str, Any]:
    """All figures of a comparison, ready for JSON; scores in percent.

    Args:
        names: of the two models.
        before, after: what became of the same questions, in the same order.
    """
    return {
        "models": {name: _judged(some) for name, some in zip(names, (before, after), strict=True)},
        "questions": len(before),
        "contexts": len({one.example.context for one in before}),
        "differences": {
            metric: {
                "gain": round(found.gain, 2),
                "interval_95": [round(found.low, 2), round(found.high, 2)],
                "p_value": round(found.p_value, 5),
            }
            for metric in _METRICS
            for found in [difference(before, after, metric)]
        },
        "changed": _changed(before, after),
    }


def differing(before: Sequence[Outcome], after: Sequence[Outcome]) -> list[tuple[Outcome, Outcome]]:
    """The questions that were answered differently; those where most was gained or lost first."""
    pairs = [pair for pair in zip(before, after, strict=True) if pair[0].text != pair[1].text]
    return sorted(pairs, key=lambda pair: (-abs(pair[1].f1 - pair[0].f1), pair[0].example.id))


def write_comparison(
    folder: Path, name: str, report: Mapping[str, Any], pairs: Sequence[tuple[Outcome, Outcome]]
) -> None:
    """Write NAME.json, NAME.md and NAME.png into a folder, which is made where it is missing."""
    check_report(folder, name)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.md").write_text(markdown(report, pairs, picture=f"{name}.png"), encoding="utf-8")
    (folder / f"{name}.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    draw(folder / f"{name}.png", report)


def markdown(
    report: Mapping[str, Any], pairs: Sequence[tuple[Outcome, Outcome]], *, picture: str, shown: int = 50
) -> str:
    """A comparison to read, with up to `shown` differing answers."""
    first, second = report["models"]
    changed = report["changed"]
    rows = [
        [
            one.example.question,
            accepted(one.example),
            told(one),
            told(other),
        ]
        for one, other in pairs[:shown]
    ]
    sections = [
        f"# `{second}` against `{first}` on {', '.join(report['data'])}",
        "Written by `scripts/compare_models.py`; the same figures are in the JSON file beside this one.",
        *([f"**{report['caution']}**"] if report.get("caution") else []),
        summary(report, "github"),
        f"{report['questions']:,} questions about {report['contexts']:,} contexts. The two answered "
        f"{changed['differently']:,} of them differently: {changed['gained']:,} became right, "
        f"{changed['lost']:,} became wrong.",
        f"![Scores with their intervals, and reliability]({picture})",
        "## Answers that differ",
        f"The {len(rows)} with the largest change in F1, of {len(pairs)}.",
        tabulate(
            [[in_cell(text) for text in row] for row in rows],
            ["question", "accepted", first, second],
            tablefmt="github",
            disable_numparse=True,
        ),
    ]
    return "\n\n".join(sections) + "\n"


def summary(report: Mapping[str, Any], style: str) -> str:
    """EM, F1 and calibration of both, and what the second gains."""
    rows: list[list[str]] = []
    for metric, title in _METRICS.items():
        gained = report["differences"][metric]
        low, high = gained["interval_95"]
        row = [with_interval(one[metric], one["intervals_95"][metric]) for one in report["models"].values()]
        rows.append(
            [title, *row, f"{gained['gain']:+.2f} ({low:+.1f} to {high:+.1f})", chance(gained["p_value"])]
        )
    errors = [one["ece"] for one in report["models"].values()]
    rows.append(
        ["calibration error, %", *(f"{one:.2f}" for one in errors), f"{errors[1] - errors[0]:+.2f}", ""]
    )
    header = ["", *report["models"], "gain", "p"]
    return tabulate(rows, header, tablefmt=style, disable_numparse=True, colalign=("left", *["right"] * 4))


def draw(path: Path, report: Mapping[str, Any]) -> None:
    """Scores with their intervals, and the reliability of both models, as PNG."""
    plt = pyplot()
    figure, (bars, trust) = plt.subplots(1, 2, figsize=(10, 4.4), layout="constrained")
    colors = ("tab:grey", "tab:blue")
    for place, (name, one) in enumerate(report["models"].items()):
        at = np.arange(len(_METRICS)) + (place - 0.5) * 0.38
        values = [one[metric] for metric in _METRICS]
        limits = np.array([one["intervals_95"][metric] for metric in _METRICS]).T
        reach = np.abs(limits - values)
        bars.bar(at, values, 0.36, yerr=reach, capsize=4, color=colors[place], label=name)
        used = [part for part in one["bins"] if part["count"]]
        trust.plot(
            [part["confidence"] for part in used],
            [part["accuracy"] for part in used],
            "o-",
            color=colors[place],
            label=f"{name}: error {one['ece']:.1f} %",
        )
    bars.set(xticks=range(len(_METRICS)), ylim=(0, 100), ylabel="%", title="Scores, 95 % intervals")
    bars.set_xticklabels(_METRICS.values())
    bars.legend(loc="best")
    trust.plot([0, 1], [0, 1], "--", color="lightgrey")
    trust.set(
        xlabel="score", ylabel="share right (exact match)", xlim=(0, 1), ylim=(0, 1), title="Reliability"
    )
    trust.legend(loc="best")
    figure.suptitle(f"{' and '.join(report['models'])} on {', '.join(report['data'])}")
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _judged(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    scores = np.array([one.score for one in outcomes])
    right = np.array([one.exact for one in outcomes])
    intervals = bootstrap_interval(outcomes)
    return {
        "exact": round(100 * float(right.mean()), 2),
        "f1": round(100 * float(np.mean([one.f1 for one in outcomes])), 2),
        "intervals_95": {key: [round(low, 2), round(high, 2)] for key, (low, high) in intervals.items()},
        "ece": round(100 * expected_calibration_error(scores, right), 2),
        "answered": sum(bool(one.text) for one in outcomes),
        "bins": [
            {"count": one.count, "confidence": round(one.confidence, 4), "accuracy": round(one.accuracy, 4)}
            for one in reliability(scores, right)
        ],
    }


def _changed(before: Sequence[Outcome], after: Sequence[Outcome]) -> dict[str, int]:
    pairs = list(zip(before, after, strict=True))
    return {
        "differently": sum(a.text != b.text for a, b in pairs),
        "gained": sum(b.exact > a.exact for a, b in pairs),
        "lost": sum(b.exact < a.exact for a, b in pairs),
    }


def in_cell(text: str) -> str:
    """Text that keeps to its cell of a Markdown table."""
    plain = " ".join(text.replace("|", "\\|").split())
    return plain if len(plain) <= _SHOWN_CHARS else plain[:_SHOWN_CHARS] + "..."


def chance(p_value: float) -> str:
    """A p-value as tables show it."""
    return "< 0.001" if p_value < 0.001 else f"{p_value:.3f}"

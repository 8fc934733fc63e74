"""An evaluation as figures, as text and as pictures."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from tabulate import tabulate

from localqa.evaluation.breakdown import bootstrap_interval, by_context_length, by_question_word
from localqa.evaluation.charts import pyplot
from localqa.evaluation.confidence import (
    area_under_risk_coverage,
    brier_score,
    expected_calibration_error,
    reliability,
    risk_coverage,
)
from localqa.evaluation.outcomes import Outcome
from localqa.ownership import check_report
from localqa.squad.metrics import score

_COVERAGES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


def figures(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """All figures of an evaluation, ready for JSON.

    Scores and calibration errors are in percent, probabilities and risks between 0 and 1.
    """
    examples = [outcome.example for outcome in outcomes]
    scores = score(examples, {outcome.example.id: outcome.text for outcome in outcomes}).as_dict()
    if any(example.is_impossible for example in examples):
        # What the best threshold of this very data would reach: a ceiling, not the adapter's score.
        spans = {outcome.example.id: outcome.span for outcome in outcomes}
        nulls = {outcome.example.id: outcome.null_score for outcome in outcomes}
        best = score(examples, spans, nulls).as_dict()
        scores |= {key: value for key, value in best.items() if key.startswith("best_")}
    claimed = np.array([outcome.score for outcome in outcomes])
    right = np.array([outcome.exact for outcome in outcomes])
    coverage, risk = risk_coverage(claimed, right)
    # With few or equal scores several of the coverages fall on one point.
    at = np.unique(np.minimum(np.searchsorted(coverage, _COVERAGES), len(coverage) - 1))
    intervals = bootstrap_interval(outcomes)
    return {
        "scores": {key: round(value, 3) for key, value in scores.items()},
        "confidence_intervals_95": {
            key: [round(low, 2), round(high, 2)] for key, (low, high) in intervals.items()
        },
        "calibration": {
            "ece": round(100 * expected_calibration_error(claimed, right), 2),
            "brier": round(brier_score(claimed, right), 4),
            "mean_score": round(float(claimed.mean()), 4),
            "bins": [_rounded(asdict(one)) for one in reliability(claimed, right)],
        },
        "risk_coverage": {
            "area": round(area_under_risk_coverage(claimed, right), 4),
            "points": [
                {"coverage": round(float(coverage[i]), 4), "risk": round(float(risk[i]), 4)} for i in at
            ],
        },
        "by_question_word": [_rounded(asdict(group)) for group in by_question_word(outcomes)],
        "by_context_length": [_rounded(asdict(group)) for group in by_context_length(outcomes)],
    }


def write_evaluation(folder: Path, name: str, report: Mapping[str, Any], outcomes: Sequence[Outcome]) -> None:
    """Write NAME.json, NAME.md and NAME.png into a folder, which is made where it is missing."""
    check_report(folder, name)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.md").write_text(markdown(report, picture=f"{name}.png"), encoding="utf-8")
    (folder / f"{name}.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    draw(folder / f"{name}.png", report, outcomes)


def markdown(report: Mapping[str, Any], *, picture: str) -> str:
    """An evaluation to read."""
    calibration, risk = report["calibration"], report["risk_coverage"]
    sections = [
        f"# Adapter `{report['adapter']}` on {', '.join(report['data'])}",
        "Written by `scripts/evaluate.py`; the same figures are in the JSON file beside this one.",
        *([f"**{report['caution']}**"] if report.get("caution") else []),
        score_table(report, "github"),
        f"![Reliability diagram and risk-coverage curve]({picture})",
        "## Calibration",
        f"Expected calibration error {calibration['ece']:.2f} % (10 bins of equal width, exact match), Brier "
        f"score {calibration['brier']:.3f}, area under the risk-coverage curve {risk['area']:.3f}.",
        tabulate(
            [
                [f"{one['low']:.1f} to {one['high']:.1f}", one["count"], one["confidence"], one["accuracy"]]
                for one in calibration["bins"]
                if one["count"]
            ],
            ["score", "answers", "mean score", "share right"],
            tablefmt="github",
            floatfmt=".3f",
        ),
        "## Errors among the surest answers",
        tabulate(
            [[f"the surest {point['coverage']:.0%}", point["risk"]] for point in risk["points"]],
            ["answers", "share wrong"],
            tablefmt="github",
            floatfmt=".3f",
        ),
        "## By question word",
        _group_table(report["by_question_word"], "question word"),
        "## By length of the context",
        _group_table(report["by_context_length"], "words"),
    ]
    return "\n\n".join(sections) + "\n"


def score_table(report: Mapping[str, Any], style: str) -> str:
    """EM and F1 with their intervals, and those of answerable and unanswerable questions apart."""
    scores, intervals = report["scores"], report["confidence_intervals_95"]
    rows = [
        ["all", scores["total"]] + [with_interval(scores[key], intervals[key]) for key in ("exact", "f1")]
    ]
    if "no_ans_total" in scores:
        rows += [
            [
                name,
                scores[f"{prefix}_total"],
                *(f"{scores[f'{prefix}_{key}']:.2f}" for key in ("exact", "f1")),
            ]
            for prefix, name in (("has_ans", "answerable"), ("no_ans", "not answerable"))
            if f"{prefix}_total" in scores
        ]
        rows.append(
            ["all, best threshold of this data", scores["total"]]
            + [f"{scores[f'best_{key}']:.2f}" for key in ("exact", "f1")]
        )
    return tabulate(rows, ["questions", "number", "EM", "F1"], tablefmt=style, colalign=_LEFT_RIGHT)


_LEFT_RIGHT = ("left", "right", "right", "right")


def draw(path: Path, report: Mapping[str, Any], outcomes: Sequence[Outcome]) -> None:
    """Reliability diagram and risk-coverage curve, side by side, as PNG."""
    plt = pyplot()
    claimed = np.array([outcome.score for outcome in outcomes])
    right = np.array([outcome.exact for outcome in outcomes])
    figure, (left, curve) = plt.subplots(1, 2, figsize=(10, 4.4), layout="constrained")
    bins = report["calibration"]["bins"]
    width = bins[0]["high"] - bins[0]["low"]
    middles = [(one["low"] + one["high"]) / 2 for one in bins]
    left.bar(middles, [one["accuracy"] for one in bins], width * 0.92, color="tab:blue", label="share right")
    used = [one for one in bins if one["count"]]
    left.plot([0, 1], [0, 1], "--", color="grey", label="perfect")
    left.plot(
        [one["confidence"] for one in used],
        [one["accuracy"] for one in used],
        "o",
        color="tab:orange",
        label="mean score",
    )
    left.set(
        xlabel="score",
        ylabel="share right (exact match)",
        xlim=(0, 1),
        ylim=(0, 1),
        title=f"Reliability: calibration error {report['calibration']['ece']:.1f} %",
    )
    left.legend(loc="upper left")
    coverage, risk = risk_coverage(claimed, right)
    curve.plot(coverage, risk, color="tab:red")
    curve.set(
        xlabel="share of questions answered, surest first",
        ylabel="share wrong",
        xlim=(0, 1),
        ylim=(0, None),
        title=f"Risk and coverage: area {report['risk_coverage']['area']:.3f}",
    )
    curve.grid(alpha=0.3)
    figure.suptitle(f"{report['adapter']} on {', '.join(report['data'])}")
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _group_table(groups: Sequence[Mapping[str, Any]], title: str) -> str:
    names = {"name": title, "total": "questions", "exact": "EM", "f1": "F1", "ece": "calibration error, %"}
    rows = [[group[key] for key in names] for group in groups]
    return tabulate(rows, list(names.values()), tablefmt="github", floatfmt=".1f", disable_numparse=[0])


def with_interval(value: float, interval: Sequence[float]) -> str:
    """A score with the interval that it lies in, as tables show it."""
    return f"{value:.2f} ({interval[0]:.1f} to {interval[1]:.1f})"


def _rounded(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: round(value, 4) if isinstance(value, float) else value for key, value in values.items()}

"""What a finished run leaves beside its adapter: report.json, report.md and the curve."""

import contextlib
import json
import platform
import resource
import sys
import time
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from localqa.evaluation.charts import pyplot
from localqa.model.bases import Base
from localqa.training.checkpoint import Progress
from localqa.training.config import RunConfig
from localqa.training.loop import FIGURES

_PACKAGES = ("torch", "transformers", "peft", "tokenizers", "bitsandbytes", "numpy")
_COLORS = {"f1": "tab:orange", "exact": "tab:green", "loss": "tab:orange"}


def environment() -> dict[str, str]:
    """Versions and the processor: what a figure depends on besides the settings."""
    found = {"python": platform.python_version(), "processor": _processor()}
    for name in _PACKAGES:
        # bitsandbytes is optional.
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def peak_memory_mb() -> float:
    """Highest resident memory of this process so far, in MB (10^6 bytes)."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Linux counts in KiB, macOS in bytes.
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


def write_report(folder: Path, report: Mapping[str, Any], name: str) -> None:
    """Write report.json, report.md and curve.png of an adapter of that name into a folder."""
    (folder / "report.json").write_text(
        json.dumps(report, indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    (folder / "report.md").write_text(_markdown(name, report), encoding="utf-8")
    draw_curve(folder / "curve.png", report["curve"]["losses"], report["curve"]["evaluations"])


def common(config: RunConfig, base: Base, progress: Progress, *, seen: int, unit: str) -> dict[str, Any]:
    """What every report says behind its results and data: cost, environment, settings, curve, time.

    Args:
        config: of the run.
        base: that was learned over.
        progress: of the finished run.
        seen: how many features its steps learned.
        unit: what a feature is.
    """
    return {
        "cost": {
            "training_seconds": round(progress.seconds),
            f"{unit}_per_second": round(seen / progress.seconds, 1),
            "peak_memory_mb": round(peak_memory_mb()),
        },
        "environment": environment(),
        "settings": _settings(config) | {"base_sha256": base.sha256},
        "curve": _curve(progress),
        "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def _settings(config: RunConfig) -> dict[str, Any]:
    """The settings that applied; the shape of an adapter that was continued is its own."""
    left_out = {"dry_run", "overwrite", "finish"}
    if getattr(config, "init_adapter", None):
        left_out |= {"lora_rank", "lora_alpha", "lora_dropout", "target_modules", "rslora"}
    return config.model_dump(mode="json", exclude=left_out)


def _curve(progress: Progress) -> dict[str, Any]:
    """The loss and validation curves for a report."""
    return {
        "losses": [{key: round(value, 6) for key, value in point.items()} for point in progress.losses],
        "evaluations": [
            {key: round(value, 3) for key, value in point.items()} for point in progress.evaluations
        ],
    }


def draw_curve(path: Path, losses: list[dict[str, float]], evaluations: list[dict[str, float]]) -> None:
    """Loss over steps, with what was measured on the way on a second axis, as PNG."""
    plt = pyplot()
    figure, axis = plt.subplots(figsize=(7, 4), layout="constrained")
    (line,) = axis.plot(
        [p["step"] for p in losses], [p["loss"] for p in losses], color="tab:blue", label="loss"
    )
    axis.set(xlabel="step", ylabel="training loss", title="Training")
    axis.grid(alpha=0.3)
    handles = [line]
    if evaluations:
        right = axis.twinx()
        steps = [p["step"] for p in evaluations]
        measured = [key for key in _COLORS if key in evaluations[0]]
        for key in measured:
            values = [point[key] for point in evaluations]
            handles += right.plot(steps, values, "o-", color=_COLORS[key], label=FIGURES[key])
        right.set(ylabel="validation loss" if "loss" in measured else "validation, %")
    axis.legend(handles=handles, loc="center right")
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _markdown(name: str, report: Mapping[str, Any]) -> str:
    sections = [f"# Adapter `{name}`", "Written by `fine_tune.py`; the same figures are in `report.json`."]
    for title in ("result", "data", "cost", "environment", "settings"):
        # Hashes are for programs.
        shown = {key: value for key, value in report[title].items() if key != "train_rows"}
        rows = [f"| {key.replace('_', ' ')} | {_cell(value)} |" for key, value in shown.items()]
        sections.append("\n".join([f"## {title.capitalize()}", "", "| | |", "|---|---|", *rows]))
    sections.append("## Curve\n\n![loss and evaluations over steps](curve.png)")
    return "\n\n".join(sections) + "\n"


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return "<br>".join(_cell(item) for item in value) or "-"
    if isinstance(value, dict):
        return ", ".join(f"{key} {_cell(item)}" for key, item in value.items()) or "-"
    if value is None:
        return "-"
    return str(value).replace("|", "\\|")


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as stream:
            return next(line.partition(":")[2].strip() for line in stream if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()

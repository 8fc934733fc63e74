"""What a finished run leaves beside its adapter: report.json, report.md and the curve."""

import contextlib
import json
import platform
import resource
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from localqa.training.checkpoint import Progress

_PACKAGES = ("torch", "transformers", "peft", "tokenizers", "bitsandbytes", "numpy")


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


def write_report(folder: Path, report: Mapping[str, Any]) -> None:
    """Write report.json, report.md and curve.png into an adapter's folder."""
    (folder / "report.json").write_text(
        json.dumps(report, indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    (folder / "report.md").write_text(_markdown(folder.name, report), encoding="utf-8")
    draw_curve(folder / "curve.png", report["curve"]["losses"], report["curve"]["evaluations"])


def curve(progress: Progress) -> dict[str, Any]:
    """The loss and validation curves for a report."""
    return {
        "losses": [{key: round(value, 6) for key, value in point.items()} for point in progress.losses],
        "evaluations": [
            {key: round(value, 2) for key, value in point.items()} for point in progress.evaluations
        ],
    }


def draw_curve(path: Path, losses: list[dict[str, float]], evaluations: list[dict[str, float]]) -> None:
    """Loss over steps, with validation F1 on a second axis, as PNG."""
    # Imported here: only finished runs draw.
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

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
        for key, name, color in (("f1", "F1", "tab:orange"), ("exact", "EM", "tab:green")):
            handles += right.plot(steps, [p[key] for p in evaluations], "o-", color=color, label=name)
        right.set(ylabel="validation, %")
    axis.legend(handles=handles, loc="center right")
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _markdown(name: str, report: Mapping[str, Any]) -> str:
    sections = [f"# Adapter `{name}`", "Written by `fine_tune.py`; the same figures are in `report.json`."]
    for title in ("result", "data", "cost", "environment", "settings"):
        rows = [f"| {key.replace('_', ' ')} | {_cell(value)} |" for key, value in report[title].items()]
        sections.append("\n".join([f"## {title.capitalize()}", "", "| | |", "|---|---|", *rows]))
    sections.append("## Curve\n\n![loss and validation F1 over steps](curve.png)")
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

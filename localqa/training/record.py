"""The record of training runs: a line each, out of the reports that they left."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tabulate import tabulate

from localqa.errors import DataError
from localqa.writing import write_text

_TOLD = (
    "base",
    "init_adapter",
    "teacher",
    "distill_weight",
    "lora_rank",
    "learning_rate",
    "schedule",
    "num_epochs",
    "batch_size",
    "gradient_accumulation",
    "token_masking",
    "rehearsal_size",
    "answerable_only",
    "negatives",
    "retrieved_negatives",
    "joined",
    "windows_per_question",
    "seed",
)
"""Settings that a line repeats, where they are set; the rest is behind the digest."""
_SCORES = {
    "exact": "EM",
    "f1": "F1",
    "best_f1": "best threshold",
    "has_ans_f1": "answerable",
    "no_ans_f1": "refused, %",
}


def record_of(folder: Path, note: str = "") -> dict[str, Any]:
    """The line of the run that made an adapter.

    Args:
        folder: of the adapter.
        note: what was tried.

    Raises:
        DataError: it has no report of a training.
    """
    path = folder / "report.json"
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
        settings, result, data = report["settings"], report["result"], report["data"]
        scores = result["validation"] or {}
        run = {
            "adapter": folder.resolve().name,
            "finished": report.get("finished", ""),
            "config_sha256": hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:12],
            "settings": _told(settings),
            "data": [_relative(name) for name in data["train"]],
            "data_sha256": data["train_sha256"][:12],
            "questions": data["train_questions"],
            "windows": data["train_windows"],
            "steps": result["steps"],
            **({"steps_planned": result["steps_planned"]} if "steps_planned" in result else {}),
            "minutes": round(report["cost"]["training_seconds"] / 60, 1),
            "held_out": _held_out(data["validation"]),
            "held_out_questions": data["validation_questions"],
            "scores": {name: round(scores[name], 2) for name in _SCORES if scores.get(name) is not None},
            "bytes": result["adapter_bytes"],
            "note": note,
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as e:
        raise DataError(
            f"{path} is no report of a training of questions ({type(e).__name__}: {e}).",
            remedy="Name the folder of an adapter that fine_tune.py wrote.",
        ) from e
    identity = [run[key] for key in ("adapter", "finished", "config_sha256", "data_sha256")]
    return {"id": hashlib.sha256(repr(identity).encode()).hexdigest()[:12], **run}


def _told(settings: Mapping[str, Any]) -> dict[str, Any]:
    told = {name: settings[name] for name in _TOLD if settings.get(name)}
    if "teacher" not in told:
        told.pop("distill_weight", None)
    for name in ("base", "init_adapter", "teacher"):
        if name in told:
            told[name] = _relative(told[name])
    return told


def _held_out(told: Any) -> Any:
    return [_relative(name) for name in told] if isinstance(told, list) else told


def _relative(name: str) -> str:
    """A path as anybody may see it: where a machine keeps its files is no part of a record."""
    return Path(name).name if Path(name).is_absolute() else name


def read_record(path: Path) -> list[dict[str, Any]]:
    """The runs in a record, oldest line first; none where there is no file.

    Raises:
        DataError: a line that is none.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return []
    runs = []
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            run = json.loads(line)
            runs.append({**run, "id": run["id"]})
        except (ValueError, KeyError, TypeError) as e:
            raise DataError(
                f"{path}:{number}: this line is not a run.", remedy="Repair or remove the line."
            ) from e
    return runs


def write_record(path: Path, runs: Sequence[Mapping[str, Any]]) -> None:
    """Write runs one a line, those that ended first before the others."""
    path.parent.mkdir(parents=True, exist_ok=True)
    ordered = sorted(runs, key=lambda run: run["finished"])
    write_text(path, "".join(json.dumps(run, ensure_ascii=False) + "\n" for run in ordered))


def table(runs: Sequence[Mapping[str, Any]], style: str) -> str:
    """The record to read."""
    rows = [
        [
            run["adapter"],
            run["finished"][:10],
            run["config_sha256"],
            f"{run['questions']:,}",
            " / ".join(f"{run[name]:,}" for name in ("steps", "steps_planned") if name in run),
            run["minutes"],
            *(f"{run['scores'][name]:.1f}" if name in run["scores"] else "" for name in _SCORES),
            run["note"],
        ]
        for run in runs
    ]
    header = ["adapter", "ended", "settings", "questions", "steps", "minutes", *_SCORES.values(), "tried"]
    return tabulate(rows, header, tablefmt=style, disable_numparse=True)

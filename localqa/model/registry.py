"""The adapters of a folder as a table: what each is, how large, how good."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from localqa.errors import AdapterError
from localqa.extraction.qa_config import QAConfig
from localqa.model.adapter_files import known_adapters


@dataclass(frozen=True, slots=True)
class AdapterInfo:
    """An adapter's folder in short.

    Attributes:
        name: of the folder.
        config: how it wants to be asked.
        rank: of its LoRA matrices; None for other methods.
        target_modules: layers with LoRA matrices.
        size: of its weights, in bytes.
        metrics: data name -> EM/F1 and more, from the evaluations in its folder; "validation" from training.
    """

    name: str
    config: QAConfig
    rank: int | None
    target_modules: tuple[str, ...]
    size: int
    metrics: Mapping[str, Mapping[str, Any]]


def describe(folder: Path) -> AdapterInfo:
    """Read an adapter's folder; its weights are not loaded.

    Raises:
        AdapterError: no adapter folder, or a damaged one.
    """
    peft = _json(folder / "adapter_config.json")
    return AdapterInfo(
        name=folder.name,
        config=QAConfig.load(folder),
        rank=peft.get("r"),
        target_modules=tuple(sorted(peft.get("target_modules") or ())),
        size=sum(file.stat().st_size for file in folder.glob("*.safetensors")),
        metrics=_metrics(folder),
    )


def describe_all(models_dir: Path) -> list[AdapterInfo]:
    """Every adapter of a folder that can be read, by name."""
    found = []
    for name in known_adapters(models_dir):
        try:
            found.append(describe(models_dir / name))
        except AdapterError:
            continue
    return found


def _metrics(folder: Path) -> dict[str, dict[str, Any]]:
    metrics: dict[str, dict[str, Any]] = {}
    validation = _json(folder / "report.json").get("result", {}).get("validation")
    if validation:
        metrics["validation"] = validation
    for file in sorted(folder.glob("evaluation/*.json")):
        scores = _json(file).get("scores")
        if scores:
            metrics[file.stem] = scores
    return metrics


def _json(path: Path) -> dict[str, Any]:
    """A JSON object of a file; empty where there is none."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as e:
        raise AdapterError(f"{path} is not JSON: {e}.", remedy="Restore the file or train again.") from e
    return values if isinstance(values, dict) else {}

"""The adapters of a folder as a table: what each does, what it is, how large, how good."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from localqa.errors import AdapterError
from localqa.extraction.qa_config import FILE_NAME as QA_FILE
from localqa.extraction.qa_config import QAConfig
from localqa.model.adapter_files import adapter_folder, known_adapters, locate_adapter
from localqa.model.summary_config import FILE_NAME as SUMMARY_FILE
from localqa.model.summary_config import SummaryConfig


@dataclass(frozen=True, slots=True)
class AdapterInfo:
    """An adapter's folder in short.

    Attributes:
        name: of the folder.
        config: how it wants to be asked, or given its texts.
        rank: of its LoRA matrices; None for other methods.
        target_modules: layers with LoRA matrices.
        size: of its weights, in bytes.
        metrics: data name -> EM/F1 and more, from the evaluations in its folder; "validation" from training.
            Of one that summarises: ROUGE and BLEU.
    """

    name: str
    config: QAConfig | SummaryConfig
    rank: int | None
    target_modules: tuple[str, ...]
    size: int
    metrics: Mapping[str, Mapping[str, Any]]

    @property
    def method(self) -> str:
        """How it was trained."""
        return self.config.method if isinstance(self.config, QAConfig) else "lora"

    @property
    def does(self) -> str:
        """What it is for, in a few words."""
        if isinstance(self.config, SummaryConfig):
            return "summarises"
        return "answers" if self.config.null_threshold is None else "answers or abstains"


def find(models_dir: Path, name: str) -> Path:
    """The folder of an adapter for any task, by name or by a path; see `locate_adapter`.

    Raises:
        AdapterNotFoundError: there is none.
    """
    return locate_adapter(models_dir, name, _marker(Path(name) if "/" in name else models_dir / name))


def find_named(models_dir: Path, name: str) -> Path:
    """The folder of an adapter for any task, by name alone; see `adapter_folder`.

    Raises:
        AdapterNotFoundError: there is none.
    """
    return adapter_folder(models_dir, name, _marker(models_dir / name))


def _marker(folder: Path) -> str:
    """The file that makes a folder an adapter: one of its settings."""
    return SUMMARY_FILE if (folder / SUMMARY_FILE).is_file() else QA_FILE


def describe(folder: Path) -> AdapterInfo:
    """Read an adapter's folder; its weights are not loaded.

    Raises:
        AdapterError: no adapter folder, or a damaged one.
    """
    peft = _json(folder / "adapter_config.json")
    return AdapterInfo(
        name=folder.name,
        config=(SummaryConfig if _marker(folder) == SUMMARY_FILE else QAConfig).load(folder),
        rank=peft.get("r"),
        target_modules=tuple(sorted(peft.get("target_modules") or ())),
        size=sum(file.stat().st_size for file in folder.glob("*.safetensors")),
        metrics=_metrics(folder),
    )


def describe_all(models_dir: Path) -> list[AdapterInfo]:
    """Every adapter of a folder that can be read, by name."""
    found = []
    for name in sorted({*known_adapters(models_dir), *known_adapters(models_dir, marker=SUMMARY_FILE)}):
        try:
            found.append(describe(models_dir / name))
        except AdapterError:
            continue
    return found


def _metrics(folder: Path) -> dict[str, dict[str, Any]]:
    metrics: dict[str, dict[str, Any]] = {}
    result = _json(folder / "report.json").get("result", {})
    validation = result.get("validation") or result.get("after")
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

"""The adapters of a folder as a table: what each does, what it is, how large, how good."""

import contextlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from localqa.config import ADAPTER_NAME
from localqa.errors import AdapterError
from localqa.extraction.qa_config import FILE_NAME as QA_FILE
from localqa.extraction.qa_config import QAConfig
from localqa.extraction.settings_file import read_object
from localqa.model.adapter_files import (
    LORA_SETTINGS,
    adapter_folder,
    as_folders,
    is_file,
    locate_adapter,
    marker_of,
    named_folders,
    problem_of,
)
from localqa.model.snapshot import SETTINGS, stamp_of
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


def find(models: Path | Sequence[Path], name: str) -> Path:
    """The folder of an adapter for any task, by name or by a path; see `locate_adapter`.

    Raises:
        AdapterNotFoundError: there is none.
    """
    return locate_adapter(models, name, marker_of(Path(name))) if "/" in name else find_named(models, name)


def find_named(models: Path | Sequence[Path], name: str) -> Path:
    """The folder of an adapter for any task, by name alone; see `adapter_folder`.

    Raises:
        AdapterNotFoundError: there is none.
    """
    for folder in as_folders(models):
        if re.fullmatch(ADAPTER_NAME, name) and is_file(folder / name / SUMMARY_FILE):
            return adapter_folder(folder, name, SUMMARY_FILE)
        if re.fullmatch(ADAPTER_NAME, name) and is_file(folder / name / QA_FILE):
            break
    return adapter_folder(models, name)


def describe(folder: Path) -> AdapterInfo:
    """Read an adapter's folder; its weights are not loaded.

    Raises:
        AdapterError: no adapter folder, or a damaged one.
    """
    config = (SummaryConfig if marker_of(folder) == SUMMARY_FILE else QAConfig).load(folder)
    try:
        peft = read_object(folder / LORA_SETTINGS)
    except FileNotFoundError:
        peft = {}
    targets = peft.get("target_modules")
    return AdapterInfo(
        name=folder.name,
        config=config,
        rank=peft.get("r"),
        target_modules=tuple(sorted(map(str, targets))) if isinstance(targets, list) else (),
        size=sum(found[1] for found in stamp_of(folder)[len(SETTINGS) :] if found),
        metrics=_metrics(folder),
    )


def describe_all(models: Path | Sequence[Path]) -> list[AdapterInfo]:
    """Every adapter of the folders that can be read, by name; for the others see `broken_adapters`."""
    found = []
    for folder in sorted(named_folders(models), key=lambda folder: folder.name):
        if is_file(folder / marker_of(folder)) and problem_of(folder, marker_of(folder)) is None:
            with contextlib.suppress(AdapterError, OSError):
                found.append(describe(folder))
    return found


def _metrics(folder: Path) -> dict[str, dict[str, Any]]:
    """What was measured; reports that cannot be read tell nothing."""
    metrics: dict[str, dict[str, Any]] = {}
    result = _object(_report(folder / "report.json").get("result"))
    if validation := _object(result.get("validation") or result.get("after")):
        metrics["validation"] = validation
    for file in sorted(folder.glob("evaluation/*.json")):
        if scores := _object(_report(file).get("scores")):
            metrics[file.stem] = scores
    return metrics


def _report(path: Path) -> dict[str, Any]:
    try:
        return read_object(path)
    except (OSError, AdapterError):
        return {}


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}

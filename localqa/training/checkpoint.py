"""Checkpoints that survive a kill at any moment: written beside, then renamed.

A checkpoint folder `step-00000200/` holds `trainable.safetensors` (the trained tensors, fp32),
`optimizer.safetensors` (both AdamW moments of each and the random state) and `state.json`. What is not known
by its contents to be a run's is neither written over nor removed.
"""

import json
import re
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import nn
from torch.optim import AdamW

from localqa.errors import ConfigError
from localqa.writing import on_disk

_KEPT = 2
_PARTIAL = ".partial"
_BEST = "best.safetensors"
_NAMES = re.compile(rf"(step-\d{{8,}}|{re.escape(_BEST)})({re.escape(_PARTIAL)})?")
_STEP = re.compile(r"step-\d{8,}")
_MADE_BY = {"made_by": "localqa"}
_OF_STEP = "step"
_RANDOM_STATE = "random_state"


@dataclass(slots=True)
class Progress:
    """Where a run stands, apart from tensors.

    Attributes:
        step: optimiser steps done.
        seconds: time in training steps so far, over all resumed parts.
        stopped: whether early stopping has ended the run.
        losses: the loss curve: {"step", "loss", "learning_rate"}.
        evaluations: the validation curve: {"step"} and the figures of `loop.FIGURES` that were measured.
        pending: losses of the steps since the curve's last point.
        best: highest goal of an evaluation so far, with its step.
    """

    step: int = 0
    seconds: float = 0.0
    stopped: bool = False
    losses: list[dict[str, float]] = field(default_factory=list)
    evaluations: list[dict[str, float]] = field(default_factory=list)
    pending: list[float] = field(default_factory=list)
    best: float | None = None
    best_step: int = 0


class Checkpoints:
    """The checkpoint folder of one run.

    Args:
        folder: where the checkpoints lie.
        course: what decides the numbers of the run.
        defaults: what counts for a setting that a checkpoint is older than.
        overwrite: leave a checkpoint of another course behind.
    """

    def __init__(
        self,
        folder: Path,
        course: dict[str, Any],
        *,
        defaults: Mapping[str, Any] | None = None,
        overwrite: bool = False,
    ) -> None:
        self.folder = folder
        self.course = course
        self.defaults = defaults or {}
        self.overwrite = overwrite

    def check(self) -> None:
        """Refuse a folder in which other files have the names that checkpoints get.

        Raises:
            ConfigError: naming the first one.
        """
        for entry in self._named():
            if not self._is_own(entry):
                raise ConfigError(
                    f"{entry} was not made by a training here.",
                    remedy="Move it away, or choose another --output_dir.",
                )

    def save(self, model: nn.Module, optimizer: AdamW, progress: Progress) -> Path:
        """Write a checkpoint of this moment; the two newest are kept.

        The folder appears under its name only once every byte is on the disk.
        """
        target = self.folder / f"step-{progress.step:08d}"
        partial = target.with_name(target.name + _PARTIAL)
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        try:
            state = {"course": self.course, "progress": asdict(progress)}
            # First of all: by it a half-written folder is known, too.
            (partial / "state.json").write_text(json.dumps(state), encoding="utf-8")
            save_file(trained_tensors(model), partial / "trainable.safetensors")
            save_file(_optimizer_tensors(model, optimizer), partial / "optimizer.safetensors")
            for file in partial.iterdir():
                on_disk(file)
        except BaseException:
            # A half-written checkpoint of a full disk must not take the room of the whole ones.
            shutil.rmtree(partial, ignore_errors=True)
            raise
        shutil.rmtree(target, ignore_errors=True)
        partial.rename(target)
        for old in self._all()[:-_KEPT]:
            if self._is_own(old):
                shutil.rmtree(old, ignore_errors=True)
        return target

    def save_best(self, model: nn.Module, step: int) -> None:
        """Keep the trained tensors of the best evaluation so far, which is of that step."""
        self.folder.mkdir(parents=True, exist_ok=True)
        partial = self.folder / f"{_BEST}{_PARTIAL}"
        save_file(trained_tensors(model), partial, metadata=_MADE_BY | {_OF_STEP: str(step)})
        on_disk(partial)
        partial.replace(self.folder / _BEST)

    def has_best_of(self, step: int) -> bool:
        """Whether the best tensors that are kept are of that step: a killed run may have kept later ones."""
        return _metadata(self.folder / _BEST).get(_OF_STEP) == str(step)

    def load_best(self, model: nn.Module) -> None:
        """Put the best evaluation's tensors back into the model."""
        _set_tensors(model, load_file(self.folder / _BEST))

    def resume(self, model: nn.Module, optimizer: AdamW) -> Progress:
        """Continue from the newest whole checkpoint; a fresh `Progress` when there is none.

        Raises:
            ConfigError: the checkpoint was made with other settings, and is not to be overwritten.
        """
        for folder in reversed(self._all()):
            try:
                state = json.loads((folder / "state.json").read_text(encoding="utf-8"))
                tensors = load_file(folder / "trainable.safetensors")
                moments = load_file(folder / "optimizer.safetensors")
            except (OSError, ValueError, SafetensorError):
                continue
            if changed := self._changed(state["course"]):
                if self.overwrite:
                    self.clear()
                    break
                raise ConfigError(
                    f"The checkpoint {folder} was made with other settings: {', '.join(changed)}.",
                    remedy="Continue with the same settings, or --overwrite to start anew.",
                )
            _set_tensors(model, tensors)
            _set_optimizer(model, optimizer, moments, state["progress"]["step"])
            return Progress(**state["progress"])
        return Progress()

    def exist(self) -> bool:
        """Whether there is anything to continue from."""
        return bool(self._all())

    def clear(self) -> None:
        """Delete all checkpoints, and the folder when it holds nothing else."""
        # The best weights of a run before theirs were marked are known by the checkpoints beside them.
        for entry in [entry for entry in self._named() if self._is_own(entry)]:
            if entry.is_dir():
                shutil.rmtree(entry, ignore_errors=True)
            else:
                entry.unlink(missing_ok=True)
        with suppress(OSError):
            self.folder.rmdir()

    def _all(self) -> list[Path]:
        """The checkpoints, the oldest first; what only begins as their names do is somebody else's."""
        steps = [entry for entry in self._named() if _STEP.fullmatch(entry.name)]
        return sorted(steps, key=lambda entry: int(entry.name.removeprefix("step-")))

    def _named(self) -> list[Path]:
        """What has the name of a checkpoint, whoever made it."""
        if not self.folder.is_dir():
            return []
        return [entry for entry in sorted(self.folder.iterdir()) if _NAMES.fullmatch(entry.name)]

    def _is_own(self, entry: Path) -> bool:
        if entry.is_symlink():
            return False
        if entry.is_dir():
            return bool(_state(entry)) or not any(entry.iterdir())
        # A kill can leave the partial one without its head.
        marked = entry.name.endswith(_PARTIAL) or _is_marked(entry)
        return marked or any(_state(folder) for folder in self._all())

    def _changed(self, course: dict[str, Any]) -> list[str]:
        """What is different in the course of a checkpoint."""
        course = {name: self.defaults[name] for name in self.course if name in self.defaults} | course
        return [
            f"{name} ({course.get(name)!r} there, {self.course.get(name)!r} now)"
            for name in sorted(course.keys() | self.course.keys())
            if course.get(name) != self.course.get(name)
        ]


def nothing_to_finish(folder: Path) -> ConfigError:
    """The error of a run without a whole checkpoint that is to be finished."""
    return ConfigError(
        f"There is no checkpoint below {folder} to finish.",
        remedy="Train first: the same command without --finish.",
    )


def _state(folder: Path) -> dict[str, Any]:
    """What a checkpoint notes beside its tensors; empty where there is none."""
    try:
        state = json.loads((folder / "state.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return state if isinstance(state, dict) and {"course", "progress"} <= state.keys() else {}


def _is_marked(file: Path) -> bool:
    return _MADE_BY.items() <= _metadata(file).items()


def _metadata(file: Path) -> dict[str, str]:
    """What a file of tensors says of itself; nothing where it cannot be read."""
    try:
        with safe_open(file, framework="pt") as tensors:
            return tensors.metadata() or {}
    except (OSError, SafetensorError):
        return {}


def trained_tensors(model: nn.Module) -> dict[str, torch.Tensor]:
    """Copies of all parameters that are trained, by name."""
    return {name: p.detach().clone().contiguous() for name, p in model.named_parameters() if p.requires_grad}


def _set_tensors(model: nn.Module, tensors: dict[str, torch.Tensor]) -> None:
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                parameter.copy_(tensors[name])


def _optimizer_tensors(model: nn.Module, optimizer: AdamW) -> dict[str, torch.Tensor]:
    tensors = {_RANDOM_STATE: torch.get_rng_state()}
    for name, parameter in model.named_parameters():
        for moment in ("exp_avg", "exp_avg_sq"):
            if parameter in optimizer.state:
                tensors[f"{name}/{moment}"] = optimizer.state[parameter][moment].contiguous()
    return tensors


def _set_optimizer(model: nn.Module, optimizer: AdamW, tensors: dict[str, torch.Tensor], step: int) -> None:
    torch.set_rng_state(tensors[_RANDOM_STATE])
    for name, parameter in model.named_parameters():
        if f"{name}/exp_avg" in tensors:
            optimizer.state[parameter] = {
                "step": torch.tensor(float(step)),
                "exp_avg": tensors[f"{name}/exp_avg"].to(parameter.device),
                "exp_avg_sq": tensors[f"{name}/exp_avg_sq"].to(parameter.device),
            }

"""A whole run, whatever is learned, read top to bottom: setup -> fit -> validate -> write."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from localqa.model.adapters import count_parameters
from localqa.model.bases import Base
from localqa.model.versions import keep, saving
from localqa.training.checkpoint import Checkpoints, Progress
from localqa.training.config import RunConfig
from localqa.training.estimate import print_estimate
from localqa.training.guards import begin, resources
from localqa.training.loop import Augment, Evaluation, Features, fit, make_plan
from localqa.training.report import common, write_report
from localqa.training.trainee import Trainee

Config = TypeVar("Config", bound=RunConfig)


@dataclass(frozen=True, slots=True)
class Judged:
    """What a finished adapter is worth.

    Attributes:
        figures: for its report.
        told: lines for people.
    """

    figures: Mapping[str, Any]
    told: tuple[str, ...]


class Task(Protocol):
    """What a run learns: all that differs between answering and summarising."""

    @property
    def trainee(self) -> Trainee:
        """The model that learns."""

    @property
    def features(self) -> Features:
        """What it learns."""

    def digests(self) -> Mapping[str, str]:
        """Checksums of the data, and of models beside the base, that decide the numbers of the run."""

    def judge_origin(self) -> None:
        """Judge the adapter that the run begins from, before anything of it can be written over."""

    def evaluation(self) -> Callable[[], Evaluation] | None:
        """What measures the model on the way; None: there is nothing to measure it on."""

    def augmentation(self) -> Augment:
        """What varies the features of a step."""

    def save(self, folder: Path) -> None:
        """Write the adapter."""

    def judge(self, folder: Path) -> Judged:
        """Judge the adapter that was written, as a user will load it."""

    def data(self) -> Mapping[str, Any]:
        """What the report says of the data."""


def run(config: Config, prepare: Callable[[Config, Base, int], Task]) -> Path | None:
    """Train an adapter and write its folder; returns it (None after a dry run).

    Args:
        config: of the run.
        prepare: (config, base, processor threads) -> what is learned; prints what will be done.

    Raises:
        LocalQAError: bad settings or data, a base that is not there, no memory or disk left.
        InterruptedTraining: after SIGINT or SIGTERM, with a checkpoint written.
    """
    folder, threads, base = begin(config)
    task = prepare(config, base, threads)
    trainee = task.trainee
    # Whatever else changes the numbers of a run belongs to its course, too.
    digests = task.digests()
    course = config.course() | {"bf16": trainee.bf16, "base_sha256": base.sha256, **digests}
    checkpoints = Checkpoints(
        folder / "checkpoints",
        course,
        defaults=config.defaults(),
        # What is to be finished is not to be begun anew, whatever the file says of the run.
        overwrite=config.overwrite and not config.finish,
    )
    checkpoints.check()
    with resources(config, checkpoints):
        if config.dry_run:
            print_estimate(config, trainee, task.features)
            return None
        task.judge_origin()
        folder.mkdir(parents=True, exist_ok=True)
        keep(folder)
        (folder / "report.json").unlink(missing_ok=True)
        progress = fit(config, trainee, task.features, checkpoints, task.evaluation(), task.augmentation())
        # Made whole beside what is served, threshold and report included, before it takes its place.
        with saving(folder) as made:
            task.save(made)
            judged = task.judge(made)
            report = _report(config, base, made, task, digests, progress, judged)
            write_report(made, report, folder.name)
    checkpoints.clear()
    for line in judged.told:
        print(line)
    planned = report["result"].get("steps_planned")
    steps = f"{progress.step} of {planned}" if planned else str(progress.step)
    print(
        f"{folder}: done after {steps} steps in {progress.seconds / 60:.1f} minutes; see {folder}/report.md"
    )
    return folder


def print_settings(
    config: RunConfig, trainee: Trainee, features: Features, threads: int, *, method: str, data: str
) -> None:
    """What will be done, before it takes its time.

    Args:
        config: of the run.
        trainee: the model that learns.
        features: what it learns.
        threads: of the processor.
        method: and what base it is used on, in words.
        data: how much there is, in words.
    """
    counts = count_parameters(trainee.model)
    plan = make_plan(config, features)
    share = 100 * counts["trainable"] / counts["total"]
    print(
        f"method: {method}, {'bf16' if trainee.bf16 else 'fp32'}, {threads} threads\n"
        f"parameters: {counts['trainable']:,} trained of {counts['total']:,} ({share:.2f} %)\n"
        f"data: {data}\n"
        f"steps: {plan.total_steps:,} of {config.batch_size * config.gradient_accumulation} {trainee.unit}, "
        f"learning rate {config.learning_rate:g} ({config.schedule})"
    )


def _report(
    config: RunConfig,
    base: Base,
    folder: Path,
    task: Task,
    digests: Mapping[str, str],
    progress: Progress,
    judged: Judged,
) -> dict[str, Any]:
    plan = make_plan(config, task.features)
    seen, planned = plan.order.count(progress.step), plan.total_steps
    return {
        "result": {
            **judged.figures,
            "final_loss": round(progress.losses[-1]["loss"], 6),
            "steps": progress.step,
            **({"steps_planned": planned} if progress.step < planned else {}),
            "best_step": progress.best_step or progress.step,
            "parameters": count_parameters(task.trainee.model),
            "adapter_bytes": sum(file.stat().st_size for file in folder.glob("*.safetensors")),
        },
        "data": {**task.data(), **digests},
        **common(config, base, progress, seen=seen, unit=task.trainee.unit),
    }

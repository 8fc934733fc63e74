"""The training loop: batches, loss, optimiser, evaluations, checkpoints, signals."""

import math
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch.optim import AdamW
from tqdm import tqdm

from localqa.errors import ConfigError
from localqa.extraction.batches import length_sorted_batches
from localqa.training.checkpoint import Checkpoints, Progress, nothing_to_finish
from localqa.training.config import RunConfig
from localqa.training.features import BatchOrder
from localqa.training.processor import tokens_at_a_time
from localqa.training.trainee import Trainee

Features: TypeAlias = Sequence[Any]
"""What is learned, one at a time of any kind that has a length in tokens."""
Augment: TypeAlias = Callable[[Features, int], Features]
"""What a step learns instead of these features: (features, step) -> features."""


def unchanged(features: Features, step: int) -> Features:  # noqa: ARG001 - an `Augment`
    """The features as they are."""
    return features


class InterruptedTraining(Exception):  # noqa: N818 - not an error: the user asked for it
    """A signal ended the run after a checkpoint was written."""


FIGURES: Mapping[str, str] = {"exact": "EM", "f1": "F1", "loss": "validation loss"}
"""What an evaluation on the way can measure -> its name for people."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What one on the way found.

    Attributes:
        figures: of `FIGURES`.
        goal: what the best weights have the highest of.
    """

    figures: Mapping[str, float]
    goal: float


@dataclass(frozen=True, slots=True)
class Plan:
    """How many steps, in which order.

    Attributes:
        order: of the batches.
        total_steps: optimiser steps of the whole run.
        warmup_steps: the first of them, with a rising learning rate.
    """

    order: BatchOrder
    total_steps: int
    warmup_steps: int


def make_plan(config: RunConfig, features: Features) -> Plan:
    """Count the steps of a run."""
    order = BatchOrder(
        [len(feature) for feature in features],
        config.batch_size,
        config.gradient_accumulation,
        config.seed,
    )
    total = config.max_steps or max(1, math.ceil(order.steps_per_epoch * config.num_epochs))
    return Plan(order, total, math.ceil(total * config.warmup_ratio))


def learning_rate(config: RunConfig, plan: Plan, step: int) -> float:
    """The rate of a step, counted from 0: a linear rise, then the chosen course down to 0."""
    if step < plan.warmup_steps:
        return config.learning_rate * (step + 1) / plan.warmup_steps
    rest = (step - plan.warmup_steps) / max(1, plan.total_steps - plan.warmup_steps)
    factor = {"linear": 1 - rest, "cosine": (1 + math.cos(math.pi * rest)) / 2, "constant": 1.0}
    return config.learning_rate * factor[config.schedule]


def make_optimizer(config: RunConfig, trainee: Trainee) -> AdamW:
    """AdamW over what is trained."""
    trained = [parameter for parameter in trainee.model.parameters() if parameter.requires_grad]
    return AdamW(trained, lr=config.learning_rate, weight_decay=config.weight_decay, eps=1e-8)


def train_step(
    config: RunConfig, trainee: Trainee, optimizer: AdamW, batches: Sequence[Features], rate: float
) -> float:
    """One optimiser step over the accumulated batches; returns the mean loss of a feature."""
    count = sum(trainee.weight(feature) for batch in batches for feature in batch)
    total = 0.0
    tokens = tokens_at_a_time(config, trainee.device)
    for part in (part for batch in batches for part in _parts(batch, tokens)):
        loss = trainee.loss(config, part) * (sum(map(trainee.weight, part)) / count)
        loss.backward()
        total += loss.item()
    if not math.isfinite(total):
        raise ConfigError(
            "The loss is no longer a number: the training has diverged.",
            remedy=f"Start anew (--overwrite) with a lower --learning_rate than {config.learning_rate:g}.",
        )
    for group in optimizer.param_groups:
        group["lr"] = rate
        torch.nn.utils.clip_grad_norm_(group["params"], config.max_grad_norm)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return total


def _parts(batch: Features, tokens: int) -> Iterator[Features]:
    """A batch in parts of so many tokens at most, padding included, or of one feature."""
    for indices in length_sorted_batches([len(feature) for feature in batch], tokens):
        yield [batch[i] for i in indices]


def fit(
    config: RunConfig,
    trainee: Trainee,
    features: Features,
    checkpoints: Checkpoints,
    evaluate: Callable[[], Evaluation] | None,
    augment: Augment = unchanged,
) -> Progress:
    """Train to the end of the plan, from the newest checkpoint if there is one.

    The best evaluated weights are in the model afterwards when there were evaluations on the way,
    the last ones otherwise.

    Raises:
        InterruptedTraining: after SIGINT or SIGTERM, with a checkpoint written.
        ConfigError: the checkpoint belongs to other settings, or there is none to finish.
    """
    plan = make_plan(config, features)
    optimizer = make_optimizer(config, trainee)
    progress = checkpoints.resume(trainee.model, optimizer)
    if config.finish:
        if not progress.step:
            raise nothing_to_finish(checkpoints.folder.parent)
        progress.stopped = True
    trainee.model.train()
    session = _Session(config, plan, trainee, features, optimizer, checkpoints, progress, evaluate, augment)
    with _signals() as caught, _bar(plan, progress) as bar:
        end = progress.step if progress.stopped else plan.total_steps
        for step_batches in plan.order.steps(progress.step, end):
            session.step(step_batches, bar)
            progress.stopped = session.evaluate_if_due(bar)
            if caught or progress.stopped or progress.step == end or progress.step % config.save_steps == 0:
                checkpoints.save(trainee.model, optimizer, progress)
            if caught:
                raise InterruptedTraining(signal.Signals(caught[0]).name)
            if progress.stopped:
                break
        if config.finish:
            session.evaluate_newest(bar)
    session.finish_curve()
    if progress.evaluations:
        checkpoints.load_best(trainee.model)
    return progress


@dataclass(slots=True)
class _Session:
    """What `fit` hands from step to step."""

    config: RunConfig
    plan: Plan
    trainee: Trainee
    features: Features
    optimizer: AdamW
    checkpoints: Checkpoints
    progress: Progress
    evaluate: Callable[[], Evaluation] | None
    augment: Augment

    def step(self, index_batches: Sequence[Sequence[int]], bar: "tqdm[Any]") -> None:
        began = time.perf_counter()
        rate = learning_rate(self.config, self.plan, self.progress.step)
        chosen = [[self.features[i] for i in indices] for indices in index_batches]
        batches = [self.augment(batch, self.progress.step) for batch in chosen]
        loss = train_step(self.config, self.trainee, self.optimizer, batches, rate)
        progress = self.progress
        progress.step += 1
        progress.seconds += time.perf_counter() - began
        progress.pending.append(loss)
        if len(progress.pending) == self.config.log_steps:
            self.finish_curve()
        bar.update()
        samples = sum(len(batch) for batch in batches) / (time.perf_counter() - began)
        unit = self.trainee.unit
        bar.set_postfix({"loss": f"{loss:.3f}", f"{unit}/s": f"{samples:.0f}"} | self._best(), refresh=False)

    def finish_curve(self) -> None:
        progress = self.progress
        if progress.pending:
            rate = learning_rate(self.config, self.plan, progress.step - 1)
            mean = sum(progress.pending) / len(progress.pending)
            progress.losses.append({"step": progress.step, "loss": mean, "learning_rate": rate})
            progress.pending.clear()

    def evaluate_if_due(self, bar: "tqdm[Any]") -> bool:
        """Evaluate when it is time; says whether training should end early."""
        config, progress = self.config, self.progress
        if self.evaluate is None or config.eval_steps is None:
            return False
        if progress.step % config.eval_steps and progress.step != self.plan.total_steps:
            return False
        self._judge(self.evaluate, bar)
        since_best = sum(1 for point in progress.evaluations if point["step"] > progress.best_step)
        return 0 < config.early_stopping_patience <= since_best

    def evaluate_newest(self, bar: "tqdm[Any]") -> None:
        """Evaluate the weights that a run is finished with, where it evaluates at all."""
        progress = self.progress
        if self.evaluate is None or self.config.eval_steps is None:
            return
        known = progress.best is not None and self.checkpoints.has_best_of(progress.best_step)
        if known and progress.evaluations[-1]["step"] == progress.step:
            return
        if not known:
            progress.best = None
        progress.evaluations[:] = [one for one in progress.evaluations if one["step"] < progress.step]
        self._judge(self.evaluate, bar)

    def _judge(self, evaluate: Callable[[], Evaluation], bar: "tqdm[Any]") -> None:
        progress = self.progress
        found = evaluate()
        progress.evaluations.append({"step": progress.step, **found.figures})
        if progress.best is None or found.goal > progress.best:
            progress.best, progress.best_step = found.goal, progress.step
            self.checkpoints.save_best(self.trainee.model, progress.step)
        told = " ".join(f"{FIGURES[name]} {value:.2f}" for name, value in found.figures.items())
        bar.write(f"step {progress.step}: {told} (best at step {progress.best_step})")

    def _best(self) -> dict[str, str]:
        return {"best": f"{abs(self.progress.best):.2f}"} if self.progress.best is not None else {}


def _bar(plan: Plan, progress: Progress) -> "tqdm[Any]":
    return tqdm(
        total=plan.total_steps,
        initial=progress.step,
        desc="train",
        unit="step",
        smoothing=0.05,
        # In a log file a line every half minute is enough.
        mininterval=0.1 if sys.stderr.isatty() else 30,
    )


@contextmanager
def _signals() -> Iterator[list[int]]:
    """Note SIGINT and SIGTERM instead of dying in the middle of a step; a second one ends at once."""
    caught: list[int] = []

    def note(number: int, frame: object) -> None:
        if caught:
            raise KeyboardInterrupt
        caught.append(number)
        tqdm.write("Finishing this step and writing a checkpoint (again to end at once) ...")

    previous = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield caught
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)

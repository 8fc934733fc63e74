"""Examples to labelled windows, and windows to batches of similar length."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from localqa.extraction.windows import Window, Windower
from localqa.squad.records import Example, GoldAnswer

_CHUNK = 1000
_MEGABATCH = 50


@dataclass(frozen=True, slots=True)
class SoftLabels:
    """A teacher's distributions over the null position and the C context tokens, shape (C + 1,) each."""

    start: NDArray[np.float32]
    end: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Feature:
    """A window with its labels.

    Attributes:
        window: what the model reads.
        start, end: positions of the first and last answer token in the window; both are 0, the null
            position, when the window does not hold the whole answer.
        others: the labels of the further accepted answers, where they differ.
        example: index of the example that this is a window of.
        soft: a teacher's view of it.
        beside: further windows of the same question, whose tokens compete with this one's.
    """

    window: Window
    start: int
    end: int
    others: tuple[tuple[int, int], ...] = ()
    example: int = 0
    soft: SoftLabels | None = None
    beside: "tuple[Feature, ...]" = ()

    def __len__(self) -> int:
        """Tokens of the window, and of those beside it."""
        return len(self.window) + sum(map(len, self.beside))


def make_features(examples: Sequence[Example], windower: Windower, *, progress: bool = True) -> list[Feature]:
    """Label every window of every example with its first gold answer, and keep the others' labels."""
    features: list[Feature] = []
    chunks = range(0, len(examples), _CHUNK)
    for at in tqdm(
        chunks, desc="tokenise", unit="k questions", disable=None if progress else True, leave=False
    ):
        chunk = examples[at : at + _CHUNK]
        groups = windower.windows([(example.question, example.context) for example in chunk])
        for index, (example, windows) in enumerate(zip(chunk, groups, strict=True), start=at):
            features.extend(_feature(window, example, index) for window in windows)
    return features


def by_question(features: Sequence[Feature], most: int) -> list[Feature]:
    """One feature for each question, with its other windows beside it.

    Args:
        features: windows, those of an example one after the other.
        most: windows of a question at most; those that hold the answer stay first.
    """
    grouped = []
    for _, windows in itertools.groupby(features, key=lambda feature: feature.example):
        first, *others = sorted(windows, key=lambda feature: not feature.start)[:most]
        grouped.append(replace(first, beside=tuple(others)))
    return grouped


def _feature(window: Window, example: Example, index: int) -> Feature:
    first, *rest = [label(window, gold) for gold in example.answers] or [(0, 0)]
    others = tuple(one for one in rest if one not in ((0, 0), first))
    return Feature(window, *first, others, example=index)


def label(window: Window, gold: GoldAnswer | None) -> tuple[int, int]:
    """Positions of the gold answer's first and last token; (0, 0) when it is not wholly in the window."""
    if gold is None or not len(window.offsets):
        return 0, 0
    # The tokens that share a character with the answer.
    inside = np.nonzero((window.offsets[:, 1] > gold.start) & (window.offsets[:, 0] < gold.end))[0]
    if not len(inside):
        return 0, 0
    first, last = int(inside[0]), int(inside[-1])
    if window.offsets[first, 0] > gold.start or window.offsets[last, 1] < gold.end:
        return 0, 0
    return window.context_at + first, window.context_at + last


def length_grouped_batches(
    lengths: Sequence[int], batch_size: int, generator: torch.Generator
) -> list[list[int]]:
    """A shuffled epoch in batches of similar length, so that little is padded.

    Shuffles all indices, sorts stretches of 50 batches by length, and shuffles the batches again.
    The same generator state gives the same order.
    """
    order = torch.randperm(len(lengths), generator=generator).tolist()
    stretch = _MEGABATCH * batch_size
    batches: list[list[int]] = []
    for at in range(0, len(order), stretch):
        grouped = sorted(order[at : at + stretch], key=lambda index: lengths[index])
        batches += [grouped[i : i + batch_size] for i in range(0, len(grouped), batch_size)]
    return [batches[i] for i in torch.randperm(len(batches), generator=generator).tolist()]


@dataclass(frozen=True, slots=True)
class BatchOrder:
    """The order of all batches of a run, a function of the seed alone, so that a run can be continued."""

    lengths: Sequence[int]
    batch_size: int
    accumulation: int
    seed: int

    @property
    def steps_per_epoch(self) -> int:
        """Optimiser steps in one pass over the data."""
        batches = -(-len(self.lengths) // self.batch_size)
        return -(-batches // self.accumulation)

    def count(self, steps: int) -> int:
        """How many features so many steps learn; the last batch of a pass may be small."""
        passes, _ = divmod(steps, self.steps_per_epoch)
        rest = self.steps(passes * self.steps_per_epoch, steps)
        return passes * len(self.lengths) + sum(len(batch) for batches in rest for batch in batches)

    def steps(self, first: int, end: int) -> Iterator[list[list[int]]]:
        """The batches of each step from `first` to before `end` (both counted from 0)."""
        epoch_batches = partial(length_grouped_batches, self.lengths, self.batch_size)
        step = first
        while step < end:
            epoch, offset = divmod(step, self.steps_per_epoch)
            batches = epoch_batches(torch.Generator().manual_seed(self.seed * 1_000_003 + epoch))
            for at in range(offset, self.steps_per_epoch):
                if step == end:
                    return
                yield batches[at * self.accumulation : (at + 1) * self.accumulation]
                step += 1


@dataclass(frozen=True, slots=True)
class Augmentation:
    """Cheap variety against overfitting: another accepted answer, and masked context tokens.

    What a step sees depends on the seed and the step alone, so that a run can be continued.
    """

    masking: float
    mask_id: int
    sample_answers: bool
    seed: int

    def __call__(self, features: Sequence[Feature], step: int) -> list[Feature]:
        """The features as this step learns them."""
        random = np.random.default_rng((self.seed, step))
        return [self._varied(feature, random) for feature in features]

    def _varied(self, feature: Feature, random: np.random.Generator) -> Feature:
        varied = self._masked(self._relabelled(feature, random), random)
        return replace(varied, beside=tuple(self._varied(one, random) for one in feature.beside))

    def _relabelled(self, feature: Feature, random: np.random.Generator) -> Feature:
        if not self.sample_answers or not feature.others:
            return feature
        start, end = ((feature.start, feature.end), *feature.others)[random.integers(len(feature.others) + 1)]
        return replace(feature, start=start, end=end)

    def _masked(self, feature: Feature, random: np.random.Generator) -> Feature:
        if not self.masking:
            return feature
        window = feature.window
        chosen = np.zeros(len(window), dtype=np.bool_)
        context = slice(window.context_at, window.context_at + len(window.offsets))
        chosen[context] = random.random(len(window.offsets)) < self.masking
        # The answer itself stays legible.
        chosen[feature.start : feature.end + 1] = False
        ids = np.where(chosen, np.int32(self.mask_id), window.input_ids)
        return replace(feature, window=replace(window, input_ids=ids))


def legal_positions(windows: Sequence[Window], tokens: int) -> NDArray[np.bool_]:
    """Where an answer may start or end: the context and the null position, shape (batch, tokens)."""
    legal = np.zeros((len(windows), tokens), dtype=np.bool_)
    legal[:, 0] = True
    for row, window in zip(legal, windows, strict=True):
        row[window.context_at : window.context_at + len(window.offsets)] = True
    return legal


def soft_targets(features: Sequence[Feature], tokens: int) -> NDArray[np.float32]:
    """The teacher's distributions by position, shape (2, batch, tokens); zeros where there are none."""
    targets = np.zeros((2, len(features), tokens), dtype=np.float32)
    for row, feature in enumerate(features):
        if feature.soft is None:
            continue
        window = feature.window
        inside = slice(window.context_at, window.context_at + len(window.offsets))
        for side, soft in enumerate((feature.soft.start, feature.soft.end)):
            targets[side, row, 0] = soft[0]
            targets[side, row, inside] = soft[1:]
    return targets

"""A model that learns: what every step, evaluation and checkpoint is given."""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from localqa.training.config import RunConfig


@dataclass(frozen=True, slots=True)
class Trainee:
    """A model ready for training steps.

    Attributes:
        model: on its device, with only the trained parameters requiring gradients.
        autocast: whether forward passes run under bf16 autocast (otherwise dtypes are already right).
        bf16: whether the arithmetic is bfloat16, either way.
        batch_loss: mean loss of some features, a scalar in fp32.
        unit: what a feature is.
        weight: how much a feature counts in that mean: what is learned in parts then has the same gradients.
    """

    model: nn.Module
    autocast: bool
    bf16: bool
    batch_loss: Callable[[Any, "Trainee", Sequence[Any]], torch.Tensor]
    unit: str
    weight: Callable[[Any], int] = lambda _: 1

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return next(self.model.parameters()).device

    def arithmetic(self) -> contextlib.AbstractContextManager[object]:
        """The context in which forward passes run."""
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.autocast)

    def loss(self, config: RunConfig, features: Sequence[Any]) -> torch.Tensor:
        """Mean loss of features, a scalar in fp32."""
        return self.batch_loss(config, self, features)

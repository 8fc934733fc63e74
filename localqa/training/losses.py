"""What a batch of windows costs: the loss of start and end."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from localqa.model.loading import uses_token_types
from localqa.model.runner import collate, pad_token_id
from localqa.training.config import TrainConfig
from localqa.training.features import Feature, legal_positions, soft_targets

if TYPE_CHECKING:
    from localqa.training.setup import Trainee


def span_loss(config: TrainConfig, trainee: "Trainee", features: Sequence[Feature]) -> torch.Tensor:
    """Mean loss of a window, a scalar in fp32.

    Cross-entropy of start and end over the legal positions of each window; where windows have a
    teacher's labels, these count with `distill_weight` against the gold ones.
    """
    windows = [feature.window for feature in features]
    model, device = trainee.model, trainee.device
    batch = collate(windows, pad_id=pad_token_id(model), token_types=uses_token_types(model), device=device)
    with trainee.arithmetic():
        output = model(**batch)
    legal = torch.from_numpy(legal_positions(windows, batch["input_ids"].shape[1])).to(device)
    logits = torch.stack([output.start_logits, output.end_logits]).float().masked_fill(~legal, -torch.inf)
    labels = torch.tensor([[feature.start, feature.end] for feature in features], device=device)
    hard = functional.cross_entropy(logits.flatten(0, 1), labels.T.flatten(), reduction="none")
    hard = hard.view(2, -1).mean(0)
    if not config.teacher:
        return hard.mean()
    soft = torch.from_numpy(soft_targets(features, legal.shape[1])).to(device)
    # Gradients shrink with the square of the temperature; the factor makes up for it (Hinton et al. 2015).
    temperature = config.distill_temperature
    student = (logits / temperature).log_softmax(-1).masked_fill(~legal, 0)
    soft_loss = -(soft * student).sum(-1).mean(0) * temperature**2
    has_teacher = soft.sum((0, 2)) > 0
    weight = config.distill_weight * has_teacher
    return ((1 - weight) * hard + weight * soft_loss).mean()

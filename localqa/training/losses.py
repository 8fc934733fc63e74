"""What a batch of windows costs: the loss of start and end."""

from collections.abc import Sequence

import torch

from localqa.model.loading import uses_token_types
from localqa.model.runner import collate, pad_token_id
from localqa.training.config import TrainConfig
from localqa.training.features import Feature, legal_positions, soft_targets
from localqa.training.trainee import Trainee

_IMPOSSIBLE = -1e4
"""A logit of no probability; finite, for infinite ones have no gradient."""
_LEAST_NULL = 1e-6
"""A teacher's labels are kept in fp16, in which the smallest probabilities are 0."""


def span_loss(config: TrainConfig, trainee: Trainee, features: Sequence[Feature]) -> torch.Tensor:
    """Mean loss of a question, a scalar in fp32.

    Cross-entropy of start and end over the legal positions of all windows of the question that a feature
    holds. Each window's logits count from its own null position, as in the decoder, so that all of them and
    "no answer" share one normalisation (Clark and Gardner 2018, shared-norm with a no-answer option); where
    several windows hold the answer, any of them will do. For one window this is the usual cross-entropy.

    Where windows have a teacher's labels, these count with `distill_weight` against the gold ones.
    """
    flat = [window for feature in features for window in (feature, *feature.beside)]
    windows = [feature.window for feature in flat]
    sizes = torch.tensor([1 + len(feature.beside) for feature in features])
    model, device = trainee.model, trainee.device
    question = torch.repeat_interleave(sizes).to(device)
    batch = collate(windows, pad_id=pad_token_id(model), token_types=uses_token_types(model), device=device)
    with trainee.arithmetic():
        output = model(**batch)
    legal = torch.from_numpy(legal_positions(windows, batch["input_ids"].shape[1])).to(device)
    logits = torch.stack([output.start_logits, output.end_logits]).float()
    margins = (logits - logits[..., :1]).masked_fill(~legal, _IMPOSSIBLE)
    labels = torch.tensor([[feature.start, feature.end] for feature in flat], device=device).T
    hard = _negative_log_likelihood(margins, labels, question)
    if not config.teacher:
        return hard.mean()
    # Gradients shrink with the square of the temperature; the factor makes up for it (Hinton et al. 2015).
    temperature = config.distill_temperature
    soft = torch.from_numpy(soft_targets(flat, legal.shape[1])).to(device)
    taught = soft.sum((0, 2)) > 0
    soft_loss = _cross_entropy(margins / temperature, soft, question) * temperature**2
    weight = config.distill_weight * _all_of(taught, question)
    return ((1 - weight) * hard + weight * soft_loss).mean()


def _negative_log_likelihood(
    margins: torch.Tensor, labels: torch.Tensor, question: torch.Tensor
) -> torch.Tensor:
    """Of the labelled positions of each question.

    Args:
        margins: over the null position, shape (2, W, tokens).
        labels: start and end of each window, shape (2, W); 0 where it does not hold the answer.
        question: of each window, counted from 0 to Q - 1, shape (W,).

    Returns the mean of start and end, shape (Q,).
    """
    gold = margins.gather(2, labels[..., None])[..., 0].masked_fill(labels == 0, _IMPOSSIBLE)
    any_gold = _log_sum_exp(gold, question)
    answered = torch.zeros_like(any_gold).index_add(1, question, (labels > 0).float()) > 0
    likelihood = torch.where(answered, any_gold, 0.0) - _log_normaliser(margins, question)
    return -likelihood.mean(0)


def _cross_entropy(margins: torch.Tensor, soft: torch.Tensor, question: torch.Tensor) -> torch.Tensor:
    """Of the student's distribution over all windows of a question against the teacher's.

    The teacher looked at each window alone. What it gives a token against "no answer" there is what it would
    give it against "no answer" beside other windows: with these odds the windows make up one distribution.

    Args:
        margins: the student's, over the null position, at the temperature, shape (2, W, tokens).
        soft: the teacher's probabilities in each window, the same shape.
        question: of each window, shape (W,).

    Returns the mean of start and end, shape (Q,).
    """
    odds = soft / soft[..., :1].clamp_min(_LEAST_NULL)
    odds[..., 0] = 0
    of_windows = odds.sum(-1)
    total = 1 + torch.zeros_like(_per_question(of_windows, question)).index_add(1, question, of_windows)
    expected = (odds * margins.masked_fill(odds == 0, 0)).sum(-1)
    agreement = torch.zeros_like(total).index_add(1, question, expected) / total
    return (_log_normaliser(margins, question) - agreement).mean(0)


def _log_normaliser(margins: torch.Tensor, question: torch.Tensor) -> torch.Tensor:
    """Log of what all answers of a question and "no answer", at margin 0, have together, shape (2, Q)."""
    answers = _log_sum_exp(margins[..., 1:].logsumexp(-1), question)
    return torch.logaddexp(answers, torch.zeros_like(answers))


def _log_sum_exp(values: torch.Tensor, question: torch.Tensor) -> torch.Tensor:
    """Over the windows of each question: shape (2, W) -> (2, Q)."""
    index = question.expand(len(values), -1)
    empty = torch.full_like(_per_question(values, question), _IMPOSSIBLE)
    top = empty.scatter_reduce(1, index, values.detach(), "amax")
    rest = torch.zeros_like(top).index_add(1, question, (values - top.gather(1, index)).exp())
    return top + rest.log()


def _per_question(values: torch.Tensor, question: torch.Tensor) -> torch.Tensor:
    """Something of shape (2, Q)."""
    return values.new_empty(len(values), int(question[-1]) + 1)


def _all_of(taught: torch.Tensor, question: torch.Tensor) -> torch.Tensor:
    """Whether all windows of each question have it, shape (Q,)."""
    missing = torch.zeros(int(question[-1]) + 1, device=taught.device)
    return missing.index_add(0, question, (~taught).float()) == 0

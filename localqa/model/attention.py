"""Attention as plain matrix products, for training on a CPU.

torch's fused CPU attention has a backward pass several times slower than the same products written
out (measured: half of a training step), and the eager version of transformers goes through fp32 for
its softmax. Registered with transformers under the name `PLAIN`.
"""

from typing import Any

import torch
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.masking_utils import eager_mask

PLAIN = "localqa_plain"


def plain_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """Softmax(QK' * scaling + mask) V for tensors of shape (batch, heads, tokens, head size).

    `attention_mask` is additive, broadcastable to (batch, heads, tokens, tokens).
    Returns (batch, tokens, heads, head size) and no weights.
    """
    batch, heads, tokens, size = query.shape
    scale = size**-0.5 if scaling is None else scaling
    scores = torch.matmul(query * scale, key.transpose(2, 3))
    if attention_mask is not None:
        scores = scores + attention_mask.to(scores.dtype)
    weights = torch.nn.functional.dropout(scores.softmax(-1), dropout, module.training)
    return torch.matmul(weights, value).transpose(1, 2).reshape(batch, tokens, heads, size), None


AttentionInterface.register(PLAIN, plain_attention)
AttentionMaskInterface.register(PLAIN, eager_mask)

"""Attention for training on a CPU: torch's fused kernel where it is faster, plain products elsewhere.

With AMX the fused forward pass is many times faster than the products written out, and it keeps no matrix
of (tokens, tokens) for the backward pass. Its backward pass is fast in fp32 alone: in bf16 it takes as long
as all of the plain version. So it runs in fp32 here, whatever the forward pass ran in. Below a length that
depends on the size of a head the plain products are faster still. A processor with bf16 but without AMX
multiplies bf16 four times as fast as fp32, and there they are faster at every length. The eager version of
transformers goes through fp32 for its softmax. Registered with transformers under the name `LEAN`.
"""

from typing import Any

import torch
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.masking_utils import eager_mask

LEAN = "localqa_lean"
_FUSED_FROM = {
    torch.float32: 3,
    torch.bfloat16: 6 if torch.cpu.get_capabilities().get("amx_bf16") else 32,
}
"""From how many tokens on the fused kernel runs, in sizes of a head: where it is faster, and
at any rate where matrices of (tokens, tokens) would take much memory."""


def lean_attention(
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
    mask = None if attention_mask is None else attention_mask.to(query.dtype)
    drops = dropout > 0 and module.training
    if not drops and query.dtype in _FUSED_FROM and tokens >= _FUSED_FROM[query.dtype] * size:
        mixed: torch.Tensor = _Fused.apply(query, key, value, mask, scale)  # type: ignore[no-untyped-call] # torch's
    else:
        scores = torch.matmul(query * scale, key.transpose(2, 3))
        if mask is not None:
            scores = scores + mask
        weights = torch.nn.functional.dropout(scores.softmax(-1), dropout, module.training)
        mixed = torch.matmul(weights, value)
    return mixed.transpose(1, 2).reshape(batch, tokens, heads, size), None


class _Fused(torch.autograd.Function):
    """torch's fused attention on the CPU, its backward pass in fp32."""

    @staticmethod
    def forward(
        ctx: Any,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        mask: torch.Tensor | None,
        scale: float,
    ) -> torch.Tensor:
        attend = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu  # noqa: SLF001 - has no other name
        mixed, log_sums = attend(query, key, value, 0.0, False, attn_mask=mask, scale=scale)
        ctx.save_for_backward(query, key, value, mixed, log_sums, mask)
        ctx.scale = scale
        return mixed

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[torch.Tensor | None, ...]:
        *inputs, log_sums, mask = ctx.saved_tensors
        whole = [tensor.float() for tensor in (gradients[0], *inputs)]
        found = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward(  # noqa: SLF001 - as above
            *whole, log_sums, 0.0, False, attn_mask=None if mask is None else mask.float(), scale=ctx.scale
        )
        return *(gradient.to(gradients[0].dtype) for gradient in found), None, None


AttentionInterface.register(LEAN, lean_attention)
AttentionMaskInterface.register(LEAN, eager_mask)

"""Prompt tuning: a few learned vectors before the input of a frozen base (Lester et al. 2021)."""

from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel


class PromptTunedModel(nn.Module):
    """A frozen base with `length` learned input vectors before every window.

    The vectors are invisible outside: logits have the window's own length. (peft's wrapper for QA
    returns the prompt's positions too and drops the segment ids, so it is not used here.)
    """

    def __init__(self, model: PreTrainedModel, length: int) -> None:
        super().__init__()
        self.model = model
        self.config = model.config
        words: torch.Tensor = model.get_input_embeddings().weight
        # Start from embeddings of real words, which trains better than noise (Lester et al., section 3.2).
        rows = torch.linspace(999, min(len(words), 5000) - 1, length).long().clamp(0, len(words) - 1)
        self.prompt_embeddings = nn.Parameter(words.detach()[rows].clone().float())

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        token_type_ids: torch.Tensor | None = None,
        **_: Any,
    ) -> Any:
        """Logits of shape (batch, tokens), as the wrapped model gives them without a prompt."""
        batch, length = len(input_ids), len(self.prompt_embeddings)
        embedded = self.model.get_input_embeddings()(input_ids)
        prompt = self.prompt_embeddings.to(embedded.dtype).expand(batch, -1, -1)
        inputs: dict[str, torch.Tensor] = {
            "inputs_embeds": torch.cat([prompt, embedded], dim=1),
            "attention_mask": torch.cat([attention_mask.new_ones(batch, length), attention_mask], dim=1),
        }
        if token_type_ids is not None:
            inputs["token_type_ids"] = torch.cat(
                [token_type_ids.new_zeros(batch, length), token_type_ids], dim=1
            )
        output = self.model(**inputs)
        output.start_logits = output.start_logits[:, length:]
        output.end_logits = output.end_logits[:, length:]
        return output

"""ONNX Runtime with the merged model, in fp32 or with dynamically quantized weights (int8)."""

import os
from pathlib import Path

import numpy as np
import onnxruntime as ort
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from protocol import Pair, model_folder, serve
from tokenizers import Tokenizer
from transformers import AutoModelForQuestionAnswering

BATCH, LONGEST_ANSWER = 16, 60
INPUTS = ("input_ids", "attention_mask", "token_type_ids")

folder = Path(model_folder())
tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
tokenizer.enable_truncation(384, strategy="only_second")
tokenizer.enable_padding()


def exported() -> Path:
    """The model as ONNX, in the precision asked for; made at the first start."""
    plain, rounded = folder / "model.onnx", folder / "model-int8.onnx"
    if not plain.exists():
        model = AutoModelForQuestionAnswering.from_pretrained(folder, attn_implementation="eager").eval()
        example = {name: torch.ones((2, 16), dtype=torch.long) for name in INPUTS}
        sizes = {name: {0: "batch", 1: "tokens"} for name in INPUTS}
        torch.onnx.export(
            model, (), plain, kwargs=example, input_names=list(INPUTS), dynamic_axes=sizes, dynamo=False
        )
    if not rounded.exists():
        quantize_dynamic(plain, rounded, weight_type=QuantType.QInt8, per_channel=True)
    return rounded if os.environ["PRECISION"] == "int8" else plain


session = ort.InferenceSession(exported(), providers=["CPUExecutionProvider"])


def answer_many(pairs: list[Pair]) -> list[str]:
    """All pairs, those of like length together. A text longer than a window is cut: few are."""
    order = sorted(range(len(pairs)), key=lambda index: len(pairs[index][1]))
    answers = {}
    for at in range(0, len(order), BATCH):
        some = order[at : at + BATCH]
        found = tokenizer.encode_batch([pairs[index] for index in some])
        batch = (
            [one.ids for one in found],
            [one.attention_mask for one in found],
            [one.type_ids for one in found],
        )
        starts, ends = session.run(None, dict(zip(INPUTS, map(np.array, batch), strict=True)))
        for row, index in enumerate(some):
            answers[index] = best_span(found[row], starts[row], ends[row], pairs[index][1])
    return [answers[index] for index in range(len(pairs))]


def best_span(encoding: object, starts: np.ndarray, ends: np.ndarray, context: str) -> str:
    """The text of the most likely span in the context."""
    inside = np.array([text == 1 for text in encoding.sequence_ids])
    sums = np.where(inside, starts, -np.inf)[:, None] + np.where(inside, ends, -np.inf)[None, :]
    start, end = np.unravel_index(np.triu(sums, 0).argmax(), sums.shape)
    return context[encoding.offsets[start][0] : encoding.offsets[end][1]]


def answer_one(question: str, context: str) -> str:
    """One pair."""
    return answer_many([(question, context)])[0]


serve("onnxruntime", answer_many, answer_one)

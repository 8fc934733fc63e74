"""How fast is training here, beside the textbook recipe? Same base, LoRA settings and examples.

The textbook: transformers' Trainer, every window padded to 384 tokens, fp32, the model's own dropout,
peft's own forward pass; and the same without LoRA, all weights trained. Each recipe runs in a process of its
own, one after the other, and is scored on the same questions.

    python benchmarks/train_speed.py         2,000 examples each; some forty minutes on two cores

The last line printed is one JSON object, which benchmarks/results/train_speed.json holds too.
"""

import argparse
import json
import sys
import tempfile
import time
from typing import Any

# First of all: it asks for huge pages before torch takes its first memory.
import localqa  # noqa: F401 - imported for that effect

# isort: split

import torch
from peft import LoraConfig, get_peft_model
from torch import nn
from transformers import AutoModelForQuestionAnswering, Trainer, TrainingArguments

from common import TEST, TRAIN, in_own_process, last_json, parser_of, publish, saved
from localqa.config import data_dir
from localqa.extraction.qa_config import QAConfig
from localqa.extraction.windows import Windower
from localqa.model.adapters import linear_layers
from localqa.model.bases import DEFAULT_BASE, Base, resolve_base
from localqa.squad.load import load_training_data
from localqa.squad.split import subset
from localqa.training.config import TrainConfig
from localqa.training.features import Feature, make_features
from localqa.training.loop import learning_rate, make_optimizer, make_plan, train_step
from localqa.training.methods import make_trainee
from localqa.training.processor import has_bf16, keep_freed_memory, use_threads
from localqa.training.report import environment, peak_memory_mb
from localqa.training.validate import validate

RECIPES = ("textbook", "textbook-full", "localqa", "localqa-checkpointed")
"""The last is the project's own with --gradient_checkpointing: less memory, more time."""
LENGTH, BATCH, RANK, ALPHA, RATE, WARM_UP = 384, 32, 16, 32, 1e-3, 0.06
FULL_RATE = 1.5e-4


def main() -> None:
    """Run all recipes and print the comparison, or one of them alone."""
    args = _parser().parse_args()
    if args.recipe:
        print(json.dumps(measure(args)))
        return
    known = {recipe: saved("train_speed")[recipe] for recipe in RECIPES if recipe in args.kept}
    results = {
        recipe: known.get(recipe) or last_json(in_own_process([__file__, *sys.argv[1:], "--recipe", recipe]))
        for recipe in RECIPES
    }
    ratio = results["localqa"]["samples_per_second"] / results["textbook"]["samples_per_second"]
    report = {
        "benchmark": "train_speed",
        "examples": args.examples,
        "questions": args.questions,
        "micro_batch_tokens": args.micro_batch_tokens,
        "ratio": round(ratio, 2),
        "f1_difference": round(results["localqa"]["f1"] - results["textbook"]["f1"], 2),
        **results,
        "arithmetic": "bf16" if has_bf16(torch.device("cpu")) else "fp32",
        "environment": environment(),
    }
    rows: list[list[Any]] = [[recipe, *one.values()] for recipe, one in results.items()]
    rows.append(["ratio", ratio])
    publish("train_speed", report, ["recipe", "samples/s", "seconds", "peak MB", "EM", "F1"], rows)


def measure(args: argparse.Namespace) -> dict[str, float]:
    """Train by one recipe in this process and score the result."""
    use_threads(None)
    examples = subset(load_training_data([args.train], data_dir=data_dir())[0], args.examples, seed=1)
    questions = subset(load_training_data([args.test], data_dir=data_dir())[0], args.questions, seed=1)
    base = resolve_base(DEFAULT_BASE)
    windower = Windower.from_folder(base.folder, max_length=LENGTH)
    features = make_features(examples, windower)
    if args.recipe.startswith("textbook"):
        model, seconds = train_textbook(base, features, full=args.recipe == "textbook-full")
    else:
        model, seconds = train_localqa(
            base,
            features,
            micro_batch_tokens=args.micro_batch_tokens,
            gradient_checkpointing=args.recipe == "localqa-checkpointed",
        )
    peak = peak_memory_mb()
    config = QAConfig(base=base.name, base_sha256=base.sha256)
    scores = validate(model, questions, windower=windower, config=config)
    return {
        "samples_per_second": round(len(features) / seconds, 2),
        "seconds": round(seconds, 1),
        "peak_memory_mb": round(peak),
        "exact": round(scores.exact, 2),
        "f1": round(scores.f1, 2),
    }


def train_textbook(base: Base, features: list[Feature], *, full: bool) -> tuple[nn.Module, float]:
    """transformers' Trainer as its question-answering examples set it up, by LoRA or in full."""
    model = AutoModelForQuestionAnswering.from_pretrained(base.folder)
    if not full:
        lora = LoraConfig(
            r=RANK, lora_alpha=ALPHA, target_modules=linear_layers(model), modules_to_save=["qa_outputs"]
        )
        model = get_peft_model(model, lora)
    rows = [_padded(feature) for feature in features]
    with tempfile.TemporaryDirectory() as output:
        arguments = TrainingArguments(
            output_dir=output,
            per_device_train_batch_size=BATCH,
            num_train_epochs=1,
            learning_rate=FULL_RATE if full else RATE,
            warmup_steps=int(len(rows) / BATCH * WARM_UP),
            seed=1,
            save_strategy="no",
            report_to=[],
            logging_steps=10,
        )
        trainer = Trainer(model=model, args=arguments, train_dataset=rows)
        began = time.perf_counter()
        trainer.train()
        return model, time.perf_counter() - began


def train_localqa(base: Base, features: list[Feature], **settings: Any) -> tuple[nn.Module, float]:
    """The project's own steps, with some settings of its own."""
    keep_freed_memory()
    config = TrainConfig(
        train_data=["-"],
        output_dir="models/none",
        lora_rank=RANK,
        lora_alpha=ALPHA,
        learning_rate=RATE,
        warmup_ratio=WARM_UP,
        batch_size=BATCH,
        seed=1,
        **settings,
    )
    trainee = make_trainee(config, base)
    optimizer = make_optimizer(config, trainee)
    plan = make_plan(config, features)
    trainee.model.train()
    began = time.perf_counter()
    for step, batches in enumerate(plan.order.steps(0, plan.total_steps)):
        windows = [[features[i] for i in batch] for batch in batches]
        loss = train_step(config, trainee, optimizer, windows, learning_rate(config, plan, step))
        print(f"step {step + 1}/{plan.total_steps}: loss {loss:.3f}", file=sys.stderr)
    return trainee.model, time.perf_counter() - began


def _padded(feature: Feature) -> dict[str, Any]:
    window = feature.window
    padding = [0] * (LENGTH - len(window))
    return {
        "input_ids": window.input_ids.tolist() + padding,
        "token_type_ids": window.token_type_ids.tolist() + padding,
        "attention_mask": [1] * len(window) + padding,
        "start_positions": feature.start,
        "end_positions": feature.end,
    }


def _parser() -> argparse.ArgumentParser:
    parser = parser_of(__doc__)
    parser.add_argument("--examples", type=int, default=2000, help="training questions [2000]")
    parser.add_argument("--questions", type=int, default=1000, help="questions to score on [1000]")
    parser.add_argument("--train", default=TRAIN, help=f"training data, below QA_DATA_DIR [{TRAIN}]")
    parser.add_argument("--test", default=TEST, help=f"data to score on, below QA_DATA_DIR [{TEST}]")
    parser.add_argument(
        "--micro_batch_tokens",
        type=int,
        metavar="N",
        help="tokens that the project's own recipes run at a time [as it does by itself]",
    )
    parser.add_argument(
        "--kept", nargs="+", default=[], choices=RECIPES, help="recipes whose last results stay as they are"
    )
    parser.add_argument("--recipe", choices=RECIPES, help="this one alone, nothing kept [all]")
    return parser


if __name__ == "__main__":
    main()

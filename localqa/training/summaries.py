"""A run that learns to summarise: what it learns, and what its adapter is worth."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import nn
from torch.nn import functional

from localqa.errors import ConfigError, DataError
from localqa.evaluation.seen import sketch
from localqa.model.adapters import add_lora, linear_layers, save_summary_adapter
from localqa.model.bases import Base
from localqa.model.loading import load_seq2seq
from localqa.model.summary_config import SummaryConfig
from localqa.model.t5_shape import read_t5_shape
from localqa.squad.split import subset
from localqa.summarization.evaluation import summaries, table
from localqa.summarization.pairs import Pair, fingerprint, read_pairs, split_pairs
from localqa.summarization.scores import KINDS, score
from localqa.summarization.summarizer import Summarizer, input_ids, load_tokenizer, room_for_text
from localqa.training.arithmetic import quickened
from localqa.training.config import SummaryTrainConfig
from localqa.training.loop import Augment, Evaluation, unchanged
from localqa.training.processor import training_device
from localqa.training.run import Judged, print_settings
from localqa.training.run import run as run_task
from localqa.training.trainee import Trainee

_IGNORED = -100
"""Label of a place that nothing is learned from."""
_WORDS_LAYER = "lm_head"


@dataclass(frozen=True, slots=True)
class Text:
    """A text and its summary as token ids, each with its end."""

    ids: list[int]
    labels: list[int]

    def __len__(self) -> int:
        """Tokens of the text."""
        return len(self.ids)


def run(config: SummaryTrainConfig) -> Path | None:
    """Train an adapter that summarises and write its folder; see `localqa.training.run.run`."""
    return run_task(config, prepare)


@dataclass(frozen=True, slots=True)
class Summaries:
    """What a run learns to summarise from, and by.

    Attributes:
        config: of the run.
        base: to learn over.
        summary_config: settings of the adapter.
        train, validation: pairs to learn from and to be judged by.
        features: the former as token ids.
        held_out: the latter as token ids.
        trainee: the model that learns.
        threads: of the processor.
    """

    config: SummaryTrainConfig
    base: Base
    summary_config: SummaryConfig
    train: Sequence[Pair]
    validation: Sequence[Pair]
    features: Sequence[Text]
    held_out: Sequence[Text]
    trainee: Trainee
    threads: int

    def digests(self) -> dict[str, str]:
        """Of the data."""
        return {
            "train_sha256": fingerprint(self.train),
            "validation_sha256": fingerprint(self.validation),
        }

    def judge_origin(self) -> None:
        """There is none: every run begins from the base."""

    def evaluation(self) -> Callable[[], Evaluation] | None:
        """The loss on the validation data."""
        if not self.held_out:
            return None
        return partial(_validation_loss, self.config, self.trainee, self.held_out)

    def augmentation(self) -> Augment:
        """None: texts are learned as they are."""
        return unchanged

    def save(self, folder: Path) -> None:
        """Write the adapter."""
        save_summary_adapter(self.trainee.model, folder, self.summary_config)

    def judge(self, folder: Path) -> Judged:
        """Score summaries of the base alone and of what was written."""
        judged = _before_and_after(self.base, folder, self.summary_config, self.validation, self.threads)
        figures = {name: {key: one[key] for key in KINDS} for name, one in judged.items()}
        return Judged(figures, (table(judged, "simple"),) if judged else ())

    def data(self) -> dict[str, Any]:
        """Where the texts came from, and how many there are."""
        return {
            "train": self.config.train_data,
            "train_texts": len(self.train),
            "train_rows": sketch((pair.document, pair.summary) for pair in self.train),
            "validation": self.config.validation_data or f"{len(self.validation)} held out by text",
            "validation_texts": len(self.validation),
        }


def prepare(config: SummaryTrainConfig, base: Base, threads: int) -> Summaries:
    """Read the data and load the model, and say what will be done.

    Raises:
        LocalQAError: data or a base that cannot be used.
    """
    summary_config = _summary_config(config, base)
    end_id = read_t5_shape(base.folder).end_id
    tokenizer = load_tokenizer(base)
    room_for_text(tokenizer, summary_config)
    train, validation = load_data(config)
    make = partial(_texts, tokenizer=tokenizer, config=summary_config, end_id=end_id)
    texts, held_out = make(train), make(validation)
    trainee = make_trainee(config, base)
    cut = sum(len(text) == config.max_input_tokens for text in texts)
    print_settings(
        config,
        trainee,
        texts,
        threads,
        method="lora",
        data=f"{len(texts):,} texts, {cut:,} of them cut at {config.max_input_tokens} tokens; "
        f"{len(held_out):,} for validation",
    )
    return Summaries(config, base, summary_config, train, validation, texts, held_out, trainee, threads)


def load_data(config: SummaryTrainConfig) -> tuple[list[Pair], list[Pair]]:
    """The pairs to learn from and those to judge by; no text is in both.

    Raises:
        DataError: a file that cannot be read, or nothing usable in it.
    """
    train = read_pairs(config.train_data, columns=config.columns, text_format=config.text_format)
    if config.validation_data:
        validation = read_pairs(
            config.validation_data, columns=config.columns, text_format=config.text_format
        )
        known = {pair.document for pair in validation}
        kept = [pair for pair in train if pair.document not in known]
        if len(kept) < len(train):
            print(f"{len(train) - len(kept)} training texts left out: they stand in the validation data too")
        train = kept
    elif held_out := min(config.validation_size, len(train) // 5):
        train, validation = split_pairs(train, held_out=held_out, seed=config.seed)
    else:
        validation = []
    if config.subset_size:
        train = subset(train, config.subset_size, seed=config.seed)
    if config.eval_steps and not validation:
        raise ConfigError(
            "There is no validation data for --eval_steps.",
            remedy="Give --validation_data, or hold out more with --validation_size.",
        )
    if not train:
        raise DataError("No training text is left.", remedy="Give more data, or less to validate on.")
    return train, validation


def make_trainee(config: SummaryTrainConfig, base: Base) -> Trainee:
    """Load the base and add LoRA matrices to its layers, but for the one that gives words."""
    if _WORDS_LAYER in config.target_modules:
        raise ConfigError(
            f"{_WORDS_LAYER} cannot be changed: in most of these bases it is the words themselves.",
            remedy=f"Leave {_WORDS_LAYER} out of --target_modules.",
        )
    device = training_device()
    model = load_seq2seq(base, seed=config.seed)
    if config.gradient_checkpointing:
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        # Frozen embeddings give activations without gradients, which checkpointing would cut off.
        model.enable_input_require_grads()
    trained = add_lora(
        model,
        rank=config.lora_rank,
        alpha=config.lora_alpha,
        dropout=config.lora_dropout,
        target_modules=config.target_modules or sorted({*linear_layers(model)} - {_WORDS_LAYER}),
        rslora=config.rslora,
        head=False,
    )
    return Trainee(
        *quickened(config, trained, device),
        batch_loss=summary_loss,
        unit="texts",
        # The loss is that of a token.
        weight=lambda text: len(text.labels),
    )


def summary_loss(config: SummaryTrainConfig, trainee: Trainee, texts: Sequence[Text]) -> torch.Tensor:
    """Mean cross-entropy of a token of the summaries, a scalar in fp32."""
    model_config: Any = trainee.model.config
    ids = _padded([text.ids for text in texts], model_config.pad_token_id or 0, trainee.device)
    mask = _padded([[1] * len(text.ids) for text in texts], 0, trainee.device)
    labels = _padded([text.labels for text in texts], _IGNORED, trainee.device)
    with trainee.arithmetic():
        logits = trainee.model(input_ids=ids, attention_mask=mask, labels=labels).logits
    return functional.cross_entropy(logits.float().flatten(0, 1), labels.flatten(), ignore_index=_IGNORED)


def _validation_loss(config: SummaryTrainConfig, trainee: Trainee, texts: Sequence[Text]) -> Evaluation:
    """Mean loss of a token over held-out texts; the best weights have the lowest."""
    order = sorted(texts, key=len)
    trainee.model.eval()
    total = tokens = 0.0
    with torch.inference_mode():
        for at in range(0, len(order), config.batch_size):
            batch = order[at : at + config.batch_size]
            count = sum(len(text.labels) for text in batch)
            total += trainee.loss(config, batch).item() * count
            tokens += count
    trainee.model.train()
    return Evaluation({"loss": total / tokens}, goal=-total / tokens)


def _texts(pairs: Sequence[Pair], *, tokenizer: Tokenizer, config: SummaryConfig, end_id: int) -> list[Text]:
    summary_ids = tokenizer.encode_batch([pair.summary for pair in pairs], add_special_tokens=False)
    return [
        Text(
            input_ids(tokenizer, config, pair.document, end_id),
            [*encoded.ids[: config.max_summary_tokens - 1], end_id],
        )
        for pair, encoded in zip(pairs, summary_ids, strict=True)
    ]


def _padded(rows: Sequence[Sequence[int]], fill: int, device: torch.device) -> torch.Tensor:
    tensors = [torch.tensor(row) for row in rows]
    return nn.utils.rnn.pad_sequence(tensors, batch_first=True, padding_value=fill).to(device)


def _summary_config(config: SummaryTrainConfig, base: Base) -> SummaryConfig:
    return SummaryConfig(
        base=base.name,
        base_sha256=base.sha256,
        prefix=config.prefix,
        max_input_tokens=config.max_input_tokens,
        max_summary_tokens=config.max_summary_tokens,
    )


def _before_and_after(
    base: Base, folder: Path, config: SummaryConfig, validation: Sequence[Pair], threads: int
) -> dict[str, Any]:
    """Scores on the held-out texts of the base alone and of what a user will load; empty without texts."""
    if not validation:
        return {}
    references = [pair.references for pair in validation]
    return {
        name: score(
            summaries(Summarizer(base, config, adapter, threads=threads), validation, name), references
        )
        for name, adapter in (("before", None), ("after", folder))
    }

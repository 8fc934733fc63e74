"""Every setting of a training run: flags and config files are read into one checked object."""

import argparse
import json
import types
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from localqa.datafiles.encoding import decode, stray
from localqa.datafiles.files import TextFormat
from localqa.errors import ConfigError
from localqa.model.bases import DEFAULT_BASE, SUMMARY_BASE
from localqa.model.loading import Quantization

_OF_NO_CONSEQUENCE = {
    *("output_dir", "overwrite", "finish", "dry_run", "save_steps", "threads", "gradient_checkpointing"),
    "micro_batch_tokens",
    # What the files hold is a part of the course.
    *("encoding", "delimiter"),
}
"""Settings that change where and how a run is carried out, but none of its numbers."""


_EXAMPLE = "configs/squad.json"
CPU_TOKENS, GPU_TOKENS = 1536, 16_384
"""Padded tokens of a batch that run together. On a processor larger parts take more memory and no less time
(`benchmarks/train_speed.py`)."""

LARGEST_SEED = 10**12
"""With what tells the passes over the data apart it must fit into 64 bits (`features.BatchOrder`)."""

Task: TypeAlias = Literal["question-answering", "summarization"]
Config = TypeVar("Config", bound="RunConfig")


class RunConfig(BaseModel):
    """Settings that every kind of training has; each name is a flag (`--seed`) and a key of a file alike."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    task: Task = Field("question-answering", description="what is learned; each task has flags of its own")
    train_data: list[str] = Field(min_length=1, description="training files")
    output_dir: str = Field(min_length=1, description="folder of the new adapter, e.g. models/contracts")
    validation_data: list[str] = Field(
        [], description="validation files; none: --validation_size is held out"
    )
    validation_size: int = Field(500, ge=0, description="examples held out of the training data, by context")
    columns: dict[str, str] = Field(
        {}, description="field names in the data, e.g. question=q,context=passage"
    )
    encoding: str = Field("", description="of text files, such as cp1252; default: found out")
    delimiter: str = Field("", description="between the cells of a table, such as ';'; default: found out")
    subset_size: int | None = Field(None, ge=1, description="train on this many examples, drawn by --seed")

    base: str = Field(description="base model: Hub name or folder")
    lora_rank: int = Field(16, ge=1, le=1024, description="rank of the LoRA matrices")
    lora_alpha: float = Field(32, gt=0, description="LoRA scale: alpha / rank")
    lora_dropout: float = Field(0.0, ge=0, lt=1, description="dropout before the LoRA matrices")
    target_modules: list[str] = Field([], description="layers that get LoRA; none: all linear layers")
    rslora: bool = Field(False, description="scale by alpha / sqrt(rank) instead")

    num_epochs: float = Field(1.0, gt=0, le=10_000, description="passes over the training data")
    max_steps: int | None = Field(None, ge=1, description="train for this many steps, whatever --num_epochs")
    batch_size: int = Field(32, ge=1, description="windows, or texts, in one batch")
    gradient_accumulation: int = Field(1, ge=1, description="batches in one optimiser step")
    micro_batch_tokens: int | None = Field(
        None,
        ge=1,
        description="tokens run at a time; a larger batch goes in parts: the same gradients, less memory "
        f"(default: {CPU_TOKENS} on a processor, {GPU_TOKENS} on a GPU)",
    )
    gradient_checkpointing: bool = Field(False, description="recompute activations: less memory, more time")
    learning_rate: float = Field(1e-3, gt=0, le=10, description="highest learning rate")
    schedule: Literal["linear", "cosine", "constant"] = Field(
        "linear", description="course after the warm-up"
    )
    warmup_ratio: float = Field(0.06, ge=0, le=1, description="share of the steps that warm up")
    weight_decay: float = Field(0.0, ge=0, description="AdamW weight decay")
    max_grad_norm: float = Field(1.0, gt=0, description="gradients are clipped to this norm")
    bf16: bool | None = Field(None, description="bfloat16 arithmetic; default: where the processor has it")
    seed: int = Field(13, ge=0, le=LARGEST_SEED, description="of the head, the order and the splits")
    threads: int | None = Field(None, ge=1, description="processor threads; default: all cores")

    eval_steps: int | None = Field(None, ge=1, description="look at the validation set every N steps")
    early_stopping_patience: int = Field(
        0, ge=0, description="end after N evaluations without a better one; 0: never"
    )
    save_steps: int = Field(200, ge=1, description="checkpoint every N steps")
    log_steps: int = Field(20, ge=1, description="a point of the loss curve every N steps")
    overwrite: bool = Field(False, description="replace a finished adapter in --output_dir, start anew")
    finish: bool = Field(
        False, description="train no further: write the adapter by what this run has learned so far"
    )
    dry_run: bool = Field(False, description="print parameters, memory, steps and time; train nothing")

    @model_validator(mode="after")
    def _can_stop_early(self) -> "RunConfig":
        if self.early_stopping_patience and not self.eval_steps:
            raise ValueError("early_stopping_patience needs eval_steps")
        return self

    @model_validator(mode="after")
    def _finishes_what_is_there(self) -> "RunConfig":
        if self.finish and self.dry_run:
            raise ValueError("finish and dry_run go not together")
        return self

    @property
    def text_format(self) -> TextFormat:
        """What is known of the data files."""
        return TextFormat(self.encoding, self.delimiter)

    def course(self) -> dict[str, Any]:
        """The settings that decide the course of training; a checkpoint continues only with equal ones."""
        return self.model_dump(mode="json", exclude=_OF_NO_CONSEQUENCE)

    @classmethod
    def defaults(cls) -> dict[str, Any]:
        """What a setting was before it existed."""
        fields = cls.model_fields.items()
        return {name: field.get_default() for name, field in fields if not field.is_required()}


class TrainConfig(RunConfig):
    """Settings of a run that learns to answer questions."""

    train_data: list[str] = Field(
        min_length=1, description="training files, or the Hub names squad, squad_v2"
    )
    base: str = Field(DEFAULT_BASE, description="base model: Hub name or folder")
    validation_titles: list[str] = Field([], description="use these articles of the validation files alone")
    exclude_data: list[str] = Field(
        [], description="files whose contexts, or near-duplicates, are never trained on"
    )
    rehearsal_data: list[str] = Field(
        [], description="files that were learned before, of which some are repeated lest they be forgotten"
    )
    rehearsal_size: int = Field(0, ge=0, description="how many examples of them are repeated")
    answerable_only: bool = Field(
        False, description="leave out the questions that have no answer: for adapters that always answer"
    )
    negatives: float = Field(
        0.0, ge=0, le=1, description="unanswerable copies made for this share of the answerable questions"
    )
    retrieved_negatives: float = Field(
        0.0,
        ge=0,
        le=1,
        description="share of the answerable questions that are asked of the likeliest wrong paragraph, too",
    )
    joined: float = Field(
        0.0, ge=0, le=1, description="share of the questions whose paragraph stands among others"
    )
    joined_paragraphs: int = Field(3, ge=1, le=100, description="the others, at most, in such a text")

    method: Literal["lora", "full", "prompt"] = Field("lora", description="what is trained")
    precision: Quantization = Field(
        "none",
        description="precision of the frozen base: none is fp32/bf16; int8, nf4: bitsandbytes, less memory; "
        "served-int8, served-int4: rounded as QA_PRECISION=int8 or int4 serves it, to learn around it",
    )
    init_adapter: str | None = Field(
        None, description="start from this LoRA adapter, e.g. squad: name or folder"
    )
    prompt_length: int = Field(20, ge=1, le=200, description="learned vectors of prompt tuning")
    windows_per_question: int = Field(
        1,
        ge=1,
        le=64,
        description="windows of one question whose tokens compete; 1: each window is learned for itself",
    )
    token_masking: float = Field(0.0, ge=0, lt=1, description="share of context tokens masked in training")
    sample_answers: bool = Field(False, description="learn any accepted answer, not the first alone")
    teacher: str | None = Field(None, description="learn from this adapter's view too: name or folder")
    teach_rehearsal: bool = Field(
        True, description="the teacher has a say in rehearsal_data too; false: gold labels alone count there"
    )
    distill_weight: float = Field(0.7, ge=0, le=1, description="weight of the teacher against gold labels")
    distill_temperature: float = Field(2.0, gt=0, description="softness of the teacher's distributions")

    max_length: int = Field(384, ge=32, le=8192, description="tokens in a window")
    stride: int = Field(128, ge=0, description="context tokens that neighbouring windows share")
    max_answer_tokens: int = Field(30, ge=1, le=512, description="longest answer considered, in tokens")
    abstain: bool | None = Field(
        None, description="may say 'not answerable'; default: if the data has such questions"
    )

    @model_validator(mode="after")
    def _fits_together(self) -> "TrainConfig":
        if self.stride >= self.max_length // 2:
            raise ValueError("stride must be less than half of max_length")
        if self.validation_titles and not self.validation_data:
            raise ValueError("validation_titles needs validation_data")
        if self.rehearsal_data and not self.rehearsal_size:
            raise ValueError("rehearsal_data needs rehearsal_size")
        if self.method == "full" and self.precision != "none":
            raise ValueError(f"method full trains the base itself, which precision {self.precision} freezes")
        if self.precision.startswith("served-") and self.method != "lora":
            raise ValueError(f"precision {self.precision} needs method lora")
        if self.init_adapter and self.method != "lora":
            raise ValueError("init_adapter needs method lora")
        if self.rslora and self.method != "lora":
            raise ValueError("rslora needs method lora")
        return self


class SummaryTrainConfig(RunConfig):
    """Settings of a run that learns to summarise."""

    base: str = Field(SUMMARY_BASE, description="encoder-decoder of the T5 family: Hub name or folder")
    batch_size: int = Field(8, ge=1, description="texts in one batch")
    columns: dict[str, str] = Field(
        {}, description="field names in the data, e.g. document=article,summary=highlights"
    )
    prefix: str = Field("summarize: ", description="stands before every text")
    max_input_tokens: int = Field(
        512, ge=16, le=8192, description="of a text; what is longer is cut in training"
    )
    max_summary_tokens: int = Field(128, ge=2, le=2048, description="of a summary")


CONFIGS: Mapping[Task, type[RunConfig]] = {
    "question-answering": TrainConfig,
    "summarization": SummaryTrainConfig,
}


def parse_config(argv: Sequence[str], *, prog: str, description: str) -> RunConfig:
    """Read flags, or one JSON/YAML file given as the first argument; flags behind it win over it.

    Raises:
        ConfigError: naming every flag or key that is wrong.
        SystemExit: after --help, or for an unknown flag.
    """
    file = Path(argv[0]) if argv and not argv[0].startswith("-") else None
    values = {} if file is None else read_file(file)
    flags = list(argv if file is None else argv[1:])
    kind = CONFIGS[_task(flags, values)]
    parser = _parser(kind, prog, description)
    if not argv:
        parser.print_help()
        raise SystemExit(2)
    values |= vars(parser.parse_args(flags))
    return checked(values, kind, where=str(file or "the command line"))


def _task(flags: Sequence[str], values: Mapping[str, Any]) -> Task:
    """The task that flags or a file name; a name that is none is left to the checks."""
    finder = argparse.ArgumentParser(add_help=False, exit_on_error=False)
    finder.add_argument("--task", default=values.get("task"))
    try:
        found: Any = finder.parse_known_args(flags)[0].task
    except argparse.ArgumentError:
        found = None  # told by the parser that knows all flags
    return _known_task(found) or "question-answering"


def _known_task(value: object) -> Task | None:
    return next((task for task in CONFIGS if task == value), None)


def read_config(path: Path) -> TrainConfig:
    """Read a JSON/YAML file of a run that learns to answer questions.

    Raises:
        ConfigError: the file cannot be read, or naming every key that is wrong.
    """
    return checked(read_file(path), TrainConfig, where=str(path))


def checked(values: Mapping[str, Any], kind: type[Config], *, where: str) -> Config:
    """Values as a config.

    Raises:
        ConfigError: naming every key that is wrong.
    """
    task = _known_task(values.get("task"))
    if task and not issubclass(CONFIGS[task], kind):
        raise ConfigError(f"{where}: task {task} is not possible here.", remedy="Leave it out.")
    try:
        return kind.model_validate(values)
    except ValidationError as e:
        wrong = "; ".join(_in_words(error) for error in e.errors())
        raise ConfigError(f"{where}: {wrong}.", remedy="See localqa train --help.") from e


def _in_words(error: Any) -> str:
    name = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        return f"{name} is not a setting"
    message = error["msg"].removeprefix("Value error, ")
    return f"{name}: {message}" if name else message


def read_file(path: Path) -> dict[str, Any]:
    """The object in a JSON or YAML file.

    Raises:
        ConfigError: it cannot be read, or holds something else.
    """
    try:
        data = path.read_bytes()
    # A name with a NUL character is a ValueError.
    except (OSError, ValueError) as e:
        raise ConfigError(
            f"Cannot read the config file '{path}' ({getattr(e, 'strerror', None) or e}).",
            remedy="Give an existing .json or .yaml file, or flags; see localqa train --help.",
        ) from e
    text = decode(data, name=path.name)
    if bad := stray(text):
        line = text.count("\n", 0, bad.start()) + 1
        raise ConfigError(f"{path}:{line}: not UTF-8 text.", remedy="Save the file as UTF-8.")
    kind = path.suffix.lstrip(".") or "YAML"
    try:
        values = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    except (ValueError, yaml.YAMLError) as e:
        raise ConfigError(
            f"{path} is not valid {kind}: {e}.",
            remedy=f"Correct it there, or begin with {_EXAMPLE}.",
        ) from e
    except (RecursionError, MemoryError) as e:
        raise ConfigError(
            f"{path} is nested too deeply.", remedy=f"Settings are one flat object, as in {_EXAMPLE}."
        ) from e
    if not isinstance(values, dict) or not all(isinstance(key, str) for key in values):
        raise ConfigError(f"{path} must hold one object with settings.", remedy=f"See {_EXAMPLE}.")
    return values


def _parser(kind: type[RunConfig], prog: str, description: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=prog,
        usage=f"{prog} CONFIG.json [options] | {prog} --train_data X... --output_dir models/NAME [options]",
        description=description,
        argument_default=argparse.SUPPRESS,
        formatter_class=lambda prog: argparse.HelpFormatter(prog, max_help_position=34, width=110),
    )
    for name, field in kind.model_fields.items():
        default = "" if field.is_required() or field.default in (None, "", [], {}) else f" [{field.default}]"
        text = f"{field.description}{default}".replace("%", "%%")
        parser.add_argument(f"--{name}", help=text, **_argument(field.annotation))
    return parser


def _argument(annotation: Any) -> dict[str, Any]:
    """How argparse reads a field; pydantic converts and checks the strings afterwards."""
    if typing.get_origin(annotation) is types.UnionType:
        annotation = next(part for part in typing.get_args(annotation) if part is not type(None))
    if annotation is bool:
        return {"action": argparse.BooleanOptionalAction}
    origin = typing.get_origin(annotation)
    if origin is list:
        return {"nargs": "+", "metavar": "X"}
    if origin is dict:
        return {"type": _mapping, "metavar": "NAME=COLUMN,..."}
    if origin is Literal:
        return {"choices": typing.get_args(annotation)}
    return {"metavar": {int: "N", float: "X"}.get(annotation, "TEXT")}


def _mapping(text: str) -> dict[str, str]:
    pairs = [[word.strip() for word in part.partition("=")] for part in text.split(",") if part]
    if not all(name and equals and column for name, equals, column in pairs):
        raise argparse.ArgumentTypeError(f"'{text}' is not like question=q,context=passage")
    columns = {name: column for name, _, column in pairs}
    if len(columns) < len(pairs):
        raise argparse.ArgumentTypeError(f"'{text}' names a field twice")
    return columns

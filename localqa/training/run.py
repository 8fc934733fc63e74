"""A whole run, read top to bottom: data -> model -> fit -> adapter -> validate -> report."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from localqa.errors import ConfigError, DataError
from localqa.evaluation.calibrate import Kind, calibrate, score_decoded
from localqa.evaluation.seen import kept_rows, sketch
from localqa.extraction.qa_config import QAConfig
from localqa.extraction.windows import Windower
from localqa.model.adapter_files import named_adapter
from localqa.model.adapters import count_parameters, load_adapter, save_adapter
from localqa.model.bases import DEFAULT_BASE, Base
from localqa.model.loading import load_base_of, served_bits
from localqa.model.versions import keep, saving
from localqa.squad.load import load_reported
from localqa.squad.metrics import Scores
from localqa.squad.negatives import make_negatives
from localqa.squad.neighbours import Paragraphs, join_paragraphs, make_retrieved
from localqa.squad.overlap import without_overlap
from localqa.squad.records import Example
from localqa.squad.split import fingerprint, split_by_context, subset
from localqa.training.checkpoint import Checkpoints, Progress
from localqa.training.config import TrainConfig
from localqa.training.distill import teacher_folder, teacher_sha256, with_soft_labels
from localqa.training.estimate import print_estimate
from localqa.training.features import Augmentation, Feature, by_question, make_features
from localqa.training.guards import begin, resources
from localqa.training.loop import Evaluation, fit, make_plan
from localqa.training.methods import make_trainee
from localqa.training.report import common, write_report
from localqa.training.validate import predict, validate

_WEIGHTS_GLOB = "*.safetensors"
_FEW = 5000
"""Questions below which an adapter from nothing falls far behind one that is trained further."""


@dataclass(frozen=True, slots=True)
class RunData:
    """The examples of a run; no context is on both sides."""

    train: list[Example]
    validation: list[Example]


def run(config: TrainConfig) -> Path | None:
    """Train an adapter and write its folder; returns it (None after a dry run).

    Raises:
        LocalQAError: bad settings or data, a base that is not there, no memory or disk left.
        InterruptedTraining: after SIGINT or SIGTERM, with a checkpoint written.
    """
    folder, threads, base = begin(config)
    origin = named_adapter(config.init_adapter) if config.init_adapter else None
    if config.teacher:
        teacher_folder(config.teacher)
    windower = Windower.from_folder(base.folder, max_length=config.max_length, stride=config.stride)
    data = _fitting(load_data(config), windower)
    _check_validation(config, data)
    features = make_features(data.train, windower)
    trainee = make_trainee(config, base, begin_from=origin)
    _print_settings(config, trainee.model, data, features, threads, bf16=trainee.bf16)
    alone = not config.init_adapter and config.method == "lora" and config.base == DEFAULT_BASE
    if alone and len(data.train) < _FEW:
        print("So few questions teach little: --init_adapter squad begins with what squad knows already.")
    if config.teacher and not config.dry_run:
        features = with_soft_labels(features, data.train, config.teacher, config.distill_temperature)
    if config.windows_per_question > 1:
        features = by_question(features, config.windows_per_question)
    # Whatever else changes the numbers of a run belongs to its course, too.
    course = config.course() | {"bf16": trainee.bf16, "base_sha256": base.sha256}
    course |= {"train_sha256": fingerprint(data.train), "validation_sha256": fingerprint(data.validation)}
    if config.teacher:
        course["teacher_sha256"] = teacher_sha256(config.teacher)
    checkpoints = Checkpoints(
        folder / "checkpoints", course, defaults=config.defaults(), overwrite=config.overwrite
    )
    checkpoints.check()
    qa_config = _qa_config(config, base)
    with resources(config, checkpoints):
        if config.dry_run:
            print_estimate(config, trainee, features)
            return None
        start = _start(origin, base, data) if origin else None
        folder.mkdir(parents=True, exist_ok=True)
        keep(folder)
        (folder / "report.json").unlink(missing_ok=True)
        validated = partial(validate, trainee.model, data.validation, windower=windower, config=qa_config)
        evaluate = (lambda: _evaluation(validated())) if data.validation else None
        progress = fit(config, trainee, features, checkpoints, evaluate, _augmentation(config, windower))
        # Made whole beside what is served, threshold and report included, before it takes its place.
        with saving(folder) as made:
            save_adapter(trainee.model, made, qa_config)
            qa_config, scores = _final_scores(config, base, made, data, windower, qa_config)
            parameters = count_parameters(trainee.model)
            report = _report(
                config, base, made, data, features, progress, scores, parameters, qa_config, start
            )
            write_report(made, report, folder.name)
    checkpoints.clear()
    _print_result(folder, scores, progress, start)
    return folder


@dataclass(frozen=True, slots=True)
class Start:
    """The adapter that a run began from.

    Attributes:
        name: of its folder.
        scores: on the questions that the new one is judged by, as it is served; None: there are none.
        rows: what its report keeps of the rows that it was trained on.
    """

    name: str
    scores: Scores | None
    rows: Mapping[str, Any] | None


def _start(folder: Path, base: Base, data: RunData) -> Start:
    """Judge what the run begins from, before anything of it can be written over."""
    scores = None
    if data.validation:
        own = QAConfig.load(folder)
        windower = Windower.from_folder(base.folder, max_length=own.max_length, stride=own.stride)
        model = load_adapter(load_base_of(folder, base), folder)
        scores = score_decoded(
            data.validation,
            predict(model, data.validation, windower=windower, config=own, description=folder.name),
            own,
        )
    return Start(folder.name, scores, kept_rows(folder))


def _evaluation(scores: Scores) -> Evaluation:
    """What the best weights are chosen by: with unanswerable questions, what the best threshold reaches.

    An abstaining adapter will have that threshold.
    """
    exact = scores.exact if scores.best_exact is None else scores.best_exact
    f1 = scores.f1 if scores.best_f1 is None else scores.best_f1
    return Evaluation({"exact": exact, "f1": f1}, goal=f1)


def _augmentation(config: TrainConfig, windower: Windower) -> Augmentation:
    if config.token_masking and windower.mask_id is None:
        raise ConfigError("The base's tokenizer has no mask token.", remedy="Leave --token_masking out.")
    return Augmentation(config.token_masking, windower.mask_id or 0, config.sample_answers, config.seed)


def _fitting(data: RunData, windower: Windower) -> RunData:
    """The examples whose question leaves room for context in a window; the others are named."""

    def fitting(examples: list[Example]) -> list[Example]:
        counts = windower.question_tokens([example.question for example in examples])
        kept = []
        for example, tokens in zip(examples, counts, strict=True):
            if tokens <= windower.max_question_tokens:
                kept.append(example)
            else:
                print(f"{example.source}: left out, its question has {tokens} tokens; raise --max_length")
        return kept

    fitted = RunData(fitting(data.train), fitting(data.validation))
    if not fitted.train:
        raise DataError("No question leaves room for its context in a window.", remedy="Raise --max_length.")
    return fitted


def _check_validation(config: TrainConfig, data: RunData) -> None:
    """Evaluations and thresholds need questions to be measured on.

    Raises:
        ConfigError: the settings ask for what the validation data cannot give.
    """
    hint = "Give --validation_data, or hold out more with --validation_size."
    if config.eval_steps and not data.validation:
        raise ConfigError("There is no validation data for --eval_steps.", remedy=hint)
    if _may_abstain(config, data) and not any(example.is_impossible for example in data.validation):
        message = "The validation data has no unanswerable question to choose the no-answer threshold by"
        if config.abstain:
            raise ConfigError(f"{message}.", remedy=hint)
        print(f"{message}: this adapter will always answer. {hint}")


def _may_abstain(config: TrainConfig, data: RunData) -> bool:
    return any(example.is_impossible for example in data.train) if config.abstain is None else config.abstain


def load_data(config: TrainConfig) -> RunData:
    """Read, check and split the examples of a run; what is left out is printed.

    Raises:
        DataError: a file that cannot be read, or nothing usable in it.
    """
    train = _learned(config, config.train_data)
    if config.exclude_data:
        # Before anything is held out of it: thresholds must not be fitted on these texts either.
        train = _keep_out(train, _read(config, config.exclude_data), "--exclude_data")
    if config.validation_data:
        validation = _of_titles(_learned(config, config.validation_data), config.validation_titles)
        train = _keep_out(train, validation, "the validation data")
    elif config.validation_size:
        train, validation = split_by_context(
            train, held_out=min(config.validation_size, len(train) // 5), seed=config.seed
        )
    else:
        validation = []
    if config.subset_size:
        train = subset(train, config.subset_size, seed=config.seed)
    if config.rehearsal_size:
        train = train + _rehearsed(config, validation)
    if config.negatives:
        train = train + make_negatives(train, config.negatives, config.seed)
        if not config.validation_data:
            validation = validation + make_negatives(validation, config.negatives, config.seed)
    train = _among_neighbours(config, train)
    if not config.validation_data:
        validation = _among_neighbours(config, validation)
    if not train:
        raise DataError("No usable training example is left.", remedy="See localqa check FILE.")
    return RunData(train, validation)


def _rehearsed(config: TrainConfig, validation: list[Example]) -> list[Example]:
    """A sample of what was learned before, under the same exclusions as the training data."""
    examples = _keep_out(_learned(config, config.rehearsal_data), validation, "the validation data")
    if config.exclude_data:
        examples = _keep_out(examples, _read(config, config.exclude_data), "--exclude_data")
    return subset(examples, config.rehearsal_size, seed=config.seed)


def _among_neighbours(config: TrainConfig, examples: list[Example]) -> list[Example]:
    """The examples beside, and among, paragraphs that look right and are not."""
    if not examples or not (config.retrieved_negatives or config.joined):
        return examples
    paragraphs = Paragraphs(examples)
    retrieved = make_retrieved(examples, paragraphs, config.retrieved_negatives, config.seed)
    joined = join_paragraphs(examples, paragraphs, config.joined, config.joined_paragraphs, config.seed)
    return joined + retrieved


def _learned(config: TrainConfig, sources: list[str]) -> list[Example]:
    """The examples of files that a run is to learn from, or to be judged on."""
    examples = _read(config, sources)
    return [e for e in examples if not e.is_impossible] if config.answerable_only else examples


def _read(config: TrainConfig, sources: list[str]) -> list[Example]:
    return load_reported(sources, columns=config.columns or None, text_format=config.text_format)


def _of_titles(examples: list[Example], titles: list[str]) -> list[Example]:
    """The examples of these articles; all where none is named.

    Raises:
        DataError: an article that is not there.
    """
    known = {example.title for example in examples}
    for title in titles:
        if title not in known:
            names = ", ".join(sorted(known)[:10])
            raise DataError(
                f"The validation data has no article '{title}'.", remedy=f"It has {names or 'no titles'}."
            )
    return [example for example in examples if example.title in titles] if titles else examples


def _keep_out(train: list[Example], held_back: list[Example], where: str) -> list[Example]:
    kept, overlapping = without_overlap(train, held_back)
    if overlapping:
        print(f"{len(overlapping)} training questions left out: their context stands in {where} too")
    return kept


def _qa_config(config: TrainConfig, base: Base) -> QAConfig:
    return QAConfig(
        base=base.name,
        base_sha256=base.sha256,
        method=config.method,
        max_length=config.max_length,
        stride=config.stride,
        max_answer_tokens=config.max_answer_tokens,
        rounded_base=served_bits(config.precision),
    )


def _final_scores(
    config: TrainConfig, base: Base, folder: Path, data: RunData, windower: Windower, qa_config: QAConfig
) -> tuple[QAConfig, Scores | None]:
    """Score and calibrate what a user will load: the saved files, in fp32."""
    if not data.validation:
        return qa_config, None
    model = load_adapter(load_base_of(folder, base), folder)
    decoded = predict(
        model, data.validation, windower=windower, config=qa_config, description="final evaluation"
    )
    impossible = any(example.is_impossible for example in data.validation)
    kinds = [Kind("held out", data.validation, decoded)]
    qa_config = calibrate(kinds, qa_config, abstain=impossible and _may_abstain(config, data))
    qa_config.save(folder)
    return qa_config, score_decoded(data.validation, decoded, qa_config)


def _print_settings(
    config: TrainConfig,
    model: torch.nn.Module,
    data: RunData,
    features: Sequence[Feature],
    threads: int,
    *,
    bf16: bool,
) -> None:
    counts = count_parameters(model)
    plan = make_plan(config, features)
    share = 100 * counts["trainable"] / counts["total"]
    print(
        f"method: {config.method} on a {config.precision if config.precision != 'none' else 'plain'} base, "
        f"{'bf16' if bf16 else 'fp32'}, {threads} threads\n"
        f"parameters: {counts['trainable']:,} trained of {counts['total']:,} ({share:.2f} %)\n"
        f"data: {len(data.train):,} questions in {len(features):,} windows; "
        f"{len(data.validation):,} for validation\n"
        f"steps: {plan.total_steps:,} of {config.batch_size * config.gradient_accumulation} windows, "
        f"learning rate {config.learning_rate:g} ({config.schedule})"
    )


def _report(
    config: TrainConfig,
    base: Base,
    folder: Path,
    data: RunData,
    features: Sequence[Feature],
    progress: Progress,
    scores: Scores | None,
    parameters: dict[str, int],
    qa_config: QAConfig,
    start: Start | None,
) -> dict[str, Any]:
    weights = sum(file.stat().st_size for file in folder.glob(_WEIGHTS_GLOB))
    return {
        "result": {
            "validation": _as_dict(scores),
            **({"began_from": start.name, "before": _as_dict(start.scores)} if start else {}),
            "null_threshold": qa_config.null_threshold,
            "temperature": qa_config.temperature,
            "score_offset": qa_config.score_offset,
            "final_loss": round(progress.losses[-1]["loss"], 6),
            "steps": progress.step,
            "best_step": progress.best_step or progress.step,
            "parameters": parameters,
            "adapter_bytes": weights,
        },
        "data": {
            "train": config.train_data,
            "train_questions": len(data.train),
            "train_windows": len(features),
            "train_sha256": fingerprint(data.train),
            "train_rows": sketch(_rows(data.train), start.rows if start else None),
            "validation": config.validation_data or f"{len(data.validation)} held out by context",
            "validation_questions": len(data.validation),
            "validation_sha256": fingerprint(data.validation),
        },
        **common(config, base, progress, unit="windows"),
    }


def _rows(examples: Sequence[Example]) -> list[tuple[str, str]]:
    return [(example.question, example.context) for example in examples]


def _as_dict(scores: Scores | None) -> dict[str, Any] | None:
    if scores is None:
        return None
    return {
        key: round(value, 3) if isinstance(value, float) else value for key, value in scores.as_dict().items()
    }


def _print_result(folder: Path, scores: Scores | None, progress: Progress, start: Start | None) -> None:
    if scores:
        print(f"validation: EM {scores.exact:.2f} F1 {scores.f1:.2f} on {scores.total} questions")
    if scores and start and start.scores:
        before = start.scores
        print(f"{start.name}, where it began: EM {before.exact:.2f} F1 {before.f1:.2f} on the same questions")
        if scores.f1 < before.f1:
            print(f"It has become worse than {start.name}: give more data, or lower --learning_rate.")
    print(
        f"{folder}: done after {progress.step} steps in {progress.seconds / 60:.1f} minutes; "
        f"see {folder}/report.md"
    )

"""A run that learns to answer questions: what it learns, and what its adapter is worth."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from localqa.errors import ConfigError
from localqa.evaluation.calibrate import Kind, calibrate, score_decoded
from localqa.evaluation.seen import kept_rows, sketch
from localqa.extraction.qa_config import QAConfig
from localqa.extraction.windows import Windower
from localqa.model.adapter_files import named_adapter
from localqa.model.adapters import save_adapter
from localqa.model.bases import DEFAULT_BASE, Base
from localqa.model.loading import served_bits
from localqa.model.versions import versions
from localqa.squad.metrics import Scores
from localqa.squad.records import Example
from localqa.squad.split import fingerprint
from localqa.training.config import TrainConfig
from localqa.training.distill import teacher_folder, teacher_sha256, with_soft_labels
from localqa.training.features import Augmentation, Feature, by_question, make_features
from localqa.training.loop import Evaluation
from localqa.training.methods import make_trainee
from localqa.training.question_data import RunData, check_validation, fitting, load_data, may_abstain
from localqa.training.run import Judged, print_settings
from localqa.training.run import run as run_task
from localqa.training.saved import SavedAdapter
from localqa.training.trainee import Trainee
from localqa.training.validate import validate

_FEW = 5000
"""Questions below which an adapter from nothing falls far behind one that is trained further."""


def run(config: TrainConfig) -> Path | None:
    """Train an adapter that answers and write its folder; see `localqa.training.run.run`."""
    return run_task(config, prepare)


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


@dataclass(slots=True)
class Questions:
    """What a run learns questions from, and by.

    Attributes:
        config: of the run.
        base: to learn over.
        windower: of the student.
        examples: to learn from and to be judged by.
        features: the windows to learn from, or those of a question together.
        trainee: the model that learns.
        origin: folder of the adapter that the run begins from; None: from nothing.
        start: that adapter, judged.
    """

    config: TrainConfig
    base: Base
    windower: Windower
    examples: RunData
    features: Sequence[Feature]
    trainee: Trainee
    origin: Path | None
    start: Start | None = None

    def digests(self) -> dict[str, str]:
        """Of the data, and of the teacher."""
        found = {
            "train_sha256": fingerprint(self.examples.train),
            "validation_sha256": fingerprint(self.examples.validation),
        }
        return found | (
            {"teacher_sha256": teacher_sha256(self.config.teacher)} if self.config.teacher else {}
        )

    def judge_origin(self) -> None:
        """Judge the adapter that the run begins from, if there is one."""
        self.start = _judged_origin(self.origin, self.base, self.examples) if self.origin else None

    def evaluation(self) -> Callable[[], Evaluation] | None:
        """EM and F1 on the validation data."""
        held_out, config = self.examples.validation, _qa_config(self.config, self.base)
        score = partial(validate, self.trainee.model, held_out, windower=self.windower, config=config)
        abstain = may_abstain(self.config, self.examples)
        return (lambda: _evaluation(score(), abstain=abstain)) if held_out else None

    def augmentation(self) -> Augmentation:
        """Another accepted answer, and masked tokens."""
        return _augmentation(self.config, self.windower)

    def save(self, folder: Path) -> None:
        """Write the adapter, not yet calibrated."""
        save_adapter(self.trainee.model, folder, _qa_config(self.config, self.base))

    def judge(self, folder: Path) -> Judged:
        """Calibrate what was written, and score it."""
        fitted, scores = _final_scores(self.config, self.base, folder, self.examples)
        start = self.start
        figures = {
            "validation": _as_dict(scores),
            **({"began_from": start.name, "before": _as_dict(start.scores)} if start else {}),
            "null_threshold": fitted.null_threshold,
            "temperature": fitted.temperature,
            "score_offset": fitted.score_offset,
        }
        return Judged(figures, tuple(_told(scores, start)))

    def data(self) -> dict[str, Any]:
        """Where the questions came from, and how many there are."""
        train, held_out = self.examples.train, self.examples.validation
        return {
            "train": self.config.train_data,
            "train_questions": len(train),
            "train_windows": sum(1 + len(feature.beside) for feature in self.features),
            # A question that was asked of a longer text is known when it is asked of its own paragraph, too.
            "train_rows": sketch(
                _rows([*train, *self.examples.alone]), self.start.rows if self.start else None
            ),
            "validation": self.config.validation_data or f"{len(held_out)} held out by context",
            "validation_questions": len(held_out),
        }


def prepare(config: TrainConfig, base: Base, threads: int) -> Questions:
    """Read the data and load the model, and say what will be done.

    Raises:
        LocalQAError: data, an adapter to begin from or a teacher that cannot be used.
    """
    origin = named_adapter(config.init_adapter) if config.init_adapter else None
    if config.teacher:
        teacher_folder(config.teacher)
    windower = Windower.from_folder(base.folder, max_length=config.max_length, stride=config.stride)
    data = fitting(load_data(config), windower)
    check_validation(config, data)
    features = make_features(data.train, windower)
    trainee = make_trainee(config, base, begin_from=origin)
    print_settings(
        config,
        trainee,
        _steps_of(features, config),
        threads,
        method=f"{config.method} on a {config.precision if config.precision != 'none' else 'plain'} base",
        data=f"{len(data.train):,} questions in {len(features):,} windows; "
        f"{len(data.validation):,} for validation",
    )
    alone = not config.init_adapter and config.method == "lora" and config.base == DEFAULT_BASE
    if alone and len(data.train) < _FEW:
        print("So few questions teach little: --init_adapter squad begins with what squad knows already.")
    if config.teacher and not config.dry_run and not config.finish:
        features = _taught(config, config.teacher, features, data)
    return Questions(config, base, windower, data, _steps_of(features, config), trainee, origin)


def _taught(config: TrainConfig, teacher: str, features: Sequence[Feature], data: RunData) -> list[Feature]:
    """The windows, in their order, with the teacher's labels where it has a say."""
    silent = frozenset() if config.teach_rehearsal else data.rehearsed
    heard = [feature for feature in features if data.train[feature.example].source not in silent]
    labelled = iter(with_soft_labels(heard, data.train, teacher, config.distill_temperature))
    return [f if data.train[f.example].source in silent else next(labelled) for f in features]


def _steps_of(features: Sequence[Feature], config: TrainConfig) -> Sequence[Feature]:
    """What steps are made of: the windows, or those of a question together."""
    return by_question(features, config.windows_per_question) if config.windows_per_question > 1 else features


def _judged_origin(folder: Path, base: Base, data: RunData) -> Start:
    """Judge what the run begins from, before anything of it can be written over."""
    scores = None
    if data.validation:
        origin = SavedAdapter.load(folder, base)
        scores = score_decoded(data.validation, origin.predict(data.validation), origin.config)
    rows = kept_rows(folder)
    if rows is None:
        # Its report is gone already where this run replaces it and was ended; its latest version has it.
        rows = next((kept_rows(one.folder) for one in reversed(versions(folder)) if one.current), None)
    return Start(folder.name, scores, rows)


def _evaluation(scores: Scores, *, abstain: bool) -> Evaluation:
    """What the best weights are chosen by: what the best threshold reaches, if they will abstain."""
    exact = scores.best_exact if abstain and scores.best_exact is not None else scores.exact
    f1 = scores.best_f1 if abstain and scores.best_f1 is not None else scores.f1
    return Evaluation({"exact": exact, "f1": f1}, goal=f1)


def _augmentation(config: TrainConfig, windower: Windower) -> Augmentation:
    if config.token_masking and windower.mask_id is None:
        raise ConfigError("The base's tokenizer has no mask token.", remedy="Leave --token_masking out.")
    return Augmentation(config.token_masking, windower.mask_id or 0, config.sample_answers, config.seed)


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
    config: TrainConfig, base: Base, folder: Path, data: RunData
) -> tuple[QAConfig, Scores | None]:
    """Score and calibrate what a user will load: the saved files, in fp32."""
    if not data.validation:
        return QAConfig.load(folder), None
    saved = SavedAdapter.load(folder, base)
    decoded = saved.predict(data.validation, description="final evaluation")
    impossible = any(example.is_impossible for example in data.validation)
    kinds = [Kind("held out", data.validation, decoded)]
    qa_config = calibrate(kinds, saved.config, abstain=impossible and may_abstain(config, data))
    qa_config.save(folder)
    return qa_config, score_decoded(data.validation, decoded, qa_config)


def _rows(examples: Sequence[Example]) -> list[tuple[str, str]]:
    return [(example.question, example.context) for example in examples]


def _as_dict(scores: Scores | None) -> dict[str, Any] | None:
    if scores is None:
        return None
    return {
        key: round(value, 3) if isinstance(value, float) else value for key, value in scores.as_dict().items()
    }


def _told(scores: Scores | None, start: Start | None) -> Sequence[str]:
    if scores is None:
        return []
    lines = [f"validation: EM {scores.exact:.2f} F1 {scores.f1:.2f} on {scores.total} questions"]
    if start and start.scores:
        before = start.scores
        lines.append(
            f"{start.name}, where it began: EM {before.exact:.2f} F1 {before.f1:.2f} on the same questions"
        )
        if scores.f1 < before.f1:
            lines.append(f"It has become worse than {start.name}: give more data, or lower --learning_rate.")
    return lines

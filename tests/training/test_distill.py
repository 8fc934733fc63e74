"""A teacher's view of the data: aligned across tokenizers, cached, learned."""

import numpy as np
import pytest
import torch

from localqa.errors import ConfigError
from localqa.extraction.windows import Windower
from localqa.model.bases import resolve_base
from localqa.model.runner import run_windows
from localqa.squad.load import load_training_data
from localqa.squad.report import file_of
from localqa.training import distill
from localqa.training.config import TrainConfig
from localqa.training.distill import soft_labels, with_soft_labels
from localqa.training.features import make_features, soft_targets
from localqa.training.losses import span_loss
from localqa.training.methods import make_trainee
from localqa.training.questions import prepare, run
from localqa.training.saved import SavedAdapter


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("QA_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def teacher(tiny_bases, tiny_data, tmp_path):
    """A trained adapter over a base with another tokenizer."""
    folder = tmp_path / "teacher"
    run(config_of(tiny_data, output_dir=str(folder), base=str(tiny_bases["roberta"])))
    return folder


def config_of(data, **changes) -> TrainConfig:
    values = {"train_data": [str(data)], "output_dir": "x", "validation_size": 0, "max_steps": 2}
    return TrainConfig(**values | changes)


def features_of(base, data):
    examples = load_training_data([str(data)])[0]
    return examples, make_features(examples, Windower.from_folder(base), progress=False)


def test_probability_goes_to_the_token_that_holds_the_character(tiny_bases):
    question, context = "What?", "It was written in 1999 by the fox."
    student, teacher = (
        Windower.from_folder(tiny_bases[name]).windows([(question, context)])[0][0]
        for name in ("bert", "roberta")
    )
    logits = np.full((2, len(teacher)), -30.0, dtype=np.float32)
    # The teacher is sure of "1999", whatever pieces it is cut into.
    at = context.index("1999")
    starts = np.nonzero(teacher.offsets[:, 0] >= at)[0][0]
    ends = np.nonzero(teacher.offsets[:, 1] <= at + 4)[0][-1]
    logits[0, teacher.context_at + starts] = logits[1, teacher.context_at + ends] = 0.0
    soft = soft_labels(teacher, logits, student, 1.0)
    start, end = int(soft.start.argmax()) - 1, int(soft.end.argmax()) - 1
    assert context[student.offsets[start, 0] : student.offsets[end, 1]] == "1999"
    assert soft.start.sum() == pytest.approx(1)
    assert soft.end.sum() == pytest.approx(1)


def test_labels_are_distributions_and_come_from_the_cache_the_second_time(
    teacher, tiny_bases, tiny_data, monkeypatch
):
    examples, features = features_of(tiny_bases["bert"], tiny_data)
    first = with_soft_labels(features, examples, str(teacher), 2.0)
    assert all(feature.soft.start.sum() == pytest.approx(1, abs=1e-2) for feature in first)
    monkeypatch.setattr(distill._Teacher, "_load", lambda self: pytest.fail("the teacher was asked again"))
    second = with_soft_labels(features, examples, str(teacher), 2.0)
    for one, other in zip(first, second, strict=True):
        np.testing.assert_allclose(one.soft.end, other.soft.end, atol=1e-3)


def test_labels_are_what_the_trained_model_says(teacher, tiny_bases, tiny_data):
    examples, features = features_of(tiny_bases["bert"], tiny_data)
    saved, features = SavedAdapter.load(teacher), features[:4]
    for feature, other in zip(features, with_soft_labels(features, examples, str(teacher), 2.0), strict=True):
        example = examples[feature.example]
        read = saved.windower.windows([(example.question, example.context)])[0][0]
        logits = np.stack(run_windows(saved.model, [read])[0])
        expected = soft_labels(read, logits, feature.window, 2.0)
        # Where the processor multiplies int8, the engine rounds.
        np.testing.assert_allclose(other.soft.start, expected.start, atol=0.01)
        np.testing.assert_allclose(other.soft.end, expected.end, atol=0.01)


def test_damaged_cache_is_made_again(teacher, tiny_bases, tiny_data, cache):
    examples, features = features_of(tiny_bases["bert"], tiny_data)
    with_soft_labels(features, examples, str(teacher), 2.0)
    (file,) = (cache / "teacher").iterdir()
    file.write_bytes(b"broken")
    assert with_soft_labels(features, examples, str(teacher), 2.0)[0].soft is not None


def test_loss_is_lowest_where_the_student_agrees_with_its_teacher(teacher, tiny_bases, tiny_data):
    base = resolve_base(str(tiny_bases["bert"]))
    examples, features = features_of(base.folder, tiny_data)
    features = with_soft_labels(features, examples, str(teacher), 2.0)[:8]
    config = config_of(tiny_data, teacher=str(teacher), distill_weight=1.0, bf16=False, base=str(base.folder))
    trainee = make_trainee(config, base)
    optimizer = torch.optim.Adam([p for p in trainee.model.parameters() if p.requires_grad], lr=0.02)
    for _ in range(150):
        loss = span_loss(config, trainee, features)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    targets = soft_targets(features, max(len(feature.window) for feature in features))
    entropy = (
        -(targets * np.log(np.where(targets > 0, targets, 1))).sum(-1).mean() * config.distill_temperature**2
    )
    # Cross-entropy is never below the entropy of the targets.
    assert entropy - 1e-3 < loss.item() < 1.2 * entropy


def test_run_with_a_teacher_writes_an_adapter(teacher, tiny_bases, tiny_data, tmp_path):
    config = config_of(
        tiny_data, teacher=str(teacher), output_dir=str(tmp_path / "student"), base=str(tiny_bases["bert"])
    )
    assert (run(config) / "adapter_model.safetensors").exists()


def test_rehearsal_can_be_kept_from_the_teacher(teacher, tiny_bases, tiny_data, tmp_path):
    learned = tmp_path / "learned.json"
    learned.write_text(tiny_data.read_text(encoding="utf-8").replace("Note", "Page"), encoding="utf-8")
    settings = {"teacher": str(teacher), "base": str(tiny_bases["bert"])}
    rehearsal = {"rehearsal_data": [str(learned)], "rehearsal_size": 5, "teach_rehearsal": False}
    config = config_of(tiny_data, **settings, **rehearsal)
    prepared = prepare(config, resolve_base(config.base), threads=1)
    train = prepared.examples.train
    rehearsed = [file_of(train[feature.example].source) == learned.name for feature in prepared.features]
    assert 0 < sum(rehearsed) < len(rehearsed)
    assert [feature.soft is None for feature in prepared.features] == rehearsed


def test_missing_teacher_is_named(tiny_bases, tiny_data):
    examples, features = features_of(tiny_bases["bert"], tiny_data)
    with pytest.raises(ConfigError, match="no adapter folder"):
        with_soft_labels(features, examples, "models/nobody", 2.0)

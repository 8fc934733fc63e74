"""Learning rates, losses, gradients of the fast path, checkpoints."""

import copy
import json

import pytest
import torch

from localqa.errors import ConfigError
from localqa.extraction.windows import Windower
from localqa.squad.readers import read_examples
from localqa.training.checkpoint import Checkpoints, Progress
from localqa.training.config import TrainConfig
from localqa.training.features import make_features
from localqa.training.loop import Evaluation, fit, learning_rate, make_optimizer, make_plan, train_step
from localqa.training.methods import make_trainee


def config_of(**changes) -> TrainConfig:
    values = {"train_data": ["x"], "output_dir": "models/x", "batch_size": 8, "bf16": False, "lora_rank": 4}
    return TrainConfig(**(values | changes))


@pytest.fixture
def features(tiny_data, tiny_bert):
    return make_features(read_examples(tiny_data), Windower.from_folder(tiny_bert.folder), progress=False)


@pytest.mark.parametrize(("schedule", "last"), [("linear", 1e-3 / 94), ("cosine", 0.0), ("constant", 1e-3)])
def test_rate_rises_then_follows_its_course(schedule, last, features):
    config = config_of(schedule=schedule, num_epochs=100 / 3, learning_rate=1e-3, warmup_ratio=0.06)
    plan = make_plan(config, features)
    rates = [learning_rate(config, plan, step) for step in range(plan.total_steps)]
    assert len(rates) == 100
    assert rates[:6] == pytest.approx([1e-3 * i / 6 for i in range(1, 7)])
    assert max(rates) == 1e-3
    assert rates[-1] == pytest.approx(last, abs=1e-6)


@pytest.mark.parametrize("steps", [2, 50])
def test_max_steps_is_the_length_of_a_run(features, steps):
    assert make_plan(config_of(num_epochs=2, max_steps=steps), features).total_steps == steps


def test_lean_forward_has_the_gradients_of_lora(features, tiny_bert):
    """A tiny dropout that never drops keeps peft's own forward pass, as reference."""
    fast = make_trainee(config_of(), tiny_bert)
    plain = make_trainee(config_of(lora_dropout=1e-12), tiny_bert)
    for trainee in (fast, plain):
        with torch.no_grad():
            generator = torch.Generator().manual_seed(1)
            for parameter in trainee.model.parameters():
                if parameter.requires_grad:
                    parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.1)
        trainee.loss(config_of(), features[:8]).backward()
    pairs = zip(fast.model.parameters(), plain.model.parameters(), strict=True)
    gradients = [(a.grad, b.grad) for a, b in pairs if a.requires_grad]
    assert len(gradients) > 20
    for own, pefts in gradients:
        torch.testing.assert_close(own, pefts, atol=1e-5, rtol=1e-3)


@pytest.mark.parametrize(
    "changes",
    [
        {"method": "lora"},
        {"method": "lora", "bf16": True},
        {"method": "lora", "lora_dropout": 0.1},
        {"method": "lora", "rslora": True},
        {"method": "lora", "gradient_checkpointing": True},
        {"method": "lora", "precision": "int8"},
        {"method": "lora", "precision": "nf4"},
        {"method": "lora", "precision": "nf4", "bf16": True},
        {"method": "full"},
        {"method": "full", "bf16": True},
        {"method": "prompt", "learning_rate": 3e-2},
        {"method": "prompt", "bf16": True, "learning_rate": 3e-2},
    ],
)
def test_loss_falls_with_every_method(features, tiny_bert, changes):
    """The rate is low enough that no step overshoots; at 1e-2 some do, on some processors at the end."""
    config = config_of(**({"learning_rate": 1e-3} | changes))
    trainee = make_trainee(config, tiny_bert)
    optimizer = make_optimizer(config, trainee)
    losses = [train_step(config, trainee, optimizer, [features], config.learning_rate) for _ in range(25)]
    assert losses[-1] < losses[0] - 0.3


def test_only_the_chosen_parameters_change(features, tiny_bert):
    trainee = make_trainee(config_of(), tiny_bert)
    before = copy.deepcopy(dict(trainee.model.named_parameters()))
    optimizer = make_optimizer(config_of(), trainee)
    train_step(config_of(), trainee, optimizer, [features[:8]], 1e-2)
    changed = {name for name, p in trainee.model.named_parameters() if not torch.equal(p, before[name])}
    assert changed
    assert all("lora" in name or "qa_outputs" in name for name in changed)


def test_accumulated_batches_have_the_gradient_of_one_big_batch(features, tiny_bert):
    config = config_of(max_grad_norm=1e9)
    trainees = [make_trainee(config, tiny_bert) for _ in range(2)]
    for trainee, batches in zip(trainees, ([features[:9]], [features[:4], features[4:9]]), strict=True):
        train_step(config, trainee, torch.optim.SGD(trainee.model.parameters(), 0.1), batches, 0.1)
    for one, other in zip(*(t.model.parameters() for t in trainees), strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("tokens", [1, 100])
def test_a_batch_in_parts_has_the_gradient_of_the_whole(features, tiny_bert, tokens):
    whole, parted = config_of(max_grad_norm=1e9), config_of(max_grad_norm=1e9, micro_batch_tokens=tokens)
    trainees = [make_trainee(config, tiny_bert) for config in (whole, parted)]
    for config, trainee in zip((whole, parted), trainees, strict=True):
        train_step(config, trainee, torch.optim.SGD(trainee.model.parameters(), 0.1), [features[:9]], 0.1)
    for one, other in zip(*(t.model.parameters() for t in trainees), strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)


def run(tmp_path, features, tiny_bert, config, *, evaluate=None):
    checkpoints = Checkpoints(tmp_path / "checkpoints", config.course())
    trainee = make_trainee(config, tiny_bert)
    return fit(config, trainee, features, checkpoints, evaluate), trainee, checkpoints


def test_continued_run_is_the_run_it_continues(features, tiny_bert, tmp_path):
    config = config_of(max_steps=12, save_steps=5, lora_dropout=0.1, log_steps=4)
    whole, whole_trainee, _ = run(tmp_path / "whole", features, tiny_bert, config)
    older, _ = sorted((tmp_path / "whole" / "checkpoints").glob("step-*"))
    (tmp_path / "cut" / "checkpoints").mkdir(parents=True)
    older.rename(tmp_path / "cut" / "checkpoints" / older.name)
    continued, continued_trainee, _ = run(tmp_path / "cut", features, tiny_bert, config)
    assert older.name == "step-00000010"
    assert continued.losses == whole.losses
    for one, other in zip(
        whole_trainee.model.parameters(), continued_trainee.model.parameters(), strict=True
    ):
        assert torch.equal(one, other)


def test_checkpoint_of_other_settings_is_refused(features, tiny_bert, tmp_path):
    run(tmp_path, features, tiny_bert, config_of(max_steps=6, save_steps=3))
    with pytest.raises(ConfigError, match=r"learning_rate \(0.001 there, 0.5 now\)"):
        run(tmp_path, features, tiny_bert, config_of(max_steps=6, save_steps=3, learning_rate=0.5))


def test_a_checkpoint_older_than_a_setting_continues_with_its_default(features, tiny_bert, tmp_path):
    config = config_of(max_steps=6, save_steps=3)
    run(tmp_path, features, tiny_bert, config)
    for state in (tmp_path / "checkpoints").glob("step-*/state.json"):
        saved = json.loads(state.read_text())
        del saved["course"]["joined"], saved["course"]["schedule"]
        state.write_text(json.dumps(saved))
    checkpoints = Checkpoints(tmp_path / "checkpoints", config.course(), defaults=config.defaults())
    trainee = make_trainee(config, tiny_bert)
    assert checkpoints.resume(trainee.model, make_optimizer(config, trainee)).step == 6


def test_overwrite_starts_anew_when_settings_differ(features, tiny_bert, tmp_path):
    run(tmp_path, features, tiny_bert, config_of(max_steps=6, save_steps=3))
    config = config_of(max_steps=2, learning_rate=0.5, overwrite=True)
    checkpoints = Checkpoints(tmp_path / "checkpoints", config.course(), overwrite=True)
    progress = fit(config, make_trainee(config, tiny_bert), features, checkpoints, None)
    assert progress.step == 2


def test_diverged_training_stops_with_a_remedy(features, tiny_bert):
    config = config_of()
    trainee = make_trainee(config, tiny_bert)
    optimizer = make_optimizer(config, trainee)
    with torch.no_grad():
        next(p for p in trainee.model.parameters() if p.requires_grad).fill_(torch.nan)
    with pytest.raises(ConfigError, match="diverged"):
        train_step(config, trainee, optimizer, [features[:4]], 1e-3)


def test_early_stopped_run_stays_stopped(features, tiny_bert, tmp_path):
    config = config_of(num_epochs=30, eval_steps=2, early_stopping_patience=3)
    first, *_ = run(tmp_path, features, tiny_bert, config, evaluate=Falling())
    again, *_ = run(tmp_path, features, tiny_bert, config, evaluate=Falling())
    assert (first.step, again.step) == (8, 8)


def test_half_written_checkpoint_is_passed_over(features, tiny_bert, tmp_path):
    config = config_of(max_steps=9, save_steps=2)
    run(tmp_path, features, tiny_bert, config)
    folder = tmp_path / "checkpoints"
    older, newest = sorted(folder.glob("step-*"))
    (newest / "optimizer.safetensors").write_bytes(b"cut")
    (folder / "step-00000099.partial").mkdir()
    trainee = make_trainee(config, tiny_bert)
    progress = Checkpoints(folder, config.course()).resume(trainee.model, make_optimizer(config, trainee))
    assert older.name == f"step-{progress.step:08d}"


def test_two_newest_checkpoints_are_kept(features, tiny_bert, tmp_path):
    run(tmp_path, features, tiny_bert, config_of(max_steps=9, save_steps=2))
    assert sorted(f.name for f in (tmp_path / "checkpoints").iterdir()) == ["step-00000008", "step-00000009"]


def test_full_disk_leaves_the_last_checkpoint_whole(features, tiny_bert, tmp_path, monkeypatch):
    config = config_of()
    trainee = make_trainee(config, tiny_bert)
    optimizer = make_optimizer(config, trainee)
    checkpoints = Checkpoints(tmp_path / "checkpoints", config.course())
    checkpoints.save(trainee.model, optimizer, Progress(step=1))

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("localqa.training.checkpoint.on_disk", full)
    with pytest.raises(OSError, match="No space left"):
        checkpoints.save(trainee.model, optimizer, Progress(step=2))
    (kept,) = checkpoints.folder.iterdir()
    assert json.loads((kept / "state.json").read_text())["progress"]["step"] == 1


class Falling:
    """A validation set on which the model gets worse and worse."""

    def __init__(self):
        self.f1 = 90.0

    def __call__(self):
        self.f1 -= 10
        return Evaluation({"exact": 50.0, "f1": self.f1}, goal=self.f1)


def test_early_stopping_keeps_the_best_weights(features, tiny_bert, tmp_path):
    config = config_of(num_epochs=30, eval_steps=2, early_stopping_patience=3)
    progress, trainee, checkpoints = run(tmp_path, features, tiny_bert, config, evaluate=Falling())
    assert (progress.step, progress.best_step, progress.best) == (8, 2, 80.0)
    best = make_trainee(config, tiny_bert)
    checkpoints.load_best(best.model)
    for one, other in zip(trainee.model.parameters(), best.model.parameters(), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("name", ["best.safetensors", "step-00000001", "notes"])
def test_other_files_in_the_folder_of_checkpoints_stay(features, tiny_bert, tmp_path, name):
    mine = tmp_path / "checkpoints" / name
    mine.mkdir(parents=True)
    (mine / "thesis.txt").write_text("x")
    checkpoints = Checkpoints(tmp_path / "checkpoints", {})
    if name == "notes":
        checkpoints.check()
    else:
        with pytest.raises(ConfigError, match="not made by a training here"):
            checkpoints.check()
    checkpoints.clear()
    assert (mine / "thesis.txt").exists()


@pytest.mark.parametrize("name", ["step-0", "step-by-step"])
def test_saving_removes_no_folder_that_only_begins_as_a_checkpoint(features, tiny_bert, tmp_path, name):
    mine = tmp_path / "checkpoints" / name / "thesis.txt"
    mine.parent.mkdir(parents=True)
    mine.write_text("x")
    config = config_of(max_steps=8, save_steps=2)
    _, _, checkpoints = run(tmp_path, features, tiny_bert, config)
    assert mine.exists()
    assert sorted(one.name for one in checkpoints.folder.glob("step-0000*")) == [
        "step-00000006",
        "step-00000008",
    ]


def test_checkpoints_go_when_they_are_cleared(features, tiny_bert, tmp_path):
    config = config_of(max_steps=6, save_steps=3, eval_steps=2)
    _, _, checkpoints = run(tmp_path, features, tiny_bert, config, evaluate=Falling())
    (checkpoints.folder / "step-00000099.partial").mkdir()
    Checkpoints(checkpoints.folder, {}).check()
    checkpoints.clear()
    assert not checkpoints.folder.exists()

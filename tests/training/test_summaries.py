"""Training on pairs of text and summary: the same commands, another task."""

import importlib
import json

import pytest
import torch
from torch.optim import SGD

from fine_tune import main
from localqa.cli import run_verb
from localqa.errors import ConfigError
from localqa.training.config import SummaryTrainConfig, TrainConfig, checked, parse_config
from localqa.training.loop import InterruptedTraining, train_step
from localqa.training.summaries import Text, make_trainee, run
from tests.conftest import ROOT, STORIES


@pytest.fixture
def stories(tmp_path):
    path = tmp_path / "stories.jsonl"
    path.write_text("\n".join(map(json.dumps, STORIES)))
    return path


def test_rouge_rises(summary_adapter):
    report = json.loads((summary_adapter / "report.json").read_text())
    before, after = report["result"]["before"], report["result"]["after"]
    assert after["rouge1"] > before["rouge1"] + 20
    assert after["rougeLsum"] > before["rougeLsum"] + 20
    assert after["bleu"] > before["bleu"]
    assert report["data"]["validation_texts"] == 12
    assert [point["step"] for point in report["curve"]["evaluations"]] == [40, 80, 120]
    assert report["settings"]["task"] == "summarization"
    assert sorted(file.name for file in summary_adapter.iterdir()) == [
        "adapter_config.json",
        "adapter_model.safetensors",
        "curve.png",
        "report.json",
        "report.md",
        "summary_config.json",
    ]


LONG_AND_SHORT = [Text([5, 6, 7, 1], [8, 1]), Text([6, 5, 1], [7, 8, 9, 5, 6, 7, 1])]


@pytest.mark.parametrize(
    ("changes", "batches"),
    [
        ({"micro_batch_tokens": 8}, [LONG_AND_SHORT]),
        ({"gradient_accumulation": 2}, [[one] for one in LONG_AND_SHORT]),
    ],
)
def test_parts_of_a_batch_have_the_gradients_of_all_of_it(tiny_t5, changes, batches):
    values = {"train_data": ["x"], "output_dir": "x", "base": str(tiny_t5.folder), "bf16": False}
    gradients = []
    for more, some in (({}, [LONG_AND_SHORT]), (changes, batches)):
        config = SummaryTrainConfig(**values, **more)
        trainee = make_trainee(config, tiny_t5)
        optimizer = SGD([one for one in trainee.model.parameters() if one.requires_grad], lr=0.0)
        kept = []
        optimizer.register_step_pre_hook(
            lambda *_, kept=kept, trainee=trainee: kept.extend(
                one.grad.clone() for one in trainee.model.parameters() if one.grad is not None
            )
        )
        train_step(config, trainee, optimizer, some, 0.0)
        gradients.append(torch.cat([one.flatten() for one in kept]))
    assert gradients[0].abs().max() > 0
    torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-6)


def test_evaluation_and_comparison_know_the_task(summary_adapter, tiny_t5, stories, tmp_path, capsys):
    common = [
        "--task",
        "summarization",
        "--data",
        str(stories),
        "--limit",
        "6",
        "--output",
        str(tmp_path / "out"),
    ]
    flags = [*common, "--adapter", str(summary_adapter)]
    assert run_verb("evaluate", flags, prog="evaluate.py") == 0
    assert "ROUGE-Lsum" in capsys.readouterr().out
    scores = json.loads((tmp_path / "out/stories.json").read_text())["scores"]
    assert scores["texts"] == 6
    flags = [*common, "--before", "untrained", "--after", str(summary_adapter)]
    assert run_verb("compare", flags, prog="compare_models.py") == 0
    shown = capsys.readouterr().out
    assert "gain" in shown
    assert "wanted: The " in shown
    report = json.loads((tmp_path / "out/short-against-untrained.json").read_text())
    assert report["models"]["short"]["rouge1"] == scores["rouge1"]
    assert report["differences"]["rouge1"]["gain"] > 20
    assert report["differences"]["rouge1"]["p_value"] < 0.05
    page = (tmp_path / "out/short-against-untrained.md").read_text()
    assert "| wanted" in page
    assert "short-against-untrained.png" in page
    assert (tmp_path / "out/short-against-untrained.png").stat().st_size > 10_000


def test_file_and_short_form_know_the_task(tiny_t5, stories, tmp_path, monkeypatch, capsys):
    config = tmp_path / "run.json"
    values = {"task": "summarization", "base": str(tiny_t5.folder), "train_data": [str(stories)]}
    config.write_text(
        json.dumps(values | {"max_steps": 2, "validation_size": 4, "output_dir": str(tmp_path / "a")})
    )
    assert main([str(config), "--max_summary_tokens", "8"]) == 0
    assert (tmp_path / "a/summary_config.json").exists()
    asked = []
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    train_model = importlib.import_module("train_model")
    monkeypatch.setattr(train_model, "door", lambda verb: lambda flags: asked.append(flags) or 0)
    assert train_model.main(["--task", "summarization", "--data", str(stories), "--max_steps", "2"]) == 0
    assert isinstance(parse_config(asked[0], prog="", description=""), SummaryTrainConfig)
    with pytest.raises(SystemExit):
        train_model.main(["--task", "summarization"])
    assert "needs --data" in capsys.readouterr().err


def test_each_task_has_its_own_flags(capsys):
    parse = lambda *flags: parse_config(flags, prog="fine_tune.py", description="")  # noqa: E731 - short
    common = ("--train_data", "x", "--output_dir", "models/y")
    assert isinstance(parse(*common), TrainConfig)
    assert isinstance(parse("--task", "summarization", *common), SummaryTrainConfig)
    assert isinstance(parse("--task=summarization", *common), SummaryTrainConfig)
    with pytest.raises(SystemExit):
        parse("--task", "summarization", *common, "--max_answer_tokens", "3")
    with pytest.raises(SystemExit):
        parse("--task", "translation", *common)
    assert "invalid choice: 'translation'" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        parse(*common, "--task")
    assert "expected one argument" in capsys.readouterr().err


def test_file_with_another_task_is_refused(tmp_path):
    path = tmp_path / "run.json"
    path.write_text(json.dumps({"task": "translation", "train_data": ["x"], "output_dir": "models/y"}))
    with pytest.raises(ConfigError, match="task: Input should be"):
        parse_config([str(path)], prog="fine_tune.py", description="")
    path.write_text(json.dumps({"task": ["summarization"], "train_data": ["x"], "output_dir": "models/y"}))
    with pytest.raises(ConfigError, match="task: Input should be"):
        parse_config([str(path)], prog="fine_tune.py", description="")
    with pytest.raises(ConfigError, match="task summarization is not possible here"):
        checked({"task": "summarization"}, TrainConfig, where="training")


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--target_modules", "q", "lm_head"], "lm_head cannot be changed"),
        (["--prefix", "summarize this text " * 20, "--max_input_tokens", "64"], "leaves too few to the text"),
    ],
)
def test_settings_that_would_learn_nothing_are_refused(tiny_t5, stories, tmp_path, capsys, flags, told):
    common = ["--train_data", str(stories), "--output_dir", str(tmp_path / "x")]
    with pytest.raises(SystemExit):
        main(["--task", "summarization", "--base", str(tiny_t5.folder), *common, *flags])
    assert told in capsys.readouterr().err


def test_killed_run_continues_to_the_same_end(tiny_t5, stories, tmp_path, monkeypatch):
    values = {
        "task": "summarization",
        "base": str(tiny_t5.folder),
        "train_data": [str(stories)],
        "max_steps": 12,
        "validation_size": 0,
        "bf16": False,
        "save_steps": 4,
    }
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    run(SummaryTrainConfig(**values, output_dir=str(whole)))
    with monkeypatch.context() as patched:
        steps = iter(range(100))

        def dying(*args):
            if next(steps) == 6:
                raise InterruptedTraining("SIGKILL")
            return train_step(*args)

        from localqa.training.loop import train_step

        patched.setattr("localqa.training.loop.train_step", dying)
        with pytest.raises(InterruptedTraining):
            run(SummaryTrainConfig(**values, output_dir=str(broken)))
    run(SummaryTrainConfig(**values, output_dir=str(broken)))
    losses = [
        json.loads((one / "report.json").read_text())["result"]["final_loss"] for one in (whole, broken)
    ]
    assert losses[1] == pytest.approx(losses[0], abs=1e-4)


def test_a_folder_holds_one_adapter(tiny_t5, stories, tmp_path):
    folder = tmp_path / "one"
    folder.mkdir()
    for name in ("qa_config.json", "model.safetensors"):
        (folder / name).write_text("left by another adapter")
    flags = ["--train_data", str(stories), "--output_dir", str(folder), "--max_steps", "1"]
    flags += ["--task", "summarization", "--base", str(tiny_t5.folder), "--validation_size", "0"]
    assert main(flags) == 0
    assert not {"qa_config.json", "model.safetensors"} & {file.name for file in folder.iterdir()}


def test_evaluations_need_texts_to_look_at(tiny_t5, stories, tmp_path, capsys):
    flags = ["--train_data", str(stories), "--output_dir", str(tmp_path / "x"), "--validation_size", "0"]
    with pytest.raises(SystemExit):
        main(["--task", "summarization", "--base", str(tiny_t5.folder), *flags, "--eval_steps", "5"])
    assert "no validation data for --eval_steps" in capsys.readouterr().err


def test_dry_run_tells_the_cost(tiny_t5, stories, tmp_path, capsys):
    flags = ["--base", str(tiny_t5.folder), "--train_data", str(stories), "--output_dir", str(tmp_path / "x")]
    assert main(["--task", "summarization", *flags, "--dry_run"]) == 0
    assert "texts/s, evaluations not counted" in capsys.readouterr().out
    assert not (tmp_path / "x").exists()


def test_missing_base_is_told(stories, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(SystemExit) as ended:
        main(["--task", "summarization", "--train_data", str(stories), "--output_dir", str(tmp_path / "x")])
    assert ended.value.code == 2
    assert "google-t5/t5-small" in capsys.readouterr().err

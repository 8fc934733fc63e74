"""Flags and config files."""

import json

import pytest

from localqa.errors import ConfigError
from localqa.training.config import TrainConfig, parse_config

FLAGS = ["--train_data", "a.json", "--output_dir", "models/x"]


def parse(*argv: str) -> TrainConfig:
    return parse_config(argv, prog="fine_tune.py", description="")


def test_flags_and_file_give_the_same_settings(tmp_path):
    values = {
        "train_data": ["a.json", "b.json"],
        "output_dir": "models/x",
        "learning_rate": 5e-4,
        "rslora": True,
    }
    as_json, as_yaml = tmp_path / "c.json", tmp_path / "c.yaml"
    as_json.write_text(json.dumps(values))
    as_yaml.write_text(
        "train_data: [a.json, b.json]\noutput_dir: models/x\nlearning_rate: 0.0005\nrslora: true\n"
    )
    flags = [
        "--train_data",
        "a.json",
        "b.json",
        "--output_dir",
        "models/x",
        "--learning_rate",
        "5e-4",
        "--rslora",
    ]
    assert parse(*flags) == parse(str(as_json)) == parse(str(as_yaml))


def test_flags_win_over_the_file(tmp_path):
    (tmp_path / "c.json").write_text('{"train_data": ["a.json"], "output_dir": "models/x", "seed": 5}')
    config = parse(str(tmp_path / "c.json"), "--output_dir", "models/y")
    assert (config.output_dir, config.seed) == ("models/y", 5)


def test_column_mapping():
    assert parse(*FLAGS, "--columns", "question=q,context=c").columns == {"question": "q", "context": "c"}


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        (["--learning_rate", "fast"], "learning_rate"),
        (["--batch_size", "0"], "batch_size"),
        (["--num_epochs", "inf"], "num_epochs"),
        (["--learning_rate", "nan"], "learning_rate"),
        (["--stride", "300"], "stride"),
        (["--early_stopping_patience", "2"], "eval_steps"),
        (["--method", "full", "--precision", "nf4"], "precision nf4"),
        (["--method", "prompt", "--precision", "served-int8"], "needs method lora"),
        (["--method", "prompt", "--rslora"], "rslora"),
    ],
)
def test_bad_value_is_named(flags, named):
    with pytest.raises(ConfigError, match=named):
        parse(*FLAGS, *flags)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.json", "{", "not valid json"),
        ("a.yaml", "a: [", "not valid yaml"),
        ("a.json", "[]", "one object"),
        (
            "a.json",
            '{"train_data": ["a"], "output_dir": "x", "learning_rat": 1}',
            "learning_rat is not a setting",
        ),
        ("a.json", '{"output_dir": "x"}', "train_data"),
    ],
)
def test_bad_file_is_named(tmp_path, name, content, message):
    (tmp_path / name).write_text(content)
    with pytest.raises(ConfigError, match=message):
        parse(str(tmp_path / name))


def test_missing_file_is_named():
    with pytest.raises(ConfigError, match=r"no-such\.json"):
        parse("no-such.json")


def test_help_lists_every_setting(capsys):
    with pytest.raises(SystemExit) as end:
        parse("--help")
    shown = capsys.readouterr().out
    assert end.value.code == 0
    assert all(f"--{name}" in shown for name in TrainConfig.model_fields)

"""Flags and config files."""

import json
from pathlib import Path

import pytest

from localqa.errors import ConfigError
from localqa.training.config import LARGEST_SEED, TrainConfig, parse_config
from localqa.training.domain import is_domain_file
from localqa.training.features import BatchOrder

FLAGS = ["--train_data", "a.json", "--output_dir", "models/x"]


def parse(*argv: str) -> TrainConfig:
    config = parse_config(argv, prog="fine_tune.py", description="")
    assert isinstance(config, TrainConfig)
    return config


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


@pytest.mark.parametrize("text", ["question=q,context=c", " question = q, context=c,"])
def test_column_mapping(text):
    assert parse(*FLAGS, "--columns", text).columns == {"question": "q", "context": "c"}


def test_field_that_is_mapped_twice_is_refused(capsys):
    with pytest.raises(SystemExit):
        parse(*FLAGS, "--columns", "question=a,question=b")
    assert "twice" in capsys.readouterr().err


def test_the_largest_seed_gives_an_order():
    order = BatchOrder([1, 2, 3], batch_size=2, accumulation=1, seed=LARGEST_SEED)
    late = [batch for step in order.steps(20_000, 20_002) for batch in step]
    assert sorted(index for batch in late for index in batch) == [0, 1, 2]


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        (["--learning_rate", "fast"], "learning_rate"),
        (["--batch_size", "0"], "batch_size"),
        (["--seed", "20251125123456"], "seed"),
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


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.json", b"[" * 200_000, "nested too deeply"),
        ("a.json", b'{"train_data": ' + b"[" * 200_000, "nested too deeply"),
        ("a.yaml", b"a: " + b"[" * 20_000, "nested too deeply"),
        ("a.yaml", b"- " * 20_000, "nested too deeply"),
        ("a.json", b'{"output_dir": "\xff\xfe"}', "not UTF-8"),
        ("a.yaml", b"seed: 1\noutput_dir: \x81\x8d\n", "a.yaml:2: not UTF-8"),
        ("a.yaml", b"a: \x00", "not valid yaml"),
        ("a.yaml", b"1: 2\n", "one object"),
        ("a.json", b'{"train_data": ["a"], "output_dir": "x", "lora_alpha": Infinity}', "lora_alpha"),
        ("a.json", b"1" * 5_000, "not valid json"),
    ],
)
@pytest.mark.parametrize("read", [lambda path: parse(path), lambda path: is_domain_file(Path(path))])
def test_hostile_file_is_told_with_a_remedy(tmp_path, name, content, told, read):
    (tmp_path / name).write_bytes(content)
    if told == "lora_alpha":
        read = parse
    with pytest.raises(ConfigError, match=told) as caught:
        read(str(tmp_path / name))
    assert caught.value.remedy


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_file_in_another_encoding_is_read(tmp_path, encoding):
    text = '{"train_data": ["Prüfung für Köln.json"], "output_dir": "models/x"}'
    (tmp_path / "a.json").write_bytes(text.encode(encoding))
    assert parse(str(tmp_path / "a.json")).train_data == ["Prüfung für Köln.json"]


def test_folder_is_no_config_file(tmp_path):
    with pytest.raises(ConfigError, match="Cannot read"):
        parse(str(tmp_path))

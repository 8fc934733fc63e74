"""Settings: where they come from, which one wins, what is refused."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from localqa.config import SHIPPED_MODELS, Settings, models_dirs, settings_files, unknown_variables
from localqa.errors import ConfigError

pytestmark = pytest.mark.usefixtures("clean_environment")


def test_defaults() -> None:
    settings = Settings.load()
    assert (settings.host, settings.port, settings.adapter) == ("127.0.0.1", 5000, "squad2")
    assert settings.models_dir.is_absolute()
    assert settings.models_dir.name == "models"


def test_the_environment_wins_over_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("QA_MAX_BATCH=3\nQA_ADAPTER=law\nOTHER=1\n")
    monkeypatch.setenv("QA_MAX_BATCH", "5")
    settings = Settings.load()
    assert (settings.max_batch, settings.adapter) == (5, "law")


def test_flags_win_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QA_PORT", "6000")
    assert Settings.load(port=7000).port == 7000


def test_a_flag_that_was_not_given_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QA_PORT", "6000")
    assert Settings.load(port=None).port == 6000


def test_plain_port_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "6001")
    assert Settings.load().port == 6001


def test_the_own_port_wins_over_the_plain_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "6001")
    monkeypatch.setenv("QA_PORT", "6002")
    assert Settings.load().port == 6002


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QA_ADAPTER", "")
    assert Settings.load().adapter == "squad2"


def test_the_log_level_may_be_in_capitals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QA_LOG_LEVEL", "WARNING")
    assert Settings.load().log_level == "warning"


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("QA_PORT", "0", "a whole number from 1 to 65535"),
        ("QA_PORT", "70000", "a whole number from 1 to 65535"),
        ("PORT", "http", "a whole number from 1 to 65535"),
        ("QA_MAX_BATCH", "1.5", "a whole number from 1 to 10000"),
        ("QA_MAX_BODY_BYTES", "1MB", "a whole number from 1024"),
        ("QA_THREADS", "-1", "a whole number from 0"),
        ("QA_LOG_LEVEL", "loud", "one of debug, info, warning, error"),
        ("QA_ADAPTER", "../x", "1 to 64 of the characters"),
        ("QA_ADAPTER", "squad\n", "1 to 64 of the characters"),
    ],
)
def test_a_bad_variable_is_named_with_what_is_allowed(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, allowed: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError) as raised:
        Settings.load()
    assert f" {name}=" in raised.value.message
    assert f"{name} must be {allowed}" in raised.value.remedy


def test_a_bad_flag_is_named_as_a_flag() -> None:
    with pytest.raises(ConfigError, match="--port='x'"):
        Settings.load(port="x")


def test_every_bad_setting_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QA_THREADS", "many")
    monkeypatch.setenv("QA_MAX_BATCH", "many")
    with pytest.raises(ConfigError, match=r"QA_MAX_BATCH=.*QA_THREADS="):
        Settings.load()


def test_an_unknown_setting_is_refused() -> None:
    with pytest.raises(ConfigError, match="no setting colour"):
        Settings.load(colour="red")


def test_a_file_that_is_not_text_is_told(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"QA_ADAPTER=\xff\xfe")
    with pytest.raises(ConfigError, match=r"\.env"):
        Settings.load()


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError):
        setattr(Settings.load(), "port", 1)  # noqa: B010 - a type checker refuses the assignment, too


def test_misspelt_variables_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QA_ADPTER", "law")
    monkeypatch.setenv("QA_ADAPTER", "law")
    assert unknown_variables() == ["QA_ADPTER"]


def test_misspelt_lines_of_the_settings_file_are_found(tmp_path: Path) -> None:
    """The likeliest place of a wrong word, and one that would leave a server open without a word."""
    lines = [
        "QA_API_KEY=secret",
        "qa_max_batch=3",
        "QA_PUBLISH=0.0.0.0:5000",
        "OLLAMA_CPUS=2",
        "export QA_OCR=true",
    ]
    (tmp_path / ".env").write_text("\n".join(lines))
    assert unknown_variables() == ["QA_API_KEY"]
    # Counts in the environment alone.
    (tmp_path / ".env").write_text("QA_CACHE_DIR=/tmp")
    assert unknown_variables() == ["QA_CACHE_DIR"]


def test_ones_own_adapters_come_before_the_shipped_ones(clean_environment, monkeypatch, tmp_path):
    assert Settings.load().models_dirs == models_dirs() == (SHIPPED_MODELS,)
    monkeypatch.setenv("QA_MODELS_DIR", str(tmp_path))
    assert models_dirs() == (tmp_path, SHIPPED_MODELS)
    monkeypatch.setenv("QA_MODELS_DIR", f"{SHIPPED_MODELS}/../models")
    assert len(models_dirs()) == 1


def test_variables_of_the_containers_are_not_called_misspelt(monkeypatch: pytest.MonkeyPatch) -> None:
    """They stand in the same `.env`, and the server's container sees them."""
    monkeypatch.setenv("QA_PUBLISH", "0.0.0.0:5000")
    monkeypatch.setenv("QA_VERSION", "0.1.0")
    assert unknown_variables() == []


def test_the_example_file_lists_every_setting_with_its_default() -> None:
    example = Path(__file__).resolve().parents[1] / ".env.example"
    lines = dict(
        line[1:].split("=", 1) for line in example.read_text().splitlines() if line.startswith("#QA_")
    )
    assert set(lines) == {f"QA_{field.upper()}" for field in Settings.model_fields}
    for field, described in Settings.model_fields.items():
        if field not in ("models_dir", "library"):
            assert lines[f"QA_{field.upper()}"] == str(described.default)


def test_the_file_beside_the_project_is_read_from_everywhere(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("QA_API_KEYS=secret\nQA_MAX_BATCH=3\n")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert Settings.load().keys == ("secret",)
    (elsewhere / ".env").write_text("QA_MAX_BATCH=7\n")
    settings = Settings.load()
    assert (settings.keys, settings.max_batch) == (("secret",), 7)
    assert settings_files() == [tmp_path / ".env", elsewhere / ".env"]


def test_a_variable_names_the_one_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("QA_MAX_BATCH=3\n")
    (tmp_path / "mine").write_text("QA_ADAPTER=law\n")
    monkeypatch.setenv("QA_ENV_FILE", str(tmp_path / "mine"))
    settings = Settings.load()
    assert (settings.adapter, settings.max_batch) == ("law", 64)
    assert settings_files() == [tmp_path / "mine"]
    assert "QA_ENV_FILE" not in unknown_variables()
    monkeypatch.setenv("QA_ENV_FILE", str(tmp_path / "gone"))
    with pytest.raises(ConfigError, match="is no file"):
        Settings.load()

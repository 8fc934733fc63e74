"""One frozen settings object: environment -> `.env` -> explicit overrides (flags)."""

import os
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from dotenv import dotenv_values
from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from localqa.config_errors import unusable
from localqa.errors import ConfigError
from localqa.folders import CACHE_DIR_VARIABLE, data_home
from localqa.folders import cache_dir as cache_dir

ENV_PREFIX: Final = "QA_"
ADAPTER_NAME: Final = r"^[a-z0-9][a-z0-9._-]{0,63}$"
"""What an adapter may be called: never a path (for pydantic, whose `$` is the very end of the text)."""

EngineName: TypeAlias = Literal["auto", "openvino", "torch"]
Precision: TypeAlias = Literal["auto", "fp32", "bf16", "int8", "int4"]
Combination: TypeAlias = Literal["cat", "svd", "mean"]
"""How adapters are combined, see `localqa.model.combine`."""

DATA_DIR_VARIABLE: Final = "QA_DATA_DIR"
ENV_FILE_VARIABLE: Final = "QA_ENV_FILE"
COMPOSE_VARIABLES: Final = frozenset({"QA_PUBLISH", "QA_VERSION"})
"""Of the containers, not of the server, which sees them where they stand in the same `.env`."""
_PROJECT = Path(__file__).resolve().parents[1]
_INSIDE = Path(__file__).with_name("shipped")
IN_CHECKOUT: Final = not _INSIDE.is_dir()
"""Whether the project runs from its own folder, not from where a wheel was installed."""
SHIPPED_MODELS: Final = _PROJECT / "models" if IN_CHECKOUT else _INSIDE
"""The adapters that come with the project."""
OWN_MODELS: Final = SHIPPED_MODELS if IN_CHECKOUT else Path("models")
"""The user's adapters without `QA_MODELS_DIR`: nothing is written among installed files."""
DEFAULT_ADAPTER: Final = "squad2"
"""The shipped adapter that answers where none is named; it abstains."""


class Settings(BaseSettings):
    """Everything that can be set, with its bounds; read once, then never changed.

    Each field is read from `QA_<FIELD>` (the port also from plain `PORT`), in the environment first,
    then in the settings files (`settings_files`). Build it with `Settings.load`.
    """

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX,
        env_file_encoding="utf-8",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        populate_by_name=True,
        validate_default=False,
    )

    base: str = Field(
        default="sentence-transformers/all-MiniLM-L6-v2",
        min_length=1,
        description="Base encoder that embeds, a local folder or a name on the Hub; adapters trained on "
        "others find their own.",
    )
    max_bases: int = Field(
        default=2,
        ge=1,
        le=64,
        description="Bases in memory at a time; the one not used longest goes when another is needed.",
    )
    engine: EngineName = Field(
        default="auto",
        description="What runs the model: openvino for LoRA adapters on a CPU, torch for everything else.",
    )
    precision: Precision = Field(
        default="auto",
        description="Arithmetic of the openvino engine; auto: what suits the processor's instructions.",
    )
    models_dir: Path = Field(
        default=OWN_MODELS,
        description="Folder of your own adapters, one folder for each; the shipped ones are found behind it.",
    )
    adapter: str = Field(
        default=DEFAULT_ADAPTER,
        pattern=ADAPTER_NAME,
        description="Adapter that answers when a request or a command names none.",
    )
    library: str = Field(
        default_factory=lambda: str((_PROJECT if IN_CHECKOUT else data_home()) / "library.sqlite"),
        min_length=1,
        description="Library of documents: an SQLite file, or postgresql://USER:PASSWORD@HOST/DATABASE.",
    )
    ocr: bool = Field(
        default=False,
        description="Whether scanned pages are recognised, by Tesseract, where it is installed.",
    )
    max_upload_bytes: int = Field(
        default=32 * 1024 * 1024,
        ge=1024,
        le=1024 * 1024 * 1024,
        description="Largest request that brings documents, in bytes.",
    )
    summary_adapter: str = Field(
        default="",
        pattern=r"^$|" + ADAPTER_NAME,
        description="Adapter that summarises, trained with --task summarization; none: Ollama does.",
    )
    summary_base: str = Field(
        default="", description="Base of that adapter: a local folder or a Hub name; none: its own."
    )
    host: str = Field(default="127.0.0.1", min_length=1, description="Address to listen on.")
    port: int = Field(
        default=5000,
        ge=1,
        le=65_535,
        validation_alias=AliasChoices("QA_PORT", "PORT"),
        description="Port to listen on.",
    )
    max_body_bytes: int = Field(
        # Room for a context of `max_context_chars` in a script of two or three bytes per character.
        default=2 * 1024 * 1024,
        ge=1024,
        le=256 * 1024 * 1024,
        description="Largest request body in bytes.",
    )
    max_values: int = Field(
        default=50_000,
        ge=1000,
        le=10_000_000,
        description="Most values in a body, names and lists among them.",
    )
    max_question_chars: int = Field(
        default=1000, ge=1, le=100_000, description="Longest question in characters."
    )
    max_question_words: int = Field(default=100, ge=1, le=10_000, description="Longest question in words.")
    max_context_chars: int = Field(
        default=500_000, ge=1, le=50_000_000, description="Longest context in characters."
    )
    max_batch: int = Field(default=64, ge=1, le=10_000, description="Most questions in one batch.")
    max_windows: int = Field(
        default=1024,
        ge=1,
        le=1_000_000,
        description="Most windows of 384 tokens or less that one request may make.",
    )
    max_requests: int = Field(
        default=256, ge=1, le=100_000, description="Most requests that are answered or wait at the same time."
    )
    max_waiting_windows: int = Field(
        default=4096, ge=1, le=1_000_000, description="Most windows that wait for the engine."
    )
    deadline_s: float = Field(
        default=60.0, gt=0, le=86_400, description="Seconds after which an answer is no longer waited for."
    )
    cache_size: int = Field(
        default=0, ge=0, le=10_000_000, description="Answers to remember; 0 answers every question anew."
    )
    cache_bytes: int = Field(
        default=32 * 1024 * 1024,
        ge=1024,
        le=64 * 1024 * 1024 * 1024,
        description="Memory that remembered answers may take, in bytes; the oldest are forgotten above it.",
    )
    rate_limit: str = Field(
        default="",
        pattern=r"^$|^ *[1-9][0-9]* *(/|per) *[0-9]* *(second|minute|hour|day)s? *$",
        description="Most requests of one caller (API key or address), such as 60/minute; none: any number.",
    )
    drain_s: float = Field(
        default=1.0,
        gt=0,
        le=3600,
        description="Seconds after SIGTERM in which /readyz says 503 and questions are still taken.",
    )
    ollama: Literal["auto", "on", "off"] = Field(
        default="auto",
        description="Whether open questions go to an Ollama server; auto: when OLLAMA_HOST is set or one "
        "answers on this machine.",
    )
    ollama_host: str = Field(
        default="",
        validation_alias=AliasChoices("QA_OLLAMA_HOST", "OLLAMA_HOST"),
        description="Address of the Ollama server; none: http://127.0.0.1:11434.",
    )
    ollama_model: str = Field(
        default="",
        validation_alias=AliasChoices("QA_OLLAMA_MODEL", "OLLAMA_MODEL"),
        description="Model that answers open questions; none: the one that was changed last.",
    )
    ollama_fallback: bool = Field(
        default=False, description="Let Ollama answer what the text of a question does not."
    )
    ollama_timeout_s: float = Field(
        default=120.0, gt=0, le=86_400, description="Longest silence of the Ollama server in seconds."
    )
    ollama_max_requests: int = Field(
        default=16, ge=1, le=1024, description="Most requests to the Ollama server at the same time."
    )
    ollama_max_body_bytes: int = Field(
        # Images come in the body.
        default=8 * 1024 * 1024,
        ge=1024,
        le=1024 * 1024 * 1024,
        description="Largest request body in Ollama's and OpenAI's protocol in bytes.",
    )
    ollama_manage: bool = Field(
        default=False,
        description="Let callers pull, create, copy, push and delete models of the Ollama server.",
    )
    api_keys: SecretStr = Field(
        default=SecretStr(""),
        description="Keys, separated by commas, one of which every request must bring; none: open to all.",
    )
    allow_open: bool = Field(
        default=False, description="Listen beyond this machine without API keys, at your own risk."
    )
    origins: str = Field(
        default="",
        validation_alias=AliasChoices("QA_ORIGINS", "OLLAMA_ORIGINS"),
        description="Origins of web pages that may ask, beside those of this machine; * all, without keys.",
    )
    hosts: str = Field(
        default="", description="Names that this server goes by, beside addresses and those of this network."
    )
    proxy_hops: int = Field(
        default=0,
        ge=0,
        le=10,
        description="Proxies in front whose X-Forwarded-For, -Proto, -Host and -Prefix are believed.",
    )
    threads: int = Field(
        default=0, ge=0, le=1024, description="Threads of the inference engine; 0 means one per core."
    )
    http_threads: int = Field(
        default=64, ge=1, le=1024, description="Requests handled at the same time under gunicorn."
    )
    receive_s: float = Field(
        default=10.0,
        gt=0,
        le=3600,
        description="Seconds in which the headers of a request must come, and its body or 16 KB of it each.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least severe log lines to write."
    )

    @property
    def keys(self) -> tuple[str, ...]:
        """The API keys, one of which a request must bring; none: open to all."""
        return _keys(self.api_keys.get_secret_value())

    @property
    def models_dirs(self) -> tuple[Path, ...]:
        """Where an adapter is looked for by its name: the user's own folder, then the shipped ones."""
        own = self.models_dir.expanduser()
        shipped = own.resolve() == SHIPPED_MODELS.resolve()
        return (own,) if shipped else (own, SHIPPED_MODELS)

    @field_validator("log_level", "ollama", mode="before")
    @classmethod
    def _lower(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value

    @field_validator("api_keys")
    @classmethod
    def _usable(cls, value: SecretStr) -> SecretStr:
        """A setting that holds no key would leave the server open, and some keys cannot be sent."""
        given = value.get_secret_value()
        keys = _keys(given)
        if (given and not keys) or not all(key.isprintable() for key in keys):
            raise ValueError("no usable keys")
        return value

    @classmethod
    def load(cls, **overrides: Any) -> "Settings":
        """Read the settings once; overrides (flags) win, and those that are None count as not given.

        Raises:
            ConfigError: a setting is not usable; the message names it and what is allowed.
        """
        given = {name: value for name, value in overrides.items() if value is not None}
        unknown = sorted(set(given) - set(cls.model_fields))
        if unknown:
            raise ConfigError(
                f"There is no setting {', '.join(unknown)}.", remedy=f"Known: {', '.join(cls.model_fields)}."
            )
        files = settings_files()
        try:
            return cls(**given, _env_file=files)
        except ValidationError as e:
            schema = cls.model_json_schema(by_alias=False)
            raise unusable(e, schema=schema, prefix=ENV_PREFIX, given=set(given)) from e
        except (OSError, UnicodeError) as e:
            raise ConfigError(
                f"The settings file {' or '.join(map(str, files))} cannot be read: {e}.",
                remedy="Save it as UTF-8 text that you may read, or remove it.",
            ) from e


def models_dirs() -> tuple[Path, ...]:
    """Where adapters are looked for by name, as `QA_MODELS_DIR` says; see `Settings.models_dirs`.

    Raises:
        ConfigError: see `Settings.load`.
    """
    return Settings.load().models_dirs


def settings_files() -> list[Path]:
    """The files that settings are read from, the last one first asked.

    The one that `QA_ENV_FILE` names; without it `.env` of a checkout and `.env` of the current folder.

    Raises:
        ConfigError: the one that is named is not there.
    """
    named = os.environ.get(ENV_FILE_VARIABLE)
    if named:
        path = Path(named).expanduser()
        if not path.is_file():
            raise ConfigError(
                f"{ENV_FILE_VARIABLE} names {path}, which is no file.",
                remedy="Correct the path, or unset the variable.",
            )
        return [path.resolve()]
    likely = [_PROJECT / ".env", Path(".env")] if IN_CHECKOUT else [Path(".env")]
    found = [path.resolve() for path in likely if path.is_file()]
    return list(dict.fromkeys(found))


def _keys(text: str) -> tuple[str, ...]:
    return tuple(key for part in text.split(",") if (key := part.strip()))


def data_dir() -> Path:
    """Where training data named by a relative path lies, when it is not below the current folder.

    `QA_DATA_DIR`; by default the folder shared/data beside the project's own.
    """
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    return Path(os.environ.get(DATA_DIR_VARIABLE, beside))


def unknown_variables() -> list[str]:
    """What looks like a setting, in the environment or a settings file, but is none: most likely misspelt."""
    known = {f"{ENV_PREFIX}{field.upper()}" for field in Settings.model_fields}
    known |= COMPOSE_VARIABLES
    # These are looked for in the environment alone.
    around = known | {DATA_DIR_VARIABLE, CACHE_DIR_VARIABLE, ENV_FILE_VARIABLE}
    unknown = {name for name in os.environ if name.startswith(ENV_PREFIX) and name not in around}
    for file in settings_files():
        given = {name.upper() for name in dotenv_values(file, encoding="utf-8")}
        unknown |= {name for name in given if name.startswith(ENV_PREFIX) and name not in known}
    return sorted(unknown)

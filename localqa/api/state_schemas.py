"""What goes in and comes out where the server tells of itself, and of its adapters."""

from dataclasses import asdict
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, Field

from localqa.api.schemas import MAX_TOP_K, Body
from localqa.config import ADAPTER_NAME
from localqa.reading.told import AdapterState

_BASE: Final = "sentence-transformers/all-MiniLM-L6-v2"


class AdapterRequest(Body):
    """The adapter to load."""

    name: Annotated[str, Field(pattern=ADAPTER_NAME)] = Field(
        description="Name of a folder in the server's folder of adapters.",
        json_schema_extra={"example": "squad"},
    )


class AdapterInfo(BaseModel):
    """An adapter that can be asked."""

    name: str = Field(description="What a question names it by.", json_schema_extra={"example": "squad"})
    base: str | None = Field(
        default=None, description="Base that it was trained on.", json_schema_extra={"example": _BASE}
    )
    loaded: bool = Field(description="Whether it is in memory.")
    bytes: int = Field(description="Size of its weights on disk.", ge=0)
    modified: float = Field(description="When they were written, in seconds since 1970.")
    digest: str | None = Field(default=None, description="SHA-256 of the weights in memory.")
    stale: bool = Field(
        default=False,
        description="Whether the files have changed since; the next question or a POST loads them.",
    )
    problem: str | None = Field(
        default=None, description="Why the changed files could not be loaded; those of before answer on."
    )


def adapter_info(state: AdapterState) -> AdapterInfo:
    """What a reader knows of an adapter, as the API tells it."""
    return AdapterInfo(base=state.base.name if state.base else None, **_without_base(state))


def _without_base(state: AdapterState) -> dict[str, Any]:
    return {name: value for name, value in asdict(state).items() if name != "base"}


class BrokenAdapter(BaseModel):
    """A folder that looks like an adapter and cannot be asked."""

    name: str = Field(description="Of the folder.")
    problem: str = Field(description="Why it cannot be asked.")


class AdaptersResponse(BaseModel):
    """The adapters that can be asked."""

    adapters: list[AdapterInfo] = Field(description="The default one first.")
    default: str = Field(description="The one that answers a question that names none.")
    broken: list[BrokenAdapter] = Field(
        default=[], description="Folders that look like adapters and cannot be asked."
    )


class HealthResponse(BaseModel):
    """How the server is."""

    status: Literal["ok", "loading", "failed", "draining"] = Field(
        description="`ok` when questions are answered."
    )
    ready: bool = Field(description="Whether questions are answered now.")
    version: str = Field(description="Version of this server.", json_schema_extra={"example": "0.1.0"})
    adapter: str = Field(
        description="Default adapter; empty to a caller without a key.",
        json_schema_extra={"example": "squad"},
    )
    adapters: list[str] = Field(
        description="Known adapters, the default one first; empty until ready, or without a key.",
        json_schema_extra={"example": ["squad"]},
    )
    broken: list[BrokenAdapter] = Field(
        default=[],
        description="Folders that look like adapters and cannot be read; empty as `adapters` is.",
    )
    ollama: Literal["off", "unknown", "ok", "unreachable"] = Field(
        description="How the Ollama server was when last asked; `off`: there is none."
    )
    summaries: Literal["adapter", "ollama", "off"] = Field(
        description="What summarises: an adapter of this server, a model of the Ollama server, or nothing."
    )
    uptime_s: float = Field(description="Seconds since the start.", json_schema_extra={"example": 12.5})


class StatusResponse(BaseModel):
    """One word for a probe."""

    status: Literal["alive", "ready"] = Field(description="State of the server.")


class Limits(BaseModel):
    """What a request may hold."""

    max_body_bytes: int = Field(description="Largest request body in bytes.")
    max_question_chars: int = Field(description="Longest question in characters.")
    max_question_words: int = Field(description="Longest question in words.")
    max_context_chars: int = Field(description="Longest context in characters.")
    max_batch: int = Field(description="Most questions in one batch.")
    max_windows: int = Field(description="Most windows that one request may make.")
    max_requests: int = Field(description="Most requests that are answered or wait at the same time.")
    max_waiting_windows: int = Field(description="Most windows that wait for the engine.")
    deadline_s: float = Field(description="Seconds after which an answer is no longer waited for.")
    max_top_k: int = Field(default=MAX_TOP_K, description="Largest `top_k`.")


class _Running(BaseModel):
    """What runs a base."""

    checksum: str = Field(description="SHA-256 of the base's weights.")
    base_origin: str = Field(description="Where it was found: folder, package, cache or hub.")
    engine: str = Field(description="What runs the model.")
    precision: str = Field(description="Number format of the arithmetic.")
    precision_reason: str = Field(default="", description="Why it is this one.")
    device: str = Field(default="", description="What it runs on.")
    parameters: int = Field(description="Number of parameters.")


class LoadedBaseInfo(_Running):
    """A base in memory."""

    name: str = Field(description="Its Hub name or folder.", json_schema_extra={"example": _BASE})


class EmbedderModel(BaseModel):
    """What makes vectors of texts."""

    base: str = Field(description="The base that makes them.", json_schema_extra={"example": _BASE})
    identity: str = Field(
        description="Checksum of the base, pooling and limit: vectors of equal identity can be compared."
    )
    pooling: str = Field(description="How the vectors of a text's tokens become one.")
    max_tokens: int = Field(description="Tokens of a text that are read.", json_schema_extra={"example": 256})
    length: int = Field(description="Of a vector.", json_schema_extra={"example": 384})
    loaded: bool = Field(description="Whether it has embedded since the start.")
    bytes: int = Field(description="Size of the base's weights on disk.")
    modified: float = Field(description="When they were written, in seconds since 1970.")


class ModelInfoResponse(_Running):
    """What is loaded and what it takes."""

    base: str = Field(description="Base of the default adapter.", json_schema_extra={"example": _BASE})
    default_adapter: str = Field(description="The adapter that answers when a question names none.")
    adapters: list[AdapterInfo] = Field(description="The known adapters and what is known of each.")
    broken_adapters: list[BrokenAdapter] = Field(description="Folders that cannot be asked, and why.")
    max_length: int = Field(description="Window size in tokens.", json_schema_extra={"example": 384})
    stride: int = Field(
        description="Overlap of neighbouring windows in tokens.", json_schema_extra={"example": 128}
    )
    max_question_tokens: int = Field(description="Longest question that leaves room for context.")
    embedder: EmbedderModel = Field(description="What makes vectors of texts.")
    bases: list[LoadedBaseInfo] = Field(description="The bases in memory.")
    limits: Limits = Field(description="What a request may hold.")

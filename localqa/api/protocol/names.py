"""Which models are ours, and how they describe themselves: every route asks here."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from localqa.api.schemas import OWN_MODEL
from localqa.api.state_schemas import Limits
from localqa.api.text import quoted
from localqa.errors import InvalidInputError, LocalQAError
from localqa.reading.reads import Reads
from localqa.reading.told import AdapterState, BaseInfo, EmbedderInfo

_LATEST: Final = "latest"
_EXPIRES: Final = "2318-01-01T00:00:00Z"
"""Never, as Ollama writes it for a model that stays in memory."""
_CHARS_OF_A_TOKEN: Final = 5
"""More than tokens of other vocabularies have on average, with the white space between them."""


class ModelNotFoundError(LocalQAError):
    """Neither one of our models nor, without an Ollama server, anybody's."""

    code = "model_not_found"


@dataclass(frozen=True, slots=True)
class OwnModel:
    """One of our models: an adapter that answers, or the base alone, which embeds.

    Attributes:
        name: as it is listed.
        adapter: that answers; None: the base.
    """

    name: str
    adapter: str | None


def own_models(reader: Reads) -> list[OwnModel]:
    """Our models in the order they are listed: the default adapter, the others, `latest`, the base."""
    adapters = dict.fromkeys(reader.adapters())
    listed = [OwnModel(f"{OWN_MODEL}:{name}", name) for name in adapters]
    if _LATEST not in adapters:
        listed.append(OwnModel(f"{OWN_MODEL}:{_LATEST}", reader.default_adapter))
    return [*listed, OwnModel(f"{_base_names(reader)[-1]}:{_LATEST}", None)]


def own_model(name: str, reader: Reads) -> OwnModel | None:
    """Which of our models a name means, with or without `:latest`, in any case; None: not one of ours.

    Raises:
        ModelNotFoundError: one of ours, but of no known adapter.
    """
    family, _, tag = name.lower().partition(":")
    if family != OWN_MODEL:
        is_base = family in _base_names(reader) and tag in ("", _LATEST)
        return own_models(reader)[-1] if is_base else None
    models = own_models(reader)
    wanted = f"{family}:{tag or _LATEST}"
    found = next((model for model in models if model.name == wanted), None)
    if found is None:
        problems = {one["name"]: one["problem"] for one in reader.broken()}
        if tag in problems:
            raise ModelNotFoundError(
                f"model {quoted(name)} cannot be used: {problems[tag]}.", remedy="Then ask again."
            )
        known = ", ".join(model.name for model in models)
        raise ModelNotFoundError(f"model {quoted(name)} not found.", remedy=f"Known: {known}.")
    return found


def own_adapter(name: str, reader: Reads) -> str | None:
    """The adapter that shall answer by a model's name; None: not one of our models.

    Raises:
        ModelNotFoundError: one of ours, but of no known adapter.
        InvalidInputError: the base, which does not answer.
    """
    model = own_model(name, reader)
    if model is not None and model.adapter is None:
        raise InvalidInputError(
            f"{quoted(name)} does not support chat: it makes vectors of texts.",
            remedy=f"Ask {OWN_MODEL}:{reader.default_adapter}.",
        )
    return model.adapter if model else None


def is_own_base(name: str, reader: Reads) -> bool:
    """Whether a model's name means the base, which embeds.

    Raises:
        ModelNotFoundError: one of our models, but of no known adapter.
        InvalidInputError: an adapter, which does not embed.
    """
    model = own_model(name, reader)
    if model is not None and model.adapter is not None:
        raise InvalidInputError(
            f"{quoted(name)} does not support embeddings: it answers questions.",
            remedy=f"Use {own_models(reader)[-1].name}.",
        )
    return model is not None


def described(reader: Reads) -> list[dict[str, Any]]:
    """Our models as `/api/tags` lists them, the default one first."""
    return [_described(model, reader) for model in own_models(reader)]


def running(reader: Reads, limits: Limits) -> list[dict[str, Any]]:
    """Our models in memory as `/api/ps` lists them."""
    models: dict[str | None, OwnModel] = {}
    for model in own_models(reader):
        # `latest` is another name of an adapter that is listed under its own.
        models.setdefault(model.adapter, model)
    return [
        {key: value for key, value in _described(model, reader).items() if key != "modified_at"}
        | {"expires_at": _EXPIRES, "size_vram": 0, "context_length": _context_length(model, reader, limits)}
        for model in models.values()
        if _state(model, reader).loaded
    ]


def shown(model: OwnModel, reader: Reads, limits: Limits) -> dict[str, Any]:
    """One of our models as `/api/show` describes it."""
    found, base = _described(model, reader), _base(model, reader)
    does = (
        f"Answers from the messages, by the adapter '{model.adapter}'." if model.adapter else "Embeds texts."
    )
    return {
        "license": "",
        "modelfile": f"# {does}\nFROM {base.name}\n",
        "parameters": "",
        "template": "{{ .System }}\n{{ .Prompt }}",
        "details": found["details"],
        "model_info": {
            "general.architecture": "bert",
            "general.basename": base.name,
            "general.parameter_count": base.parameters,
            "bert.context_length": _context_length(model, reader, limits),
            "bert.embedding_length": reader.embedder().length,
            **({"localqa.adapter": model.adapter} if model.adapter else {}),
            "localqa.engine": base.engine,
            "localqa.checksum": base.checksum,
        },
        "capabilities": ["completion"] if model.adapter else ["embedding"],
        "modified_at": found["modified_at"],
    }


def modified(model: OwnModel, reader: Reads) -> int:
    """When a model's weights were written, in seconds since 1970."""
    return int(_state(model, reader).modified)


def now() -> str:
    """The time as the protocol writes it."""
    return _written(datetime.now(UTC).timestamp())


def _base_names(reader: Reads) -> tuple[str, str]:
    """What the base is called: the whole of its name, and the last part, by which it is listed."""
    base = reader.embedder().base.name.lower()
    return base, base.rpartition("/")[2]


def _context_length(model: OwnModel, reader: Reads, limits: Limits) -> int:
    """Tokens that one request may hold: windows slide over what is longer than they are.

    Counted with care: half of what new tokens the windows have room for, and in characters of any vocabulary.
    """
    if model.adapter is None:
        return reader.embedder().max_tokens
    info = reader.info()
    of_windows = limits.max_windows * (info.max_length - info.stride) // 2
    return min(of_windows, limits.max_context_chars // _CHARS_OF_A_TOKEN)


def _state(model: OwnModel, reader: Reads) -> AdapterState | EmbedderInfo:
    return reader.embedder() if model.adapter is None else reader.describe(model.adapter)


def _base(model: OwnModel, reader: Reads) -> BaseInfo:
    """The base of a model; of an adapter whose settings are gone, the one that embeds."""
    return _state(model, reader).base or reader.embedder().base


def _described(model: OwnModel, reader: Reads) -> dict[str, Any]:
    state, base = _state(model, reader), _base(model, reader)
    identity = f"{base.checksum} {model.adapter} {state.bytes} {state.modified}"
    return {
        "name": model.name,
        "model": model.name,
        "modified_at": _written(state.modified),
        "size": state.bytes,
        "digest": hashlib.sha256(identity.encode()).hexdigest(),
        "details": {
            "parent_model": base.name if model.adapter else "",
            "format": "safetensors",
            "family": base.family or "bert",
            "families": [base.family or "bert"],
            "parameter_size": f"{base.parameters / 1e6:.1f}M" if base.parameters else "",
            "quantization_level": base.precision.upper() or "unknown",
        },
    }


def _written(timestamp: float) -> str:
    return datetime.fromtimestamp(timestamp, UTC).isoformat().replace("+00:00", "Z")

"""Which models are ours, and how they describe themselves."""

import hashlib
from datetime import datetime, timezone
from typing import Any, Final

from localqa.api.reader import Reader
from localqa.api.schemas import OWN_MODEL
from localqa.errors import LocalQAError

_LATEST: Final = "latest"
_EXPIRES: Final = "2318-01-01T00:00:00Z"
"""Never, as Ollama writes it for a model that stays in memory."""


class ModelNotFoundError(LocalQAError):
    """Neither one of our models nor, without an Ollama server, anybody's."""

    code = "model_not_found"
    status = 404


def own_adapter(name: str, reader: Reader) -> str | None:
    """The adapter that a model's name means; None: not one of ours.

    Raises:
        ModelNotFoundError: one of ours, but of no known adapter.
    """
    family, _, tag = name.partition(":")
    if family != OWN_MODEL:
        return None
    known = reader.adapters()
    if tag in known:
        return tag
    if tag in ("", _LATEST):
        return reader.default_adapter
    raise ModelNotFoundError(
        f"model '{name}' not found.", remedy=f"Known: {', '.join(f'{OWN_MODEL}:{one}' for one in known)}."
    )


def is_own_base(name: str, reader: Reader) -> bool:
    """Whether a model's name means the base, which embeds."""
    base = str(reader.info()["base"]).lower()
    return name.lower().removesuffix(f":{_LATEST}") in (base, base.rpartition("/")[2])


def described(reader: Reader) -> list[dict[str, Any]]:
    """Our models as `/api/tags` lists them, the default one first."""
    info = reader.info()
    return [_described(adapter, info) for adapter in info["adapters"]]


def running(reader: Reader) -> list[dict[str, Any]]:
    """Our models in memory as `/api/ps` lists them."""
    info = reader.info()
    return [
        {key: value for key, value in _described(adapter, info).items() if key != "modified_at"}
        | {"expires_at": _EXPIRES, "size_vram": 0, "context_length": info["max_length"]}
        for adapter in info["adapters"]
        if adapter["loaded"]
    ]


def shown(adapter: str, reader: Reader) -> dict[str, Any]:
    """One of our models as `/api/show` describes it."""
    info = reader.info()
    found = _described(reader.describe(adapter), info)
    return {
        "license": "",
        "modelfile": f"# Answers from the messages, by the adapter '{adapter}'.\nFROM {info['base']}\n",
        "parameters": "",
        "template": "{{ .System }}\n{{ .Prompt }}",
        "details": found["details"],
        "model_info": {
            "general.architecture": "bert",
            "general.basename": info["base"],
            "general.parameter_count": info["parameters"],
            "bert.context_length": info["max_length"],
            "localqa.adapter": adapter,
            "localqa.engine": info["engine"],
            "localqa.checksum": info["checksum"],
        },
        "capabilities": ["completion"],
        "modified_at": found["modified_at"],
    }


def now() -> str:
    """The time as the protocol writes it."""
    return _written(datetime.now(timezone.utc).timestamp())


def _described(adapter: dict[str, Any], info: dict[str, Any]) -> dict[str, Any]:
    name = f"{OWN_MODEL}:{adapter['name']}"
    identity = f"{info['checksum']} {adapter['name']} {adapter['bytes']} {adapter['modified']}"
    return {
        "name": name,
        "model": name,
        "modified_at": _written(adapter["modified"]),
        "size": adapter["bytes"],
        "digest": hashlib.sha256(identity.encode()).hexdigest(),
        "details": {
            "parent_model": info["base"],
            "format": "safetensors",
            "family": "bert",
            "families": ["bert"],
            "parameter_size": f"{info['parameters'] / 1e6:.1f}M",
            "quantization_level": str(info["precision"]).upper(),
        },
    }


def _written(timestamp: float) -> str:
    return datetime.fromtimestamp(timestamp, timezone.utc).isoformat().replace("+00:00", "Z")

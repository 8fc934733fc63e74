"""The routes that tell how the server is: health, probes, model info."""

from dataclasses import asdict
from typing import Any

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag

from localqa import __version__
from localqa.api.access import is_stranger
from localqa.api.metrics import CONTENT_TYPE
from localqa.api.service import current_service
from localqa.api.spec import responses
from localqa.api.state_schemas import (
    BrokenAdapter,
    EmbedderModel,
    HealthResponse,
    LoadedBaseInfo,
    ModelInfoResponse,
    StatusResponse,
    adapter_info,
)
from localqa.errors import NotReadyError
from localqa.reading.told import BaseInfo

blueprint = APIBlueprint(
    "state", __name__, abp_tags=[Tag(name="state", description="How the server is and what it has loaded.")]
)


@blueprint.get("/api/health", operation_id="health", responses=responses(HealthResponse))
def health() -> dict[str, Any]:
    """How the server is

    Answers 200 as long as the server lives; `ready` tells whether it answers questions. Where there are API
    keys, whoever brings none is told no names of adapters.
    """
    service = current_service()
    ready = service.loading.status == "ok"
    stranger = is_stranger(service.settings.keys)
    return HealthResponse(
        status=service.loading.status,
        ready=ready,
        version=__version__,
        adapter="" if stranger else service.reader.default_adapter if ready else service.settings.adapter,
        adapters=service.reader.adapters() if ready and not stranger else [],
        broken=[BrokenAdapter(**one) for one in service.reader.broken()] if ready and not stranger else [],
        ollama=service.ollama.state,
        summaries=service.answerer.summaries,
        uptime_s=round(service.uptime_s, 1),
    ).model_dump()


@blueprint.get("/livez", operation_id="livez", responses=responses(StatusResponse))
def livez() -> dict[str, Any]:
    """Whether the process lives

    For a supervisor that restarts it otherwise.
    """
    return StatusResponse(status="alive").model_dump()


@blueprint.get("/readyz", operation_id="readyz", responses=responses(StatusResponse, 503))
def readyz() -> dict[str, Any]:
    """Whether questions are answered

    For a load balancer: 503 with `Retry-After` while the model loads, when loading failed, or when the
    server is about to stop.
    """
    service = current_service()
    if service.loading.status == "failed" and is_stranger(service.settings.keys):
        raise NotReadyError("The model could not be loaded.", remedy="See the server's log.")
    _ = service.reader
    if service.loading.status == "draining":
        raise NotReadyError("The server is about to stop.", remedy="Ask another one, or this one later.")
    return StatusResponse(status="ready").model_dump()


_METRICS_RESPONSE = {
    "description": "Prometheus' text format.",
    "content": {"text/plain": {"schema": {"type": "string"}}},
}


@blueprint.get("/metrics", operation_id="metrics", responses={200: _METRICS_RESPONSE})
def metrics() -> Response:
    """Counters for Prometheus

    Requests, latencies, waiting times, batches, answers by adapter; no text of anyone. Where there are API
    keys, the answers by adapter are told to whoever brings one.
    """
    service = current_service()
    text = service.metrics.text(names=not is_stranger(service.settings.keys))
    return Response(text, content_type=CONTENT_TYPE)


@blueprint.get(
    "/api/model/info", operation_id="model_info", responses=responses(ModelInfoResponse, 401, 429, 503)
)
def model_info() -> dict[str, Any]:
    """What is loaded and what a request may hold

    The default adapter's base with its checksum, engine and precision, all adapters, what embeds and its
    identity, the bases in memory, and the limits of this server.
    """
    service = current_service()
    reader = service.reader
    info = reader.info()
    embeds = {name: value for name, value in asdict(info.embedder).items() if name != "base"}
    return ModelInfoResponse(
        base=info.base.name,
        **_model_of(info.base),
        default_adapter=info.default_adapter,
        adapters=[adapter_info(reader.describe(name)) for name in reader.adapters()],
        broken_adapters=[BrokenAdapter(**one) for one in reader.broken()],
        max_length=info.max_length,
        stride=info.stride,
        max_question_tokens=info.max_question_tokens,
        embedder=EmbedderModel(base=info.embedder.base.name, **embeds),
        bases=[LoadedBaseInfo(name=base.name, **_model_of(base)) for base in info.bases],
        limits=service.limits,
    ).model_dump()


def _model_of(base: BaseInfo) -> dict[str, Any]:
    """What is told of a base beside its name."""
    names = ("checksum", "engine", "precision", "precision_reason", "device", "parameters")
    return {"base_origin": base.origin} | {name: getattr(base, name) for name in names}

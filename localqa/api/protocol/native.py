"""Ollama's routes: what its clients call on this port."""

import re
import time
from collections.abc import Callable
from typing import Any, Final

from flask import Blueprint, Response
from flask.typing import ResponseReturnValue

from localqa import __version__
from localqa.api.output import json_line
from localqa.api.protocol import names
from localqa.api.protocol.embedding import embedded
from localqa.api.protocol.extracting import Extraction, from_chat, from_prompt, said
from localqa.api.protocol.passing import (
    asked,
    model_in,
    pass_through,
    upstream_list,
    upstream_object,
)
from localqa.api.schemas import OWN_MODEL
from localqa.api.service import current_service
from localqa.api.spec import NDJSON
from localqa.errors import InvalidInputError, LocalQAError
from localqa.extraction.answers import Answer

PROTOCOL_VERSION: Final = "0.9.3"
"""Version of Ollama whose protocol this is, told where there is no server whose own version could be."""

_DIGEST: Final = re.compile("sha256[:-][0-9a-f]{64}")

blueprint = Blueprint("ollama", __name__)


class ForbiddenError(LocalQAError):
    """A route that changes the Ollama server, where the settings do not allow that."""

    code = "forbidden"
    status = 403


@blueprint.get("/api/version")
def version() -> dict[str, Any]:
    """The version of the Ollama server; without one that of the protocol."""
    found = upstream_object("/api/version").get("version", PROTOCOL_VERSION)
    return {"version": found, "localqa": __version__}


@blueprint.get("/api/tags")
def tags() -> dict[str, Any]:
    """Our models, then the server's."""
    return {"models": names.described(current_service().reader) + upstream_list("/api/tags", "models")}


@blueprint.get("/api/ps")
def ps() -> dict[str, Any]:
    """Our models in memory, then the server's."""
    return {"models": names.running(current_service().reader) + upstream_list("/api/ps", "models")}


@blueprint.post("/api/show")
def show() -> ResponseReturnValue:
    """What a model is."""
    name = model_in(asked())
    reader = current_service().reader
    adapter = names.own_adapter(name, reader)
    return pass_through(name) if adapter is None else names.shown(adapter, reader)


@blueprint.post("/api/generate")
def generate() -> ResponseReturnValue:
    """Answer a prompt."""
    body = asked()
    name = model_in(body)
    adapter = names.own_adapter(name, current_service().reader)
    if adapter is None:
        return pass_through(name, whole=body.get("stream") is False)
    prompt = _text(body, "prompt")
    if not prompt.strip():
        return _loaded(body, adapter, {"response": ""})
    return _answered(
        body, adapter, from_prompt(prompt, _text(body, "system")), lambda text: {"response": text}
    )


@blueprint.post("/api/chat")
def chat() -> ResponseReturnValue:
    """Answer the last message of a chat."""
    body = asked()
    name = model_in(body)
    adapter = names.own_adapter(name, current_service().reader)
    if adapter is None:
        return pass_through(name, whole=body.get("stream") is False)

    def content(text: str) -> dict[str, Any]:
        return {"message": {"role": "assistant", "content": text}}

    messages = messages_in(body)
    return (
        _answered(body, adapter, from_chat(messages), content)
        if messages
        else _loaded(body, adapter, content(""))
    )


@blueprint.post("/api/embed")
def embed() -> ResponseReturnValue:
    """Vectors of texts: by the base under its own name."""
    body = asked()
    name = model_in(body)
    if not names.is_own_base(name, current_service().reader):
        return pass_through(name)
    began = time.perf_counter_ns()
    vectors, tokens = embedded(body.get("input", ""), truncate=body.get("truncate") is not False)
    return {
        "model": name,
        "embeddings": vectors,
        "total_duration": time.perf_counter_ns() - began,
        "load_duration": 0,
        "prompt_eval_count": tokens,
    }


@blueprint.post("/api/embeddings")
def embeddings() -> ResponseReturnValue:
    """The vector of one text, as older clients ask for it."""
    body = asked()
    name = model_in(body)
    if not names.is_own_base(name, current_service().reader):
        return pass_through(name)
    vectors, _ = embedded(_text(body, "prompt"), truncate=True)
    return {"embedding": vectors[0] if vectors else []}


@blueprint.route("/api/pull", methods=["POST"])
@blueprint.route("/api/push", methods=["POST"])
@blueprint.route("/api/create", methods=["POST"])
@blueprint.route("/api/copy", methods=["POST"])
@blueprint.route("/api/delete", methods=["DELETE"])
@blueprint.route("/api/blobs/<digest>", methods=["HEAD", "POST"])
def manage(digest: str = "") -> ResponseReturnValue:
    """Change the models of the Ollama server, where that is allowed."""
    if not current_service().settings.ollama_manage:
        raise ForbiddenError(
            "Models are not changed through this server.",
            remedy="Ask the Ollama server itself, or start this one with QA_OLLAMA_MANAGE=true.",
        )
    if digest:
        if not _DIGEST.fullmatch(digest):
            raise InvalidInputError("This is no digest.")
        return pass_through()
    body = asked()
    name = str(body.get("destination") or body.get("model") or body.get("name") or "")
    if name.partition(":")[0] == OWN_MODEL:
        raise ForbiddenError(f"'{name}' is the name of an adapter.", remedy="Choose another name.")
    return pass_through(name, whole=body.get("stream") is False)


def messages_in(body: dict[str, Any]) -> list[dict[str, Any]]:
    """The messages of a chat.

    Raises:
        InvalidInputError: they are no list of objects.
    """
    messages = body.get("messages") or []
    if not isinstance(messages, list) or not all(isinstance(one, dict) for one in messages):
        raise InvalidInputError("messages must be a list of objects with role and content.")
    return messages


def _answered(
    body: dict[str, Any],
    adapter: str,
    extraction: Extraction,
    content: Callable[[str], dict[str, Any]],
) -> ResponseReturnValue:
    """The answer in one object or, as is the protocol's default, in two lines."""
    began = time.perf_counter_ns()
    answer = current_service().answer_one(extraction.query(adapter))
    spent = time.perf_counter_ns() - began
    text = said(answer)
    last = _end(extraction, answer, spent)
    if body.get("stream") is False:
        return _head(body) | content(text) | last
    lines = (_head(body) | content(text) | {"done": False}, _head(body) | content("") | last)
    return Response(map(json_line, lines), mimetype=NDJSON)


def _loaded(body: dict[str, Any], adapter: str, content: dict[str, Any]) -> ResponseReturnValue:
    """Load an adapter, which a request without anything to answer means, or unload it."""
    reader = current_service().reader
    unload = body.get("keep_alive") in (0, "0", "0s")
    if not unload:
        reader.load_adapter(adapter)
    elif adapter != reader.default_adapter and reader.describe(adapter)["loaded"]:
        reader.remove_adapter(adapter)
    return _head(body) | content | {"done": True, "done_reason": "unload" if unload else "load"}


def _head(body: dict[str, Any]) -> dict[str, Any]:
    return {"model": model_in(body), "created_at": names.now()}


def _end(extraction: Extraction, answer: Answer, spent: int) -> dict[str, Any]:
    """The end of an answer. Durations are in nanoseconds, counts in words."""
    return {
        "done": True,
        "done_reason": "stop",
        "total_duration": spent,
        "load_duration": 0,
        "prompt_eval_count": extraction.words,
        "prompt_eval_duration": spent,
        "eval_count": len(answer.answer.split()),
        "eval_duration": spent,
        **extraction.extras(answer),
    }


def _text(body: dict[str, Any], field: str) -> str:
    value = body.get(field) or ""
    if not isinstance(value, str):
        raise InvalidInputError(f"{field} must be a string.")
    return value

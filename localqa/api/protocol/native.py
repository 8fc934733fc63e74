"""Ollama's routes: what its clients call on this port."""

import re
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from flask import Blueprint, Response
from flask.typing import ResponseReturnValue

from localqa import __version__
from localqa.api.output import json_line
from localqa.api.protocol import names
from localqa.api.protocol.answering import Reply, most_characters, reply_to, wish_in
from localqa.api.protocol.conversing import refuse_images
from localqa.api.protocol.embedding import dimensions_in, embedded, texts_in
from localqa.api.protocol.extracting import Extraction, from_chat, from_prompt
from localqa.api.protocol.formats import native_format
from localqa.api.protocol.keeping import check_keep_alive, is_unloaded
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
from localqa.api.text import refuse_unusable_text
from localqa.errors import AdapterNotFoundError, InvalidInputError, LocalQAError

PROTOCOL_VERSION: Final = "0.9.3"
"""Version of Ollama whose protocol this is, told where there is no server whose own version could be."""

_DIGEST: Final = re.compile("sha256[:-][0-9a-f]{64}")

blueprint = Blueprint("ollama", __name__)


class ForbiddenError(LocalQAError):
    """A route that changes the Ollama server, where the settings do not allow that."""

    code = "forbidden"


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
    service = current_service()
    own = names.running(service.reader, service.limits)
    return {"models": own + upstream_list("/api/ps", "models")}


@blueprint.post("/api/show")
def show() -> ResponseReturnValue:
    """What a model is."""
    name = model_in(asked())
    service = current_service()
    model = names.own_model(name, service.reader)
    return pass_through(name) if model is None else names.shown(model, service.reader, service.limits)


@blueprint.post("/api/generate")
def generate() -> ResponseReturnValue:
    """Answer a prompt."""
    body = asked()
    name = model_in(body)
    adapter = names.own_adapter(name, current_service().reader)
    if adapter is None:
        return pass_through(name, whole=body.get("stream") is False)
    prompt = _text(body, "prompt")
    refuse_images(body)
    if not prompt.strip():
        return _loaded(body, adapter, {"response": ""})
    system = _text(body, "system")

    def extracted() -> Extraction:
        return from_prompt(prompt, system, most=most_characters())

    return _answered(body, adapter, extracted, lambda text: {"response": text})


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

    refuse_images(body)
    messages = messages_in(body)
    if not messages:
        return _loaded(body, adapter, content(""))
    return _answered(body, adapter, lambda: from_chat(messages, most=most_characters()), content)


@blueprint.post("/api/embed")
def embed() -> ResponseReturnValue:
    """Vectors of texts: by the base under its own name."""
    body = asked()
    name = model_in(body)
    if not names.is_own_base(name, current_service().reader):
        return pass_through(name)
    check_keep_alive(body)
    began = time.perf_counter_ns()
    given = body.get("input")
    dimensions = dimensions_in(body, zero_is_all=True)
    # As Ollama has it: without a text there is no vector, and no error.
    texts = [] if given is None or given == "" else texts_in(given)
    found = embedded(texts, truncate=body.get("truncate") is not False, dimensions=dimensions)
    return {
        "model": name,
        "embeddings": found.lists(),
        "total_duration": time.perf_counter_ns() - began,
        "load_duration": 0,
        "prompt_eval_count": found.tokens,
    }


@blueprint.post("/api/embeddings")
def embeddings() -> ResponseReturnValue:
    """The vector of one text, as older clients ask for it."""
    body = asked()
    name = model_in(body)
    if not names.is_own_base(name, current_service().reader):
        return pass_through(name)
    check_keep_alive(body)
    prompt = _text(body, "prompt")
    dimensions = dimensions_in(body, zero_is_all=True)
    if not prompt:
        return {"embedding": []}
    return {"embedding": embedded(texts_in(prompt), truncate=True, dimensions=dimensions).lists()[0]}


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
            raise InvalidInputError("This is not a digest.")
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
    extracted: Callable[[], Extraction],
    content: Callable[[str], dict[str, Any]],
) -> ResponseReturnValue:
    """The answer in one object or, as is the protocol's default, in two lines."""
    refuse_unusable_text(body)
    unload = is_unloaded(body)
    written = native_format(body.get("format"))
    began = time.perf_counter_ns()
    reply = reply_to(extracted, adapter, wish_in(body.get("options"), "options."), written)
    last = _end(reply, time.perf_counter_ns() - began)
    if unload:
        _unload(adapter)
    if body.get("stream") is False:
        return _head(body) | content(reply.text) | last
    lines = (_head(body) | content(reply.text) | {"done": False}, _head(body) | content("") | last)
    return Response(map(json_line, lines), mimetype=NDJSON)


def _loaded(body: dict[str, Any], adapter: str, content: dict[str, Any]) -> ResponseReturnValue:
    """Load an adapter, which a request without anything to answer means, or unload it."""
    unload = is_unloaded(body)
    if unload:
        _unload(adapter)
    else:
        current_service().reader.load_adapter(adapter)
    return _head(body) | content | {"done": True, "done_reason": "unload" if unload else "load"}


def _unload(adapter: str) -> None:
    """Free an adapter's weights; those of the default one stay."""
    reader = current_service().reader
    if adapter != reader.default_adapter:
        # Another request may have unloaded it already.
        with suppress(AdapterNotFoundError):
            reader.remove_adapter(adapter)


def _head(body: dict[str, Any]) -> dict[str, Any]:
    return {"model": model_in(body), "created_at": names.now()}


def _end(reply: Reply, spent: int) -> dict[str, Any]:
    """The end of an answer. Durations are in nanoseconds, counts in words."""
    return {
        "done": True,
        "done_reason": "stop",
        "total_duration": spent,
        "load_duration": 0,
        "prompt_eval_count": reply.words_asked,
        "prompt_eval_duration": spent,
        "eval_count": reply.words_said,
        "eval_duration": spent,
        **reply.extras,
    }


def _text(body: dict[str, Any], field: str) -> str:
    value = body.get(field) or ""
    if not isinstance(value, str):
        raise InvalidInputError(f"{field} must be a string.")
    return value

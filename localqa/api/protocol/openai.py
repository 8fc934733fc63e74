"""OpenAI's routes as Ollama has them: chat, models, embeddings."""

import json
import time
import uuid
from collections.abc import Iterator
from typing import Any

from flask import Blueprint, Response
from flask.typing import ResponseReturnValue

from localqa.api.protocol import names
from localqa.api.protocol.embedding import embedded
from localqa.api.protocol.extracting import Extraction, from_chat, said
from localqa.api.protocol.native import messages_in
from localqa.api.protocol.passing import EVENTS, asked, model_in, pass_through, upstream_list
from localqa.api.schemas import OWN_MODEL
from localqa.api.service import current_service
from localqa.extraction.answers import Answer

blueprint = Blueprint("openai", __name__)


@blueprint.get("/v1/models")
def models() -> dict[str, Any]:
    """Our models, then the server's."""
    return {"object": "list", "data": _own_models() + upstream_list("/v1/models", "data")}


@blueprint.get("/v1/models/<path:name>")
def model(name: str) -> ResponseReturnValue:
    """One model."""
    reader = current_service().reader
    adapter = names.own_adapter(name, reader)
    return pass_through(name) if adapter is None else _model(name, reader.describe(adapter))


@blueprint.post("/v1/chat/completions")
def complete_chat() -> ResponseReturnValue:
    """Answer the last message of a chat."""
    body = asked()
    name = model_in(body)
    adapter = names.own_adapter(name, current_service().reader)
    if adapter is None:
        return pass_through(name, whole=body.get("stream") is not True)
    extraction = from_chat(messages_in(body))
    answer = current_service().answer_one(extraction.query(adapter))
    head = {
        "id": f"chatcmpl-{uuid.uuid4().hex}",
        "created": int(time.time()),
        "model": name,
        "system_fingerprint": "fp_localqa",
    }
    text = said(answer)
    extras = extraction.extras(answer)
    if body.get("stream") is True:
        options = body.get("stream_options")
        usage = (
            _usage(extraction, answer) if isinstance(options, dict) and options.get("include_usage") else None
        )
        return Response(_events(head, text, extras, usage), mimetype=EVENTS)
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return head | {
        "object": "chat.completion",
        "choices": [choice],
        "usage": _usage(extraction, answer),
        **extras,
    }


@blueprint.post("/v1/completions")
def complete() -> ResponseReturnValue:
    """Go on with a text, which only models of the Ollama server do."""
    body = asked()
    return pass_through(model_in(body), whole=body.get("stream") is not True)


@blueprint.post("/v1/embeddings")
def embeddings() -> ResponseReturnValue:
    """Vectors of texts: by the base under its own name."""
    body = asked()
    name = model_in(body)
    if not names.is_own_base(name, current_service().reader):
        return pass_through(name)
    vectors, tokens = embedded(body.get("input", ""), truncate=True)
    data = [{"object": "embedding", "index": at, "embedding": one} for at, one in enumerate(vectors)]
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return {"object": "list", "data": data, "model": name, "usage": usage}


def _own_models() -> list[dict[str, Any]]:
    adapters = current_service().reader.info()["adapters"]
    return [_model(f"{OWN_MODEL}:{adapter['name']}", adapter) for adapter in adapters]


def _model(name: str, adapter: dict[str, Any]) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": int(adapter["modified"]), "owned_by": "library"}


def _usage(extraction: Extraction, answer: Answer) -> dict[str, int]:
    """Counts in words."""
    told = len(answer.answer.split())
    return {
        "prompt_tokens": extraction.words,
        "completion_tokens": told,
        "total_tokens": extraction.words + told,
    }


def _events(
    head: dict[str, Any], text: str, extras: dict[str, Any], usage: dict[str, int] | None
) -> Iterator[str]:
    """The answer as server-sent events: its text, its end with what is told of it, and `[DONE]`."""
    chunk = head | {"object": "chat.completion.chunk"}
    delta = {"role": "assistant", "content": text}
    yield _event(chunk | {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
    yield _event(chunk | {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], **extras})
    if usage is not None:
        yield _event(chunk | {"choices": [], "usage": usage})
    yield "data: [DONE]\n\n"


def _event(value: dict[str, Any]) -> str:
    return f"data: {json.dumps(value, ensure_ascii=False)}\n\n"

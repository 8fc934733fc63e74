"""OpenAI's routes as Ollama has them: chat, completions, models, embeddings."""

import json
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any, Final

from flask import Blueprint, Response
from flask.typing import ResponseReturnValue

from localqa.api.protocol import names
from localqa.api.protocol.answering import Reply, most_characters, reply_to, wish_in
from localqa.api.protocol.conversing import refuse_images
from localqa.api.protocol.embedding import dimensions_in, embedded, is_base64, texts_in
from localqa.api.protocol.extracting import Extraction, from_chat, from_prompt
from localqa.api.protocol.formats import openai_format
from localqa.api.protocol.native import messages_in
from localqa.api.protocol.passing import EVENTS, asked, model_in, pass_through, upstream_list
from localqa.api.service import current_service
from localqa.api.text import quoted, refuse_unusable_text
from localqa.errors import InvalidInputError

_CHAT: Final = "chat.completion"
_TEXT: Final = "text_completion"
Content = Callable[[str], dict[str, Any]]
"""A text as a choice holds it."""

blueprint = Blueprint("openai", __name__)


@blueprint.get("/v1/models")
def models() -> dict[str, Any]:
    """Our models, then the server's."""
    reader = current_service().reader
    own = [_model(model.name, model) for model in names.own_models(reader)]
    return {"object": "list", "data": own + upstream_list("/v1/models", "data")}


@blueprint.get("/v1/models/<path:name>")
def model(name: str) -> ResponseReturnValue:
    """One model."""
    found = names.own_model(name, current_service().reader)
    return pass_through(name) if found is None else _model(name, found)


@blueprint.post("/v1/chat/completions")
def complete_chat() -> ResponseReturnValue:
    """Answer the last message of a chat."""
    body = asked()
    name = model_in(body)
    adapter = names.own_adapter(name, current_service().reader)
    if adapter is None:
        return pass_through(name, whole=body.get("stream") is not True)
    refuse_images(body)
    messages = messages_in(body)

    def extracted() -> Extraction:
        return from_chat(messages, most=most_characters())

    def content(text: str) -> dict[str, Any]:
        return {"message": {"role": "assistant", "content": text}}

    def delta(text: str) -> dict[str, Any]:
        return {"delta": {"role": "assistant", "content": text} if text else {}}

    return _answered(body, _CHAT, adapter, extracted, content, delta)


@blueprint.post("/v1/completions")
def complete() -> ResponseReturnValue:
    """Answer a prompt."""
    body = asked()
    name = model_in(body)
    adapter = names.own_adapter(name, current_service().reader)
    if adapter is None:
        return pass_through(name, whole=body.get("stream") is not True)
    refuse_images(body)
    prompt = body.get("prompt")
    if isinstance(prompt, list) and len(prompt) == 1:
        prompt = prompt[0]
    if not isinstance(prompt, str):
        raise InvalidInputError(
            "prompt must be a string.", remedy="Send each prompt in a request of its own."
        )

    def content(text: str) -> dict[str, Any]:
        return {"text": text, "logprobs": None}

    def extracted() -> Extraction:
        return from_prompt(prompt, most=most_characters())

    return _answered(body, _TEXT, adapter, extracted, content, content)


@blueprint.post("/v1/embeddings")
def embeddings() -> ResponseReturnValue:
    """Vectors of texts: by the base under its own name."""
    body = asked()
    name = model_in(body)
    if not names.is_own_base(name, current_service().reader):
        return pass_through(name)
    if body.get("input") in (None, []):
        raise InvalidInputError("input is required: a string, or a list of at least one string.")
    encoded = is_base64(body)
    dimensions = dimensions_in(body, zero_is_all=False)
    found = embedded(texts_in(body["input"]), truncate=True, dimensions=dimensions)
    written = found.base64() if encoded else found.lists()
    data = [{"object": "embedding", "index": at, "embedding": one} for at, one in enumerate(written)]
    usage = {"prompt_tokens": found.tokens, "total_tokens": found.tokens}
    return {"object": "list", "data": data, "model": name, "usage": usage}


def _model(name: str, found: names.OwnModel) -> dict[str, Any]:
    created = names.modified(found, current_service().reader)
    return {"id": name, "object": "model", "created": created, "owned_by": "library"}


def _answered(
    body: dict[str, Any],
    kind: str,
    adapter: str,
    extracted: Callable[[], Extraction],
    content: Content,
    delta: Content,
) -> ResponseReturnValue:
    """The answer in one object or as events.

    Raises:
        InvalidInputError: the body holds no text, or asks for more than an answer in words.
    """
    refuse_unusable_text(body)
    _check_wishes(body)
    reply = reply_to(extracted, adapter, wish_in(body), openai_format(body.get("response_format")))
    head = {
        "id": f"{'chatcmpl' if kind == _CHAT else 'cmpl'}-{uuid.uuid4().hex}",
        "created": int(time.time()),
        "model": model_in(body),
        "system_fingerprint": "fp_localqa",
    }
    if body.get("stream") is True:
        options = body.get("stream_options")
        counted = isinstance(options, dict) and bool(options.get("include_usage"))
        chunk = head | {"object": f"{kind}.chunk" if kind == _CHAT else kind}
        return Response(_events(chunk, reply, delta, counted=counted), mimetype=EVENTS)
    choice = {"index": 0, **content(reply.text), "finish_reason": "stop"}
    return head | {"object": kind, "choices": [choice], "usage": _usage(reply), **reply.extras}


def _check_wishes(body: dict[str, Any]) -> None:
    """Refuse what a client would wait for in vain; what it can do without is passed over.

    Raises:
        InvalidInputError: several answers, or a call of a tool.
    """
    if body.get("n") not in (None, 1, "1"):
        raise InvalidInputError("n: there is one answer.", remedy="Leave it out.")
    # functions is what tools were called before.
    wishes = {name: body.get(name) for name in ("tool_choice", "function_call")}
    wanted = [name for name, choice in wishes.items() if choice not in (None, "auto", "none")]
    if wanted:
        raise InvalidInputError(
            f"{wanted[0]}: {quoted(model_in(body))} does not support tools.",
            remedy="Leave it out; response_format gives JSON by a schema.",
        )


def _usage(reply: Reply) -> dict[str, int]:
    """Counts in words."""
    return {
        "prompt_tokens": reply.words_asked,
        "completion_tokens": reply.words_said,
        "total_tokens": reply.words_asked + reply.words_said,
    }


def _events(chunk: dict[str, Any], reply: Reply, delta: Content, *, counted: bool) -> Iterator[str]:
    """The answer as server-sent events: its text, its end with what is told of it, and `[DONE]`."""
    yield _event(chunk | {"choices": [{"index": 0, **delta(reply.text), "finish_reason": None}]})
    yield _event(chunk | {"choices": [{"index": 0, **delta(""), "finish_reason": "stop"}], **reply.extras})
    if counted:
        yield _event(chunk | {"choices": [], "usage": _usage(reply)})
    yield "data: [DONE]\n\n"


def _event(value: dict[str, Any]) -> str:
    return f"data: {json.dumps(value, ensure_ascii=False, allow_nan=False)}\n\n"

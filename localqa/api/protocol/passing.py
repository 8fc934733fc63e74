"""Requests for other models than ours: passed to the Ollama server and back, unchanged and as they come."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import Any, cast
from urllib.parse import quote

from flask import Response, request

from localqa.api.body import JsonRequest
from localqa.api.protocol.names import ModelNotFoundError
from localqa.api.service import caller_gone, current_service
from localqa.api.spec import NDJSON
from localqa.errors import InvalidInputError, LocalQAError
from localqa.ollama import TELLING_S
from localqa.ollama.errors import CallerGoneError

EVENTS = "text/event-stream"
_LARGE = 1024 * 1024
_PATIENCE = 10
"""How many times longer than usual a whole body is waited for: until then the server says nothing."""
_QUERY = "!$&'()*+,;=:@/?%-._~"
_parsing = threading.Lock()


def asked() -> dict[str, Any]:
    """The JSON object in the body, whatever its content type: many clients of Ollama send none.

    Large ones are parsed one at a time, for a parsed body may take many times its size.

    Raises:
        MalformedBodyError, InvalidInputError, RequestEntityTooLarge: see `JsonRequest.get_json`.
    """
    sent = cast(JsonRequest, request)
    if (sent.content_length or _LARGE) < _LARGE:
        return sent.json_of_any_type()
    with _parsing:
        return sent.json_of_any_type()


def model_in(body: Mapping[str, Any]) -> str:
    """The model that a body names.

    Raises:
        InvalidInputError: it names none.
    """
    name = body.get("model") or body.get("name")
    if not isinstance(name, str):
        raise InvalidInputError("model is required.")
    return name


def pass_through(name: str = "", *, whole: bool = False) -> Response:
    """What the Ollama server replies to the current request.

    Lines and events are passed on as they come, and the request is broken off when the client leaves;
    any other body is read to its end first, so that one that breaks off is an error and no half reply.

    Args:
        name: the model that it is about, for the error where there is no server.
        whole: whether the reply is asked for in one piece, before which the server is silent.

    Raises:
        ModelNotFoundError: there is no Ollama server.
        LocalQAError: what `Upstream.stream` raises.
    """
    service = current_service()
    ollama = service.ollama.found()
    if ollama is None:
        raise ModelNotFoundError(
            f"model '{name}' not found.", remedy="There is no Ollama server; set OLLAMA_HOST to use one."
        )
    content = cast(JsonRequest, request).raw_body()
    with ExitStack() as opening:
        reply = opening.enter_context(
            ollama.upstream.stream(
                request.method,
                _upstream_path(),
                content,
                content_type=_content_type(),
                timeout_s=service.settings.ollama_timeout_s * (_PATIENCE if whole else 1),
                gone=caller_gone(),
            )
        )
        kind = reply.content_type.partition(";")[0].strip()
        if kind not in (NDJSON, EVENTS):
            body = b"".join(reply.chunks)
            return Response(body, reply.status, content_type=reply.content_type)
        stack = opening.pop_all()
    response = Response(_relayed(reply.chunks, kind), reply.status, content_type=reply.content_type)
    # Also where the client left before the first piece.
    response.call_on_close(stack.close)
    return response


def _upstream_path() -> str:
    """The path and query of the current request, quoted, so that they mean nothing else to the next server.

    Raises:
        InvalidInputError: a path that would lead elsewhere.
    """
    if any(part in (".", "..") for part in request.path.split("/")):
        raise InvalidInputError("The path must not hold '.' or '..'.")
    query = request.query_string.decode("ascii", "replace")
    return quote(request.path.rstrip("/"), safe="/:") + (f"?{quote(query, safe=_QUERY)}" if query else "")


def _content_type() -> str:
    given = request.content_type or ""
    return given if given.isascii() and given.isprintable() and given else "application/json"


def upstream_object(path: str) -> dict[str, Any]:
    """A JSON object of the Ollama server; an empty one where there is no server or it does not answer."""
    ollama = current_service().ollama.found()
    if ollama is None:
        return {}
    try:
        status, body = ollama.upstream.get(path, timeout_s=TELLING_S)
        value = json.loads(body)
    except (LocalQAError, ValueError):
        return {}
    return value if status == 200 and isinstance(value, dict) else {}


def upstream_list(path: str, key: str) -> list[Any]:
    """A list in such an object; an empty one where there is none."""
    found = upstream_object(path).get(key)
    return found if isinstance(found, list) else []


def _relayed(chunks: Iterator[bytes], kind: str) -> Iterator[bytes]:
    """The pieces of a reply; where it breaks off, an error in the protocol's own form follows them."""
    ends_line = True
    try:
        for chunk in chunks:
            ends_line = chunk.endswith(b"\n")
            yield chunk
    except CallerGoneError:
        return
    except LocalQAError as e:
        error = json.dumps({"error": str(e)} if kind == NDJSON else {"error": {"message": str(e)}}).encode()
        yield b"" if ends_line else b"\n"
        yield error + b"\n" if kind == NDJSON else b"data: " + error + b"\n\n"

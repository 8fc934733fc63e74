"""Requests for other models than ours: passed to the Ollama server and back, unchanged and as they come."""

import errno
import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import Any, cast
from urllib.parse import quote

from flask import Response, request

from localqa.api.body import JsonRequest
from localqa.api.callers import caller_gone, patience
from localqa.api.protocol.names import ModelNotFoundError
from localqa.api.service import current_service
from localqa.api.spec import NDJSON
from localqa.api.text import quoted
from localqa.errors import InvalidInputError, LocalQAError
from localqa.ollama import TELLING_S
from localqa.ollama.errors import CallerGoneError
from localqa.strict_json import parse_foreign

EVENTS = "text/event-stream"
_PATIENCE = 10
"""How many times longer than usual a whole body is waited for: until then the server says nothing."""
_WHOLE_BYTES = 1024 * 1024
_NAME_CHARS = 256
_log = logging.getLogger("localqa.ollama")
_QUERY = "!$&'()*+,;=:@/?%-._~"


def asked() -> dict[str, Any]:
    """The JSON object in the body, whatever its content type: many clients of Ollama send none.

    Raises:
        MalformedBodyError, InvalidInputError, RequestEntityTooLarge: see `JsonRequest.get_json`.
    """
    return cast(JsonRequest, request).json_of_any_type()


def model_in(body: Mapping[str, Any]) -> str:
    """The model that a body names.

    Raises:
        InvalidInputError: it names none.
    """
    name = body.get("model") or body.get("name")
    if not isinstance(name, str):
        raise InvalidInputError("model is required.")
    if len(name) > _NAME_CHARS:
        raise InvalidInputError(f"model {quoted(name)} has {len(name):,} characters: no name is that long.")
    return name


def pass_through(name: str = "", *, whole: bool = False) -> Response:
    """What the Ollama server replies to the current request.

    Lines and events are passed on as they come, and the request is broken off when the client leaves; of any
    other body a megabyte is read first, so that a usual one that breaks off is an error and no half reply.

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
        raise ModelNotFoundError(f"model '{name}' not found.")
    content = cast(JsonRequest, request).raw_body()
    with ExitStack() as opening:
        opening.callback(service.passing.enter(len(content), patience()))
        _give_back_body()
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
        if kind in (NDJSON, EVENTS):
            body = _relayed(reply.chunks, kind)
        else:
            first, ended = _begun(reply.chunks)
            if ended:
                return Response(first, reply.status, content_type=reply.content_type)
            body = _rest(first, reply.chunks)
        stack = opening.pop_all()
    response = Response(body, reply.status, content_type=reply.content_type)
    # Also where the client left before the first piece.
    response.call_on_close(stack.close)
    return response


def _begun(chunks: Iterator[bytes]) -> tuple[bytes, bool]:
    """The first megabyte of a body, and whether that is all of it."""
    pieces: list[bytes] = []
    size = 0
    for chunk in chunks:
        pieces.append(chunk)
        size += len(chunk)
        if size > _WHOLE_BYTES:
            return b"".join(pieces), False
    return b"".join(pieces), True


def _rest(first: bytes, chunks: Iterator[bytes]) -> Iterator[bytes]:
    """A large body as it comes; where it breaks off, so does the connection: nothing else can tell it."""
    yield first
    try:
        yield from chunks
    except LocalQAError as e:
        _log.error("a reply of the Ollama server was cut off: %s", e.message)
        raise ConnectionResetError(errno.ECONNRESET, "the Ollama server broke off") from e


def _give_back_body() -> None:
    """Let others have the room that the body took on its way in: the answer may take minutes."""
    cast(JsonRequest, request).leave_room()
    give_back = getattr(request.environ.get("wsgi.input"), "give_back", None)
    if give_back is not None:
        give_back()


def _upstream_path() -> str:
    """The path and query of the current request, quoted, so that they mean nothing else to the next server.

    Raises:
        InvalidInputError: a path that would lead elsewhere.
    """
    if any(part in (".", "..") for part in request.path.split("/")):
        raise InvalidInputError("The path must not hold '.' or '..'.")
    query = request.query_string.decode("ascii", "replace")
    return quote(request.path, safe="/:") + (f"?{quote(query, safe=_QUERY)}" if query else "")


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
        value = parse_foreign(body)
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

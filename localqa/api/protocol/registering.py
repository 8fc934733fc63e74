"""Putting the protocols' routes into an app, with their own errors and limits."""

import logging
from collections.abc import Callable
from typing import Any, Final

from flask import Blueprint, Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from localqa.api.errors import MESSAGE_CHARS, RETRY_AFTER_S, log_expected
from localqa.api.hooks import request_id
from localqa.api.protocol import native, openai
from localqa.api.rate import seconds_to_wait
from localqa.api.service import current_service
from localqa.api.text import printable
from localqa.errors import LocalQAError

_log = logging.getLogger("localqa.errors")
_KINDS: Final = {401: "authentication_error", 404: "not_found_error", 429: "rate_limit_error"}
Shape = Callable[[int, str], dict[str, Any]]


def register_protocols(app: Flask) -> None:
    """Answer Ollama's and OpenAI's clients on this app."""
    for blueprint, shape in ((native.blueprint, _native), (openai.blueprint, _openai)):
        _shape_errors(blueprint, shape)
        app.register_blueprint(blueprint)
    app.before_request(_allow_images)


def _allow_images() -> None:
    """Let bodies in the protocols be larger: images come in them."""
    if request.blueprint in (native.blueprint.name, openai.blueprint.name):
        request.max_content_length = current_service().settings.ollama_max_body_bytes


def _native(status: int, message: str) -> dict[str, Any]:
    return {"error": message}


def _openai(status: int, message: str) -> dict[str, Any]:
    kind = _KINDS.get(status, "invalid_request_error" if status < 500 else "api_error")
    return {"error": {"message": message, "type": kind, "param": None, "code": None}}


def _shape_errors(blueprint: Blueprint, shape: Shape) -> None:
    """Give the errors of a blueprint's routes the shape of its protocol."""

    def respond(status: int, message: str, wait_s: int = RETRY_AFTER_S) -> Response:
        response = jsonify(shape(status, printable(message, limit=MESSAGE_CHARS)))
        response.status_code = status
        if status in (429, 503):
            response.headers["Retry-After"] = str(wait_s)
        return response

    def expected(error: LocalQAError) -> Response:
        log_expected(error)
        # What our own routes call well-formed but invalid is a bad request to these clients.
        return respond(400 if error.status == 422 else error.status, str(error))

    def http(error: HTTPException) -> Response:
        if isinstance(error, RequestEntityTooLarge):
            most = current_service().settings.ollama_max_body_bytes
            return respond(413, f"The body is over the limit of {most:,} bytes.")
        if error.code == 429:
            said = f"At most {error.description} are answered for one caller."
            return respond(429, said, seconds_to_wait())
        return respond(error.code or 500, error.description or error.name)

    def unexpected(error: Exception) -> Response:
        _log.error("request_id=%s unexpected error", request_id(), exc_info=error)
        return respond(500, "Something went wrong on the server.")

    # A blueprint is a module's, and apps in one process (tests) share it.
    if blueprint.error_handler_spec[None][None]:
        return
    blueprint.register_error_handler(LocalQAError, expected)
    blueprint.register_error_handler(HTTPException, http)
    blueprint.register_error_handler(Exception, unexpected)

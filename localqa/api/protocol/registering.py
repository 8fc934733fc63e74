"""Putting the protocols' routes into an app, with their own errors and limits."""

from collections.abc import Callable
from typing import Any, Final

from flask import Blueprint, Flask, Response, request

from localqa.api.errors import Told, handle_errors
from localqa.api.protocol import native, openai
from localqa.api.service import current_service

_KINDS: Final = {401: "authentication_error", 404: "not_found_error", 429: "rate_limit_error"}
Shape = Callable[[Told], dict[str, Any]]


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


def _native(told: Told) -> dict[str, Any]:
    return {"error": _said(told)}


def _openai(told: Told) -> dict[str, Any]:
    kind = _KINDS.get(told.status, "invalid_request_error" if told.status < 500 else "api_error")
    return {"error": {"message": _said(told), "type": kind, "param": None, "code": None}}


def _said(told: Told) -> str:
    return f"{told.message} {told.remedy}".strip()


def _shape_errors(blueprint: Blueprint, shape: Shape) -> None:
    """Give the errors of a blueprint's routes the shape of its protocol."""

    def respond(told: Told) -> Response:
        # What our own routes call well-formed but invalid is a bad request to these clients.
        return told.response(shape(told), status=400 if told.status == 422 else told.status)

    # A blueprint is a module's, and apps in one process (tests) share it.
    if not blueprint.error_handler_spec[None][None]:
        handle_errors(blueprint.register_error_handler, respond)

"""The one place where errors become HTTP; each protocol only puts what is told here into its own shape."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed, RequestEntityTooLarge

from localqa.api.hooks import request_id
from localqa.api.rate import seconds_to_wait
from localqa.api.schemas import ErrorDetail, ErrorResponse
from localqa.api.text import printable, quoted
from localqa.errors import ERRORS, LocalQAError

RETRY_AFTER_S: Final = 5
MESSAGE_CHARS: Final = 2000
"""Most that a message holds, whatever it echoes."""
_SMALLER_FILES: Final = (
    "Send fewer or smaller files at once, or start the server with a larger QA_MAX_UPLOAD_BYTES."
)
_log = logging.getLogger("localqa.errors")


@dataclass(frozen=True, slots=True)
class Told:
    """What a caller is told of an error; whatever it echoes is printable.

    Of what the web framework refuses the remedy is told in this project's own shape alone, see `detail`:
    clients of other protocols know those statuses.
    """

    status: int
    code: str
    message: str
    remedy: str
    headers: Mapping[str, str] = field(default_factory=dict)

    def detail(self) -> ErrorDetail:
        """The same in the shape of this project's own routes."""
        return ErrorDetail(
            code=self.code,
            message=self.message,
            remedy=self.remedy or _usual(self.code),
            request_id=request_id(),
        )

    def response(self, body: Mapping[str, Any], *, status: int | None = None) -> Response:
        """The error as a response with that body."""
        response = jsonify(body)
        response.status_code = status or self.status
        response.headers.extend(self.headers)
        return response


def register_error_handlers(app: Flask) -> None:
    """Give every error of this app, expected or not, the one shape."""
    handle_errors(app.register_error_handler, _own)


def handle_errors(register: Callable[..., object], shape: Callable[[Told], Response]) -> None:
    """Register, with an app or a blueprint, that all errors leave in one shape."""
    for kind in (LocalQAError, HTTPException, Exception):
        register(kind, lambda error: shape(told(error)))


def told(error: Exception) -> Told:
    """What is told of an error in the current request; the log is told what is not the caller's fault."""
    if isinstance(error, LocalQAError):
        _tell_log(error)
        return _told(error.status, error.code, error.message, error.told_remedy)
    if isinstance(error, HTTPException):
        return _told_of_http(error)
    _log.error("request_id=%s unexpected error", request_id(), exc_info=error)
    return _told(500, "internal_error", ERRORS["internal_error"].example)


def _own(told: Told) -> Response:
    return told.response(ErrorResponse(error=told.detail()).model_dump())


def _told(status: int, code: str, message: str, remedy: str = "", **headers: str) -> Told:
    if status == 503:
        headers = {"Retry-After": str(RETRY_AFTER_S)} | headers
    if status == 401:
        headers = {"WWW-Authenticate": "Bearer"} | headers
    return Told(
        status,
        code,
        printable(message, limit=MESSAGE_CHARS),
        printable(remedy, limit=MESSAGE_CHARS),
        headers,
    )


def _usual(code: str) -> str:
    return ERRORS[code].remedy if code in ERRORS else ""


def _tell_log(error: LocalQAError) -> None:
    """In one line, unless it is this program's own failure."""
    if error.status >= 500:
        own = error if error.status == 500 else None
        _log.error("request_id=%s %s: %s", request_id(), error.code, error.logged, exc_info=own)


def _told_of_http(error: HTTPException) -> Told:
    """Errors of Flask and Werkzeug themselves: routing, methods, the size of the body."""
    status, path = error.code or 500, quoted(request.path)
    if status == 404:
        return _told(status, "not_found", f"There is no route {path}.")
    if isinstance(error, MethodNotAllowed):
        methods = sorted(error.valid_methods or ())
        allowed = " or ".join(method for method in methods if method not in ("OPTIONS", "HEAD"))
        message = f"{path} does not take {printable(request.method)}."
        headers = {"Allow": ", ".join(methods)} if methods else {}
        return _told(status, "method_not_allowed", message, f"Use {allowed}.", **headers)
    if isinstance(error, RequestEntityTooLarge):
        message = f"The body is over the limit of {request.max_content_length:,} bytes."
        return _told(
            status, "too_large", message, _SMALLER_FILES if request.mimetype == "multipart/form-data" else ""
        )
    if status == 429:
        message = f"At most {error.description} are answered for one caller."
        return _told(status, "too_many_requests", message, **{"Retry-After": str(seconds_to_wait())})
    return _told(status, error.name.lower().replace(" ", "_"), error.description or error.name)

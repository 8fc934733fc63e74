"""The one place where errors become HTTP: every error leaves in the same JSON shape."""

import logging
from typing import Final

from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed, RequestEntityTooLarge

from localqa.api.hooks import request_id
from localqa.api.rate import seconds_to_wait
from localqa.api.schemas import ErrorDetail, ErrorResponse
from localqa.api.service import current_service
from localqa.api.text import printable, quoted
from localqa.errors import LocalQAError

RETRY_AFTER_S: Final = 5
MESSAGE_CHARS: Final = 2000
"""Most that a message holds, whatever it echoes."""
_log = logging.getLogger("localqa.errors")


def register_error_handlers(app: Flask) -> None:
    """Give every error of this app, expected or not, the one shape."""
    app.register_error_handler(LocalQAError, _expected)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _unexpected)


def error_detail(*, code: str, message: str, remedy: str) -> ErrorDetail:
    """What went wrong in the current request; whatever the message echoes is made printable."""
    return ErrorDetail(
        code=code,
        message=printable(message, limit=MESSAGE_CHARS),
        remedy=printable(remedy, limit=MESSAGE_CHARS),
        request_id=request_id(),
    )


def error_response(status: int, *, code: str, message: str, remedy: str) -> Response:
    """An error in the one shape."""
    detail = error_detail(code=code, message=message, remedy=remedy)
    response = jsonify(ErrorResponse(error=detail).model_dump())
    response.status_code = status
    if status in (429, 503):
        response.headers["Retry-After"] = str(RETRY_AFTER_S)
    return response


def _expected(error: LocalQAError) -> Response:
    log_expected(error)
    return error_response(error.status, code=error.code, message=error.message, remedy=error.remedy)


def log_expected(error: LocalQAError) -> None:
    """Tell the log of a failure that is not the caller's: in one line, unless it is this program's own."""
    if error.status >= 500:
        own = error if error.status == 500 else None
        _log.error("request_id=%s %s: %s", request_id(), error.code, error.message, exc_info=own)


def _http(error: HTTPException) -> Response:
    """Errors of Flask and Werkzeug themselves: routing, methods, the size of the body."""
    status = error.code or 500
    code, message, remedy = _told(error)
    response = error_response(status, code=code, message=message, remedy=remedy)
    if status == 429:
        response.headers["Retry-After"] = str(seconds_to_wait())
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        response.headers["Allow"] = ", ".join(sorted(error.valid_methods))
    return response


def _told(error: HTTPException) -> tuple[str, str, str]:
    """Code, message and remedy for a Werkzeug error."""
    path = quoted(request.path)
    if error.code == 404:
        return "not_found", f"There is no route {path}.", "GET / lists the routes; /docs describes them."
    if isinstance(error, MethodNotAllowed):
        allowed = " or ".join(sorted(set(error.valid_methods or ()) - {"OPTIONS", "HEAD"}))
        method = printable(request.method)
        return "method_not_allowed", f"{path} does not take {method}.", f"Use {allowed}."
    if isinstance(error, RequestEntityTooLarge):
        most = current_service().settings.max_body_bytes
        return (
            "too_large",
            f"The body is over the limit of {most:,} bytes.",
            "Send less text at once, or start the server with a larger QA_MAX_BODY_BYTES.",
        )
    if error.code == 429:
        return (
            "too_many_requests",
            f"At most {error.description} are answered for one caller.",
            "Ask again after the seconds in Retry-After.",
        )
    return error.name.lower().replace(" ", "_"), error.description or error.name, ""


def _unexpected(error: Exception) -> Response:
    _log.error("request_id=%s unexpected error", request_id(), exc_info=error)
    return error_response(
        500,
        code="internal_error",
        message="Something went wrong on the server.",
        remedy="Try again. If it stays, look for the request_id in the server's log.",
    )

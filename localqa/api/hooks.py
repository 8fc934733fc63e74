"""What happens around every request: its id, the headers of its response, its line in the log."""

import logging
import re
import time
import uuid
from typing import Final, cast

from flask import Flask, Response, g, request

from localqa.api.body import JsonRequest
from localqa.api.callers import RESPONDING
from localqa.api.service import current_service
from localqa.errors import OverloadedError

REQUEST_ID_HEADER: Final = "X-Request-ID"
access_log = logging.getLogger("localqa.access")

_SANE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


def register_hooks(app: Flask) -> None:
    """Wrap every request of this app."""
    app.before_request(_begin)
    app.after_request(_finish)


def request_id() -> str:
    """The id of the current request: the client's own if it is sane, else a new one."""
    if "request_id" not in g:
        given = request.headers.get(REQUEST_ID_HEADER, "")
        g.request_id = given if _SANE_ID.fullmatch(given) else uuid.uuid4().hex
    return cast(str, g.request_id)


def _begin() -> None:
    g.started = time.perf_counter()


def refuse_where_there_is_no_room() -> None:
    """Answer with what kept a request from coming, also where nobody would read its body.

    Raises:
        OverloadedError: there are too many requests, or too many large ones.
    """
    error = getattr(request.environ.get("wsgi.input"), "error", None)
    if isinstance(error, OverloadedError):
        raise error


def _finish(response: Response) -> Response:
    asked = cast(JsonRequest, request)
    asked.drain()
    request.environ[RESPONDING] = True
    response.call_on_close(asked.leave_room)
    response.headers[REQUEST_ID_HEADER] = request_id()
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["X-Frame-Options"] = "DENY"
    response.headers["Cross-Origin-Resource-Policy"] = "same-site"
    if not request.path.startswith("/swagger/"):
        response.headers["Cache-Control"] = "no-store"
    route = request.url_rule.rule if request.url_rule else "unknown"
    current_service().metrics.request(route, response.status_code, time.perf_counter() - g.started)
    _log_access(response)
    return response


def _log_access(response: Response) -> None:
    """One line per request, which never holds a question, a context or a query string."""
    access_log.info(
        "request",
        extra={
            "fields": {
                "method": request.method,
                "path": request.path,
                "status": response.status_code,
                "ms": round((time.perf_counter() - g.started) * 1000, 1),
                "request_id": request_id(),
            }
        },
    )

"""What is answered where a request has no head that could be read: no app ever sees it."""

import json
import socket
import uuid
from http import HTTPStatus
from typing import Final

from gunicorn.http import errors

from localqa.api.text import printable
from localqa.errors import ERRORS

_MESSAGE_CHARS: Final = 300
_STATUSES: Final = (
    (errors.LimitRequestLine, 414, "too_large", "Ask for a shorter address."),
    (errors.LimitRequestHeaders, 431, "too_large", "Send fewer or shorter headers."),
    (
        errors.UnsupportedTransferCoding,
        501,
        "malformed_request",
        "Send the body with its length or in chunks.",
    ),
    (errors.ExpectationFailed, 417, "malformed_request", "Send no other Expect than 100-continue."),
    (errors.ForbiddenProxyRequest, 403, "forbidden", ""),
)


def refusal(error: Exception) -> bytes:
    """The whole response to a head that could not be read, in the shape that every error has."""
    for cause, status, code, remedy in _STATUSES:
        if isinstance(error, cause):
            return response(status, code=code, message=_said(error), remedy=remedy)
    kind = ERRORS["malformed_request"]
    return response(kind.status, code="malformed_request", message=_said(error), remedy=kind.remedy)


def response(status: int, *, code: str, message: str, remedy: str) -> bytes:
    """An error as a whole response, after which the connection is closed."""
    request_id = uuid.uuid4().hex
    told = {"code": code, "message": message, "remedy": remedy, "request_id": request_id}
    body = json.dumps({"error": told}).encode()
    head = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nX-Request-ID: {request_id}\r\n"
        "X-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n"
    )
    return head.encode("ascii") + body


def _said(error: Exception) -> str:
    return printable(f"The request could not be read: {error}", limit=_MESSAGE_CHARS)


def send_now(sock: socket.socket, data: bytes) -> None:
    """Send a little without waiting; whether it went is seen at the next read."""
    try:
        sock.send(data)
    except OSError:
        return

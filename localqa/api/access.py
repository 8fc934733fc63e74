"""Who may ask: API keys, and no open server beyond this machine by accident."""

import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final

from flask import Flask, request
from flask.wrappers import Request

from localqa.errors import LocalQAError

OPEN_PATHS: Final = ("/", "/docs", "/docs/", "/openapi.json", "/livez", "/readyz", "/api/health", "/metrics")
"""Probes, metrics and the documents, which hold nothing of the users' own."""


class UnauthorizedError(LocalQAError):
    """A request without one of the keys."""

    code = "unauthorized"


def register_access(app: Flask, keys: Sequence[str]) -> None:
    """Ask every request of this app for one of the keys, where there are any."""
    if keys:
        app.before_request(partial(_check_key, _digests(keys)))


def _check_key(digests: Sequence[bytes]) -> None:
    """Let a request through that brings a key.

    Raises:
        UnauthorizedError: it brings none, or a wrong one.
    """
    if request.path in OPEN_PATHS or request.path.startswith("/swagger/"):
        return
    given = given_key(request)
    if not _is_known(given, digests):
        raise UnauthorizedError("The API key is wrong." if given else "There is no API key.")


def given_key(asked: Request) -> str:
    """The key that a request brings, right or wrong; "" for none."""
    return _key_in(asked.headers.get("Authorization", ""), asked.headers.get("X-API-Key", ""))


def admitting(keys: Sequence[str]) -> Callable[[Mapping[str, str]], bool]:
    """Says by a request's headers, whose names are in capitals, whether it may ask."""
    digests = _digests(keys)

    def admits(headers: Mapping[str, str]) -> bool:
        given = _key_in(headers.get("AUTHORIZATION", ""), headers.get("X-API-KEY", ""))
        return not keys or _is_known(given, digests)

    return admits


def is_stranger(keys: Sequence[str]) -> bool:
    """Whether the current request brings none of the keys that there are."""
    return bool(keys) and not _is_known(given_key(request), _digests(keys))


def _key_in(authorization: str, own: str) -> str:
    scheme, _, token = authorization.partition(" ")
    given = token.strip() if scheme.lower() == "bearer" else ""
    # Clients that were given no key of their own send "Bearer" all the same.
    return given or own


def _is_known(given: str, digests: Sequence[bytes]) -> bool:
    # A header arrives as bytes, each of which is a character here.
    digest = _digest(given.encode("latin-1", "replace"))
    # Digests are compared, and every key each time: neither length nor place of a match can be timed.
    matches = [hmac.compare_digest(digest, one) for one in digests]
    return any(matches)


def _digests(keys: Sequence[str]) -> list[bytes]:
    """Of each key, in both encodings in which clients send what is not ASCII."""
    encoded = [key.encode(kind) for key in keys for kind in ("utf-8", "latin-1") if _fits(key, kind)]
    return [_digest(one) for one in encoded]


def _fits(key: str, encoding: str) -> bool:
    try:
        key.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def _digest(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()

"""Which web pages may ask, and under which names this server answers: as Ollama decides it.

A page that somebody visits can send requests to this machine. It names itself in `Origin`; and one whose
name was turned to this machine's address (DNS rebinding) shows by the `Host` that it asks for.
"""

import ipaddress
import re
import socket
from collections.abc import Iterable, Sequence
from typing import Final
from urllib.parse import urlsplit

from flask import Flask, Response, request

from localqa.api.addresses import HOST
from localqa.api.body import MediaTypeError
from localqa.api.text import quoted
from localqa.config import Settings
from localqa.errors import LocalQAError

_LOCAL: Final = ("localhost", "127.0.0.1", "0.0.0.0", "[::1]")  # noqa: S104 - names of it, nothing listens here
_APPS: Final = ("app://*", "file://*", "tauri://*", "vscode-webview://*", "vscode-file://*")
_LOCAL_DOMAINS: Final = (".localhost", ".local", ".internal", ".lan", ".home.arpa")
_PROBES: Final = ("/livez", "/readyz")
_METHODS: Final = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
_HEADERS: Final = "Authorization, Content-Type, User-Agent, Accept, X-Requested-With, X-API-Key, X-Request-ID"
_EXPOSED: Final = "X-Request-ID, Retry-After"
_HEADER_NAMES: Final = re.compile(r"[A-Za-z0-9_-]{1,60}(, ?[A-Za-z0-9_-]{1,60}){0,60}")
_DAY_S: Final = "43200"


class MalformedHostError(LocalQAError):
    """A Host header that holds no name."""

    code = "malformed_host"


class ForeignOriginError(LocalQAError):
    """A web page that may not ask this server."""

    code = "origin_not_allowed"


class ForeignHostError(LocalQAError):
    """A name that is not this server's."""

    code = "host_not_allowed"


class Origins:
    """What the settings allow.

    Args:
        settings: their `origins` are added to Ollama's own, their `hosts` to the names of this machine.
    """

    def __init__(self, settings: Settings) -> None:
        given = split(settings.origins)
        # With keys a page is let in by its name, or not at all.
        self.any = "*" in given and not settings.keys
        self._patterns = [_pattern(one) for one in (*_defaults(), *given) if one != "*"]
        self._hosts = [host.lower() for host in split(settings.hosts)]
        # Whoever has no key gets nothing, under whatever name.
        self._any_host = bool(settings.keys) or "*" in self._hosts
        self._own_name = socket.gethostname().lower()

    def allows(self, origin: str) -> bool:
        """Whether a page of this origin may ask."""
        return self.any or any(pattern.fullmatch(origin.lower()) for pattern in self._patterns)

    def answers_to(self, host: str) -> bool:
        """Whether this server goes by a name, which may have a port behind it."""
        name = _without_port(host).lower().rstrip(".")
        if self._any_host or not name or name in ("localhost", self._own_name):
            return True
        if _is_address(name) or "." not in name or name.endswith(_LOCAL_DOMAINS):
            # An address, or a name that no server of names on the Internet can turn to this machine.
            return True
        return any(name == one or (one.startswith("*.") and name.endswith(one[1:])) for one in self._hosts)


def register_origins(app: Flask, settings: Settings) -> None:
    """Refuse pages and names that are not allowed, and tell browsers which are."""
    origins = Origins(settings)

    def check() -> Response | None:
        host = request.environ.get("HTTP_HOST", "")
        if host and not HOST.fullmatch(host):
            raise MalformedHostError(
                f"The Host header {quoted(host)} is not a name or an address, with or without a port."
            )
        if request.path not in _PROBES and not origins.answers_to(request.host):
            raise ForeignHostError(
                f"This server does not go by the name {quoted(_without_port(request.host))}.",
                remedy="Ask for it by its address, or start it with QA_HOSTS naming what else it is called.",
            )
        origin = request.headers.get("Origin")
        if origin is None:
            _check_site()
            return None
        same = _is_same(origin)
        if not same and not origins.allows(origin):
            raise ForeignOriginError(
                f"Pages of {quoted(origin)} may not ask this server.",
                remedy="Start it with QA_ORIGINS naming them, such as QA_ORIGINS=https://chat.example.org.",
            )
        if request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
            return _preflight()
        if not same:
            _check_content()
        return None

    def tell(response: Response) -> Response:
        response.vary.add("Origin")
        origin = request.headers.get("Origin", "")
        if origin and origins.allows(origin) and origin.isascii() and origin.isprintable():
            response.headers["Access-Control-Allow-Origin"] = "*" if origins.any else origin
            response.headers["Access-Control-Expose-Headers"] = _EXPOSED
        return response

    app.before_request(check)
    app.after_request(tell)


def split(text: str) -> list[str]:
    """The parts of a setting with commas."""
    return [part for piece in text.split(",") if (part := piece.strip().rstrip("/") or piece.strip())]


def _defaults() -> Iterable[str]:
    for name in _LOCAL:
        for scheme in ("http", "https"):
            yield f"{scheme}://{name}"
            yield f"{scheme}://{name}:*"
    yield from _APPS


def _pattern(origin: str) -> "re.Pattern[str]":
    """An origin in which a star stands for anything; after a colon, for a port alone."""
    parts = [re.escape(part) for part in origin.lower().split("*")]
    return re.compile(r"\d{1,5}".join(parts) if origin.endswith(":*") else ".*".join(parts))


def _is_same(origin: str) -> bool:
    """Whether a page is this server's own."""
    return origin.lower() in (f"http://{request.host}".lower(), f"https://{request.host}".lower())


def _check_site() -> None:
    """Refuse what a browser sends for another site without naming it: what changes something, or is built in.

    Links to this one, and what programs that live in browsers ask, are none of these.
    """
    if request.path in _PROBES or request.headers.get("Sec-Fetch-Site", "") != "cross-site":
        return
    is_built_in = request.headers.get("Sec-Fetch-Mode") == "no-cors"
    if is_built_in or request.method not in ("GET", "HEAD"):
        raise ForeignOriginError("Pages that do not name themselves may not ask this server.")


def _check_content() -> None:
    """Of what a page may send without asking first, take none: JSON is not among it.

    Raises:
        MediaTypeError: the body of a page's POST does not say that it is JSON.
    """
    if request.method != "POST" or request.is_json:
        return
    if request.path.startswith("/api/blobs/") and request.mimetype == "application/octet-stream":
        return
    raise MediaTypeError(
        "Pages of other origins send application/json.",
        remedy="Send the header `Content-Type: application/json`.",
    )


def _preflight() -> Response:
    """May the page ask? It may, on every route; the route says what it takes."""
    response = Response(status=204)
    response.headers["Access-Control-Allow-Methods"] = _METHODS
    wanted = request.headers.get("Access-Control-Request-Headers", "")
    response.headers["Access-Control-Allow-Headers"] = wanted if _HEADER_NAMES.fullmatch(wanted) else _HEADERS
    response.headers["Access-Control-Max-Age"] = _DAY_S
    response.vary.update(("Access-Control-Request-Method", "Access-Control-Request-Headers"))
    return response


def _without_port(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return host


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def unused_star(origins: str, keys: Sequence[str]) -> bool:
    """Whether a star among the origins has no effect, since there are keys."""
    return bool(keys) and "*" in split(origins)

"""The address of a request before the app sees it: slashes at its end, and what a proxy tells of it."""

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

from werkzeug.middleware.proxy_fix import ProxyFix

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

HOST: Final = re.compile(r"(?:[\w~-][\w.~-]{0,252}|\[[0-9a-fA-F:.]{2,45}\])(?::\d{1,5})?", re.ASCII)
"""A name or an address, and a port: what a Host header may hold."""
_SLASHES: Final = re.compile("/{2,}")
_KEPT: Final = ("/", "/docs/")
# What the proxy says goes into links and redirects: nothing that leads to another server.
_FORWARDED: Final = {
    "HTTP_X_FORWARDED_PREFIX": re.compile(r"(?:/(?!\.{1,2}(?:/|$))[\w.~-]{1,100}){1,20}/?", re.ASCII),
    "HTTP_X_FORWARDED_HOST": HOST,
    "HTTP_X_FORWARDED_PROTO": re.compile(r"https?|wss?", re.I),
}


class Addresses:
    """A WSGI app around another, which gets plain addresses.

    Args:
        app: the other.
        hops: how many proxies stand before this server, as `ProxyFix` counts them.
    """

    def __init__(self, app: "WSGIApplication", hops: int) -> None:
        self._hops = hops
        self._app: Callable[..., Iterable[bytes]] = app
        if hops:
            self._app = ProxyFix(app, x_for=hops, x_proto=hops, x_host=hops, x_prefix=hops)

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Answer a request."""
        path = environ.get("PATH_INFO", "")
        if "//" in path:
            # Those that put one behind an address that ends with one have two.
            path = environ["PATH_INFO"] = _SLASHES.sub("/", path)
        if path.endswith("/") and path not in _KEPT and not path.startswith("/swagger/"):
            # Clients that put addresses together often end them with a slash.
            environ["PATH_INFO"] = path.rstrip("/") or "/"
        if self._hops:
            self._drop_unusable(environ)
        return self._app(environ, start_response)

    def _drop_unusable(self, environ: "WSGIEnvironment") -> None:
        for header, usable in _FORWARDED.items():
            values = [value.strip() for value in environ.get(header, "").split(",")]
            told = values[-self._hops] if len(values) >= self._hops else ""
            if told and not usable.fullmatch(told):
                del environ[header]

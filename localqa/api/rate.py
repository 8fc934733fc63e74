"""How often one caller may ask."""

import math
import time
from typing import Final

from flask import Flask, current_app, request
from flask.wrappers import Request

from localqa.api.access import OPEN_PATHS, given_key
from localqa.config import Settings

_STORAGE: Final = "memory://"
"""One process answers, see docker/gunicorn.conf.py, so its memory holds all counts."""


def register_rate_limit(app: Flask, settings: Settings) -> None:
    """Refuse callers who ask more often than the settings allow; does nothing where they say nothing.

    A caller is an API key, or an address where there are no keys. Probes and documents are not counted.
    """
    if not settings.rate_limit:
        return
    # Here, not above: few servers have a limit.
    from flask_limiter import Limiter

    Limiter(
        lambda: _caller(request, keyed=bool(settings.keys)),
        app=app,
        application_limits=[settings.rate_limit],
        application_limits_exempt_when=lambda: request.path in OPEN_PATHS,
        storage_uri=_STORAGE,
        strategy="moving-window",
    )


def seconds_to_wait() -> int:
    """When a caller who was refused may ask again."""
    (limiter,) = current_app.extensions["limiter"]
    return max(1, math.ceil(limiter.current_limit.reset_at - time.time()))


def _caller(asked: Request, *, keyed: bool) -> str:
    return given_key(asked) if keyed else asked.remote_addr or "unknown"

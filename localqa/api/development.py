"""Flask's development server: one process, nothing in front of it."""

import logging

from werkzeug.serving import WSGIRequestHandler, make_server

from localqa.api.app import create_app
from localqa.api.listening import ensure_can_listen
from localqa.api.logs import configure_logging
from localqa.config import Settings

_log = logging.getLogger("localqa.app")


def serve(settings: Settings) -> None:
    """Serve until it is ended.

    Raises:
        LocalQAError: the port is taken, or the model cannot be loaded.
    """
    ensure_can_listen(settings.host, settings.port)
    app = create_app(settings)
    configure_logging(settings.log_level, ("werkzeug",))
    server = make_server(settings.host, settings.port, app, threaded=True, request_handler=_QuietHandler)
    _log.warning("this is Flask's development server; `localqa serve` is the one to rely on")
    server.serve_forever()


class _QuietHandler(WSGIRequestHandler):
    """Leaves the log of requests to the app, which has its own line; waits for no client for ever."""

    timeout = 30

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Write nothing."""

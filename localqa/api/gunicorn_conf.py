"""gunicorn's settings, with which `localqa serve` starts it: `gunicorn -c python:localqa.api.gunicorn_conf`.

One process, many threads: the weights, the engine's own threads and the batches that requests share live
in one process. A second one would hold a second copy of the model and fight the first for the same cores,
while the threads only wait for the engine, which computes outside Python's lock.
"""

import math
import os
import resource
import sys
import threading
from types import FrameType

from gunicorn.arbiter import Arbiter

from localqa.api import worker
from localqa.api.listening import check_exposure, ensure_can_listen
from localqa.api.logs import PrintableLogger
from localqa.config import Settings
from localqa.errors import LocalQAError, report_and_exit

try:
    _settings = Settings.load()
except LocalQAError as e:
    report_and_exit(e)

_END_S = 20.0
"""In which an import may finish the file that it reads."""


class Worker(worker.Worker):
    """A threaded worker that may take its time to load, and tells why it cannot without a stack trace."""

    max_body = max(_settings.max_body_bytes, _settings.ollama_max_body_bytes)
    # A text to be kept comes as JSON, which has a limit of its own.
    max_upload = max(_settings.max_body_bytes, _settings.max_upload_bytes)
    receive_s = _settings.receive_s
    most_requests = _settings.max_requests

    def load_wsgi(self) -> None:
        """Load the app; on an expected failure leave with the status that makes gunicorn stop."""
        # Here, not above: the process that only watches over this one shall stay small.
        from localqa.api.access import admitting
        from localqa.engine.memory import few_arenas

        few_arenas()
        # Of what people ask, and of their documents, nothing is left behind in a file.
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        self.admits = admitting(_settings.keys)
        loaded = threading.Event()
        threading.Thread(target=self._beat_until, args=(loaded,), daemon=True).start()
        try:
            super().load_wsgi()
        except LocalQAError as e:
            try:
                report_and_exit(e)
            except SystemExit:
                # With that status of `report_and_exit` gunicorn would start the worker again, without end.
                sys.exit(Arbiter.APP_LOAD_ERROR)
        finally:
            loaded.set()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """On SIGTERM say "not ready" first and go on answering, until balancers have seen it; then stop."""
        app = getattr(self, "wsgi", None)
        if app is None:
            super().handle_exit(sig, frame)
            return
        # Here, not above: the process that only watches over this one shall stay small.
        from localqa.api.service import EXTENSION

        app.extensions[EXTENSION].loading.drain()
        threading.Timer(_settings.drain_s, super().handle_exit, (sig, frame)).start()

    def run(self) -> None:
        """Serve until it is ended, and let the import that is running end with a whole file."""
        try:
            super().run()
        finally:
            # Here, not above: the process that only watches over this one shall stay small.
            from localqa.api.service import EXTENSION

            self.wsgi.extensions[EXTENSION].imports.end(_END_S)

    def _beat_until(self, loaded: threading.Event) -> None:
        """Keep gunicorn from killing a worker that is still fetching its model after `timeout` seconds."""
        while not loaded.wait(timeout=0.5):
            self.notify()


def on_starting(server: Arbiter) -> None:
    """Tell at once, and with a remedy, what keeps it from serving.

    gunicorn alone would try a taken port for five seconds, and bury what a worker says under its own lines.
    """
    inherited = "GUNICORN_FD" in os.environ or "LISTEN_FDS" in os.environ
    try:
        check_exposure(_settings)
        for address in [] if inherited else server.cfg.address:
            if isinstance(address, tuple):
                ensure_can_listen(*address[:2])
    except LocalQAError as e:
        report_and_exit(e)


bind = (
    f"[{_settings.host}]:{_settings.port}" if ":" in _settings.host else f"{_settings.host}:{_settings.port}"
)
workers = 1
worker_class = Worker
logger_class = PrintableLogger
threads = _settings.http_threads
preload_app = False
timeout = 120
# No question about a text takes longer, and no generated answer is silent for longer.
graceful_timeout = math.ceil(_settings.drain_s + max(_settings.deadline_s, _settings.ollama_timeout_s)) + 5
# The app writes its own line per request.
accesslog = None
# Nothing here is managed through it, and two servers of one user would share the file.
control_socket_disable = True
# What a proxy may say is for QA_PROXY_HOPS; else a header of anyone on this machine would move the routes.
forwarder_headers = ""
loglevel = _settings.log_level

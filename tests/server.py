"""Real servers: a process, as `make serve` starts it, and an app of this process."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests
from werkzeug.serving import make_server

ROOT = Path(__file__).resolve().parents[1]


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def serving(app: Any) -> Iterator[str]:
    """An app on a real port, so that real clients meet a real connection; gives its address."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()


@contextmanager
def running(
    folder: Path, port: int | None = None, **settings: str
) -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    """The address and process of `make serve`'s server, without make; ended and checked afterwards."""
    port = port or free_port()
    # Whoever runs the tests may have documents in a library of their own.
    own = {"PORT": str(port), "QA_OLLAMA": "off", "QA_LIBRARY": str(folder / "library.sqlite")}
    with (folder / "log").open("w+") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "-c", "docker/gunicorn.conf.py", "app:create_app()"],
            cwd=ROOT,
            # An Ollama server that happens to run here is left alone, unless it is asked for.
            env=os.environ | own | settings,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        url = f"http://127.0.0.1:{port}"
        try:
            ends = time.monotonic() + 90
            while not _is_ready(url):
                if process.poll() is not None or time.monotonic() > ends:
                    log.seek(0)
                    raise RuntimeError(f"the server did not start:\n{log.read()}")
                time.sleep(0.05)
            yield url, process
        except BaseException:
            process.kill()
            raise
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=90) == 0


def _is_ready(url: str) -> bool:
    try:
        return requests.get(f"{url}/readyz", timeout=5).ok
    except requests.RequestException:
        return False  # not listening yet, or listening and still loading


def until(condition: Callable[[], bool], seconds: float = 10) -> None:
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.02)

"""The project's containers on a real Docker daemon, from a copy of the files that they are made of."""

import itertools
import json
import os
import shutil
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.server import ROOT, free_port

COMPOSE = Path(sys.executable).parent / "docker-compose"
FILES = [
    *("compose.yaml", ".dockerignore", "app.py", "bert_qa.py"),
    *(f"requirements-{name}.txt" for name in ("serve", "documents", "postgres")),
]
FOLDERS = ["docker", "localqa", "models", "scripts"]

ASK_INSIDE = """
import json, sys, urllib.request
path, body = sys.argv[1:]
request = urllib.request.Request("http://127.0.0.1:5000" + path, body.encode() or None)
request.add_header("Content-Type", "application/json")
print(urllib.request.urlopen(request, timeout=30).read().decode())
"""


def daemon_answers() -> bool:
    """Whether there is a Docker daemon."""
    try:
        subprocess.run(["docker", "info"], capture_output=True, check=True, timeout=30)
    except (OSError, subprocess.SubprocessError):
        return False
    return True


def run(*command: object, cwd: Path | None = None, seconds: float = 180, **variables: str) -> str:
    """What a command prints; its errors are told where it fails."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=plain_environment() | variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def plain_environment() -> dict[str, str]:
    """The environment without a setting of this project."""
    ours = ("QA_", "OLLAMA_", "API_", "NGINX_", "BASE_IMAGE", "PORT", "COMPOSE_")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


def healthy(container: str) -> bool:
    """Whether a container's own check says that it is well."""
    return run("docker", "inspect", "--format", "{{.State.Health.Status}}", container).strip() == "healthy"


class Stack:
    """`docker compose` in a folder of its own, under a name of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.project = f"localqa-test-{uuid.uuid4().hex[:8]}"
        port = free_port()
        self.address = ("127.0.0.1", port)
        self.published = f"127.0.0.1:{port}"
        self.url = f"http://127.0.0.1:{port}"

    def copy_files(self) -> None:
        """Copy what the containers are made of, so that adapters can be added, and no .env comes along."""
        for name in FILES:
            shutil.copy(ROOT / name, self.folder)
        for name in FOLDERS:
            shutil.copytree(
                ROOT / name, self.folder / name, ignore=shutil.ignore_patterns("__pycache__", "checkpoints")
            )

    def compose(self, *arguments: str, seconds: float = 180) -> str:
        """What a `docker compose` command prints."""
        command = (COMPOSE, "--project-name", self.project, *arguments)
        return run(*command, cwd=self.folder, seconds=seconds, QA_PUBLISH=self.published)

    def replicas(self) -> list[str]:
        """The ids of the running replicas."""
        return self.compose("ps", "--quiet", "--status", "running", "api").split()

    def inside(self, replica: str, path: str, body: object = None) -> str:
        """What one replica replies, asked in its own container."""
        sent = "" if body is None else json.dumps(body)
        return run("docker", "exec", replica, "python3", "-c", ASK_INSIDE, path, sent)

    def until_ready(self, seconds: float) -> None:
        """Wait until the proxy passes on that a replica is ready."""
        ends = time.monotonic() + seconds
        while not self._is_ready():
            assert time.monotonic() < ends, self.compose("logs", "--tail", "50")
            time.sleep(0.2)

    def _is_ready(self) -> bool:
        try:
            return requests.get(f"{self.url}/readyz", timeout=5).ok
        except requests.RequestException:
            return False

    def left(self) -> dict[str, str]:
        """What the daemon still has of this project, by kind."""
        label = f"label=com.docker.compose.project={self.project}"
        kinds = {"containers": ("ps", "--all"), "networks": ("network", "ls"), "volumes": ("volume", "ls")}
        return {
            kind: run("docker", *command, "--quiet", "--filter", label) for kind, command in kinds.items()
        }


@contextmanager
def built_stack(folder: Path, *, untried: str) -> Iterator[Stack]:
    """The containers' files in a folder, and their image built; whatever was brought up goes in the end.

    Without a Docker daemon the tests are skipped, and say what was left untried.
    """
    if not daemon_answers():
        pytest.skip(f"no Docker daemon answers: {untried}")
    stack = Stack(folder)
    stack.copy_files()
    run("bash", "scripts/build_image.sh", cwd=stack.folder, seconds=600)
    try:
        yield stack
    finally:
        stack.compose("down", "--volumes", "--timeout", "5")


class Load:
    """Questions that are asked all the time, by several callers, on every route that is safe to repeat."""

    def __init__(self, url: str, requests_: Sequence[tuple[str, dict[str, Any]]], callers: int = 4) -> None:
        self.replies: list[int | str] = []
        self._url = url
        self._next = itertools.cycle(requests_)
        self._choosing = threading.Lock()
        self._stopped = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(callers)]

    def _ask(self) -> None:
        while not self._stopped.is_set():
            with self._choosing:
                path, body = next(self._next)
            try:
                reply = requests.post(f"{self._url}{path}", json=body, timeout=60)
                self.replies.append(reply.status_code if reply.ok and reply.json() else reply.text)
            except (requests.RequestException, ValueError) as e:
                self.replies.append(f"{path}: {e!r}")
            # Some time for the replicas that start.
            self._stopped.wait(0.05)

    def until(self, count: int, seconds: float = 60) -> None:
        """Wait for so many more replies."""
        ends = time.monotonic() + seconds
        wanted = len(self.replies) + count
        while len(self.replies) < wanted:
            assert time.monotonic() < ends, self.replies[-5:]
            time.sleep(0.02)

    @contextmanager
    def asking(self) -> Iterator["Load"]:
        """Ask until the block ends, and wait for the last replies."""
        for thread in self._threads:
            thread.start()
        try:
            yield self
        finally:
            self._stopped.set()
            for thread in self._threads:
                thread.join()

    @property
    def lost(self) -> list[int | str]:
        """What came instead of an answer."""
        return [reply for reply in self.replies if reply != 200]

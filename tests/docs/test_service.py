"""The unit file: what systemd says of it, and that what it starts answers and ends as it expects."""

import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from contextlib import closing

import pytest
import requests

from tests.conftest import ROOT
from tests.server import free_port, until

UNIT = (ROOT / "docs" / "localqa.service").read_text(encoding="utf-8")
PAGE = (ROOT / "docs" / "service.md").read_text(encoding="utf-8")
INSTALLED = "/opt/localqa"


def setting(name: str) -> str:
    (found,) = re.findall(rf"^{name}=(.*)$", UNIT, flags=re.MULTILINE)
    return found


def started(cache, **variables: str) -> "subprocess.Popen[bytes]":
    """What the unit starts, from here instead of the folder that it names."""
    command = shlex.split(setting("ExecStart"))
    assert command[0] == f"{INSTALLED}/.venv/bin/python"
    assert setting("WorkingDirectory") == INSTALLED
    assert {setting("CacheDirectory"), setting("StateDirectory")} == {"localqa"}
    (cache / "localqa").mkdir()
    folders = setting("Environment").replace("%C", str(cache)).replace("%S", str(cache))
    own = dict(one.split("=", 1) for one in folders.split())
    environment = {"PATH": os.environ["PATH"], "QA_OLLAMA": "off"} | own | variables
    return subprocess.Popen([sys.executable, *command[1:]], cwd=ROOT, env=environment)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze")
def test_systemd_understands_the_unit(tmp_path):
    unit = tmp_path / "localqa.service"
    unit.write_text(UNIT.replace(f"{INSTALLED}/.venv/bin/python", sys.executable))
    done = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)
    assert "localqa.service" not in done.stderr
    assert done.returncode == 0, done.stderr


@pytest.mark.integration
def test_service_tells_that_it_runs_answers_and_ends(tmp_path):
    port = free_port()
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as notified:
        notified.bind(str(tmp_path / "notify"))
        notified.settimeout(60)
        server = started(tmp_path, PORT=str(port), NOTIFY_SOCKET=str(tmp_path / "notify"))
        try:
            assert b"READY=1" in notified.recv(1024)
            until(lambda: answers(port), 60)
            asked = {"question": "Who wrote it?", "context": "Ada wrote it."}
            found = requests.post(f"http://127.0.0.1:{port}/api/qa", json=asked, timeout=60).json()
            assert found["answer"] == "Ada"
            note = {"name": "note.txt", "text": "Ada wrote it."}
            added = requests.post(f"http://127.0.0.1:{port}/api/documents", json=note, timeout=60)
            assert added.ok, added.text
            assert (tmp_path / "localqa" / "library.sqlite").is_file()
        finally:
            server.send_signal(signal.SIGTERM)
        assert server.wait(timeout=int(setting("TimeoutStopSec"))) == 0


def answers(port: int) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{port}/readyz", timeout=5).ok
    except requests.RequestException:
        return False


@pytest.mark.integration
@pytest.mark.parametrize("wrong", [{"QA_THREADS": "many"}, {"QA_ADAPTER": "no-such-adapter"}])
def test_what_a_restart_does_not_mend_is_not_restarted(tmp_path, wrong):
    server = started(tmp_path, PORT=str(free_port()), **wrong)
    assert str(server.wait(timeout=60)) in setting("RestartPreventExitStatus").split()


def test_files_and_targets_of_the_page_are_there():
    for name in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", PAGE):
        assert (ROOT / "docs" / name).exists(), name
    targets = re.findall(r"make -C \S+ (\S+)", PAGE)
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert targets
    assert all(f"\n{target}:" in makefile for target in targets)

"""`scripts/deploy_ollama.sh` uses what is there, starts what is installed, pulls what is missing."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.server import free_port

# A native ollama that can only serve, and what it serves is the fake.
NATIVE = """#!{python}
import os, sys, time
sys.path.insert(0, "{root}")
import tests.ollama.fake_server as fake
port = int(os.environ["OLLAMA_HOST"].rpartition(":")[2])
server = fake.FakeOllama(port)
server.serve_forever()
"""


def deploy(*arguments, path="", **variables):
    return subprocess.run(
        ["bash", "scripts/deploy_ollama.sh", *arguments],
        cwd=ROOT,
        env=os.environ | {"PATH": f"{path}{os.environ['PATH']}"} | variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
    )


def test_model_that_is_there_is_left_alone(ollama_server):
    for _ in range(2):
        done = deploy("tiny:1b", OLLAMA_HOST=ollama_server.url)
        assert done.returncode == 0, done.stderr
        assert "a server that was there already" in done.stdout
        assert "tiny:1b was there already and answers" in done.stdout
    assert not [path for _, path, _ in ollama_server.requests if path == "/api/pull"]


def test_model_that_is_missing_is_pulled_with_progress(ollama_server):
    done = deploy("other:1b", OLLAMA_HOST=ollama_server.url)
    assert done.returncode == 0, done.stderr
    assert "downloading 50 %" in done.stdout
    assert "downloading 100 %" in done.stdout
    assert "other:1b was pulled now and answers" in done.stdout


def test_pull_that_fails_is_told(ollama_server):
    done = deploy("missing:1b", OLLAMA_HOST=ollama_server.url)
    assert done.returncode == 2
    assert "no such model" in done.stderr
    assert "what to do" in done.stderr


def test_native_server_is_started(tmp_path):
    program = tmp_path / "ollama"
    program.write_text(NATIVE.format(python=sys.executable, root=ROOT))
    program.chmod(0o755)
    address = f"127.0.0.1:{free_port()}"
    pattern = str(program)
    try:
        done = deploy("tiny:1b", path=f"{tmp_path}:", OLLAMA_HOST=address, TMPDIR=str(tmp_path))
        assert done.returncode == 0, done.stderr
        assert "a native server, started now" in done.stdout
        again = deploy("tiny:1b", path=f"{tmp_path}:", OLLAMA_HOST=address)
        assert "a server that was there already" in again.stdout
    finally:
        subprocess.run(["pkill", "-f", pattern], check=False)


def test_nothing_to_start_is_told(tmp_path):
    for tool in ("bash", "curl", "grep", "sed", "dirname", "seq", "sleep"):
        (tmp_path / tool).symlink_to(shutil.which(tool))
    (tmp_path / "python3").symlink_to(Path(sys.executable).resolve())
    done = subprocess.run(
        ["/usr/bin/bash", "scripts/deploy_ollama.sh"],
        cwd=ROOT,
        env={"PATH": str(tmp_path), "OLLAMA_HOST": f"127.0.0.1:{free_port()}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2
    assert "https://ollama.com/download" in done.stderr


@pytest.mark.parametrize("address", ["ftp://x", "http://192.0.2.1:11434"])
def test_address_that_cannot_be_served_is_told(address):
    done = deploy("tiny:1b", OLLAMA_HOST=address, OLLAMA_WAIT="1")
    assert done.returncode == 2
    assert "what to do" in done.stderr

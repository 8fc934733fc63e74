"""The wheel, built and installed into an environment with nothing else in it, used from another folder."""

import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
import zipfile
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.conftest import ROOT
from tests.server import free_port

pytestmark = [pytest.mark.slow, pytest.mark.integration]
SOURCES = ("localqa", "models", "pyproject.toml", "setup.py", "README.md", "LICENSE")
QUESTION = ("ask", "Who wrote it?", "--context", "Ada wrote it.")
START_S = 120


class Installed(NamedTuple):
    """An environment with the wheel in it, and a folder to work in."""

    bin: Path
    folder: Path
    environment: dict[str, str]
    before_setup: str

    def run(self, program: str, *words: str, code: int = 0) -> str:
        done = subprocess.run(
            [self.bin / program, *words],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built from a copy: a build leaves its own folders beside the sources."""
    folder = tmp_path_factory.mktemp("wheel")
    sources = folder / "sources"
    sources.mkdir()
    for name in SOURCES:
        if (ROOT / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "checkpoints", "versions")
            shutil.copytree(ROOT / name, sources / name, ignore=ignored)
        else:
            shutil.copy(ROOT / name, sources)
    words = ["wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, sources]
    subprocess.run([sys.executable, "-m", "pip", *map(str, words)], check=True)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    folder = tmp_path_factory.mktemp("elsewhere")
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
    programs = folder / "venv" / "bin"
    install = [programs / "python", "-m", "pip", "install", "--quiet", wheel]
    done = subprocess.run(install, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"the package's dependencies cannot be installed here: {done.stderr[-500:]}")
    left_out = ("QA_", "PYTHONPATH", "OLLAMA_", "PORT", "HF_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
    # Nothing that the user's own folders hold, and nobody else to fetch from: pip still has its index.
    environment |= {"HF_HOME": str(folder / "hub"), "QA_CACHE_DIR": str(folder / "cache"), "QA_OLLAMA": "off"}
    found = Installed(programs, folder, environment | {"HF_HUB_OFFLINE": "1"}, "")
    return found._replace(
        before_setup=found.run("localqa", *QUESTION, code=2) + found.run("localqa", "setup")
    )


def test_what_is_inside(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert tops == {"localqa", next(top for top in tops if top.endswith(".dist-info"))}
    for adapter in ("squad", "squad2"):
        assert f"localqa/shipped/{adapter}/adapter_model.safetensors" in names
        assert f"localqa/shipped/{adapter}/qa_config.json" in names
    assert {"localqa/demo/page.css", "localqa/demo/page.js"} <= set(names)
    assert not [name for name in names if "contracts" in name or name.endswith(".pyc")]


def test_without_a_base_the_error_names_the_command(installed):
    assert "localqa setup" in installed.before_setup
    assert "package, sha256 53aa51172d14" in installed.before_setup


def test_it_asks(installed):
    assert "[0:3]  Ada" in installed.run("localqa", *QUESTION)


def test_it_is_imported(installed):
    code = "from localqa import BertQA; qa = BertQA.load(adapter='squad2'); "
    code += (
        "print(qa.answer('Who wrote it?', 'Ada wrote it.').answer); import sys; print('torch' in sys.modules)"
    )
    assert installed.run("python", "-c", code).split() == ["Ada", "False"]


def test_an_adapter_of_ones_own_stands_before_the_shipped_ones(installed):
    own = installed.folder / "models" / "mine"
    shutil.copytree(ROOT / "models" / "squad", own)
    said = installed.run("localqa", "adapters", "list")
    assert [line.split()[0] for line in said.splitlines()[2:] if line[0] != " "] == [
        "mine",
        "squad",
        "squad2",
    ]


def test_doctor_finds_all_it_needs(installed):
    said = installed.run("localqa", "doctor")
    assert "It could serve" in said
    assert "pip install 'localqa[train]'" in said


def test_training_says_which_extra_it_needs(installed):
    assert "localqa[train]" in installed.run("localqa", "train", "--train_data", "x.json", code=2)


def test_it_serves(installed):
    port = free_port()
    command = [installed.bin / "localqa", "serve", "--port", str(port)]
    with subprocess.Popen(command, cwd=installed.folder, env=installed.environment) as server:
        try:
            body = b'{"question": "Who wrote it?", "context": "Ada wrote it."}'
            assert '"Ada"' in _posted(f"http://127.0.0.1:{port}/api/qa", body, server)
        finally:
            server.send_signal(signal.SIGTERM)
            assert server.wait(timeout=60) == 0


def _posted(url, body, server):
    ends = time.monotonic() + START_S
    while True:
        request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return response.read().decode()
        except OSError:
            assert server.poll() is None
            assert time.monotonic() < ends
            time.sleep(0.2)

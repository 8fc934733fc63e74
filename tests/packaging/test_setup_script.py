"""`scripts/setup_environment.sh` around an interpreter that installs nothing and tells what it was asked."""

import os
import shutil
import subprocess
import time

import pytest

from tests.conftest import ROOT

STAND_IN = """#!/usr/bin/env bash
# Stands in for Python and, under its other name, for pip.
here=$(cd "$(dirname "$0")" && pwd)
if [ "${0##*/}" = pip ]; then [ "$(cat "$here/where")" = "$here" ]; exit; fi
case "$*" in
  "-c "*) [ ! -e "$(dirname "$(readlink -f "$0")")/too-old" ]; exit ;;
  --version) cat "$(dirname "$(readlink -f "$0")")/version" ;;
  "-m venv "*)
    mkdir -p "$3/bin"
    sleep "${SLOW:-0}"
    ln -s "$(readlink -f "$0")" "$3/bin/python"
    cp "$0" "$3/bin/pip"
    (cd "$3/bin" && pwd >where)
    ;;
  "-m pip "*) echo "$*" >>"$PIP_LOG"; case "$*" in *"-r "*) exit "${FAILS:-0}" ;; esac ;;
esac
"""


@pytest.fixture
def project(tmp_path):
    """A folder with what the script looks at, and two interpreters."""
    made = tmp_path / "project"
    (made / "scripts").mkdir(parents=True)
    shutil.copy(ROOT / "scripts" / "setup_environment.sh", made / "scripts")
    for file in (*ROOT.glob("requirements*.txt"), ROOT / "pyproject.toml", ROOT / "setup.py"):
        shutil.copy(file, made)
    for name, version in (("python3", "3.11.7"), ("python3.12", "3.12.1")):
        folder = tmp_path / version
        folder.mkdir()
        (folder / name).write_text(STAND_IN)
        (folder / name).chmod(0o755)
        (folder / "version").write_text(f"Python {version}\n")
    return made


@pytest.fixture
def environment(tmp_path):
    path = f"{tmp_path / '3.11.7'}{os.pathsep}{tmp_path / '3.12.1'}{os.pathsep}/usr/bin{os.pathsep}/bin"
    return {"PATH": path, "PIP_LOG": str(tmp_path / "pip.log")}


@pytest.fixture
def setup(project, environment):
    """Calls the script; gives what pip was asked to install from."""

    def setup(level, *, code=0, folder=project, **more):
        log = environment["PIP_LOG"]
        open(log, "w").close()
        command = ["bash", "scripts/setup_environment.sh", level]
        done = subprocess.run(
            command, cwd=folder, env=environment | more, capture_output=True, text=True, check=False
        )
        assert done.returncode == code, done.stderr
        with open(log) as lines:
            return [line for line in lines if "-r requirements" in line]

    return setup


def test_nothing_is_done_twice(setup):
    assert setup("serve")
    assert setup("serve") == []
    assert setup("train")
    assert setup("serve") == []


def test_going_back_is_an_installation_too(setup, project):
    before = (project / "requirements-serve.txt").read_text()
    setup("train")
    (project / "requirements-serve.txt").write_text(before + "# newer\n")
    assert setup("serve")
    (project / "requirements-serve.txt").write_text(before)
    assert setup("serve")
    (project / "requirements-serve.txt").write_text(before + "# newer\n")
    assert setup("serve", code=1, FAILS="1")
    (project / "requirements-serve.txt").write_text(before)
    assert setup("serve")


def test_an_environment_keeps_its_interpreter_until_another_one_is_named(setup, project):
    setup("serve", PYTHON="python3.12")
    (project / ".venv" / "mine").touch()
    assert setup("serve") == []
    assert setup("train")
    assert (project / ".venv" / "mine").exists()
    assert setup("serve", PYTHON="python3")
    assert not (project / ".venv" / "mine").exists()


def test_an_interpreter_that_is_too_old_does_not_stay(setup, project, tmp_path):
    setup("serve")
    old = tmp_path / "3.10.1"
    shutil.copytree(tmp_path / "3.11.7", old)
    (old / "too-old").touch()
    (project / ".venv" / "bin" / "python").unlink()
    (project / ".venv" / "bin" / "python").symlink_to(old / "python3")
    (old / "version").write_text("Python 3.10.1\n")
    (project / ".venv" / ".installed-serve").write_text("of another interpreter")
    assert setup("serve")
    assert (project / ".venv" / "bin" / "python").resolve() == tmp_path / "3.11.7" / "python3"


def test_a_folder_may_be_named_with_a_slash_and_need_not_be_ones_own(setup, project):
    setup("serve", VENV="env/")
    (project / "env.lock").unlink()
    assert setup("serve", VENV="env/") == []
    assert not (project / "env.lock").exists()


def test_a_project_that_was_moved_gets_its_programs_again(setup, project):
    setup("serve")
    moved = project.rename(project.with_name("moved"))
    assert setup("serve", folder=moved)
    assert (moved / ".venv" / "bin" / "where").read_text().strip() == str(moved / ".venv" / "bin")
    assert setup("serve", folder=moved) == []


@pytest.mark.skipif(shutil.which("flock") is None, reason="there is no flock")
def test_two_at_once_make_one_environment(project, environment):
    command = ["bash", "scripts/setup_environment.sh"]
    both = []
    for level in ("serve", "demo"):
        env = environment | {"SLOW": "1"}
        both.append(
            subprocess.Popen([*command, level], cwd=project, env=env, stdout=subprocess.PIPE, text=True)
        )
        time.sleep(0.3)
    told = [one.communicate(timeout=60)[0] for one in both]
    assert [one.returncode for one in both] == [0, 0]
    assert sum("virtual environment in" in one for one in told) == 1

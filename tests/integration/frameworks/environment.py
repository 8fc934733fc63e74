"""The environment of LangChain, LlamaIndex and LiteLLM, which are none of the project's own packages."""

import fcntl
import hashlib
import subprocess
import sys
import venv
from pathlib import Path

from localqa.config import cache_dir

REQUIREMENTS = Path(__file__).with_name("requirements.txt")
# A small package without dependencies: where not even this can be had, there is no index.
FIRST = "sniffio"


class NoIndexError(Exception):
    """No package index can be reached from here."""


def framework_python() -> Path:
    """The interpreter of that environment, made in the cache folder where it is missing.

    Raises:
        NoIndexError: it is missing, and no package can be installed.
    """
    wanted = hashlib.sha256(f"{sys.version}\n{REQUIREMENTS.read_text()}".encode()).hexdigest()
    folder = cache_dir() / "frameworks"
    folder.parent.mkdir(parents=True, exist_ok=True)
    python, done = folder / "bin" / "python", folder / ".done"
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists() or done.read_text() != wanted:
            venv.create(folder, with_pip=True, clear=True)
            pinned = next(line for line in REQUIREMENTS.read_text().split() if line.startswith(f"{FIRST}=="))
            if _install(python, pinned).returncode:
                raise NoIndexError(f"{pinned} could not be installed")
            _install(python, "-r", str(REQUIREMENTS)).check_returncode()
            done.write_text(wanted)
    return python


def _install(python: Path, *what: str) -> "subprocess.CompletedProcess[bytes]":
    # Output goes where pytest shows it on failure.
    flags = ["--quiet", "--no-deps", "--no-compile", "--disable-pip-version-check"]
    return subprocess.run([python, "-m", "pip", "install", *flags, *what], check=False, timeout=600)

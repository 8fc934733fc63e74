"""Where the project keeps files of its own; imported first of all, so it imports nothing but Python's own."""

import os
from pathlib import Path
from typing import Final

CACHE_DIR_VARIABLE: Final = "QA_CACHE_DIR"


def cache_dir() -> Path:
    """Where the project keeps what it can make again: `QA_CACHE_DIR`, by default ~/.cache/localqa."""
    given = os.environ.get(CACHE_DIR_VARIABLE)
    # expanduser, unlike Path.home, leaves "~" where a process has no home.
    parent = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(given) if given else Path(parent) / "localqa"


def data_home() -> Path:
    """Where an installed program keeps what belongs to its user: ~/.local/share/localqa by default."""
    parent = os.environ.get("XDG_DATA_HOME") or os.path.expanduser("~/.local/share")
    return Path(parent) / "localqa"

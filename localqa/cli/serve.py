"""Serve the API: under gunicorn, or with --development by Flask's own server."""

import argparse
import os
import sys
from collections.abc import Mapping
from typing import NoReturn

from localqa.config import ENV_PREFIX, Settings

EPILOG = "Every setting can also be given in the environment or in .env: see .env.example."
_FLAGS = ("host", "port", "adapter", "base")
"""The settings that are flags too."""


def run(args: argparse.Namespace) -> int:
    """Serve until it is ended.

    Raises:
        LocalQAError: a setting is not usable, there is no such adapter, the port is taken, the model cannot
            be loaded.
    """
    given = {name: value for name in _FLAGS if (value := getattr(args, name)) is not None}
    settings = Settings.load(**given)
    # Here, not above: the help does without.
    from localqa.model.adapter_files import check_named

    check_named(settings)
    if not args.development:
        _become_gunicorn(given)
    # Here, not above: gunicorn's worker loads what it needs itself.
    from localqa.api.development import serve

    serve(settings)
    return 0


def _become_gunicorn(given: Mapping[str, str]) -> NoReturn:
    """Go on as gunicorn, in place of this process: signals reach it itself."""
    for name, value in given.items():
        os.environ[f"{ENV_PREFIX}{name.upper()}"] = value
    words = ["-m", "gunicorn", "-c", "python:localqa.api.gunicorn_conf", "localqa.api.app:create_app()"]
    os.execv(sys.executable, [sys.executable, *words])


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of this verb; each of them but the last overrides its variable in the environment."""
    for name in _FLAGS:
        field = Settings.model_fields[name]
        parser.add_argument(f"--{name}", help=f"{field.description} Default: {field.default}.")
    parser.add_argument("--development", action="store_true", help="serve with Flask's development server")

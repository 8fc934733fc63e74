"""The Flask REST API: `create_app()` for gunicorn and tests, `python app.py` for development."""

import sys
from collections.abc import Sequence

from localqa.api.app import create_app
from localqa.cli import run_verb

__all__ = ["create_app"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve with the development server: `localqa serve --development`; returns the exit status."""
    words = sys.argv[1:] if arguments is None else arguments
    return run_verb("serve", ["--development", *words], prog="app.py")


if __name__ == "__main__":
    sys.exit(main())

"""`localqa train` as a program of the checkout: data -> adapter folder with its report."""

import sys
from collections.abc import Sequence

from localqa.cli import run_verb


def main(argv: Sequence[str] | None = None) -> int:
    """Train as the arguments say; returns the exit status."""
    return run_verb("train", sys.argv[1:] if argv is None else argv, prog="fine_tune.py")


if __name__ == "__main__":
    sys.exit(main())

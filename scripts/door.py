"""What the programs beside this one share: each is a door to a verb of the command `localqa`."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

# The project's own folder has to be on the path first; a checkout need not be installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from localqa.cli import run_verb


def door(verb: str) -> Callable[[Sequence[str] | None], int]:
    """The `main` of a program that is `localqa VERB` under its own name."""

    def main(argv: Sequence[str] | None = None) -> int:
        return run_verb(verb, sys.argv[1:] if argv is None else argv, prog=Path(sys.argv[0]).name)

    return main

"""`BertQA` by its short name, and `localqa ask` as a program of the checkout."""

import sys
from collections.abc import Sequence

from localqa.bert_qa import BertQA
from localqa.cli import run_verb
from localqa.extraction.answers import Answer

__all__ = ["Answer", "BertQA"]


def main(argv: Sequence[str] | None = None) -> int:
    """Ask one question from the command line; returns the exit status."""
    return run_verb("ask", sys.argv[1:] if argv is None else argv, prog="bert_qa.py")


if __name__ == "__main__":
    sys.exit(main())

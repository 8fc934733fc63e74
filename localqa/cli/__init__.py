"""The command `localqa`: one parser, one module for each verb, loaded when it is asked for.

A module of a verb has `add_flags(parser)` and `run(args)`, which returns the exit status; its docstring is
the verb's help, and `EPILOG`, where it has one, stands at the end of it. One whose flags depend on its words
(a training, whose files hold settings too) has `main(words, prog)` in their place.
"""

import argparse
import errno
import importlib
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING, Final

from localqa import __version__
from localqa.terminal import ending_quietly, guarded

if TYPE_CHECKING:
    from localqa.errors import LocalQAError

VERBS: Final[Mapping[str, str]] = {
    "serve": "serve the API",
    "ask": "ask one question about a text or a document",
    "documents": "add your files to a library, and ask them",
    "answer-file": "answer every row of a file",
    "train": "train an adapter on your own data",
    "evaluate": "judge an adapter on a data file",
    "compare": "show two adapters side by side on the same questions",
    "calibrate": "fit an adapter's scores and its no-answer threshold",
    "check": "check data files, and repair what can be repaired",
    "adapters": "list, show, merge, combine, roll back and remove adapters",
    "setup": "get the base model",
    "doctor": "tell what is installed, what would serve, and what is missing",
}
"""Every verb and what it does, in the order of the help."""
_EXTRAS: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        ["torch", "transformers", "peft", "datasets", "matplotlib", "pyarrow", "yaml", "rouge_score"], "train"
    ),
    "bitsandbytes": "train",
    "gradio": "demo",
    "ray": "ray",
}
"""Which extra of the package brings a module that is not there."""
_FLAG: Final = re.compile(r"--(no[_-])?([a-z][a-z0-9_-]*)(?=$|=)")
"""Flags have the names of the fields that they set, those that set one to "no" a dash behind `no`."""
_NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
"""What the system says of a file that is being written, without its name."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; returns the exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    if words and words[0] in VERBS:
        return run_verb(words[0], words[1:], prog=f"localqa {words[0]}")
    # Answers --help, --version and what is no verb, and ends the process.
    with ending_quietly():
        _overview().parse_args(words or ["--help"])
    return 0


@contextmanager
def reporting() -> Iterator[None]:
    """End the process on an expected failure with its message and remedy, and quietly where the user does."""
    # Here, not above: the overview of all verbs does without.
    from localqa.errors import LocalQAError, report_and_exit

    with ending_quietly():
        try:
            yield
        except LocalQAError as e:
            report_and_exit(e)
        except ModuleNotFoundError as e:
            report_and_exit(_not_installed(e))
        except OSError as e:
            report_and_exit(_refused_by_system(e))


@reporting()
def run_verb(verb: str, words: Sequence[str], *, prog: str) -> int:
    """Run a verb with its words under the name that the user called it by; returns the exit status.

    A failure ends the process, see `reporting`.
    """
    words = _as_declared(words)
    module = importlib.import_module(f"localqa.cli.{verb.replace('-', '_')}")
    with guarded():
        if hasattr(module, "main"):
            return int(module.main(words, prog))
        return int(module.run(_parser(module, prog).parse_args(words)))


def _as_declared(words: Sequence[str]) -> list[str]:
    """The words with `--top-k` as `--top_k` and `--no_abstain` as `--no-abstain`: people write both."""
    end = words.index("--") if "--" in words else len(words)
    return [_FLAG.sub(_declared, word) for word in words[:end]] + list(words[end:])


def _declared(flag: re.Match[str]) -> str:
    return f"--{'no-' if flag[1] else ''}{flag[2].replace('-', '_')}"


def _not_installed(error: ModuleNotFoundError) -> "LocalQAError":
    """What to say of a missing package of an extra; any other missing module is a fault of ours.

    Raises:
        ModuleNotFoundError: it belongs to no extra.
    """
    from localqa.errors import ConfigError

    name = (error.name or "").partition(".")[0]
    if name not in _EXTRAS:
        raise error
    extra = _EXTRAS[name]
    return ConfigError(
        f"{name} is not installed, which this needs.",
        remedy=f"pip install 'localqa[{extra}]', or in a checkout make setup.",
    )


def _refused_by_system(error: OSError) -> "LocalQAError":
    """What to say of a file or folder that cannot be used; any other error of the system is a fault of ours.

    Raises:
        OSError: it is about no file.
    """
    from localqa.errors import ResourceError

    if error.filename is None and error.errno not in _NO_ROOM:
        raise error
    place = f"{error.filename}: " if error.filename is not None else ""
    return ResourceError(
        f"{place}{error.strerror}.", remedy="Check the path, its permissions and the space on the disk."
    )


def _overview() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="localqa",
        description="Exact answers from your own text: train, judge and serve adapters on this machine.",
        epilog="localqa VERB --help tells the flags of a verb.",
    )
    _add_version(parser)
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    for verb, text in VERBS.items():
        verbs.add_parser(verb, help=text)
    return parser


def _parser(module: ModuleType, prog: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=prog,
        description=module.__doc__,
        epilog=getattr(module, "EPILOG", None),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_version(parser)
    module.add_flags(parser)
    return parser


def _add_version(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--version", action="version", version=__version__)

"""What a terminal is shown: the texts and names of others are told there, and not obeyed."""

import io
import os
import re
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Any, Final, TextIO, cast

# C0 and C1 but tab and line feed: what moves the cursor, clears the screen, sets titles or answers queries.
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def printable(text: str) -> str:
    """The text with control characters as escapes: a file named ESC[2J is `\\x1b[2J`."""
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


@contextmanager
def guarded() -> Iterator[None]:
    """Show what is printed meanwhile, where it goes to a terminal; what is piped goes as it is."""
    if not sys.stdout.isatty():
        yield
        return
    with redirect_stdout(cast(TextIO, _Shown(sys.stdout))):
        yield


@contextmanager
def ending_quietly() -> Iterator[None]:
    """End without a stack trace where the user ends it, or who reads what is printed has gone (`| head -1`).

    What is printed comes out on streams of any encoding, and nowhere where they are closed.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, io.TextIOWrapper(io.FileIO(os.devnull, "w"), encoding="utf-8"))
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except BrokenPipeError as e:
        # Python's own end would write the rest again, and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(128 + signal.SIGPIPE) from e
    except KeyboardInterrupt as e:
        print("Ended.", file=sys.stderr)
        raise SystemExit(128 + signal.SIGINT) from e


class _Shown:
    """A stream that shows what is written to it; for all else it is the other one."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write the text as it can be shown; returns its length."""
        self._stream.write(printable(text))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

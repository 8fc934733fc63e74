"""Asking another process to read a file, and ending it when it takes too long."""

import contextlib
import json
import os
import selectors
import subprocess
import sys
import threading
import time
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any, Final

from localqa.documents.document import DocumentError
from localqa.documents.limits import Limits

_PIECE: Final = 64 * 1024
_MODULE: Final = "localqa.documents.child"
_PACKAGES: Final = Path(__file__).resolve().parents[2]
"""Where this program is found."""
_FILES: Final = 200
"""That one process reads before a new one takes its place: libraries keep memory."""


class ReadingProcess:
    """A process that reads one file after another; it is started when it is needed. Thread-safe.

    Args:
        limits: of reading a file.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._child: subprocess.Popen[bytes] | None = None
        self._read = 0
        self._turn = threading.Lock()

    def __enter__(self) -> "ReadingProcess":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """Of the process; 0 while there is none."""
        return self._child.pid if self._child else 0

    def ask(self, data: bytes, name: str, **asked: Any) -> dict[str, Any]:
        """What the process answers about a file.

        Raises:
            DocumentError: what it says of the file; or it took too long, or died of it.
        """
        line = json.dumps({"name": name, "size": len(data), "limits": asdict(self._limits)} | asked).encode()
        with self._turn:
            answer = self._exchanged(line + b"\n", data, name)
            self._read += 1
            if self._read >= _FILES:
                self.close()
        if "error" in answer:
            raise DocumentError(**answer["error"])
        return answer

    def close(self) -> None:
        """End the process."""
        child, self._child, self._read = self._child, None, 0
        if child is not None:
            child.kill()
            child.wait()
            for stream in (child.stdin, child.stdout):
                if stream is not None:
                    with contextlib.suppress(OSError):
                        stream.close()

    def _exchanged(self, line: bytes, data: bytes, name: str) -> dict[str, Any]:
        if self._child is not None and self._child.poll() is not None:
            # It ended between two files: no fault of the next one.
            self.close()
        child = self._child = self._child or _started(self._limits)
        assert child.stdin is not None  # as it was started
        assert child.stdout is not None
        deadline = time.monotonic() + self._limits.seconds
        # Written by another thread: a process that hangs reads nothing.
        writing = threading.Thread(target=_write, args=(child.stdin, line, data), daemon=True)
        writing.start()
        try:
            answer = _line(child.stdout, deadline)
        except TimeoutError as e:
            self.close()
            raise DocumentError(
                f"{name} was not read within {self._limits.seconds:g} seconds.",
                reason="timeout",
                remedy="Split it, or save it in another format.",
            ) from e
        except BaseException:
            self.close()
            raise
        if not answer:
            self.close()
            raise DocumentError(
                f"{name} ended the process that read it: it is damaged, or takes more than "
                f"{self._limits.memory_bytes // 2**20:,} MiB.",
                reason="corrupted",
                remedy="Save or fetch it again, or split it.",
            )
        found: dict[str, Any] = json.loads(answer)
        return found


def _started(limits: Limits) -> subprocess.Popen[bytes]:
    # -P: nothing of the folder that the user is in is taken for a module.
    command = [sys.executable, "-P", "-m", _MODULE, json.dumps(asdict(limits))]
    given = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    return subprocess.Popen(  # noqa: S603 - this program itself
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"PYTHONPATH": os.pathsep.join((str(_PACKAGES), *given))},
    )


def _write(stream: IO[bytes], *parts: bytes) -> None:
    # A process that died is told by what it answers: nothing.
    with contextlib.suppress(OSError, ValueError):
        for part in parts:
            stream.write(part)
        stream.flush()


def _line(stream: IO[bytes], deadline: float) -> bytes:
    """One line; what has come when the stream ends.

    Raises:
        TimeoutError: it did not come in time.
    """
    read = bytearray()
    with selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        while not read.endswith(b"\n"):
            if not selector.select(max(0.0, deadline - time.monotonic())):
                raise TimeoutError
            piece = stream.read1(_PIECE)  # type: ignore[attr-defined]  # a pipe of Popen is a BufferedReader
            if not piece:
                return b""
            read += piece
    return bytes(read)

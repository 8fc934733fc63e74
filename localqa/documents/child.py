"""The process that reads a file: it may crash, hang or fill its memory, and nothing else does.

Started by `localqa.documents.process` as `python -m localqa.documents.child`. On its standard input comes one
line of JSON, and behind it the bytes of the file; on its standard output goes one line of JSON. It writes no
file and opens no connection.
"""

import contextlib
import json
import resource
import socket
import sys
from pathlib import Path
from typing import Any

from localqa.documents.document import DocumentError
from localqa.documents.formats import Source, corrupted, media_type_of, reader_of
from localqa.documents.limits import Limits
from localqa.documents.pictures_made import picture_of


def main() -> int:
    """Read what is asked for until the input ends."""
    answers, sys.stdout = sys.stdout.buffer, sys.stderr
    close_the_door()
    while line := sys.stdin.buffer.readline():
        asked = json.loads(line)
        data = sys.stdin.buffer.read(asked["size"])
        answers.write(json.dumps(_answer(asked, data), ensure_ascii=True).encode() + b"\n")
        answers.flush()
    return 0


def close_the_door() -> None:
    """Let nothing in this process open a connection: no library has a use for one here."""
    socket.socket = _NoSocket  # type: ignore[misc]  # a class in place of a class


def limit(limits: Limits) -> None:
    """Limit this process before anything is read: no files written, so much memory."""
    # Where the machine's own memory ends first, this process is the one to go.
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (limits.memory_bytes, limits.memory_bytes))


def _answer(asked: dict[str, Any], data: bytes) -> dict[str, Any]:
    limits = Limits(**asked["limits"])
    name = asked["name"]
    try:
        if asked["do"] == "picture":
            return {
                "picture": picture_of(data, name, asked["page"], dpi=asked["dpi"], password=asked["password"])
            }
        read = reader_of(data, name)
        source = Source(data, name, media_type_of(name), asked["digest"], limits, asked["password"])
        return {"document": read(source).to_json()}
    except DocumentError as e:
        return _failed(e)
    except ModuleNotFoundError as e:
        return _failed(not_installed(name, str(e.name)))
    except MemoryError:
        return _failed(out_of_memory(name, limits))
    except Exception as e:
        # The libraries raise whatever a damaged file leads them into.
        return _failed(corrupted(name, f"{type(e).__name__}: {e}"))


def not_installed(name: str, module: str) -> DocumentError:
    """The error of a file whose library is not there."""
    return DocumentError(
        f"{name} cannot be read: {module} is not installed.",
        reason="unsupported",
        remedy="pip install 'localqa[documents]', or in a checkout make setup-serve.",
    )


def out_of_memory(name: str, limits: Limits) -> DocumentError:
    """The error of a file that takes more memory than it may."""
    return DocumentError(
        f"{name} takes more than {limits.memory_bytes // 2**20:,} MiB to read.",
        reason="memory",
        remedy="Split it into several files.",
    )


def _failed(error: DocumentError) -> dict[str, Any]:
    return {"error": {"message": error.message, "reason": error.reason, "remedy": error.remedy}}


class _NoSocket(socket.socket):
    def __init__(self, *_: object, **__: object) -> None:
        raise OSError("no connection is made while a document is read")


if __name__ == "__main__":
    limit(Limits(**json.loads(sys.argv[1])))
    sys.exit(main())

"""Files to documents, each read in another process and within limits."""

import hashlib
from pathlib import Path

from localqa.documents.document import Document, DocumentError
from localqa.documents.formats import is_known, unsupported
from localqa.documents.limits import Limits
from localqa.documents.process import ReadingProcess


def read_file(
    path: Path,
    *,
    limits: Limits | None = None,
    password: str | None = None,
    process: ReadingProcess | None = None,
) -> Document:
    """The document in a file.

    Args:
        path: of the file; the end of its name tells its format.
        limits: of reading it.
        password: for an encrypted one.
        process: that reads it; None: one of its own.

    Raises:
        DocumentError: it cannot be read; `reason` says why in a word.
    """
    limits = limits or Limits()
    try:
        check_size(path.stat().st_size, path.name, limits)
        data = path.read_bytes()
    except OSError as e:
        raise DocumentError(
            f"{path} cannot be read: {e.strerror}.",
            reason="unreadable",
            remedy="See to its place and its rights.",
        ) from e
    return read_bytes(data, path.name, limits=limits, password=password, process=process)


def read_bytes(
    data: bytes,
    name: str,
    *,
    limits: Limits | None = None,
    password: str | None = None,
    process: ReadingProcess | None = None,
) -> Document:
    """The document in the bytes of a file; see `read_file`."""
    limits = limits or Limits()
    check_size(len(data), name, limits)
    if not is_known(name):
        raise unsupported(name)
    digest = hashlib.sha256(data).hexdigest()
    if process is not None:
        return _read(process, data, name, digest, password)
    with ReadingProcess(limits) as own:
        return _read(own, data, name, digest, password)


def check_size(size: int, name: str, limits: Limits) -> None:
    """Refuse a file that is too large; raises DocumentError."""
    if size > limits.bytes:
        raise DocumentError(
            f"{name} has {size:,} bytes, at most {limits.bytes:,} are read.",
            reason="too_large",
            remedy="Split it, or save it without pictures.",
        )


def _read(process: ReadingProcess, data: bytes, name: str, digest: str, password: str | None) -> Document:
    answer = process.ask(data, name, do="read", digest=digest, password=password)
    return Document.from_json(answer["document"])

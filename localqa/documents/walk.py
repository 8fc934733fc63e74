"""The files below some paths: those that can be read, and why the others are not."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from localqa.documents.formats import is_known

_CHUNK: Final = 1024 * 1024
_NO_TEXT: Final = frozenset(
    (".png", ".jpg", ".jpeg", ".gif", ".webp", ".tif", ".tiff", ".mp3", ".mp4", ".zip", ".gz")
)


@dataclass(frozen=True, slots=True)
class Found:
    """A file that may be a document.

    Attributes:
        path: of the file.
        name: its path from the folder on that was named, that folder's own name included.
        digest: SHA-256 of its bytes.
    """

    path: Path
    name: str
    digest: str


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file or folder that is passed over, and why.

    Attributes:
        path: of it; bytes that are no UTF-8 text are written out (`caf\\xe9.txt`), so that it can be printed.
        reason: why.
    """

    path: Path
    reason: str


def walk(paths: Sequence[Path]) -> Iterator[Found | Skipped]:
    """All files at and below some paths, folder by folder and by name; each once.

    Hidden files and folders below a path are passed over, and so are links that lead out of it.
    """
    seen: set[Path] = set()
    for path in paths:
        yield from _guarded(path, _named(path, seen))


def _named(path: Path, seen: set[Path]) -> Iterator[Found | Skipped]:
    if nameless := _nameless(path):
        yield nameless
    elif path.is_dir():
        yield from _below(path, path, path.resolve(), seen)
    else:
        yield from _file(path, path.name, seen)


def _below(folder: Path, top: Path, root: Path, seen: set[Path]) -> Iterator[Found | Skipped]:
    real = folder.resolve()
    if real in seen:
        return
    seen.add(real)
    for name in sorted(os.listdir(folder)):
        path = folder / name
        if not name.startswith((".", "~$")):
            yield from _guarded(path, _inside(path, top, root, seen))


def _inside(path: Path, top: Path, root: Path, seen: set[Path]) -> Iterator[Found | Skipped]:
    if nameless := _nameless(path):
        yield nameless
    elif path.is_symlink() and not path.resolve().is_relative_to(root):
        yield Skipped(path, "a link that leads out of the folder")
    elif path.is_dir():
        yield from _below(path, top, root, seen)
    else:
        yield from _file(path, str(Path(root.name, path.relative_to(top))), seen)


def _guarded(path: Path, found: Iterator[Found | Skipped]) -> Iterator[Found | Skipped]:
    """What is found at a path; the others go on where it cannot be looked at."""
    try:
        yield from found
    except OSError as e:
        yield Skipped(path, f"cannot be read: {e.strerror}")
    except RuntimeError:  # of `Path.resolve`, before Python 3.13
        yield Skipped(path, "a link that leads to itself")


def _file(path: Path, name: str, seen: set[Path]) -> Iterator[Found | Skipped]:
    real = path.resolve()
    if real in seen:
        return
    seen.add(real)
    if not path.is_file():
        yield Skipped(path, "no file: a pipe, a device or a link that leads nowhere")
    elif not is_known(path.name):
        kind = (
            "a picture, sound or archive" if path.suffix.lower() in _NO_TEXT else "not a format that is read"
        )
        yield Skipped(path, kind)
    else:
        yield Found(path, name, digest_of(path))


def _nameless(path: Path) -> Skipped | None:
    """Why a path cannot be written down: Linux takes any bytes as a name, JSON and databases take text."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        shown = os.fsencode(path).decode("utf-8", "backslashreplace")
        return Skipped(Path(shown), "its name is not UTF-8 text: rename it")
    return None


def is_gone(path: Path) -> bool:
    """Whether a file is there no longer; one in a folder that cannot be looked into may be."""
    try:
        path.lstat()
    except OSError as e:
        return isinstance(e, FileNotFoundError | NotADirectoryError)
    return False


def digest_of(path: Path) -> str:
    """SHA-256 of a file's bytes; raises OSError."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()

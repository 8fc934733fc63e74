"""Files that are there whole or not at all, also when the process is killed or the power goes."""

import contextlib
import os
import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from localqa.errors import ResourceError


@contextlib.contextmanager
def whole(path: Path, *, partial: Path | None = None) -> Iterator[BinaryIO]:
    """A stream whose bytes stand at a path once it is left without an error; until then what was there stays.

    Args:
        path: of the file; its folder is there.
        partial: where the bytes stand until then, on the same disk; None: beside it, under a name of its own.

    Raises:
        OSError: the file cannot be written.
    """
    draft = partial or path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        with draft.open("wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        draft.replace(path)
    except BaseException:
        # Where it cannot be looked up, it was never made.
        with contextlib.suppress(OSError):
            draft.unlink()
        raise


def write_text(path: Path, text: str, *, partial: Path | None = None) -> None:
    """Write a file of text that is there whole or not at all; see `whole`."""
    with whole(path, partial=partial) as stream:
        stream.write(text.encode("utf-8"))


def check_writable(folder: Path) -> None:
    """Refuse a folder in which no file can be made, before the work for it; nothing is left behind.

    Raises:
        ResourceError: saying why.
    """
    made: list[Path] = []
    try:
        made += [one for one in (folder, *folder.parents) if not one.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as e:
        raise ResourceError(
            f"No file can be written into {folder}: {e.strerror or e}.",
            remedy="Check the path, its permissions and the disk, or name another folder.",
        ) from e
    finally:
        for one in made:
            with contextlib.suppress(OSError):
                one.rmdir()


def on_disk(path: Path) -> None:
    """See to it that a file or folder is on the disk before another one that speaks of it.

    Raises:
        OSError: it cannot be written there.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

"""Connections to an SQLite file, and what SQLite says as the project's own errors."""

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from localqa.documents.library import LibraryError
from localqa.errors import ResourceError

_WAIT_S: Final = 60.0
"""For others to finish writing."""
_SETTINGS: Final = ("journal_mode = WAL", "synchronous = NORMAL", "secure_delete = ON", "foreign_keys = ON")


def make_file(path: Path) -> None:
    """Make the file of a library, with its folder, where it is not there yet; raises OSError.

    It is its owner's alone, with all that SQLite makes beside it: API keys keep nobody from a file. One that
    is there is left alone: closing it would drop the locks that this process has on it.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


def connected(path: Path) -> sqlite3.Connection:
    """A new connection to a file that is there; raises sqlite3.Error."""
    # Closed by whichever thread closes the library; used by the one that opened it.
    made = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw",
        uri=True,
        timeout=_WAIT_S,
        isolation_level=None,
        check_same_thread=False,
    )
    for setting in _SETTINGS:
        made.execute(f"PRAGMA {setting}")
    return made


@contextlib.contextmanager
def told(path: Path) -> Iterator[None]:
    """Errors of SQLite as the project's own."""
    try:
        yield
    except sqlite3.OperationalError as e:
        if "full" in str(e):
            raise ResourceError(
                f"The disk of the library {path} is full; nothing was changed.",
                remedy="Make room, try again.",
            ) from e
        raise LibraryError(f"The library {path} cannot be written: {e}.", remedy="See to the file.") from e
    except sqlite3.DatabaseError as e:
        raise LibraryError(f"The library {path} cannot be read: {e}.", remedy="Restore it.") from e

"""Opening the library that a setting names."""

from pathlib import Path
from typing import Final

from localqa.documents.library import Library, LibraryError
from localqa.documents.sqlite import SqliteLibrary

POSTGRES: Final = ("postgresql://", "postgres://")


def open_library(where: str) -> Library:
    """The library at a place; an SQLite file is made where there is none.

    Args:
        where: path of an SQLite file, or address of a PostgreSQL database.

    Raises:
        LibraryError: it cannot be opened.
    """
    if where.startswith(POSTGRES):
        raise LibraryError("A library in PostgreSQL is not supported yet.", remedy="Name an SQLite file.")
    return SqliteLibrary(Path(where).expanduser())


def is_there(where: str) -> bool:
    """Whether there may be a library at a place: opening one that is not there would make it."""
    return where.startswith(POSTGRES) or Path(where).expanduser().is_file()

"""Opening the library that a setting names."""

from pathlib import Path
from typing import Final

from localqa.documents.library import Library, LibraryError
from localqa.documents.sqlite import SqliteLibrary

POSTGRES: Final = ("postgresql://", "postgres://")


def open_library(where: str) -> Library:
    """The library at a place; it is made where there is none.

    Args:
        where: path of an SQLite file, or address of a PostgreSQL database.

    Raises:
        LibraryError: it cannot be opened.
    """
    if not where.startswith(POSTGRES):
        return SqliteLibrary(Path(where).expanduser())
    try:
        import psycopg  # noqa: F401 - whether it is there, so that no other import is taken for it
    except ImportError as e:
        raise LibraryError(
            "A library in PostgreSQL needs psycopg.",
            remedy="Run `pip install 'localqa[postgres]'`, or in a checkout "
            "`pip install -r requirements-postgres.txt`.",
        ) from e
    from localqa.documents.postgres import PostgresLibrary

    return PostgresLibrary(where)


def is_there(where: str) -> bool:
    """Whether there may be a library at a place: opening one that is not there would make it."""
    return where.startswith(POSTGRES) or Path(where).expanduser().is_file()


def shown(where: str) -> str:
    """The place of a library for people to read: without user and password."""
    if not where.startswith(POSTGRES):
        return where
    scheme, _, rest = where.partition("://")
    place, _, settings = rest.partition("?")
    # An "@" behind the "?" may belong to a password that was not quoted.
    return f"{scheme}://{'...' if '@' in settings else place.rpartition('@')[2]}"

"""Opening the library that a setting names."""

from pathlib import Path

from localqa.documents.library import Library, LibraryError
from localqa.documents.places import check_place, in_postgres
from localqa.documents.sqlite import SqliteLibrary


def open_library(where: str) -> Library:
    """The library at a place; it is made where there is none.

    Args:
        where: path of an SQLite file, or address of a PostgreSQL database.

    Raises:
        LibraryError: it cannot be opened.
    """
    check_place(where)
    if not in_postgres(where):
        path = Path(where).expanduser()
        if path.is_dir():
            raise LibraryError(
                f"{path} is a folder, and a library is a file.",
                remedy=f"Name one in it: QA_LIBRARY={path / 'library.sqlite'}.",
            )
        return SqliteLibrary(path)
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

"""Where a library is, as a setting names it: the path of an SQLite file, or the address of a database."""

from pathlib import Path
from typing import Final

_POSTGRES: Final = ("postgresql://", "postgres://")


def in_postgres(where: str) -> bool:
    """Whether a place is a PostgreSQL database."""
    return where.startswith(_POSTGRES)


def is_there(where: str) -> bool:
    """Whether there may be a library at a place: opening one that is not there would make it."""
    return in_postgres(where) or Path(where).expanduser().exists()


def shown(where: str) -> str:
    """The place of a library for people to read: without user and password."""
    if not in_postgres(where):
        return where
    scheme, _, rest = where.partition("://")
    place, _, settings = rest.partition("?")
    # An "@" behind the "?" may belong to a password that was not quoted.
    return f"{scheme}://{'...' if '@' in settings else place.rpartition('@')[2]}"

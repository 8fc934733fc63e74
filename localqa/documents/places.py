"""Where a library is, as a setting names it: the path of an SQLite file, or the address of a database."""

import re
from pathlib import Path
from typing import Final

from localqa.errors import ConfigError

_POSTGRES: Final = ("postgresql://", "postgres://")
_ADDRESS: Final = re.compile(
    r"\w[\w+.-]*://|:memory:|file:|.*\b(?:host|dbname|password|user)\s*=", re.IGNORECASE
)
"""How other programs name databases."""


def in_postgres(where: str) -> bool:
    """Whether a place is a PostgreSQL database."""
    return where.lower().startswith(_POSTGRES)


def check_place(where: str) -> None:
    """Refuse what is neither a path nor an address of PostgreSQL, untold: there may be a password in it.

    Raises:
        ConfigError: it looks like another address.
    """
    if not in_postgres(where) and _ADDRESS.match(where):
        raise ConfigError(
            "QA_LIBRARY is neither a file nor an address of PostgreSQL.",
            remedy="Name an SQLite file, or postgresql://USER:PASSWORD@HOST:PORT/DATABASE.",
        )


def is_there(where: str) -> bool:
    """Whether there may be a library at a place: opening one that is not there would make it.

    Raises:
        ConfigError: see `check_place`.
    """
    check_place(where)
    return in_postgres(where) or Path(where).expanduser().exists()


def shown(where: str) -> str:
    """The place of a library for people to read: without user and password."""
    if not in_postgres(where):
        return where
    scheme, _, rest = where.partition("://")
    place, _, settings = rest.partition("?")
    # An "@" behind the "?" may belong to a password that was not quoted.
    return f"{scheme}://{'...' if '@' in settings else place.rpartition('@')[2]}"

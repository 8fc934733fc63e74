"""Connections to a PostgreSQL database, and its errors as the project's own."""

import contextlib
import re
import threading
from collections.abc import Iterator
from typing import Any, Final, TypeAlias

import psycopg
from psycopg import errors
from psycopg.conninfo import conninfo_to_dict

from localqa.documents.document import DocumentError
from localqa.documents.library import LibraryError, LibraryUnavailableError
from localqa.documents.places import shown
from localqa.errors import LocalQAError, ResourceError

_MOST: Final = 8
"""Connections of one process; a thread that needs one more waits for it."""
_SETTINGS: Final[dict[str, Any]] = {
    "application_name": "localqa",
    "connect_timeout": 10,
    # A server that vanished without a word is noticed in a minute, not in hours.
    "keepalives_idle": 20,
    "keepalives_interval": 10,
    "keepalives_count": 4,
    "tcp_user_timeout": 60_000,
}
_REFUSED: Final = (
    (r"password|authentication|role .* does not exist", "Put the right user and password into QA_LIBRARY."),
    (r"database .* does not exist", "Make it with `createdb`, or name another one in QA_LIBRARY."),
    (r"pg_hba", "Allow this machine in the server's pg_hba.conf."),
)
"""What the messages of a server that will go on refusing hold -> what to do."""
_FULL: Final = "too many|reserved"
"""The same of one that has no connection left."""

_LOST: Final = ("08", "57P")
"""How SQLSTATE begins: of connections, and of a server that was told to end."""

Connection: TypeAlias = "psycopg.Connection[tuple[Any, ...]]"


class Connections:
    """A few connections that all threads of a process share; one that was lost is replaced.

    Args:
        address: of the database.

    Raises:
        LibraryError: the address cannot be read.
    """

    def __init__(self, address: str) -> None:
        self.shown = shown(address)
        self._values = _SETTINGS | _read(address)
        self._idle: list[Connection] = []
        self._lock = threading.Lock()
        self._free = threading.BoundedSemaphore(_MOST)
        self.session: tuple[tuple[str, str], ...] = ()
        """Settings of each new connection: names and values."""

    @contextlib.contextmanager
    def one(self) -> Iterator[Connection]:
        """A connection, each of whose statements is a transaction of its own.

        Raises:
            LibraryUnavailableError: the server cannot be reached, or is busy for too long.
            LibraryError: it refuses.
            ResourceError: its disk is full.
        """
        with self._free, self._told():
            connection = self._taken()
            try:
                yield connection
            finally:
                self._give_back(connection)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A connection in a transaction, which ends whole or not at all; raises as `one` does."""
        with self.one() as connection, connection.transaction():
            yield connection

    def close(self) -> None:
        """Close those that nobody uses."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _taken(self) -> Connection:
        while True:
            with self._lock:
                connection = self._idle.pop() if self._idle else None
            if connection is None:
                return self._made()
            try:
                connection.execute("SELECT")
            except psycopg.Error:
                connection.close()
            else:
                return connection

    def _made(self) -> Connection:
        try:
            # Statements are planned for the words that they look for: common and rare ones differ.
            connection = psycopg.connect(autocommit=True, prepare_threshold=None, **self._values)
        except psycopg.Error as e:
            raise self._unreachable(e) from e
        # Whatever the database's default: writers wait for each other here, and read what the others wrote.
        connection.isolation_level = psycopg.IsolationLevel.READ_COMMITTED
        for setting in self.session:
            connection.execute("SELECT set_config(%s, %s, false)", setting)
        return connection

    def _give_back(self, connection: Connection) -> None:
        if connection.closed or connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
            connection.close()
            return
        with self._lock:
            self._idle.append(connection)

    def _unreachable(self, error: psycopg.Error) -> LibraryError:
        said = _line(error)
        message = f"The library {self.shown} cannot be reached: {said}."
        refused = next((remedy for pattern, remedy in _REFUSED if re.search(pattern, said)), None)
        if refused:
            return LibraryError(message, remedy=refused)
        if re.search(_FULL, said):
            remedy = "Raise max_connections on the server, or run fewer replicas."
        else:
            remedy = "See whether PostgreSQL runs there, and takes connections from here."
        return LibraryUnavailableError(message, remedy=remedy)

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except psycopg.Error as e:
            raise self._own(e) from e

    def _own(self, error: psycopg.Error) -> LocalQAError:
        if isinstance(error, errors.DiskFull | errors.OutOfMemory):
            return ResourceError(
                f"The server of the library {self.shown} has no room left; nothing was changed.",
                remedy="Make room there, try again.",
            )
        if isinstance(error, errors.ProgramLimitExceeded | errors.DataError):
            return DocumentError(
                f"The library {self.shown} cannot keep this document: {_line(error)}.",
                reason="too_large",
                remedy="Split it, or give it a shorter name.",
            )
        if isinstance(error, errors.LockNotAvailable):
            return LibraryUnavailableError(
                f"Another program has been writing to the library {self.shown} for too long.",
                remedy="Try again once it is done.",
            )
        if isinstance(error, errors.QueryCanceled):
            return LibraryUnavailableError(
                f"The server of the library {self.shown} ended a query before it was done: {_line(error)}.",
                remedy="Try again, or raise its statement_timeout.",
            )
        if isinstance(error, errors.InsufficientPrivilege):
            return LibraryError(
                f"The user of the library {self.shown} may not do this: {_line(error)}.",
                remedy="Name the owner of the database in QA_LIBRARY.",
            )
        if isinstance(error, psycopg.OperationalError) and (error.sqlstate or "08").startswith(_LOST):
            return LibraryUnavailableError(
                f"The connection to the library {self.shown} was lost: {_line(error)}.",
                remedy="Try again: nothing is there by half.",
            )
        return LibraryError(
            f"The library {self.shown} cannot be used: {_line(error)}.",
            remedy="See the log of the PostgreSQL server.",
        )


def _read(address: str) -> dict[str, Any]:
    """What an address says; its password is never in the error."""
    rest = address.partition("://")[2].partition("?")[0]
    authority, _, path = rest.partition("/")
    try:
        found = conninfo_to_dict(address)
    except psycopg.Error:
        found = {}
    # An unquoted "/" or "@" in a password would be taken for the end of it, and the rest for a host.
    if not found or "@" in path or authority.count("@") > 1:
        raise LibraryError(
            "The address of the library cannot be read.",
            remedy="Write postgresql://USER:PASSWORD@HOST:PORT/DATABASE, and in the password %40 for @, "
            "%2F for /, %3A for :, %3F for ?, %25 for %.",
        ) from None
    return found


def _line(error: psycopg.Error) -> str:
    """The first line of an error's message, without the full stop."""
    said = (error.diag.message_primary or str(error)).strip() or type(error).__name__
    return said.splitlines()[0].removeprefix("connection failed: ").rstrip(".")

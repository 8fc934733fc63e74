"""What reads documents, and the libraries that tests are made for: in a file, and in a PostgreSQL server."""

import itertools

import pytest

from localqa.documents.document import Document
from localqa.documents.limits import Limits
from localqa.documents.process import ReadingProcess
from localqa.documents.reading import read_bytes
from tests.documents.postgres_server import PostgresServer

LIMITS = Limits(seconds=60)


@pytest.fixture(scope="session")
def process():
    """One process that reads for all tests."""
    with ReadingProcess(LIMITS) as found:
        yield found


@pytest.fixture
def read(process):
    """Reads the bytes of a file by their name."""

    def read(data: bytes, name: str, password: str | None = None) -> Document:
        return read_bytes(data, name, limits=LIMITS, password=password, process=process)

    return read


@pytest.fixture(scope="session")
def postgres():
    """A server; tests that need one are skipped where it cannot run."""
    pytest.importorskip("psycopg")
    try:
        server = PostgresServer()
    except RuntimeError as e:
        pytest.skip(str(e))
    yield server
    server.remove()


_numbers = itertools.count()


@pytest.fixture
def postgres_address(postgres):
    """The address of an empty database."""
    import psycopg

    name = f"library{next(_numbers)}"
    with psycopg.connect(postgres.address(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    yield postgres.address(name)
    with psycopg.connect(postgres.address(), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", "postgres"])
def where(request, tmp_path):
    """The place of a library that is not there yet."""
    if request.param == "sqlite":
        return str(tmp_path / "kept" / "library.sqlite")
    return request.getfixturevalue("postgres_address")

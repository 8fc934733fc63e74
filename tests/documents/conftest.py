"""The libraries that tests are made for: in a file, and in a PostgreSQL server with pgvector."""

import itertools

import pytest

from tests.documents.postgres_server import PostgresServer


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

"""The tables of a library in PostgreSQL, made where they are not there yet."""

from typing import Final

from psycopg import errors, sql

from localqa.documents.library import LibraryError
from localqa.documents.postgres_connections import Connection, Connections

VERSION: Final = 1
SCHEMA: Final = "localqa"
_PGVECTOR: Final = (0, 8)
"""The oldest that goes on searching its index until enough documents of a scope are found."""
_LOCK: Final = int.from_bytes(SCHEMA.encode(), "big")
_WAIT: Final = "60s"
"""For another process that writes; a document takes parts of a second."""
_TABLES: Final = """
CREATE TABLE totals (version integer NOT NULL, passages bigint NOT NULL, words bigint NOT NULL);
CREATE TABLE documents (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, id text NOT NULL UNIQUE,
    collection text COLLATE "C" NOT NULL, name text COLLATE "C" NOT NULL, source text NOT NULL,
    media_type text NOT NULL, digest text NOT NULL, title text NOT NULL, characters integer NOT NULL,
    pages integer NOT NULL, passages integer NOT NULL, added double precision NOT NULL, embedder text NOT NULL
);
CREATE INDEX ON documents (collection, name);
CREATE TABLE texts (document bigint PRIMARY KEY REFERENCES documents, content bytea NOT NULL, original bytea);
ALTER TABLE texts ALTER content SET STORAGE EXTERNAL;
CREATE SEQUENCE passage_numbers;
CREATE TABLE passages (
    number bigint PRIMARY KEY, document bigint NOT NULL REFERENCES documents, start integer NOT NULL,
    "end" integer NOT NULL, headings jsonb NOT NULL, text text NOT NULL
);
CREATE INDEX ON passages (document);
CREATE TABLE words (
    passage bigint PRIMARY KEY, document bigint NOT NULL, length integer NOT NULL, lexemes tsvector NOT NULL
);
CREATE INDEX ON words (document);
CREATE INDEX ON words USING gin (lexemes) WITH (fastupdate = off);
CREATE TABLE lexemes (lexeme text COLLATE "C" PRIMARY KEY, passages bigint NOT NULL) WITH (fillfactor = 70);
CREATE TABLE vectors (passage bigint PRIMARY KEY, document bigint NOT NULL, vector halfvec NOT NULL);
ALTER TABLE vectors ALTER vector SET STORAGE PLAIN;
CREATE INDEX ON vectors (document);
"""


def open_tables(connections: Connections) -> None:
    """Find the tables of a library, or make them, and set up the connections for them.

    Raises:
        LibraryError: they cannot be made, or are a newer version's; pgvector is missing or too old.
    """
    with connections.transaction() as connection:
        if not _are_there(connection, connections.shown):
            write_alone(connection)
            if not _are_there(connection, connections.shown):
                _make(connection, connections.shown)
        schema = _schema_of_pgvector(connection, connections.shown)
    connections.session = (
        ("search_path", _path(schema)),
        # Compiling a search takes longer than searching.
        ("jit", "off"),
        ("hnsw.ef_search", "200"),
        ("hnsw.iterative_scan", "relaxed_order"),
        # A collection may be far from a question, and its passages behind many others.
        ("hnsw.max_scan_tuples", "100000"),
        ("hnsw.scan_mem_multiplier", "4"),
    )
    connections.close()


def write_alone(connection: Connection) -> None:
    """Wait until no other writes to the library, and keep them waiting until the transaction ends.

    With it passages are numbered in the order in which they are seen, and counts of words never wait for each
    other in a circle.
    """
    connection.execute("SELECT set_config('lock_timeout', %s, true)", (_WAIT,))
    connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))


def _are_there(connection: Connection, shown: str) -> bool:
    tables = connection.execute(
        "SELECT relname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace "
        "WHERE nspname = %s AND relkind = 'r'",
        (SCHEMA,),
    ).fetchall()
    if not tables:
        return False
    if ("totals",) not in tables:
        raise LibraryError(
            f"The schema '{SCHEMA}' of {shown} holds tables, but no library of documents.",
            remedy="Name another database with QA_LIBRARY.",
        )
    query = sql.SQL("SELECT version FROM {}.totals").format(sql.Identifier(SCHEMA))
    found = connection.execute(query).fetchone()
    if found is None or found[0] > VERSION:
        raise LibraryError(
            f"The library {shown} was made by a newer version.", remedy="Upgrade this program."
        )
    return True


def _make(connection: Connection, shown: str) -> None:
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        raise LibraryError(
            f"The database {shown} keeps text as {encoding}, which does not hold all characters.",
            remedy="Make one with `createdb -E UTF8 -T template0`.",
        )
    schema = _schema_of_pgvector(connection, shown)
    connection.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(SCHEMA)))
    connection.execute("SELECT set_config('search_path', %s, true)", (_path(schema),))
    connection.execute(_TABLES)
    connection.execute("INSERT INTO totals VALUES (%s, 0, 0)", (VERSION,))


def _schema_of_pgvector(connection: Connection, shown: str) -> str:
    """Where pgvector's types are; it is set up where it is not yet."""
    query = (
        "SELECT extversion, nspname FROM pg_extension JOIN pg_namespace ON pg_namespace.oid = extnamespace "
        "WHERE extname = 'vector'"
    )
    found = connection.execute(query).fetchone()
    if found is None:
        try:
            connection.execute("CREATE EXTENSION vector")
        except (errors.FeatureNotSupported, errors.UndefinedFile) as e:
            raise LibraryError(
                f"The PostgreSQL server of {shown} has no pgvector.",
                remedy="Install pgvector 0.8 or newer there; the image pgvector/pgvector brings it.",
            ) from e
        except errors.InsufficientPrivilege as e:
            raise LibraryError(
                f"The user of {shown} may not set up pgvector.",
                remedy="Have a superuser run `CREATE EXTENSION vector` in this database.",
            ) from e
        found = connection.execute(query).fetchone()
    version, schema = found or ("", "")
    if tuple(int(part) for part in version.split(".")[:2]) < _PGVECTOR:
        raise LibraryError(
            f"The database {shown} has pgvector {version}, which is too old.",
            remedy="Install 0.8 or newer, then run `ALTER EXTENSION vector UPDATE`.",
        )
    return str(schema)


def _path(schema: str) -> str:
    return ", ".join('"' + name.replace('"', '""') + '"' for name in (SCHEMA, schema))

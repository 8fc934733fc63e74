"""The library in PostgreSQL: what goes wrong with servers, and how words and vectors are found there."""

import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from localqa.documents import opening
from localqa.documents.library import LibraryError, LibraryUnavailableError, Scope
from localqa.documents.opening import open_library
from localqa.documents.places import shown
from localqa.errors import ERRORS
from tests.documents.postgres_server import PASSWORD
from tests.documents.test_library import FERRY, HARBOUR, item, vector_of

psycopg = pytest.importorskip("psycopg")
Connections = pytest.importorskip("localqa.documents.postgres_connections").Connections


@pytest.fixture
def library(postgres_address):
    found = open_library(postgres_address)
    yield found
    found.close()


@pytest.fixture
def sql(postgres_address):
    """Runs a statement as the owner, besides the library, and gives its rows."""
    with psycopg.connect(postgres_address, autocommit=True) as connection:

        def sql(statement, *values):
            done = connection.execute(statement, values)
            return done.fetchall() if done.description else []

        yield sql


@pytest.fixture
def user(postgres, sql):
    """A user who may do nothing but connect; its address."""
    name = sql("SELECT current_database()")[0][0]
    sql(f"CREATE ROLE guest_{name} LOGIN PASSWORD '{PASSWORD}'")
    yield postgres.address(name, f"guest_{name}")
    sql(f"DROP OWNED BY guest_{name}")
    sql(f"DROP ROLE guest_{name}")


def refused(address):
    with pytest.raises(LibraryError) as raised:
        open_library(address)
    assert raised.value.remedy
    assert not isinstance(raised.value, LibraryUnavailableError)
    return str(raised.value)


@pytest.mark.parametrize(
    ("where", "told"),
    [
        ("postgresql://ada:secret@db:5433/docs?sslmode=require", "postgresql://db:5433/docs"),
        ("postgres://db/docs?password=secret", "postgres://db/docs"),
        ("postgresql://ada:se/cr@et@db/docs", "postgresql://db/docs"),
        ("postgresql://ada:se?cret@db/docs", "postgresql://..."),
        ("library.sqlite", "library.sqlite"),
    ],
)
def test_places_are_shown_without_passwords(where, told):
    assert shown(where) == told


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://ada:secr/et@db/docs",
        "postgresql://ada:secr@et@db/docs",
        "postgresql://ada:secr%et@db/docs",
        "postgresql://ada@db/docs?pass=secret",
    ],
)
def test_an_address_that_cannot_be_read_is_refused_without_being_told(address):
    message = refused(address)
    assert "cannot be read" in message
    assert "secr" not in message


def test_without_psycopg_it_is_told_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    assert "pip install 'localqa[postgres]'" in refused("postgresql://ada:secret@db/docs")


def test_a_server_that_is_not_there_may_be_there_later(postgres):
    with pytest.raises(LibraryUnavailableError) as raised:
        open_library(postgres.address().replace(str(postgres.port), "1"))
    assert "See whether PostgreSQL runs there" in raised.value.remedy


def test_a_wrong_password_or_database_is_told_and_no_matter_of_time(postgres):
    right = postgres.address()
    for wrong, told in (
        (right.replace("%231", "secret"), "right user and password"),
        (postgres.address("nowhere"), "createdb"),
        (postgres.address(user="nobody"), "right user and password"),
    ):
        message = refused(wrong)
        assert told in message
        assert "p@ss" not in message
        assert "secret" not in message


def test_a_server_without_pgvector_is_told(user, sql):
    name = user.partition("://")[2].partition(":")[0]
    sql(f"ALTER ROLE {name} SET extension_control_path = '/nowhere'")
    sql(f"GRANT CREATE ON DATABASE {sql('SELECT current_database()')[0][0]} TO {name}")
    assert "has no pgvector" in refused(user)


def test_a_user_who_may_not_is_told(user, sql):
    assert "CREATE EXTENSION vector" in refused(user)
    sql("CREATE EXTENSION vector")
    assert "owner of the database" in refused(user)


def test_tables_of_others_and_of_newer_versions_are_left_alone(library, postgres_address, sql):
    sql("UPDATE localqa.totals SET version = 2")
    assert "newer version" in refused(postgres_address)
    sql("DROP SCHEMA localqa CASCADE")
    sql("CREATE SCHEMA localqa CREATE TABLE mine (a integer)")
    assert "no library of documents" in refused(postgres_address)
    assert sql("SELECT relname FROM pg_class WHERE relnamespace = 'localqa'::regnamespace") == [("mine",)]


def test_several_that_make_it_at_once_make_one(postgres_address):
    barrier = threading.Barrier(6)

    def make(_):
        barrier.wait(10)
        return open_library(postgres_address)

    with ThreadPoolExecutor(6) as threads:
        made = list(threads.map(make, range(6)))
    made[0].put(item("ferry.txt", FERRY))
    for one in made:
        assert len(one.entries()) == 1
        one.close()


def test_other_things_in_the_database_stay(sql, postgres_address):
    """pgvector may be in any schema, and tables may have the library's names elsewhere."""
    sql("CREATE SCHEMA tools")
    sql("CREATE EXTENSION vector SCHEMA tools")
    sql("CREATE TABLE documents (a integer)")
    library = open_library(postgres_address)
    library.put(item("ferry.txt", FERRY))
    assert library.by_vector(vector_of(FERRY), Scope(), 5)
    library.close()
    assert sql("SELECT count(*) FROM public.documents") == [(0,)]


def test_a_server_that_was_started_again_is_found_again(library, postgres):
    entry = library.put(item("ferry.txt", FERRY))
    postgres.stop()
    with pytest.raises(LibraryUnavailableError, match="cannot be reached") as away:
        library.entries()
    assert ERRORS[away.value.code].status == 503
    postgres.start()
    assert library.entries() == [entry]


def test_a_connection_lost_in_the_middle_leaves_nothing_by_half(library, sql, monkeypatch):
    kept = library.put(item("notes.txt", FERRY))

    def cut(connection, *_):
        sql("SELECT pg_terminate_backend(%s)", connection.info.backend_pid)
        connection.execute("SELECT")

    with monkeypatch.context() as patched:
        patched.setattr("localqa.documents.postgres.add_vectors", cut)
        with pytest.raises(LibraryUnavailableError, match="was lost"):
            library.put(item("notes.txt", HARBOUR))
    assert library.entries() == [kept]
    assert library.by_words(["ferry"], Scope(), 5)
    assert library.put(item("notes.txt", HARBOUR)).id == kept.id
    assert library.by_words(["ferry"], Scope(), 5) == []


def test_a_query_that_the_server_ends_is_told_as_such(postgres_address):
    connections = Connections(postgres_address)
    connections.session = (("statement_timeout", "50"),)
    with pytest.raises(LibraryUnavailableError, match="ended a query"), connections.one() as connection:
        connection.execute("SELECT pg_sleep(30)")


def test_one_who_writes_for_too_long_is_told_of(library, sql, monkeypatch):
    from localqa.documents import postgres_tables

    monkeypatch.setattr(postgres_tables, "_WAIT", "100ms")
    sql("SELECT pg_advisory_lock(%s)", postgres_tables._LOCK)
    with pytest.raises(LibraryError, match="for too long"):
        library.put(item("ferry.txt", FERRY))


def test_counts_of_words_follow_what_is_kept(library, sql):
    library.put(item("a.txt", FERRY))
    library.put(item("b.txt", HARBOUR))
    library.put(item("b.txt", f"{FERRY} Zanzibarium."))
    library.remove(library.put(item("c.txt", HARBOUR)).id)
    counted = "SELECT lexeme, count(*) FROM localqa.words, unnest(lexemes) GROUP BY 1 ORDER BY 1"
    assert sql("SELECT lexeme, passages FROM localqa.lexemes ORDER BY 1") == sql(counted)
    assert sql("SELECT passages, words FROM localqa.totals") == sql(
        "SELECT count(*), sum(length) FROM localqa.words"
    )
    assert ("quay",) not in sql("SELECT lexeme FROM localqa.lexemes")


def test_words_are_ranked_as_sqlite_ranks_them(library, tmp_path):
    texts = [FERRY, HARBOUR, "Quay, quay, quay.", f"The quay. {FERRY}", "Boats. " * 20, "A boat at the quay."]
    beside = opening.open_library(str(tmp_path / "library.sqlite"))
    for at, text in enumerate(texts):
        for one in (library, beside):
            one.put(item(f"{at}.txt", text))

    def ranked(one, words):
        found = one.by_words(words, Scope(), 9)
        names = [kept.document.name for kept in one.passages([number for number, _ in found])]
        return sorted(zip((round(score, 6) for _, score in found), names, strict=True))

    for words in (["quay"], ["quay", "boat"], ["ferry", "sundays", "berg"], ["the"]):
        assert ranked(library, words) == ranked(beside, words), words
    beside.close()


def test_common_words_are_not_all_looked_at(library, monkeypatch):
    """The passages of the rarest words are, and, where none is rare, those that hold all words first."""
    for at in range(30):
        library.put(item(f"{at}.txt", f"Common boat number {at}." + " Harbour." * (at == 29)))
    library.put(item("rare.txt", "A rare common boat."))
    monkeypatch.setattr("localqa.documents.postgres_words._LOOKED_AT", 10)

    def found(*words):
        numbers = [number for number, _ in library.by_words(words, Scope(), 40)]
        return [one.document.name for one in library.passages(numbers)]

    assert found("rare", "boat", "common") == ["rare.txt"]
    assert len(found("boat", "common")) == 10
    monkeypatch.setattr("localqa.documents.postgres_words._LOOKED_AT", 0)
    library.put(item("rare.txt", FERRY))
    assert found("harbour", "boat") == []


@pytest.mark.parametrize("scope", [Scope(), Scope("even")])
def test_the_index_finds_the_nearest_vectors(library, monkeypatch, scope):
    """As comparing all of them does."""
    rng = np.random.default_rng(1)
    words = [f"word{number}" for number in range(40)]
    for at in range(80):
        text = " ".join(rng.choice(words, 9))
        library.put(item(f"{at}.txt", text, collection="odd" if at % 2 else "even"))
    asked = [vector_of(" ".join(rng.choice(words, 9))) for _ in range(5)]
    whole = [library.by_vector(vector, scope, 10) for vector in asked]
    assert all(len(found) == 10 for found in whole)
    monkeypatch.setattr("localqa.documents.postgres_vectors._SCANNED", 0)
    for vector, exact in zip(asked, whole, strict=True):
        found = library.by_vector(vector, scope, 10)
        assert [cosine for _, cosine in found] == pytest.approx([cosine for _, cosine in exact])
        assert library.cosines(vector, [number for number, _ in found]) == [cosine for _, cosine in found]


def test_names_that_postgresql_cannot_hold_are_kept_as_they_can(library):
    entry = library.put(item("a\0b.txt", FERRY))
    assert entry == library.entry(entry.id)
    assert "\0" not in entry.name

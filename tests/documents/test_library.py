"""What every library does, whatever keeps it."""

import contextlib
import dataclasses
import itertools
import random
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from localqa.documents import opening
from localqa.documents.document import Document, Page
from localqa.documents.indexed import words_of
from localqa.documents.library import DocumentNotFoundError, Item, LibraryError, Pages, Scope
from localqa.documents.passages import split_passages
from localqa.documents.search import search
from localqa.documents.sqlite import SqliteLibrary
from localqa.documents.vectors import VectorIndex
from localqa.errors import ConfigError
from tests.conftest import ROOT

LENGTH = 64


def vector_of(text):
    """A vector that texts of the same words have in common."""
    made = np.zeros(LENGTH, np.float32)
    for word in words_of(text):
        made[sum(word.encode()) % LENGTH] += 1
    return made / max(float(np.linalg.norm(made)), 1e-9)


def item(name, text, *, collection="default", original=None):
    document = Document(
        name, "text/plain", f"digest of {text}", name, text, (Page(1, 0, len(text), 1.0, 1.0),)
    )
    passages = split_passages(document, words=12)
    vectors = np.stack([vector_of(text[one.start : one.end]) for one in passages])
    return Item(collection, name, document, passages, vectors, "embedder", original)


@pytest.fixture
def open_library(where):
    opened = []

    def open_library():
        opened.append(opening.open_library(where))
        return opened[-1]

    yield open_library
    for library in opened:
        library.close()


@pytest.fixture
def library(open_library):
    return open_library()


in_a_file = pytest.mark.parametrize("where", ["sqlite"], indirect=True)
"""What is said of the bytes in a file."""


FERRY = "The ferry leaves at seven. It does not sail on Sundays. " * 3
HARBOUR = "Boats moor at the north quay. The harbour master is Ada Berg. " * 3


def names(found):
    return [one.document.name for one in found]


def test_pages_are_told_without_unpacking_a_document_again(library):
    read = []

    def document(name):
        read.append(name)
        return library.document(name)

    pages = Pages(document)
    entry = library.put(item("a.txt", "Boats moor here."))
    assert [pages.page_at(entry, at) for at in (0, 5, 9)] == [1, 1, 1]
    assert len(read) == 1
    again = library.put(item("a.txt", "Boats moor there, and ships."))
    assert pages.page_at(again, 0) == 1
    assert len(read) == 2
    assert pages.page_at(dataclasses.replace(again, pages=0), 0) is None
    assert len(read) == 2


def test_what_made_its_vectors_is_told(library):
    assert library.embedders() == set()
    library.put(item("a.txt", "Boats moor here."))
    assert library.embedders() == {"embedder"}


def test_what_is_kept_is_there_as_it_was(library, open_library):
    made = item("ferry.txt", FERRY, original=b"bytes")
    entry = library.put(made)
    assert (entry.name, entry.pages, entry.passages) == ("ferry.txt", 1, len(made.passages))
    for one in (library, open_library()):
        assert one.entries() == [entry] == [one.entry(entry.id)]
        assert one.document(entry.id) == made.document
        assert one.original(entry.id) == b"bytes"


def test_words_and_vectors_find_passages_in_their_scope(library):
    library.put(item("ferry.txt", FERRY, collection="boats"))
    harbour = library.put(item("harbour.txt", HARBOUR))
    for scope, expected in (
        (Scope(), "harbour.txt"),
        (Scope("default"), "harbour.txt"),
        (Scope(documents=(harbour.id,)), "harbour.txt"),
        (Scope("boats"), None),
        (Scope("boats", (harbour.id,)), None),
    ):
        by_words = library.by_words(["quay"], scope, 5)
        by_vector = library.by_vector(vector_of("north quay moor boats"), scope, 5)
        found = library.passages([number for number, _ in by_words])
        assert set(names(found)) == ({expected} if expected else set())
        nearest = library.passages([number for number, _ in by_vector])
        assert (names(nearest)[:1] == [expected]) if expected else ("harbour.txt" not in names(nearest))
    text = library.document(harbour.id).text
    assert all(text[one.start : one.end] == one.text for one in found)


@in_a_file
def test_common_words_of_a_large_library_are_not_ranked(library, monkeypatch):
    monkeypatch.setattr("localqa.documents.sqlite._RANKED", 10)
    for number in range(10):
        library.put(item(f"{number}.txt", "A ferry sails." if number else "A ferry of Zanzibar sails."))
    assert len(library.by_words(["ferry", "zanzibar"], Scope(), 20)) == 1
    assert len(library.by_words(["ferry", "unheard"], Scope(), 20)) == 10
    assert len(library.by_words(["sails", "ferry"], Scope(), 20)) == 10
    monkeypatch.setattr("localqa.documents.sqlite._RANKED", 20)
    assert len(library.by_words(["ferry", "zanzibar"], Scope(), 20)) == 10


@pytest.mark.parametrize("words", [['"quay"'], ["qu*"], ["AND"], ["NEAR(a b)"], ["a:b"], ["-"], []])
def test_words_are_never_taken_for_commands(library, words):
    library.put(item("harbour.txt", HARBOUR))
    assert isinstance(library.by_words(words, Scope(), 5), list)


def test_accents_endings_and_scripts_without_spaces(library):
    library.put(
        item("a.txt", "Der Vertrag für die Große Straße läuft über zwölf Monate. 契約期間は十二か月です。")
    )
    for question in ("vertrag", "VERTRAGS läuft", "uber", "契約", "Straße", "GROẞE", "große"):
        assert library.by_words(words_of(question), Scope(), 5), question


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("What is the US tax rate?", ["us", "tax", "rate"]),
        ("Who heads IT at WHO?", ["heads", "it", "who"]),
        ("WHAT IS THE RATE?", ["rate"]),
        ("Who is it?", ["who", "is", "it"]),
        ("Am I in?", ["am"]),
    ],
)
def test_names_in_capitals_are_looked_for(question, words):
    assert words_of(question) == words


def test_a_document_of_the_same_source_takes_the_place_of_the_old_one(library):
    first = library.put(item("notes.txt", FERRY))
    second = library.put(item("notes.txt", HARBOUR))
    assert first.id == second.id
    assert [one.digest for one in library.entries()] == [second.digest]
    assert library.by_words(["ferry"], Scope(), 5) == []
    assert [one[1] > 0.99 for one in library.by_vector(vector_of(FERRY[:40]), Scope(), 1)] == [False]


def test_what_is_removed_is_gone(library):
    secret = library.put(item("secret.txt", "The password of the vault is Zanzibarium. " * 40))
    numbers = [number for number, _ in library.by_words(["vault"], Scope(), 5)]
    library.remove(secret.id)
    assert library.passages(numbers) == library.collections() == []
    assert library.cosines(vector_of(FERRY), numbers) == [-1.0] * len(numbers)
    for kept in (library.entry, library.document, library.original, library.remove):
        with pytest.raises(DocumentNotFoundError):
            kept(secret.id)
    assert library.by_vector(vector_of("vault"), Scope(), 5) == []
    assert library.by_words(["zanzibarium"], Scope(), 5) == []


@in_a_file
def test_what_is_removed_leaves_none_of_its_text(library, tmp_path):
    library.put(item("ferry.txt", FERRY))
    secret = library.put(item("secret.txt", "The password of the vault is Zanzibarium. " * 40))
    library.remove(secret.id)
    kept = b"".join(file.read_bytes() for file in (tmp_path / "kept").iterdir())
    assert b"anzibari" not in kept
    assert b"ferry" in kept


@in_a_file
def test_many_changes_at_once_are_tidied_once(library, tmp_path):
    entries = [library.put(item(f"{at}.txt", f"Unrepeatable{at} word. " * 9)) for at in range(6)]
    with library.removing():
        for entry in entries[:4]:
            library.remove(entry.id)
    kept = b"".join(file.read_bytes() for file in (tmp_path / "kept").iterdir())
    assert [f"nrepeatable{at}".encode() in kept for at in range(6)] == [False] * 4 + [True] * 2


@in_a_file
def test_what_is_removed_beside_an_import_is_gone_at_once(library, tmp_path):
    entry = library.put(item("a.txt", "Unrepeatable word. " * 9))
    library.put(item("b.txt", FERRY))
    with library.removing(), ThreadPoolExecutor(1) as other:
        other.submit(library.remove, entry.id).result(30)
        kept = b"".join(file.read_bytes() for file in (tmp_path / "kept").iterdir())
        assert b"nrepeatable" not in kept


@in_a_file
def test_what_is_removed_while_another_tidies_is_tidied_too(library, tmp_path, monkeypatch):
    first, second = (library.put(item(f"{at}.txt", f"Unrepeatable{at} word. " * 9)) for at in range(2))
    written, tidying = library._written, threading.Event()

    @contextlib.contextmanager
    def slow():
        with written() as connection:
            yield connection
        if threading.current_thread() is not threading.main_thread() and tidying.is_set():
            tidying.clear()
            library.remove(second.id)

    monkeypatch.setattr(library, "_written", slow)
    with library.removing(), ThreadPoolExecutor(1) as other:
        library.remove(first.id)

        def tidy():
            tidying.set()
            library._local.later = 0
            library._tidy()

        other.submit(tidy).result(30)
    kept = b"".join(file.read_bytes() for file in (tmp_path / "kept").iterdir())
    assert b"nrepeatable" not in kept


def test_collections_count_what_they_hold(library):
    library.put(item("a.txt", FERRY, collection="boats"))
    library.put(item("b.txt", FERRY, collection="boats"))
    library.put(item("a.txt", HARBOUR))
    assert [(one.name, one.documents) for one in library.collections()] == [("boats", 2), ("default", 1)]
    assert [one.name for one in library.entries(Scope("boats"), first=1, most=5)] == ["b.txt"]


def test_two_that_import_and_many_that_ask_at_once(open_library):
    failed = []

    def bring(number):
        try:
            own = open_library()
            for at in range(15):
                entry = own.put(item(f"{number}-{at}.txt", f"{FERRY} Number{number}x{at}."))
                if at % 5 == 4:
                    own.remove(entry.id)
        except Exception as e:
            failed.append(e)

    def ask(library):
        try:
            for _ in range(50):
                numbers = [number for number, _ in library.by_words(["ferry"], Scope(), 5)]
                numbers += [number for number, _ in library.by_vector(vector_of(FERRY), Scope(), 5)]
                assert all(
                    "ferry" in one.text or "sail" in one.text or "Number" in one.text
                    for one in library.passages(numbers)
                )
        except Exception as e:
            failed.append(e)

    shared = open_library()
    threads = [threading.Thread(target=bring, args=(number,)) for number in range(2)]
    threads += [threading.Thread(target=ask, args=(shared,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failed == []
    assert len(shared.entries()) == 24


def test_what_another_process_changed_is_found(open_library):
    one, other = open_library(), open_library()
    one.put(item("ferry.txt", FERRY))
    assert other.by_vector(vector_of(FERRY), Scope(), 3)
    entry = one.put(item("harbour.txt", HARBOUR))
    found = other.passages([number for number, _ in other.by_vector(vector_of(HARBOUR), Scope(), 1)])
    assert names(found) == ["harbour.txt"]
    one.remove(entry.id)
    found = other.passages([number for number, _ in other.by_vector(vector_of(HARBOUR), Scope(), 9)])
    assert "harbour.txt" not in names(found)


@pytest.mark.parametrize("content", [b"no database at all, whatever its name says" * 40, b""])
def test_a_file_that_is_no_library_is_told_and_kept(tmp_path, content):
    path = tmp_path / "notes.sqlite"
    path.write_bytes(content)
    if content:
        with pytest.raises(LibraryError, match="cannot be opened"):
            SqliteLibrary(path)
        assert path.read_bytes() == content
    else:
        SqliteLibrary(path).close()


@in_a_file
def test_opening_a_file_twice_loses_nothing(where, tmp_path):
    first = opening.open_library(where)
    first.put(item("ferry.txt", FERRY))
    second = opening.open_library(where)
    other = "import sys; from localqa.documents.opening import open_library as o; l = o(sys.argv[1]); "
    other += "print(len(l.entries())); l.close()"
    for number in range(3):
        done = subprocess.run([sys.executable, "-c", other, where], cwd=ROOT, capture_output=True, text=True)
        assert done.stdout.split() == [str(number + 1)], done.stderr
        first.put(item(f"{number}.txt", HARBOUR))
    first.close()
    second.close()


@in_a_file
def test_a_file_is_its_owners_alone(where):
    library = opening.open_library(where)
    library.put(item("ferry.txt", FERRY))
    files = list(Path(where).parent.glob(f"{Path(where).name}*"))
    assert len(files) > 1
    assert {file.stat().st_mode & 0o077 for file in files} == {0}
    library.close()


@pytest.mark.parametrize(
    "where",
    ["postgresql+psycopg://ada:secret@db/docs", "host=db password=secret", "sqlite:///x", ":memory:"],
)
def test_other_addresses_are_refused_and_not_told(where, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError) as told:
        opening.open_library(where)
    assert "secret" not in str(told.value)
    assert not list(tmp_path.iterdir())


def test_copies_count_once_where_they_would_crowd_others_out(library):
    for number in range(12):
        library.put(item(f"copy-{number}.txt", FERRY))
    library.put(item("harbour.txt", HARBOUR))
    vector = vector_of("ferry")
    all_of_them = search(library, "ferry", vector, most=10)
    assert {one.passage.document.name.partition("-")[0] for one in all_of_them} == {"copy"}
    distinct = search(library, "ferry", vector, most=10, distinct=True)
    assert "harbour.txt" in {one.passage.document.name for one in distinct}
    texts = [one.passage.text for one in distinct]
    assert len(texts) == len(set(texts))


def test_as_many_passages_are_found_as_are_wanted(library):
    for number in range(90):
        library.put(item(f"{number}.txt", f"Number {number} is nothing that anybody asks about."))
    assert len(search(library, "zebra", vector_of("zebra"), most=80)) == 80


def test_only_what_is_there_as_it_was_is_replaced(library):
    entry = library.put(item("ferry.txt", FERRY))
    newer = library.put(item("ferry.txt", FERRY + HARBOUR))
    with pytest.raises(DocumentNotFoundError):
        library.put(item("ferry.txt", FERRY), instead_of=entry)
    assert library.entry(entry.id) == newer
    assert library.put(item("ferry.txt", FERRY), instead_of=newer)
    library.remove(entry.id)
    with pytest.raises(DocumentNotFoundError):
        library.put(item("ferry.txt", FERRY), instead_of=newer)


def test_many_vectors_are_found_by_their_bits(monkeypatch):
    """Nearly all of the ten nearest, in 1/32 of the memory."""
    rng = np.random.default_rng(1)
    centres = rng.normal(size=(40, 128)).astype(np.float32)
    vectors = centres[rng.integers(0, 40, 3000)] + 0.7 * rng.normal(size=(3000, 128)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    halves = {number: one.astype(np.float16).tobytes() for number, one in enumerate(vectors, 1)}
    monkeypatch.setattr("localqa.documents.vectors._WHOLE", 500)
    index = VectorIndex(
        lambda after: ((number, number % 7, half) for number, half in halves.items() if number > after),
        lambda known: (0, None),
        lambda numbers: {number: halves[number] for number in numbers},
    )
    hits = 0
    for at in random.Random(1).sample(range(3000), 50):
        exact = set((np.argsort(-(vectors @ vectors[at]))[:10] + 1).tolist())
        found = [number for number, _ in index.nearest(vectors[at], 10)]
        assert found[0] == at + 1
        hits += len(exact & set(found))
    assert hits >= 0.9 * 500
    inside = index.nearest(vectors[0], 10, np.array([3]))
    assert all(number % 7 == 3 for number, _ in inside)
    assert all(one >= other for (_, one), (_, other) in itertools.pairwise(inside))

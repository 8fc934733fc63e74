"""Files and folders into a library: what is new, changed, vanished or unreadable; and ends in the middle."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from localqa.documents import importing
from localqa.documents.importing import Importer, reindex
from localqa.documents.library import Scope
from localqa.documents.limits import Limits
from localqa.documents.opening import open_library
from localqa.documents.places import is_there
from localqa.documents.process import ReadingProcess
from localqa.documents.reading import read_bytes
from localqa.documents.search import search
from tests.conftest import ROOT
from tests.documents import made
from tests.documents.importing_process import WordEmbedder


@pytest.fixture
def library(where):
    found = open_library(where)
    yield found
    found.close()


@pytest.fixture
def folder(tmp_path):
    top = tmp_path / "docs"
    (top / "inner").mkdir(parents=True)
    (top / "ferry.txt").write_text("The ferry leaves at seven.")
    (top / "inner" / "rules.md").write_text("# Quay\n\nBoats moor at the north side.")
    return top


def states(outcomes):
    return {one.name: one.state for one in outcomes}


def test_a_folder_is_read_once_and_again_where_it_changed(library, folder):
    importer = Importer(library, WordEmbedder())
    first = states(importer.add([folder]))
    assert first == {"docs/ferry.txt": "added", "docs/inner/rules.md": "added"}
    (folder / "ferry.txt").write_text("The ferry leaves at nine.")
    (folder / "torn.pdf").write_bytes(b"%PDF-1.4 torn")
    assert states(importer.add([folder])) == {
        "docs/ferry.txt": "replaced",
        "docs/inner/rules.md": "unchanged",
        "docs/torn.pdf": "failed",
    }
    found = search(library, "When does the ferry leave?", WordEmbedder().vectors(["ferry leaves"])[0])
    assert found[0].passage.text == "The ferry leaves at nine."


def test_what_failed_to_be_read_anew_keeps_what_was_read_before(library, folder):
    importer = Importer(library, WordEmbedder())
    list(importer.add([folder]))
    (folder / "ferry.txt").write_bytes(b"")
    (outcome,) = (one for one in importer.add([folder]) if one.state == "failed")
    assert "empty" in outcome.reason
    assert outcome.entry is not None
    assert len(library.entries()) == 2


def test_sync_removes_what_vanished_from_the_folder_alone(library, folder, tmp_path):
    other = tmp_path / "other.txt"
    other.write_text("Elsewhere.")
    importer = Importer(library, WordEmbedder())
    list(importer.add([folder, other]))
    (folder / "ferry.txt").unlink()
    other.unlink()
    assert states(importer.add([folder]))
    assert len(library.entries()) == 3
    removed = [one for one in importer.add([folder], sync=True) if one.state == "removed"]
    assert [one.entry.name for one in removed] == ["docs/ferry.txt"]
    assert {one.name for one in library.entries()} == {"docs/inner/rules.md", "other.txt"}


def test_sync_on_a_folder_that_is_empty_now_removes_nothing(library, folder):
    importer = Importer(library, WordEmbedder())
    list(importer.add([folder]))
    for file in [*folder.rglob("*.*")]:
        file.unlink()
    (told,) = importer.add([folder], sync=True)
    assert (told.state, "nothing is removed" in told.reason) == ("skipped", True)
    assert len(library.entries()) == 2


def test_sync_goes_on_where_another_removes_the_same(library, folder):
    importer = Importer(library, WordEmbedder())
    for number in range(3):
        (folder / f"{number}.txt").write_text(f"Number {number}.")
    list(importer.add([folder]))
    for number in range(3):
        (folder / f"{number}.txt").unlink()
    removed = []
    for one in importer.add([folder], sync=True):
        if one.state == "removed" and not removed:
            second = next(entry for entry in library.entries() if entry.name == "docs/1.txt")
            library.remove(second.id)
        removed += [one.name] if one.state == "removed" else []
    assert len(removed) == 2
    assert len(library.entries()) == 2


def test_sync_keeps_what_it_cannot_look_at(library, folder):
    importer = Importer(library, WordEmbedder())
    list(importer.add([folder]))
    (folder / "inner").rename(folder.with_name("away"))
    (folder / "inner").symlink_to(folder / "inner")
    told = {Path(one.name).name: one.state for one in importer.add([folder], sync=True)}
    assert told == {"ferry.txt": "unchanged", "inner": "skipped"}


def test_a_name_that_is_not_text_is_passed_over_and_told(library, folder):
    nameless = os.fsencode(folder) + b"/caf\xe9.txt"
    with open(nameless, "w") as stream:
        stream.write("The cafe opens at six.")
    os.mkdir(os.fsencode(folder) + b"/\xe9t\xe9")
    importer = Importer(library, WordEmbedder())
    for outcomes in (importer.add([folder]), importer.add([Path(os.fsdecode(nameless))])):
        skipped = {Path(one.name).name: one.reason for one in outcomes if one.state == "skipped"}
        assert "caf\\xe9.txt" in skipped
        assert all("not UTF-8" in reason for reason in skipped.values())
    assert len(library.entries()) == 2


def test_what_is_no_document_is_passed_over_and_told(library, folder, tmp_path):
    (folder / ".hidden.txt").write_text("secret")
    (folder / ".git").mkdir()
    (folder / ".git" / "a.txt").write_text("secret")
    (folder / "photo.png").write_bytes(b"\x89PNG")
    os.mkfifo(folder / "pipe.txt")
    (folder / "loop").symlink_to(folder)
    (tmp_path / "outside.txt").write_text("outside")
    (folder / "link.txt").symlink_to(tmp_path / "outside.txt")
    (folder / "gone.txt").symlink_to(folder / "nothing.txt")
    found = list(Importer(library, WordEmbedder()).add([folder]))
    told = {one.name.rpartition("/")[2]: one.reason for one in found if one.state == "skipped"}
    assert set(told) == {"photo.png", "pipe.txt", "link.txt", "gone.txt"}
    assert "leads out" in told["link.txt"]
    assert {one.name for one in library.entries()} == {"docs/ferry.txt", "docs/inner/rules.md"}


def test_what_cannot_be_looked_at_keeps_nothing_else_from_being_read(library, folder, monkeypatch):
    (folder / "circle.txt").symlink_to("circle.txt")
    (folder / "closed").mkdir()
    is_dir = Path.is_dir

    def refused(path):
        if path.name == "closed":
            raise PermissionError(13, "Permission denied")
        return is_dir(path)

    monkeypatch.setattr(Path, "is_dir", refused)
    found = list(Importer(library, WordEmbedder()).add([folder, folder / "circle.txt"]))
    told = {one.name.rpartition("/")[2]: one.reason for one in found if one.state == "skipped"}
    assert "link" in told["circle.txt"]
    assert "Permission denied" in told["closed"]
    assert len(library.entries()) == 2


def test_sent_files_go_by_their_names(library):
    importer = Importer(library, WordEmbedder())
    data = made.pdf([[(72, 700, 10, "The toll was two pence.")]])
    (one,) = importer.add_all([("toll.pdf", data)])
    assert (one.state, one.entry.pages, library.original(one.entry.id)) == ("added", 1, data)
    assert [again.state for again in importer.add_all([("toll.pdf", data), ("b.txt", b"x y z")])] == [
        "unchanged",
        "added",
    ]


def test_another_embedder_makes_the_vectors_anew(library, folder):
    list(Importer(library, WordEmbedder()).add([folder]))

    class Other(WordEmbedder):
        identity = "others"

    assert {one.state for one in reindex(library, Other())} == {"replaced"}
    assert {one.embedder for one in library.entries()} == {"others"}
    assert {one.state for one in reindex(library, Other())} == {"unchanged"}


@pytest.mark.parametrize("change", ["removed", "replaced"])
def test_vectors_are_made_anew_of_nothing_that_changes_meanwhile(library, folder, change):
    list(Importer(library, WordEmbedder()).add([folder]))

    class Other(WordEmbedder):
        identity = "others"

        def vectors(self, texts):
            entry = library.entries()[0]
            if change == "removed" and len(library.entries()) == 2:
                library.remove(entry.id)
            if change == "replaced":
                (folder / "ferry.txt").write_text("The ferry leaves at nine.")
                list(Importer(library, WordEmbedder()).add([folder]))
            return super().vectors(texts)

    first, second = reindex(library, Other())
    assert (first.state, second.state) == ("skipped", "replaced")
    ferry = [one for one in library.entries() if one.name == "docs/ferry.txt"]
    if change == "removed":
        assert not ferry
    else:
        assert library.document(ferry[0].id).text == "The ferry leaves at nine."


def test_what_makes_too_many_passages_is_told(library, monkeypatch):
    monkeypatch.setattr(importing, "_MOST_PASSAGES", 3)
    text = "".join(f"# {number}\n\nSome words.\n\n" for number in range(4))
    (told,) = Importer(library, WordEmbedder()).add_all([("many.md", text.encode())])
    assert (told.state, "makes 4 passages" in told.reason) == ("failed", True)


def test_modules_in_the_users_folder_are_not_taken_for_this_programs(tmp_path):
    (tmp_path / "json.py").write_text("raise SystemExit('run')")
    (tmp_path / "regex.py").write_text("raise SystemExit('run')")
    (tmp_path / "a.txt").write_text("The ferry leaves at seven.")
    command = "from localqa.documents.process import ReadingProcess as P"
    command += "; from localqa.documents.limits import Limits"
    script = f"import os; {command}; from localqa.documents.reading import read_bytes as r; import pathlib; "
    script += f"os.chdir({str(tmp_path)!r}); p = P(Limits()); "
    script += "print(r(pathlib.Path('a.txt').read_bytes(), 'a.txt', limits=Limits(), process=p).text)"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.strip() == "The ferry leaves at seven.", done.stderr


def test_a_process_that_ended_between_two_files_is_started_anew():
    with ReadingProcess(Limits()) as process:
        for _ in range(2):
            read = read_bytes(b"The ferry.", "a.txt", limits=Limits(), process=process)
            assert read.text == "The ferry."
            process._child.kill()
            process._child.wait()


@pytest.mark.slow
def test_killed_at_any_moment_nothing_is_half_there_and_the_next_run_goes_on(where, tmp_path):
    top = tmp_path / "docs"
    top.mkdir()
    rng = random.Random(1)
    for at in range(12):
        (top / f"{at}.txt").write_text(
            "\n\n".join(f"Document{at} paragraph {n} of boats." for n in range(200))
        )
    command = [sys.executable, "-m", "tests.documents.importing_process", where, str(top)]
    for turn in range(20):
        (top / f"{turn % 12}.txt").write_text(f"Document{turn % 12} changed in turn {turn}. " * 300)
        if turn % 4 == 3:
            (top / f"{(turn * 5) % 12}.txt").unlink(missing_ok=True)
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
        time.sleep(rng.uniform(0.3, 1.6))
        process.send_signal(signal.SIGKILL)
        process.wait()
        if is_there(where):
            _check_whole(where)
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    library = open_library(where)
    assert {one.name for one in library.entries()} == {f"docs/{file.name}" for file in top.iterdir()}
    library.close()
    _check_whole(where)


def _check_whole(where):
    """Every document has all of its passages, every passage its document, and the index knows no others."""
    library = open_library(where)
    numbers = set()
    for entry in library.entries():
        text = library.document(entry.id).text
        words = [text.split()[0].lower()]
        found = library.passages(
            [number for number, _ in library.by_words(words, Scope(documents=(entry.id,)), 999)]
        )
        assert len(found) == entry.passages
        assert all(text[one.start : one.end] == one.text for one in found)
        numbers |= {one.number for one in found}
    everything = {
        number for number, _ in library.by_vector(WordEmbedder().vectors(["boats"])[0], Scope(), 9999)
    }
    assert everything == numbers
    library.close()

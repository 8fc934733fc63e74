"""A disk that fills up while documents are added: it is told, nothing is lost, and with room all goes on."""

import os
import random
import subprocess
import sys

import pytest
import requests

from localqa.documents.importing import Importer
from localqa.documents.sqlite import SqliteLibrary
from localqa.errors import ResourceError
from tests.conftest import ROOT
from tests.documents.importing_process import WordEmbedder
from tests.server import running

FILES = 12
WORDS = [
    f"{first}{second}" for first in ("ka", "lo", "mi", "ru", "te") for second in ("ban", "der", "fin", "gol")
]


def mounted(folder, size):
    """Whether there is a small disk of its own at a folder now."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "localqa-test", str(folder)]
    return os.geteuid() == 0 and subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.fixture
def disk(tmp_path):
    folder = tmp_path / "disk"
    folder.mkdir()
    if not mounted(folder, "1m"):
        pytest.skip("no small disk can be mounted here: that needs root")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def folder(tmp_path):
    """More text than a small disk holds, the first of it about the ferry."""
    top = tmp_path / "docs"
    top.mkdir()
    (top / "a-ferry.txt").write_text("The ferry leaves at seven.")
    rng = random.Random(3)
    for number in range(FILES):
        (top / f"b-{number:02}.txt").write_text(" ".join(rng.choices(WORDS, k=6_000)))
    return top


def test_a_full_disk_is_told_and_what_was_kept_stays(disk, folder):
    library = SqliteLibrary(disk / "library.sqlite")
    importer = Importer(library, WordEmbedder())
    told = []
    with pytest.raises(ResourceError, match="is full") as raised:
        told.extend(importer.add([folder]))
    assert raised.value.remedy
    kept = {one.name for one in library.entries()}
    assert "docs/a-ferry.txt" in kept
    assert len(kept) <= FILES
    assert all(library.document(one.id).text for one in library.entries())
    library.close()

    library = SqliteLibrary(disk / "library.sqlite")
    before = {one.name for one in library.entries()}
    assert before == kept
    library.close()
    subprocess.run(["mount", "-o", "remount,size=200m", str(disk)], check=True)
    library = SqliteLibrary(disk / "library.sqlite")
    again = {one.name: one.state for one in Importer(library, WordEmbedder()).add([folder])}
    assert {name for name, state in again.items() if state == "unchanged"} == kept
    assert {again[name] for name in again.keys() - kept} == {"added"}
    assert len(library.entries()) == FILES + 1
    library.close()


@pytest.mark.integration
def test_a_server_whose_disk_is_full_says_so_and_goes_on_answering(disk, folder, tmp_path):
    with running(tmp_path, QA_LIBRARY=str(disk / "library.sqlite")) as (url, _):
        for file in sorted(folder.iterdir()):
            reply = requests.post(
                f"{url}/api/documents?wait=60", files={"file": (file.name, file.read_bytes())}, timeout=90
            )
            if reply.json().get("state") == "failed" or not reply.ok:
                break
        assert "is full" in reply.text
        found = requests.post(
            f"{url}/api/search", json={"question": "When does the ferry leave?"}, timeout=30
        )
        assert found.json()["passages"][0]["text"] == "The ferry leaves at seven."


@pytest.mark.integration
def test_the_command_says_what_to_do(disk, folder):
    done = subprocess.run(
        [sys.executable, "-m", "localqa", "documents", "add", folder, "--library", disk / "library.sqlite"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "is full" in done.stderr
    assert "Make room" in done.stderr
    assert "Traceback" not in done.stderr

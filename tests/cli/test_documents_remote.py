"""`localqa documents --url`: what a server refuses, or calls otherwise, costs no other file."""

import argparse
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from localqa.cli import documents_remote
from tests.server import running


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with running(tmp_path_factory.mktemp("server"), QA_MAX_UPLOAD_BYTES="2000") as (url, _):
        yield url


@pytest.fixture
def add(capsys, request):
    def add(url, *paths, sync=False):
        asked = {"url": url, "key": "", "password": None, "json": False, "verbose": False, "ocr": None}
        # A collection of each test's own.
        collection = f"test-{abs(hash(request.node.name))}"
        status = documents_remote.add(
            argparse.Namespace(paths=list(map(Path, paths)), collection=collection, sync=sync, **asked)
        )
        return status, capsys.readouterr().out

    return add


@contextmanager
def busy(times):
    """A server that has too much to do so many times, and takes everything after that."""

    class Busy(BaseHTTPRequestHandler):
        refused = 0

        def do_GET(self):
            self.tell(200, {"documents": []})

        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            if Busy.refused < times:
                Busy.refused += 1
                self.tell(503, {"error": {"message": "Too many imports are waiting already."}})
            else:
                outcome = {"name": "docs/a.txt", "state": "added", "reason": "", "document": {}}
                self.tell(200, {"state": "done", "outcomes": [outcome]})

        def tell(self, status, value):
            body = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Retry-After", "1")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Busy) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", Busy
        server.shutdown()


@pytest.fixture
def folder(tmp_path):
    top = tmp_path / "docs"
    top.mkdir()
    (top / "a.txt").write_text("The ferry leaves at seven.")
    return top


@pytest.mark.integration
def test_a_file_that_is_refused_ends_nothing(server, add, folder):
    (folder / "b.txt").write_text("long " * 2000)
    (folder / "c.txt").write_text("Boats moor at the north side.")
    status, told = add(server, folder)
    assert status == 1
    assert "2 added, 1 failed" in told
    assert "QA_MAX_UPLOAD_BYTES" in told


@pytest.mark.integration
def test_two_files_of_one_name_do_not_take_turns(server, add, tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "readme.txt").write_text(f"This is number {name}.")
    status, told = add(server, tmp_path / "one" / "readme.txt", tmp_path / "two" / "readme.txt")
    assert status == 1
    assert "1 added, 1 failed" in told
    assert "has the name of" in told


def test_a_server_that_has_too_much_to_do_is_asked_again(add, folder):
    with busy(2) as (url, asked):
        status, told = add(url, folder)
    assert (status, asked.refused) == (0, 2)
    assert "1 added" in told


@pytest.mark.integration
@pytest.mark.parametrize("name", ["Scan 9.41\u202fAM.txt", "a\\b.txt", "x" * 250 + ".txt"])
def test_sync_keeps_files_whose_names_the_server_writes_otherwise(server, add, folder, name):
    (folder / name).write_text("Dogs pay nothing.")
    for _ in range(3):
        status, told = add(server, folder, sync=True)
        assert status == 0
        assert "removed" not in told


@pytest.mark.integration
def test_sync_keeps_what_it_cannot_look_at(server, add, folder):
    (folder / "inner").mkdir()
    (folder / "inner" / "b.txt").write_text("Dogs pay nothing.")
    add(server, folder)
    (folder / "inner").rename(folder.with_name("away"))
    (folder / "inner").symlink_to(folder / "inner")
    told = add(server, folder, sync=True)[1]
    assert "1 unchanged, 1 skipped" in told
    assert "removed" not in told


@pytest.mark.integration
def test_sync_removes_what_vanished_and_nothing_of_another_folder_of_that_name(server, add, folder, tmp_path):
    (folder / "b.txt").write_text("Dogs pay nothing.")
    add(server, folder)
    (folder / "b.txt").unlink()
    assert "1 removed" in add(server, folder, sync=True)[1]
    other = tmp_path / "elsewhere" / "docs"
    other.mkdir(parents=True)
    (other / "z.txt").write_text("Cats pay nothing, either.")
    status, told = add(server, other, sync=True)
    assert status == 0
    assert "1 added, 1 skipped" in told
    assert "localqa documents remove" in told

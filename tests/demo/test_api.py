"""The page's way of asking, against servers that are well, away or others."""

import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from werkzeug.serving import make_server

from app import create_app
from localqa.config import Settings
from localqa.demo import api as asking
from localqa.demo.api import Api, RefusedError
from localqa.errors import NotReadyError
from tests.api.fake_reader import FakeReader

TEXT = "Ada Lovelace wrote it."


@pytest.fixture
def api(ollama_server, clean_environment):
    settings = Settings.load(
        ollama="on", ollama_host=ollama_server.url, ollama_model="tiny:1b", api_keys="secret"
    )
    server = make_server("127.0.0.1", 0, create_app(settings, FakeReader()), threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Api(f"http://127.0.0.1:{server.server_port}/", "secret")
    server.shutdown()


def test_everything_can_be_asked(api):
    assert api.health()["ready"] is True
    assert api.health()["adapters"] == ["squad", "law"]
    assert api.ask("Who?", TEXT, "law", top_k=2)["adapter"] == "law"
    assert api.ask("Who?", TEXT, None, top_k=2)["adapter"] == "squad"
    *pieces, last = api.generate("Who?", TEXT)
    assert "".join(piece["delta"] for piece in pieces) == last["answer"] == "Ada Lovelace wrote it."
    assert (last["done"], last["supported"]) == (True, True)
    assert list(api.generate("Who?", " "))[-1]["supported"] is None
    assert api.summarize(TEXT, 2)["summary"] == "Ada Lovelace"


def test_refusals_are_the_server_s_own_words(api, ollama_server):
    with pytest.raises(RefusedError, match="no adapter"):
        api.ask("Who?", TEXT, "nothing", top_k=1)
    with pytest.raises(RefusedError, match="key"):
        Api(api.url, "wrong").ask("Who?", TEXT, None, top_k=1)
    ollama_server.fault = "cut"
    with pytest.raises(RefusedError) as refused:
        list(api.generate("Who?", TEXT))
    assert refused.value.remedy


def test_what_people_at_a_page_cannot_do_is_told_otherwise(api):
    with pytest.raises(RefusedError) as refused:
        Api(api.url, "wrong").documents()
    assert "LOCALQA_KEY" in refused.value.remedy


def test_an_import_goes_on_while_the_server_is_asked_too_often(clean_environment, tmp_path, monkeypatch):
    monkeypatch.setattr(asking, "_AGAIN_S", 0)
    states = iter(
        [
            (202, {"job": "1", "state": "running", "outcomes": []}, {}),
            (429, {"error": {"message": "Too often.", "remedy": "Wait."}}, {"Retry-After": "0"}),
            (200, {"job": "1", "state": "done", "outcomes": [{"name": "a.txt", "state": "added"}]}, {}),
        ]
    )

    class Handler(BaseHTTPRequestHandler):
        def answer(self):
            status, body, headers = next(states)
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            data = json.dumps(body).encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(data))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = answer  # noqa: N815 - names of http.server

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    (tmp_path / "a.txt").write_text("Ada.")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    try:
        assert Api(f"http://127.0.0.1:{server.server_port}").add_file(tmp_path / "a.txt")["state"] == "added"
    finally:
        server.shutdown()


def test_server_that_is_away_is_told():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        api = Api(f"http://127.0.0.1:{taken.getsockname()[1]}")
        with pytest.raises(NotReadyError, match="does not answer") as away:
            api.health()
    assert "make serve" in away.value.remedy


class _Other(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(302)
        self.send_header("Location", "http://127.0.0.1:9/")
        self.end_headers()

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<html>" if b"stream" in body else b"{}")

    def log_message(self, format, *args):
        pass


def test_another_server_is_told():
    with ThreadingHTTPServer(("127.0.0.1", 0), _Other) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        api = Api(f"http://127.0.0.1:{server.server_address[1]}")
        for asking in (
            api.health,
            lambda: api.ask("Who?", "Ada", None, top_k=1),
            lambda: api.summarize("Ada", 3),
            lambda: list(api.generate("Who?", "")),
        ):
            with pytest.raises(RefusedError, match="is not this project's API"):
                asking()
        server.shutdown()

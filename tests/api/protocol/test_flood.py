"""What a broken Ollama server sends is no error of this one, and its models stay listed."""

import pytest

from tests.ollama.flood import NDJSON, Endless, flooding, head


@pytest.fixture
def flood():
    with flooding() as server:
        yield server


@pytest.fixture
def client(app_of, flood):
    return app_of(
        ollama="on", ollama_host=flood.url, ollama_model="tiny:1b", ollama_timeout_s=2
    ).test_client()


BROKEN = [
    b"[" * 200_000,
    b'{"models": [{"name": "\\ud800"}], "data": [{"id": "\\udfff"}], "version": "\\ud800"}',
    b'{"models": [NaN], "data": [1e999], "version": Infinity}',
    b'{"models": ' + b"[" * 500 + b"]" * 500 + b"}",
    b"",
    b'{"models": {}, "data": 1, "version": null}',
]


@pytest.mark.parametrize("body", BROKEN, ids=range(len(BROKEN)))
@pytest.mark.parametrize("path", ["/api/tags", "/api/ps", "/v1/models", "/api/version"])
def test_our_own_models_are_listed(client, flood, path, body):
    flood.reply = [head(b"application/json"), body]
    response = client.get(path)
    assert response.status_code == 200
    assert path == "/api/version" or "bert-qa:squad" in response.get_data(as_text=True)


def test_our_own_models_are_listed_beside_an_endless_list(client, flood):
    flood.reply = Endless(head(b"application/json"), b"x" * 65_536)
    assert "bert-qa:squad" in client.get("/api/tags").get_data(as_text=True)


@pytest.mark.parametrize("body", BROKEN[:3], ids=range(3))
def test_open_questions_are_told_that_it_is_broken(client, flood, body):
    flood.reply = [head(NDJSON), body]
    assert client.post("/api/qa", json={"question": "Who?"}).status_code == 503


@pytest.mark.parametrize("kind", [b"text/\xe2\x86\x92", b"a b", b"a/b\x85c"])
@pytest.mark.parametrize("path", ["/api/show", "/v1/embeddings", "/api/chat"])
def test_a_broken_content_type_is_told(client, flood, path, kind):
    flood.reply = [head(kind), b"{}"]
    response = client.post(path, json={"model": "tiny:1b"})
    assert response.status_code == 503
    assert response.is_json


def test_a_large_reply_comes_whole(client, flood):
    body = b"[" + b"1.5," * 1_000_000 + b"1]"
    flood.reply = [head(b"application/json"), body]
    assert client.post("/api/show", json={"model": "tiny:1b"}).data == body

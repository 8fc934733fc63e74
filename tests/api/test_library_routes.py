"""The routes of the library, around a reader without a model."""

import io
import json
import threading

import numpy as np
import pytest

from app import create_app
from localqa.api import documents
from localqa.config import Settings
from localqa.documents.library import Item
from localqa.documents.opening import open_library
from localqa.documents.passages import split_passages
from tests.documents import made

FERRY = "The ferry leaves at seven in the morning."


@pytest.fixture
def filled(client):
    reply = client.post("/api/documents", json={"name": "ferry.txt", "text": FERRY})
    assert reply.status_code == 200, reply.text
    return reply.json["outcomes"][0]["document"]


def send(client, *files, **fields):
    data = {"file": [(io.BytesIO(content), name) for name, content in files]} | fields
    return client.post("/api/documents", data=data)


def test_an_empty_library_is_told_and_none_is_made(client, tmp_path):
    assert client.get("/api/documents").json == {"documents": [], "count": 0, "total": 0}
    assert client.get("/api/collections").json == {"collections": []}
    assert client.get("/api/documents/nothing").status_code == 404
    assert client.delete("/api/collections/default").status_code == 404
    asked = {"question": "When does the ferry leave?"}
    assert client.post("/api/search", json=asked).json["passages"] == []
    assert client.post("/api/ask", json=asked).json["source"] is None
    assert not (tmp_path / "library.sqlite").exists()


def test_a_text_is_kept_listed_shown_and_removed(client, filled):
    assert filled["name"] == "ferry.txt"
    assert client.get("/api/documents").json["total"] == 1
    shown = client.get(f"/api/documents/{filled['id']}").json
    assert (shown["text"], shown["page_list"]) == (FERRY, [])
    assert "source" not in shown
    assert client.delete(f"/api/documents/{filled['id']}").json["id"] == filled["id"]
    assert client.get(f"/api/documents/{filled['id']}").status_code == 404


def test_vectors_of_another_base_are_compared_with_no_question(client, filled, tmp_path):
    library = open_library(str(tmp_path / "library.sqlite"))
    text = library.document(filled["id"])
    library.put(Item("other", "n", text, split_passages(text), np.ones((1, 16), np.float32), "another"))
    library.close()
    asked = {"question": "When does the ferry leave?"}
    for path in ("/api/search", "/api/ask", "/api/qa"):
        error = client.post(path, json=asked).json["error"]
        assert error["code"] == "bad_library"
        assert "reindex" in error["remedy"]
    client.delete("/api/collections/other")
    assert client.post("/api/search", json=asked).json["count"] == 1


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"/api/documents?first={2**63 - 1}", 422),
        ("/api/documents/%00", 404),
        ("/api/documents/a%00b/pages/1.png", 404),
    ],
)
def test_what_no_database_takes_is_refused_before(client, filled, path, status):
    assert client.get(path).status_code == status


@pytest.mark.parametrize("name", ["READ.MD", "a.markdown", "a.rst", "b.LOG"])
def test_texts_keep_the_names_of_texts(client, name):
    reply = client.post("/api/documents", json={"name": name, "text": "# Quay"})
    assert reply.json["outcomes"][0]["name"] == name


def test_files_are_read_and_each_is_told_of(client):
    pdf = made.pdf([[(72, 700, 10, "The toll was two pence.")], [(72, 700, 10, "Dogs pay nothing.")]])
    reply = send(
        client, ("toll.pdf", pdf), ("torn.pdf", b"torn"), ("../../etc/x.md", b"# Up"), collection="bridge"
    )
    assert reply.status_code == 200
    states = {one["name"]: (one["state"], one["reason"]) for one in reply.json["outcomes"]}
    assert states["toll.pdf"] == ("added", "")
    assert states["torn.pdf"][0] == "failed"
    assert states["etc/x.md"][0] == "added"
    assert client.get("/api/collections").json["collections"][0]["documents"] == 2
    document = reply.json["outcomes"][0]["document"]
    assert document["pages"] == 2
    picture = client.get(f"/api/documents/{document['id']}/pages/2.png")
    assert picture.mimetype == "image/png"
    assert picture.data.startswith(b"\x89PNG")
    for number, status in ((3, 404), (0, 422)):
        assert client.get(f"/api/documents/{document['id']}/pages/{number}.png").status_code == status
    job = client.get(f"/api/documents/jobs/{reply.json['job']}").json
    assert (job["state"], job["done"], job["files"]) == ("done", 3, 3)
    assert client.delete("/api/collections/bridge").json["documents"] == 2
    assert client.get("/api/documents").json["total"] == 0


def test_an_answer_comes_with_its_place(client, filled):
    found = client.post("/api/ask", json={"question": "When does the ferry leave?", "top_k": 2}).json
    source = found["source"]
    assert found["answer"] == "The"
    assert source["passage"][found["start"] : found["end"]] == found["answer"]
    assert FERRY[source["start"] : source["end"]] == found["answer"]
    assert (source["document"], source["name"], source["page"]) == (filled["id"], "ferry.txt", None)
    assert [one["source"]["name"] for one in found["alternatives"]] == ["ferry.txt"]
    passages = client.post("/api/search", json={"question": "ferry"}).json["passages"]
    assert [one["text"] for one in passages] == [FERRY]


def test_not_in_the_documents(client):
    client.post("/api/documents", json={"name": "a.txt", "text": "unanswerable things"})
    found = client.post("/api/ask", json={"question": "What?"}).json
    assert (found["answer"], found["answerable"], found["source"]) == ("", False, None)
    assert found["passages_read"] == 1
    assert (found["nearest"]["name"], found["nearest"]["text"]) == ("a.txt", "unanswerable things")
    answered = client.post("/api/ask", json={"question": "What?", "abstain": False}).json
    assert (answered["answerable"], answered["nearest"]) == (True, None)


def test_a_question_without_a_context_asks_the_library_if_it_holds_anything(client):
    assert client.post("/api/qa", json={"question": "When?"}).status_code == 422
    client.post("/api/documents", json={"name": "ferry.txt", "text": FERRY})
    found = client.post("/api/qa", json={"question": "When does the ferry leave?"}).json
    assert (found["routed_because"], found["source"], found["document"]["name"]) == (
        "library",
        "bert",
        "ferry.txt",
    )
    assert client.post("/api/qa", json={"question": "When?", "context": "At noon."}).json["document"] is None


def test_alternatives_out_of_the_library_tell_where_they_stand(client):
    client.post("/api/documents", json={"name": "ferry.txt", "text": FERRY})
    body = {"question": "When does the ferry leave?", "top_k": 3}
    others = client.post("/api/qa", json=body).json["alternatives"]
    assert others
    for one in others:
        assert one["document"]["name"] == "ferry.txt"
        assert one["document"]["passage"][one["start"] : one["end"]] == one["answer"]
    told = client.post("/api/qa", json=body | {"context": FERRY}).json["alternatives"]
    assert told
    assert {one["document"] for one in told} == {None}


def test_a_model_that_gets_no_text_asks_the_library(client):
    body = {"model": "bert-qa:squad", "messages": [{"role": "user", "content": "When does the ferry leave?"}]}
    assert client.post("/api/chat", json=body | {"stream": False}).status_code == 400
    client.post("/api/documents", json={"name": "ferry.txt", "text": FERRY})
    native = client.post("/api/chat", json=body | {"stream": False}).json
    assert native["message"]["content"] == "The [ferry.txt]"
    openai = client.post("/v1/chat/completions", json=body).json
    assert openai["choices"][0]["message"]["content"] == "The [ferry.txt]"
    prompt = {"model": "bert-qa:squad", "prompt": "When does the ferry leave?", "stream": False}
    assert client.post("/api/generate", json=prompt).json["response"] == "The [ferry.txt]"


@pytest.mark.parametrize(
    ("body", "status", "named"),
    [
        ({"question": " "}, 422, "question"),
        ({"question": "q", "collection": "Not A Name"}, 422, "collection"),
        ({"question": "q", "collection": "nothing"}, 404, "nothing"),
        ({"question": "q", "documents": ["nothing"]}, 404, "nothing"),
        ({"question": "q", "top_k": 0}, 422, "top_k"),
        ({"question": "q", "generate": True}, 422, "generate"),
        ({"question": "q" * 2000}, 422, "question"),
        ({"question": "q", "more": 1}, 422, "more"),
    ],
)
def test_what_cannot_be_asked_is_told(client, filled, body, status, named):
    reply = client.post("/api/ask", json=body)
    assert (reply.status_code, named in reply.json["error"]["message"]) == (status, True), reply.text


def test_each_limit_is_told_as_it_is(client, filled):
    def said(reply):
        return reply.json["error"]["message"]

    assert said(client.post("/api/ask", json={"question": "q", "top_k": 21})).endswith("from 1 to 20.")
    assert said(client.post("/api/search", json={"question": "q", "top_k": 101})).endswith("from 1 to 100.")
    assert said(client.post("/api/ask", json={"question": "q", "passages": 101})).endswith("from 1 to 100.")
    assert "not a collection's name" in said(client.delete("/api/collections/Not A Name"))
    assert "not an adapter's name" in said(client.delete("/api/adapters/Not A Name"))


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({"data": {}}, 415),
        ({"data": b"x", "content_type": "text/plain"}, 415),
        ({"data": {"a": "b"}, "content_type": "multipart/form-data"}, 422),
        ({"json": {"name": "", "text": "x"}}, 422),
        ({"json": {"name": "a", "text": " "}}, 422),
        ({"json": {"name": "a", "text": "x", "collection": "../x"}}, 422),
    ],
)
def test_what_cannot_be_added_is_told(client, asked, status):
    assert client.post("/api/documents", **asked).status_code == status


def test_a_form_with_a_bad_collection_is_refused(client):
    assert send(client, ("a.txt", b"x"), collection="../x").status_code == 422


@pytest.mark.parametrize("fields", [{"colection": "secret"}, {"collection": ["one", "two"]}])
def test_a_form_with_a_field_that_is_none_files_nothing_elsewhere(client, fields):
    reply = send(client, ("a.txt", b"Some words."), **fields)
    assert reply.status_code == 422
    assert next(iter(fields)) in reply.json["error"]["message"]
    asked = {"name": "a.txt", "text": "Some words."}
    assert client.post("/api/documents?collection=secret", json=asked).status_code == 422
    assert client.get("/api/documents").json["total"] == 0


def test_a_name_that_is_too_long_replaces_no_other(client):
    for _ in range(2):
        for folder in "12":
            assert send(client, (f"{folder}/{'x' * 300}.txt", b"Some words.")).status_code == 200
    names = [one["name"] for one in client.get("/api/documents").json["documents"]]
    assert len(names) == 2
    assert all(len(name) == 255 and name.endswith("x.txt") for name in names)


def test_compressed_forms_are_refused_as_such(client):
    form = {"data": {"file": (io.BytesIO(b"x"), "a.txt")}, "headers": {"Content-Encoding": "gzip"}}
    reply = client.post("/api/documents", **form)
    assert (reply.status_code, reply.json["error"]["code"]) == (415, "unsupported_media_type")


def test_a_document_of_another_collection_is_told(client, filled):
    assert send(client, ("b.txt", b"Some words."), collection="other").status_code == 200
    asked = {"question": "When does the ferry leave?", "collection": "other", "documents": [filled["id"]]}
    for path in ("/api/ask", "/api/search"):
        reply = client.post(path, json=asked)
        assert (reply.status_code, "is not in the collection" in reply.json["error"]["message"]) == (
            404,
            True,
        )


def test_only_so_many_pages_are_drawn_at_a_time(client, monkeypatch):
    fares = send(client, ("fares.pdf", made.pdf([[(72, 700, 10, "Fares are due.")]]))).json["outcomes"][0][
        "document"
    ]
    path = f"/api/documents/{fares['id']}/pages/1.png"
    assert client.get(path).status_code == 200
    monkeypatch.setattr(documents, "_DRAWING", threading.BoundedSemaphore(1))
    monkeypatch.setattr(documents, "_DRAW_WAIT_S", 0.05)
    with documents._DRAWING:
        reply = client.get(path)
    assert (reply.status_code, reply.json["error"]["code"]) == (503, "overloaded")
    assert client.get(path).status_code == 200


@pytest.mark.parametrize(
    "form",
    [
        b'--x\r\nContent-Disposition: form-data; name="a"; filename="caf\xe9.txt"\r\n\r\nNine.\r\n--x--\r\n',
        b'--x\r\nContent-Disposition: form-data; name="a"; filename="a.txt"\r\n\r\nNine.\r\n'
        b'--x\r\nContent-Disposition: form-data; name="b"; filename="b.txt"\r\n\r\nTen, and no m',
        b"--x\r\n\r\nNine.\r\n--x--\r\n",
    ],
    ids=["a name that is not UTF-8", "torn", "no name"],
)
def test_a_form_that_cannot_be_read_is_told_and_nothing_of_it_is_kept(client, form):
    reply = client.post("/api/documents", data=form, content_type="multipart/form-data; boundary=x")
    assert reply.status_code == 422
    assert "the form cannot be read" in reply.json["error"]["message"]
    assert client.get("/api/documents").json["total"] == 0


def test_too_large_an_upload_is_refused(app, client, monkeypatch):
    service = app.extensions["localqa"]
    monkeypatch.setattr(service, "settings", service.settings.model_copy(update={"max_upload_bytes": 2000}))
    assert send(client, ("a.txt", b"x " * 2000)).status_code == 413


def test_a_form_of_too_many_files_is_told_as_that(client):
    reply = send(client, *((f"{number}.txt", b"x") for number in range(1001)))
    assert reply.status_code == 413
    assert "1,000 parts" in reply.json["error"]["message"]
    assert send(client, ("a.txt", b"x"), password="x" * 600_000).status_code == 413


@pytest.fixture
def generating(reader, ollama_server):
    """A client of a server with an Ollama server beside it, and a document in its library."""
    ollama_server.pieces = ["The ferry leaves", " at seven. ", "It is red."]
    settings = Settings.load(ollama="on", ollama_host=ollama_server.url, ollama_model="tiny:1b")
    client = create_app(settings, reader).test_client()
    client.post("/api/documents", json={"name": "ferry.txt", "text": FERRY})
    return client, ollama_server


def test_a_model_writes_and_each_sentence_is_held_against_the_passages(generating):
    client, _ = generating
    body = {"question": "When does the ferry leave?", "generate": True}
    found = client.post("/api/ask", json=body).json
    assert found["answer"] == "The ferry leaves at seven. It is red."
    assert (found["model"], found["score"], found["start"]) == ("tiny:1b", None, None)
    first, second = found["sentences"]
    assert (first["supported"], first["source"]["name"]) == (True, "ferry.txt")
    assert FERRY[first["source"]["start"] : first["source"]["end"]] == FERRY
    assert (second["supported"], second["source"]) == (False, None)
    lines = [
        json.loads(line) for line in client.post("/api/ask", json=body | {"stream": True}).text.splitlines()
    ]
    assert "".join(line["delta"] for line in lines[:-1]) == found["answer"]
    assert lines[-1]["done"] is True
    assert lines[-1]["sentences"] == found["sentences"]


def test_what_the_library_answers_is_counted(generating):
    client, _ = generating
    body = {"question": "When does the ferry leave?"}
    client.post("/api/ask", json=body)
    client.post("/api/ask", json=body | {"generate": True})
    told = client.get("/metrics").text
    for source in ("bert", "ollama"):
        assert f'localqa_routed_total{{because="library",source="{source}"}} 1.0' in told


def test_a_model_that_fails_at_once_is_told_by_the_status(generating):
    client, ollama = generating
    ollama.fault = "missing"
    for stream in (False, True):
        body = {"question": "When does the ferry leave?", "generate": True, "stream": stream}
        reply = client.post("/api/ask", json=body)
        assert (reply.status_code, reply.json["error"]["code"]) == (503, "ollama_model_missing")


@pytest.mark.parametrize("fault", ["500", "missing", "cut"])
def test_not_in_the_documents_is_an_answer_where_the_model_fails(generating, fault):
    client, ollama = generating
    client.post("/api/documents", json={"name": "ferry.txt", "text": "unanswerable things"})
    ollama.fault = fault
    found = client.post("/api/qa", json={"question": "Why?"}).json
    assert (found["answerable"], found["routed_because"]) == (False, "ollama_failed")
    *_, last = client.post("/api/qa", json={"question": "Why?", "stream": True}).text.splitlines()
    assert (json.loads(last)["source"], json.loads(last)["routed_because"]) == ("bert", "ollama_failed")
    pairs = [{"question": "Why?"}, {"question": "Why?", "context": FERRY}]
    results = client.post("/api/qa/batch", json={"qa_pairs": pairs}).json["results"]
    assert [one["routed_because"] for one in results] == ["ollama_failed", "context_given"]


def test_what_the_library_does_not_answer_goes_to_the_model(generating):
    client, _ = generating
    found = client.post("/api/qa", json={"question": "When does the ferry leave?"}).json
    assert found["routed_because"] == "library"
    client.post("/api/documents", json={"name": "ferry.txt", "text": "unanswerable things"})
    found = client.post("/api/qa", json={"question": "Why is the sky blue?"}).json
    assert (found["routed_because"], found["source"]) == ("not_in_library", "ollama")
    counted = client.get("/metrics").get_data(as_text=True)
    assert 'because="not_in_library"' in counted
    assert 'because="no_context"' not in counted
    found = client.post("/api/qa", json={"question": "Why?", "route": "extractive"}).json
    assert (found["routed_because"], found["answerable"]) == ("library", False)
    pairs = [
        {"question": "Why?", "route": "extractive"},
        {"question": "Why?", "context": FERRY},
        {"question": "Why?"},
        {"question": "Why?", "route": "ollama"},
    ]
    results = client.post("/api/qa/batch", json={"qa_pairs": pairs}).json["results"]
    assert [one["routed_because"] for one in results] == [
        "library",
        "context_given",
        "not_in_library",
        "requested",
    ]
    assert (
        client.post("/api/qa", json={"question": "Why?", "route": "ollama"}).json["routed_because"]
        == "requested"
    )

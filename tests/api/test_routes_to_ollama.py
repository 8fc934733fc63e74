"""`/api/qa` and its batch with an Ollama server: open questions, fallback, streams."""

import json

import pytest

from app import create_app
from localqa.api.service import EXTENSION
from localqa.config import Settings

TEXT = "Ada Lovelace wrote it. Charles built it."


@pytest.fixture
def asking(ollama_server, reader):
    settings = Settings.load(
        ollama="on", ollama_host=ollama_server.url, ollama_model="tiny:1b", ollama_timeout_s=0.5
    )
    return create_app(settings, reader).test_client()


def test_open_question_is_answered_by_the_model(asking):
    found = asking.post("/api/qa", json={"question": "Who wrote it?"}).get_json()
    assert found["answer"] == "Ada Lovelace wrote it."
    assert (found["source"], found["model"], found["routed_because"]) == ("ollama", "tiny:1b", "no_context")
    assert (found["score"], found["start"], found["supported"], found["support"]) == (None,) * 4


def test_generated_answer_is_held_against_its_context(asking):
    body = {"question": "Who wrote it?", "context": TEXT, "route": "ollama"}
    found = asking.post("/api/qa", json=body).get_json()
    assert found["supported"] is True
    assert found["support"]["answer"] == TEXT[found["support"]["start"] : found["support"]["end"]] == "Ada"
    unlike = asking.post("/api/qa", json=body | {"context": "Nobody knows."}).get_json()
    assert unlike["supported"] is False


def test_extractive_answer_says_why(asking, ollama_server):
    found = asking.post("/api/qa", json={"question": "Who?", "context": TEXT}).get_json()
    assert (found["source"], found["model"], found["routed_because"]) == (
        "bert",
        "bert-qa:squad",
        "context_given",
    )
    assert ollama_server.requests == []


def test_fallback_is_asked_for_or_set(asking, ollama_server, reader):
    body = {"question": "Who?", "context": "unanswerable"}
    assert asking.post("/api/qa", json=body).get_json()["source"] == "bert"
    found = asking.post("/api/qa", json=body | {"fallback": True}).get_json()
    assert (found["source"], found["routed_because"], found["answerable"]) == (
        "ollama",
        "not_answerable",
        False,
    )
    settings = Settings.load(ollama="on", ollama_host=ollama_server.url, ollama_fallback=True)
    always = create_app(settings, reader).test_client()
    assert always.post("/api/qa", json=body).get_json()["source"] == "ollama"
    assert always.post("/api/qa", json=body | {"fallback": False}).get_json()["source"] == "bert"
    for fault in ("500", "cut", "error_line"):
        ollama_server.fault = fault
        found = always.post("/api/qa", json=body).get_json()
        assert (found["source"], found["answerable"]) == ("bert", False)
        assert found["routed_because"] == "ollama_failed"
        *_, last = lines(always.post("/api/qa", json=body | {"stream": True}))
        assert (last["done"], last["source"], last["routed_because"]) == (True, "bert", "ollama_failed")


def test_an_answer_that_is_held_back_falls_back(asking, ollama_server):
    body = {"question": "Who?", "context": TEXT, "min_score": 0.8, "fallback": True}
    found = asking.post("/api/qa", json=body).get_json()
    assert (found["source"], found["routed_because"]) == ("ollama", "not_answerable")
    assert (found["answerable"], found["null_score"]) == (False, -3.25)
    # The span that was too unsure to be the answer still shows where the generated one stands.
    assert found["support"]["answer"] == "Ada"
    ollama_server.fault = "cut"
    held = asking.post("/api/qa", json=body).get_json()
    assert (held["source"], held["answer"], held["alternatives"]) == ("bert", "", [])
    assert held["routed_because"] == "ollama_failed"


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ("hang", 504, "ollama_timeout"),
        ("500", 503, "ollama_unavailable"),
        ("missing", 503, "ollama_model_missing"),
        ("cut", 503, "ollama_unavailable"),
    ],
)
def test_faults_are_errors_with_a_remedy(asking, ollama_server, fault, status, code):
    ollama_server.fault = fault
    response = asking.post("/api/qa", json={"question": "Who?"})
    error = response.get_json()["error"]
    assert (response.status_code, error["code"]) == (status, code)
    assert error["remedy"]
    assert asking.post("/api/qa", json={"question": "Who?", "context": TEXT}).status_code == 200


def test_a_model_that_the_caller_named_wrongly_is_the_callers_to_mend(asking, ollama_server):
    ollama_server.fault = "missing"
    body = {"question": "Who?", "model": "nope"}
    unanswerable = {"name": "a.txt", "text": "unanswerable things"}
    for route, more, document in (
        ("/api/qa", {}, None),
        ("/api/qa", {"context": "unanswerable", "fallback": True}, None),
        ("/api/ask", {"generate": True}, {"name": "a.txt", "text": TEXT}),
        ("/api/qa", {}, unanswerable),
    ):
        if document:
            asking.post("/api/documents", json=document)
        response = asking.post(route, json=body | more)
        assert response.status_code == 422, (route, more)
        assert response.get_json()["error"]["message"].startswith("model: ")
        assert "Retry-After" not in response.headers


def test_a_body_that_was_passed_on_keeps_no_room_while_the_model_writes(asking):
    picture = "A" * 400_000
    chat = {"model": "llava", "messages": [{"role": "user", "content": "Gebäude?", "images": [picture]}]}
    with asking.post("/api/chat", data=json.dumps(chat, ensure_ascii=False).encode()) as response:
        assert response.status_code == 200
        assert not response.is_sequence
        assert asking.application.extensions[EXTENSION].bodies._taken == 0


def batch(client, *pairs):
    return client.post("/api/qa/batch", json={"qa_pairs": pairs})


def test_each_question_of_a_batch_goes_its_own_way(asking, reader):
    pairs = [
        {"question": "Who?", "context": TEXT},
        {"question": "Who?", "context": TEXT, "route": "extractive"},
        {"question": "Who?", "context": TEXT, "route": "ollama", "model": "other:1b"},
        {"question": "Who?", "context": "unanswerable"},
        {"question": "Who?", "context": "unanswerable", "fallback": True},
        {"question": "Who?", "context": TEXT, "fallback": True},
        {"question": "Who?"},
    ]
    found = batch(asking, *pairs).get_json()["results"]
    assert [(one["source"], one["routed_because"]) for one in found] == [
        ("bert", "context_given"),
        ("bert", "requested"),
        ("ollama", "requested"),
        ("bert", "context_given"),
        ("ollama", "not_answerable"),
        ("bert", "context_given"),
        ("ollama", "no_context"),
    ]
    assert (found[2]["model"], found[2]["supported"], found[4]["model"]) == ("other:1b", True, "tiny:1b")
    assert len(reader.queries) == 6
    alone = [asking.post("/api/qa", json=pair).get_json() for pair in pairs]
    assert alone == found


def test_a_batch_falls_back_as_the_server_is_set(ollama_server, reader):
    settings = Settings.load(ollama="on", ollama_host=ollama_server.url, ollama_fallback=True)
    always = create_app(settings, reader).test_client()
    pair = {"question": "Who?", "context": "unanswerable"}
    found = batch(always, pair, pair | {"fallback": False}).get_json()["results"]
    assert [one["source"] for one in found] == ["ollama", "bert"]
    ollama_server.fault = "cut"
    (found,) = batch(always, pair).get_json()["results"]
    assert (found["source"], found["routed_because"]) == ("bert", "ollama_failed")


def test_a_batch_takes_one_place_at_the_server(ollama_server, reader):
    settings = Settings.load(ollama="on", ollama_host=ollama_server.url, ollama_max_requests=1)
    asking = create_app(settings, reader).test_client()
    response = batch(asking, *[{"question": "Who?"}] * 3)
    assert (response.status_code, response.get_json()["count"]) == (200, 3)


def test_a_batch_with_a_question_that_nobody_can_answer_is_refused(reader, asking, ollama_server):
    alone = create_app(Settings.load(ollama="off"), reader).test_client()
    known = {"question": "Who?", "context": TEXT}
    for client, pair, said in [
        (alone, {"question": "Who?"}, "qa_pairs[1].context: is missing."),
        (alone, known | {"route": "ollama"}, "qa_pairs[1].route: there is no Ollama server to ask."),
        (asking, {"question": "Who?", "route": "extractive"}, "qa_pairs[1].context: is missing."),
    ]:
        response = batch(client, known, pair)
        assert (response.status_code, response.get_json()["error"]["message"]) == (422, said)
    assert (reader.queries, ollama_server.requests) == ([], [])
    ollama_server.fault = "500"
    assert batch(asking, known, {"question": "Who?"}).status_code == 503


def lines(response):
    assert response.mimetype == "application/x-ndjson"
    return [json.loads(line) for line in response.data.splitlines()]


def test_stream_of_a_generated_answer(asking):
    *pieces, last = lines(asking.post("/api/qa", json={"question": "Who?", "stream": True}))
    assert "".join(piece["delta"] for piece in pieces) == last["answer"] == "Ada Lovelace wrote it."
    assert last["done"] is True
    assert last["source"] == "ollama"


def test_stream_of_an_extracted_answer_is_one_line(asking):
    (only,) = lines(asking.post("/api/qa", json={"question": "Who?", "context": TEXT, "stream": True}))
    assert (only["done"], only["source"], only["answer"]) == (True, "bert", "Ada")


def test_stream_that_breaks_off_ends_in_an_error(asking, ollama_server):
    ollama_server.fault = "cut"
    *_, last = lines(asking.post("/api/qa", json={"question": "Who?", "stream": True}))
    assert last["error"]["code"] == "ollama_unavailable"


def test_health_tells_how_the_server_was(asking, ollama_server):
    assert asking.get("/api/health").get_json()["ollama"] == "unknown"
    asking.post("/api/qa", json={"question": "Who?"})
    assert asking.get("/api/health").get_json()["ollama"] == "ok"
    ollama_server.fault = "hang"
    asking.post("/api/qa", json={"question": "Who?"})
    assert asking.get("/api/health").get_json()["ollama"] == "unreachable"


def test_routing_is_counted(asking):
    asking.post("/api/qa", json={"question": "Who?"})
    assert 'localqa_routed_total{because="no_context",source="ollama"} 1.0' in asking.get("/metrics").text


def test_address_that_is_none_stops_the_start(reader):
    from localqa.errors import ConfigError

    with pytest.raises(ConfigError, match="OLLAMA_HOST"):
        create_app(Settings.load(ollama="auto", ollama_host="ftp://x"), reader)

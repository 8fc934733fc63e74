"""What is refused when there is too much to do, and what the caller's patience becomes."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from app import create_app
from localqa.config import Settings
from localqa.errors import DeadlineError, LocalQAError, OverloadedError, TooLargeError

BODY = {"question": "Who?", "context": "Ada."}


def test_more_requests_than_allowed_are_refused_and_the_others_answered(reader):
    app = create_app(Settings.load(max_requests=2), reader)
    reader.gate.clear()

    def ask(_):
        return app.test_client().post("/api/qa", json=BODY)

    with ThreadPoolExecutor(2) as pool:
        accepted = [pool.submit(ask, n) for n in range(2)]
        ends = time.monotonic() + 5
        while "localqa_active_requests 2.0" not in app.test_client().get("/metrics").get_data(as_text=True):
            assert time.monotonic() < ends
        refused = ask(2)
        reader.gate.set()
        assert [one.result().status_code for one in accepted] == [200, 200]
    assert (refused.status_code, refused.get_json()["error"]["code"]) == (503, "overloaded")
    assert int(refused.headers["Retry-After"]) > 0
    assert ask(3).status_code == 200


def test_caller_has_patience_until_the_deadline(reader):
    client = create_app(Settings.load(deadline_s=2.5), reader).test_client()
    client.post("/api/qa", json=BODY)
    assert 1 < reader.patience.deadline - time.monotonic() < 2.5
    assert not reader.patience.cancelled()


@pytest.mark.parametrize(
    ("error", "status"), [(TooLargeError("x"), 413), (OverloadedError("x"), 503), (DeadlineError("x"), 504)]
)
def test_limits_of_the_engine_become_http(client, reader, monkeypatch, error, status):
    def refuse(*_, **__):
        raise error

    monkeypatch.setattr(reader, "answer", refuse)
    response = client.post("/api/qa", json=BODY)
    assert response.status_code == status
    assert ("Retry-After" in response.headers) == (status == 503)


def test_limits_are_told(client):
    limits = client.get("/api/model/info").get_json()["limits"]
    assert {"max_windows", "max_requests", "max_waiting_windows", "deadline_s"} <= limits.keys()


def test_metrics_count_requests_and_answers_but_hold_no_text(client):
    client.post("/api/qa", json={"question": "Where is Kilimanjaro?", "context": "unanswerable Kilimanjaro"})
    client.post("/api/qa", json={"question": 1})
    client.get("/no/such/route/Kilimanjaro")
    text = client.get("/metrics").get_data(as_text=True)
    assert 'localqa_requests_total{route="/api/qa",status="200"} 1.0' in text
    assert 'localqa_requests_total{route="/api/qa",status="422"} 1.0' in text
    assert 'localqa_requests_total{route="unknown",status="404"} 1.0' in text
    assert 'localqa_answers_total{adapter="squad",answerable="no"} 1.0' in text
    assert "Kilimanjaro" not in text


def test_metrics_count_an_answer_as_it_was_given(client):
    body = {"question": "Who?", "context": "Ada wrote it.", "min_score": 0.9}
    assert client.post("/api/qa", json=body).get_json()["answerable"] is False
    text = client.get("/metrics").get_data(as_text=True)
    assert 'localqa_answers_total{adapter="squad",answerable="no"} 1.0' in text
    assert 'answerable="yes"} 1.0' not in text


@pytest.mark.parametrize("path", ["/api/qa", "/api/qa/batch", "/predict", "/api/chat", "/v1/embeddings"])
@pytest.mark.parametrize(
    "many",
    [b"[]," * 60_000 + b"[]", b"1," * 60_000 + b"1", b'{"a":{}},' * 30_000 + b"1", b'"",' * 60_000 + b'""'],
)
def test_more_values_than_allowed_are_refused_before_they_are_made(client, path, many):
    body = b'{"model": "bert-qa", "question": "Who?", "x": [' + many + b"]}"
    response = client.post(path, data=body, content_type="application/json")
    assert response.status_code == 413
    assert "50,000 values" in response.get_data(as_text=True)


def test_most_values_are_a_setting(reader):
    client = create_app(Settings.load(max_values=1000), reader).test_client()
    body = {"qa_pairs": [BODY] * 60}
    assert client.post("/api/qa/batch", json=body).status_code == 200
    assert client.post("/api/qa/batch", json=body | {"x": [1] * 1000}).status_code == 413


@pytest.mark.parametrize("path", ["/api/chat", "/v1/chat/completions", "/api/show"])
@pytest.mark.parametrize("char", ["a", "\u0001", "é"])
def test_a_name_of_megabytes_is_echoed_short(client, path, char):
    response = client.post(path, json={"model": char * 1_000_000, "messages": []})
    assert response.status_code == 400
    assert len(response.data) < 1000


def test_any_message_is_short(client, reader, monkeypatch):
    def refuse(*_, **__):
        raise TooLargeError("x\n" * 1_000_000, remedy="y" * 1_000_000)

    monkeypatch.setattr(reader, "answer", refuse)
    assert len(client.post("/api/qa", json=BODY).data) < 10_000


@pytest.mark.parametrize(
    ("error", "traces"),
    [(OverloadedError("x"), False), (DeadlineError("x"), False), (LocalQAError("x"), True)],
)
def test_only_what_is_this_program_s_own_fault_leaves_a_traceback(
    client, reader, monkeypatch, caplog, error, traces
):
    def refuse(*_, **__):
        raise error

    monkeypatch.setattr(reader, "answer", refuse)
    client.post("/api/qa", json=BODY)
    (told,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert bool(told.exc_info) is traces


def test_a_batch_is_read_in_parts_that_fit_and_answered_in_order(client, reader, monkeypatch):
    sizes = []
    answer = reader.answer

    def noted(queries, *, patience):
        sizes.append(sum(len(query.context) for query in queries))
        return answer(queries, patience=patience)

    monkeypatch.setattr(reader, "answer", noted)
    pairs = [{"question": "Who?", "context": f"Ada{number} " + "x" * 200_000} for number in range(6)]
    results = client.post("/api/qa/batch", json={"qa_pairs": pairs}).get_json()["results"]
    assert [one["answer"] for one in results] == [f"Ada{number}" for number in range(6)]
    assert len(sizes) == 3
    assert max(sizes) <= 500_000

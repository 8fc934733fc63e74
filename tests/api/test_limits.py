"""What is refused when there is too much to do, and what the caller's patience becomes."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from app import create_app
from localqa.config import Settings
from localqa.errors import DeadlineError, OverloadedError, TooLargeError

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

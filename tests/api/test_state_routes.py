"""Health, probes and model info, before and after the model is loaded."""

import threading
import time

import pytest
from flask.testing import FlaskClient

import localqa.api.app as app_module
from app import create_app
from localqa import __version__
from localqa.api.loading import Loading
from localqa.api.service import EXTENSION, Service
from localqa.config import Settings
from localqa.errors import BaseModelError, LocalQAError
from tests.api.fake_reader import FakeReader


def unloaded(monkeypatch: pytest.MonkeyPatch) -> tuple[FlaskClient, Service]:
    """An app whose reader nobody loads."""
    monkeypatch.setattr(app_module, "_load", lambda service, background: None)
    app = create_app(Settings.load())
    return app.test_client(), app.extensions[EXTENSION]


def fail() -> FakeReader:
    raise BaseModelError("No base.", remedy="Install it.")


def test_health(client: FlaskClient) -> None:
    body = client.get("/api/health").json
    assert body.pop("uptime_s") >= 0
    assert body == {
        "status": "ok",
        "ready": True,
        "version": __version__,
        "adapter": "squad",
        "adapters": ["squad", "law"],
        "broken": [{"name": "torn", "problem": "qa_config.json is not JSON"}],
        "ollama": "off",
        "summaries": "off",
    }


def test_probes(client: FlaskClient) -> None:
    assert client.get("/livez").json == {"status": "alive"}
    assert client.get("/readyz").json == {"status": "ready"}


def test_model_info_has_the_limits(client: FlaskClient) -> None:
    body = client.get("/api/model/info").json
    assert body["base"] == "fake/base"
    assert body["limits"] == {
        "max_body_bytes": 2_097_152,
        "max_question_chars": 1000,
        "max_question_words": 100,
        "max_context_chars": 500_000,
        "max_batch": 64,
        "max_windows": 1024,
        "max_requests": 256,
        "max_waiting_windows": 4096,
        "deadline_s": 60.0,
        "max_top_k": 20,
    }


def test_while_loading_it_lives_but_is_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    client, _ = unloaded(monkeypatch)
    assert client.get("/livez").status_code == 200
    assert client.get("/api/health").json["status"] == "loading"
    response = client.get("/readyz")
    assert response.status_code == 503
    assert int(response.headers["Retry-After"]) > 0
    assert response.json["error"]["code"] == "not_ready"


@pytest.mark.parametrize("path", ["/api/qa", "/predict"])
def test_while_loading_questions_are_refused(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    client, _ = unloaded(monkeypatch)
    response = client.post(path, json={"question": "a", "context": "b"})
    assert response.status_code == 503
    assert "Retry-After" in response.headers


def test_a_failed_load_is_told_by_the_probes(monkeypatch: pytest.MonkeyPatch) -> None:
    client, service = unloaded(monkeypatch)
    service.loading.load_in_background(fail)
    assert client.get("/api/health").json["status"] == "failed"
    response = client.get("/readyz")
    assert response.status_code == 503
    assert "No base." in response.json["error"]["message"]
    assert response.json["error"]["remedy"] == "Install it."


def test_a_failed_load_is_raised_when_it_is_waited_for() -> None:
    with pytest.raises(LocalQAError, match=r"No base\."):
        Loading().load(fail)


def test_loading_in_the_background_becomes_ready() -> None:
    loading = Loading()
    thread = threading.Thread(target=loading.load_in_background, args=(FakeReader,))
    thread.start()
    thread.join(5)
    assert loading.status == "ok"


def test_an_unexpected_failure_in_the_background_is_told_without_detail() -> None:
    def broken() -> FakeReader:
        raise ZeroDivisionError

    loading = Loading()
    loading.load_in_background(broken)
    assert loading.status == "failed"
    with pytest.raises(LocalQAError, match="could not be loaded"):
        _ = loading.reader


def test_uptime_grows() -> None:
    service = Service(Settings.load())
    before = service.uptime_s
    time.sleep(0.01)
    assert service.uptime_s > before


def test_draining_server_is_not_ready_but_answers(client: FlaskClient) -> None:
    client.application.extensions[EXTENSION].loading.drain()
    ready = client.get("/readyz")
    assert (ready.status_code, ready.get_json()["error"]["code"]) == (503, "not_ready")
    assert int(ready.headers["Retry-After"]) > 0
    assert client.get("/livez").status_code == 200
    health = client.get("/api/health").get_json()
    assert (health["status"], health["ready"]) == ("draining", False)
    assert client.post("/api/qa", json={"question": "Who?", "context": "Ada."}).status_code == 200

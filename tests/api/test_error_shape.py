"""What every response has: the error shape, the request id, the headers, the line in the log."""

import logging
import subprocess
import sys

import pytest
from flask.testing import FlaskClient

from localqa.api.logs import LogfmtFormatter
from localqa.errors import BaseModelError, InvalidInputError, TooLargeError
from tests.api.fake_reader import FakeReader
from tests.conftest import ROOT

QA = {"question": "What is the secret?", "context": "The secret is hidden."}


def test_an_unknown_route(client: FlaskClient) -> None:
    response = client.get("/api/nothing")
    assert response.status_code == 404
    assert response.json["error"]["code"] == "not_found"
    assert "/api/nothing" in response.json["error"]["message"]


def test_a_route_with_odd_characters_is_echoed_short_and_printable(client: FlaskClient) -> None:
    message = client.get("/%ff%00" + "a" * 500).json["error"]["message"]
    assert message.isprintable()
    assert len(message) < 120


def test_a_wrong_method_names_the_right_one(client: FlaskClient) -> None:
    response = client.get("/api/qa")
    assert response.status_code == 405
    assert "POST" in response.headers["Allow"]
    assert response.json["error"]["remedy"] == "Use POST."


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (InvalidInputError("question: is odd."), 422, "invalid_input"),
        (TooLargeError("Too many windows."), 413, "too_large"),
        (BaseModelError("The base is gone."), 503, "base_unavailable"),
    ],
)
def test_what_the_reader_raises_becomes_its_status(
    client: FlaskClient,
    reader: FakeReader,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    status: int,
    code: str,
) -> None:
    monkeypatch.setattr(reader, "answer", lambda queries, patience: (_ for _ in ()).throw(error))
    response = client.post("/api/qa", json=QA)
    assert (response.status_code, response.json["error"]["code"]) == (status, code)
    assert ("Retry-After" in response.headers) == (status == 503)


def test_a_message_that_utf8_cannot_hold_is_escaped(
    client: FlaskClient, reader: FakeReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = InvalidInputError("bad \ud800\n")
    monkeypatch.setattr(reader, "answer", lambda queries, patience: (_ for _ in ()).throw(error))
    assert client.post("/api/qa", json=QA).json["error"]["message"] == "bad \\ud800\\n"


def test_an_unexpected_error_leaks_nothing_and_is_logged(
    client: FlaskClient, reader: FakeReader, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(reader, "answer", lambda queries, patience: 1 / 0)
    response = client.post("/api/qa", json=QA, headers={"X-Request-ID": "abc"})
    assert response.status_code == 500
    assert response.json["error"]["code"] == "internal_error"
    assert response.json["error"]["request_id"] == "abc"
    assert "division" not in response.text
    assert "request_id=abc" in caplog.text
    assert "ZeroDivisionError" in caplog.text


def test_output_that_is_not_json_is_an_error_not_output(
    client: FlaskClient, reader: FakeReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "info", lambda: {"base": float("nan")})
    assert client.get("/api/model/info").status_code == 500


@pytest.mark.parametrize("given", ["a", "A-b_c.9", "x" * 64])
def test_a_sane_request_id_comes_back(client: FlaskClient, given: str) -> None:
    assert client.get("/livez", headers={"X-Request-ID": given}).headers["X-Request-ID"] == given


@pytest.mark.parametrize("given", ["", "x" * 65, "a b", "a\tb", "é", "<script>", "a;b"])
def test_any_other_request_id_is_replaced(client: FlaskClient, given: str) -> None:
    sent = client.get("/livez", headers={"X-Request-ID": given}).headers["X-Request-ID"]
    assert len(sent) == 32
    assert sent.isalnum()


@pytest.mark.parametrize("path", ["/api/health", "/nope", "/docs", "/openapi.json"])
def test_every_response_has_the_headers(client: FlaskClient, path: str) -> None:
    headers = client.get(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Request-ID"]


def test_the_log_has_one_line_per_request_and_no_text(
    client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, logger="localqa"):
        client.post("/api/qa?secret=1", json=QA, headers={"X-Request-ID": "abc"})
        client.post("/api/qa", json={**QA, "secret": 1})
    lines = [LogfmtFormatter().format(record) for record in caplog.records]
    assert len(lines) == 2
    assert "INFO request method=POST path=/api/qa status=200 ms=" in lines[0]
    assert lines[0].endswith("request_id=abc")
    assert "secret" not in "".join(lines)


def test_a_path_cannot_forge_a_log_line(client: FlaskClient, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="localqa"):
        client.get("/a%0Ab status=200")
    line = LogfmtFormatter().format(caplog.records[0])
    assert "\n" not in line
    assert 'path="/a\\nb status=200" status=404' in line


def test_a_line_is_printed_once_whatever_a_library_does_to_the_root_logger() -> None:
    code = (
        "import logging; from localqa.api.logs import configure_logging; configure_logging('info'); "
        "logging.basicConfig(level='INFO'); logging.getLogger('localqa.app').info('hello')"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stderr.count("hello") == 1

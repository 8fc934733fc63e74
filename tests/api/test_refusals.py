"""Bad input: each kind is a clear 4xx that names what is wrong, and reaches no reader."""

import io
import json
from typing import Any

import pytest
from flask.testing import FlaskClient

from app import create_app
from localqa.config import Settings
from tests.api.fake_reader import FakeReader

QA = {"question": "What is it?", "context": "It is a text."}
VALID = json.dumps(QA).encode()


def refused(response: Any, status: int) -> dict[str, str]:
    """The error of a response, after checking its status and shape."""
    assert response.status_code == status, response.text
    error = response.json["error"]
    assert list(error) == ["code", "message", "remedy", "request_id"]
    assert error["message"]
    assert error["request_id"] == response.headers["X-Request-ID"]
    return error


def post(client: FlaskClient, path: str, body: object) -> Any:
    """POST as most clients do, with every character beyond ASCII (lone surrogates too) escaped."""
    return client.post(path, data=json.dumps(body), content_type="application/json")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "empty"),
        (b"  \n ", "empty"),
        (b'{"question": "a", }', "line 1, column"),
        (b'{"question": "a"\n "context"', "line 2, column 2"),
        (b"question=a&context=b", "not valid JSON"),
        (b'{"question": "\xff"}', "UTF-8"),
        (b'{"question": "\xed\xa0\x80"}', "UTF-8"),
        (VALID.decode().encode("utf-16"), "UTF-8"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a":' * 100_000, "nested too deeply"),
        (b'{"top_k": NaN}', "NaN"),
        (b'{"top_k": -Infinity}', "-Infinity"),
        (b'{"top_k": ' + b"9" * 5000 + b"}", "too many digits"),
        (b'{"question": "a\tb"}', "control character"),
        (b"'single'", "not valid JSON"),
        (VALID + VALID, "extra data"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_a_body_that_is_not_json(client: FlaskClient, data: bytes, said: str) -> None:
    error = refused(client.post("/api/qa", data=data, content_type="application/json"), 400)
    assert error["code"] == "malformed_json"
    assert said in error["message"]


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ([QA], "a list"),
        (json.dumps(QA), "a string"),
        (None, "null"),
        (7, "a number"),
        (True, "a boolean"),
        ([], "a list"),
    ],
)
@pytest.mark.parametrize("path", ["/api/qa", "/api/qa/batch", "/predict"])
def test_json_that_is_no_object(client: FlaskClient, path: str, value: object, kind: str) -> None:
    error = refused(post(client, path, value), 422)
    assert error["message"] == f"body: must be a JSON object, not {kind}."


@pytest.mark.parametrize(
    "content_type", [None, "", "text/plain", "application/x-www-form-urlencoded", "application/xml", "json"]
)
def test_a_content_type_that_is_not_json(client: FlaskClient, content_type: str | None) -> None:
    error = refused(client.post("/api/qa", data=VALID, content_type=content_type), 415)
    assert error["code"] == "unsupported_media_type"
    assert "Content-Type: application/json" in error["remedy"]


def test_a_compressed_body(client: FlaskClient) -> None:
    response = client.post(
        "/api/qa", data=VALID, content_type="application/json", headers={"Content-Encoding": "gzip"}
    )
    assert "'gzip'" in refused(response, 415)["message"]


STREAM_IN_BATCH = (
    "qa_pairs[0]: unknown field 'stream' (known: question, context, adapter, top_k, abstain, min_score, "
    "read, route, fallback, model)."
)
BAD_FIELDS = [
    ({"question": ""}, "question: must not be empty."),
    ({"question": " \t\n\u2003"}, "question: must not be blank"),
    ({"question": 123}, "question: must be a string, not a number."),
    ({"question": None}, "question: must be a string, not null."),
    ({"question": ["a"]}, "question: must be a string, not a list."),
    ({"question": {"a": "b"}}, "question: must be a string, not an object."),
    ({"question": True}, "question: must be a string, not a boolean."),
    ({"question": "why " * 200}, "question: has 200 words, at most 100 are allowed."),
    ({"question": "w" * 1001}, "question: has 1,001 characters, at most 1,000 are allowed."),
    ({"question": "a\x00b"}, "question: holds the character NUL (U+0000) at position 1."),
    ({"question": "a\ud800"}, "question: holds a lone surrogate (U+D800) at position 1."),
    ({"context": ""}, "context: must not be empty."),
    ({"context": "   "}, "context: must not be blank"),
    ({"context": 1.5}, "context: must be a string, not a number."),
    ({"context": "\udfff"}, "context: holds a lone surrogate (U+DFFF) at position 0."),
    ({"context": "x" * 500_001}, "context: has 500,001 characters, at most 500,000 are allowed."),
]


@pytest.mark.parametrize(("change", "said"), BAD_FIELDS, ids=lambda value: repr(value)[:40])
@pytest.mark.parametrize("path", ["/api/qa", "/predict"])
def test_a_bad_text(
    client: FlaskClient, reader: FakeReader, path: str, change: dict[str, Any], said: str
) -> None:
    error = refused(post(client, path, {**QA, **change}), 422)
    assert error["message"].startswith(said)
    assert error["remedy"]
    assert not reader.queries


@pytest.mark.parametrize(("change", "said"), BAD_FIELDS, ids=lambda value: repr(value)[:40])
def test_a_bad_text_in_a_batch_is_named_with_its_place(
    client: FlaskClient, change: dict[str, Any], said: str
) -> None:
    body = {"qa_pairs": [QA, QA, QA, {**QA, **change}]}
    assert refused(post(client, "/api/qa/batch", body), 422)["message"].startswith(f"qa_pairs[3].{said}")


@pytest.mark.parametrize("top_k", [0, -1, 21, 10**30, 0.0, 21.0, 1.5, "1", True, None, [1]])
def test_a_bad_top_k(client: FlaskClient, top_k: object) -> None:
    error = refused(post(client, "/api/qa", {**QA, "top_k": top_k}), 422)
    assert error["message"] == "top_k: must be a whole number from 1 to 20."


@pytest.mark.parametrize("min_score", [-0.1, 1.5, "0.6", True, None, [1], 10**30])
@pytest.mark.parametrize("path", ["/api/qa", "/predict"])
def test_a_bad_min_score(client: FlaskClient, path: str, min_score: object) -> None:
    error = refused(post(client, path, {**QA, "min_score": min_score}), 422)
    assert error["message"] == "min_score: must be a number from 0 to 1."


@pytest.mark.parametrize("abstain", [0, "false", [True]])
def test_a_bad_abstain(client: FlaskClient, abstain: object) -> None:
    error = refused(post(client, "/api/qa", {**QA, "abstain": abstain}), 422)
    assert error["message"] == "abstain: must be true or false."


def test_an_adapter_that_always_answers_cannot_be_made_to_abstain(client: FlaskClient) -> None:
    error = refused(post(client, "/api/qa", {**QA, "abstain": True}), 422)
    assert error["message"].startswith("abstain: ")
    assert error["remedy"]


@pytest.mark.parametrize(
    "name", ["../x", "a/b", "", ".", "..", "-a", "A", "squad\n", "sq uad", "é", "x" * 65, "%2e%2e", "C:\\x"]
)
def test_a_name_that_no_adapter_has(client: FlaskClient, reader: FakeReader, name: str) -> None:
    error = refused(post(client, "/api/qa", {**QA, "adapter": name}), 422)
    assert error["message"].startswith("adapter: ")
    assert "is not an adapter's name" in error["message"]
    assert not reader.queries


def test_an_adapter_that_is_no_text(client: FlaskClient) -> None:
    error = refused(post(client, "/api/qa", {**QA, "adapter": 5}), 422)
    assert error["message"] == "adapter: must be a string, not a number."


def test_an_unknown_adapter_names_the_known_ones(client: FlaskClient) -> None:
    error = refused(post(client, "/api/qa", {**QA, "adapter": "medicine"}), 404)
    assert error["code"] == "adapter_not_found"
    assert "'medicine'" in error["message"]
    assert "squad, law" in error["message"]


@pytest.mark.parametrize("missing", ["question", "context"])
def test_a_missing_field(client: FlaskClient, missing: str) -> None:
    body = {name: text for name, text in QA.items() if name != missing}
    assert refused(post(client, "/api/qa", body), 422)["message"] == f"{missing}: is missing."


@pytest.mark.parametrize("body", [{"question": "Why?"}, {"question": "Why?", "context": None}])
def test_an_open_question_is_told_what_it_needs(client: FlaskClient, body: dict[str, Any]) -> None:
    assert "Ollama" in refused(post(client, "/api/qa", body), 422)["remedy"]


def test_an_unknown_field_is_told_the_known_ones(client: FlaskClient) -> None:
    error = refused(post(client, "/predict", {**QA, "questoin": "a"}), 422)
    assert error["message"] == (
        "body: unknown field 'questoin' (known: question, context, abstain, min_score, read)."
    )


def test_an_unknown_field_in_a_batch(client: FlaskClient) -> None:
    error = refused(post(client, "/api/qa/batch", {"qa_pairs": [QA, {**QA, "id": 1}]}), 422)
    assert error["message"].startswith("qa_pairs[1]: unknown field 'id'")


def test_many_unknown_fields_make_a_short_message(client: FlaskClient) -> None:
    error = refused(post(client, "/api/qa", {f"{i}" * 100: i for i in range(1000)}), 422)
    assert "and 997 more" in error["message"]
    assert len(error["message"]) < 400


def test_predict_takes_no_adapter(client: FlaskClient) -> None:
    assert "'adapter'" in refused(post(client, "/predict", {**QA, "adapter": "squad"}), 422)["message"]


@pytest.mark.parametrize("key", ["\ud800", "a\x00"])
def test_a_field_name_that_cannot_be_echoed(client: FlaskClient, key: str) -> None:
    message = refused(post(client, "/api/qa", {**QA, key: 1}), 422)["message"]
    assert message.isprintable()


@pytest.mark.parametrize(
    ("pairs", "said"),
    [
        ([], "qa_pairs: must not be empty."),
        ([QA] * 1000, "qa_pairs: holds 1,000 pairs, at most 64 are allowed."),
        ("text", "qa_pairs: must be a list, not a string."),
        ({"0": QA}, "qa_pairs: must be a list, not an object."),
        (None, "qa_pairs: must be a list, not null."),
        ([QA, "text"], "qa_pairs[1]: must be an object, not a string."),
        ([[QA]], "qa_pairs[0]: must be an object, not a list."),
        ([{}], "qa_pairs[0].question: is missing."),
        ([QA, {"question": "Who?"}], "qa_pairs[1].context: is missing."),
        ([{**QA, "route": "nowhere"}], "qa_pairs[0].route: must be 'auto', 'extractive' or 'ollama'."),
        ([{**QA, "stream": True}], STREAM_IN_BATCH),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_a_bad_batch(client: FlaskClient, pairs: object, said: str) -> None:
    assert refused(post(client, "/api/qa/batch", {"qa_pairs": pairs}), 422)["message"] == said


def test_a_batch_at_the_limit_passes(client: FlaskClient) -> None:
    assert post(client, "/api/qa/batch", {"qa_pairs": [QA] * 64}).json["count"] == 64


def test_a_body_of_five_megabytes(client: FlaskClient) -> None:
    error = refused(post(client, "/api/qa", {**QA, "context": "x" * 5_000_000}), 413)
    assert error["code"] == "too_large"
    assert "2,097,152" in error["message"]


def post_stream(client: FlaskClient, stream: object, *, length: str = "") -> Any:
    """POST a raw stream as a server hands it on; without a length it is a chunked body."""
    environ: dict[str, object] = {"wsgi.input": stream, "CONTENT_LENGTH": length}
    if not length:
        environ |= {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True}
    return client.post("/api/qa", content_type="application/json", environ_overrides=environ)


@pytest.mark.parametrize(("extra", "status"), [(0, 200), (1, 413), (100_000, 413)])
def test_a_chunked_body_is_limited_too(reader: FakeReader, extra: int, status: int) -> None:
    client = create_app(Settings.load(max_body_bytes=2000), reader).test_client()
    stream = io.BytesIO(VALID + b" " * (2000 - len(VALID) + extra))
    assert post_stream(client, stream).status_code == status
    assert not stream.read()


def test_a_refused_body_is_read_to_its_end(client: FlaskClient) -> None:
    """Else the server would cut off a client that is still sending, and it would never see the answer."""
    stream = io.BytesIO(b"x" * 3_000_000)
    assert post_stream(client, stream, length="3000000").status_code == 413
    assert stream.tell() == 3_000_000


def test_a_body_announced_as_huge_is_not_waited_for(client: FlaskClient) -> None:
    stream = io.BytesIO(VALID)
    assert post_stream(client, stream, length=str(10**12)).status_code == 413
    assert stream.tell() == 0


def test_a_body_that_ends_too_early(client: FlaskClient) -> None:
    error = refused(post_stream(client, io.BytesIO(VALID), length="500"), 400)
    assert error["message"] == "The body ended before its announced length."


def test_a_stream_that_breaks_is_the_client_s_fault(client: FlaskClient) -> None:
    class Broken(io.RawIOBase):
        def readinto(self, buffer: object) -> int:
            raise RuntimeError("bad chunk")

    assert "transfer encoding" in refused(post_stream(client, Broken()), 400)["message"]

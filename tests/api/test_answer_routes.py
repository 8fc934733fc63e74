"""The routes that answer, with good input."""

import json

import pytest
from flask.testing import FlaskClient

from localqa.answering.routing import Extracted
from localqa.api.schemas import AnswerResponse
from localqa.extraction.answers import Answer, Query
from tests.api.fake_reader import FakeReader

QA = {"question": "What is it?", "context": "Grüße 😀 aus Zürich"}


def test_an_answer_is_the_exact_span(client: FlaskClient) -> None:
    found = client.post("/api/qa", json=QA).json
    assert QA["context"][found["start"] : found["end"]] == found["answer"] == "Grüße"


def test_an_answer_has_its_keys_in_the_order_of_the_schema(client: FlaskClient) -> None:
    found = json.loads(client.post("/api/qa", json=QA).data)
    assert list(found) == list(AnswerResponse.model_fields)
    assert (found["source"], found["adapter"], found["answerable"]) == ("bert", "squad", True)


def test_no_answer_is_an_empty_span(client: FlaskClient) -> None:
    found = client.post("/api/qa", json={**QA, "context": "this is unanswerable"}).json
    assert (found["answer"], found["start"], found["end"], found["answerable"]) == ("", 0, 0, False)


def test_text_leaves_as_it_is_in_utf8(client: FlaskClient) -> None:
    response = client.post("/api/qa", json=QA)
    assert "Grüße".encode() in response.data
    assert response.mimetype == "application/json"


def test_top_k_gives_alternatives(client: FlaskClient) -> None:
    found = client.post("/api/qa", json={**QA, "top_k": 3}).json
    assert [other["answer"] for other in found["alternatives"]] == ["😀", "aus"]


def test_whole_number_may_be_written_with_a_point(client: FlaskClient) -> None:
    """JSON knows one kind of number, and JSON Schema counts 3.0 as an integer."""
    found = client.post("/api/qa", json={**QA, "top_k": 3.0})
    assert len(found.json["alternatives"]) == 2


def test_without_top_k_there_are_no_alternatives(client: FlaskClient) -> None:
    assert client.post("/api/qa", json=QA).json["alternatives"] == []


def test_the_best_span_at_any_rate(client: FlaskClient) -> None:
    body = {**QA, "context": "this is unanswerable", "abstain": False}
    found = client.post("/api/qa", json=body).json
    assert (found["answer"], found["answerable"]) == ("this", True)
    pairs = [body, {**body, "abstain": None}]
    both = client.post("/api/qa/batch", json={"qa_pairs": pairs}).json["results"]
    assert [one["answerable"] for one in both] == [True, False]
    assert client.post("/predict", json=body).json["answer"] == "this"


def test_rather_nothing_than_a_guess(client: FlaskClient) -> None:
    body = {**QA, "top_k": 3, "min_score": 0.8}
    found = client.post("/api/qa", json=body).json
    assert (found["answer"], found["answerable"], found["start"], found["end"]) == ("", False, 0, 0)
    assert (found["score"], found["null_score"], found["alternatives"]) == (0.25, -3.25, [])
    kept = client.post("/api/qa", json={**body, "min_score": 0.3}).json
    assert (kept["answer"], [one["answer"] for one in kept["alternatives"]]) == ("Grüße", ["😀"])
    pairs = {"qa_pairs": [body, {**body, "min_score": 0.75}]}
    both = client.post("/api/qa/batch", json=pairs).json["results"]
    assert [one["answerable"] for one in both] == [False, True]
    assert client.post("/predict", json={**QA, "min_score": 1}).json["answer"] == ""


def test_an_adapter_can_be_chosen(client: FlaskClient) -> None:
    assert client.post("/api/qa", json={**QA, "adapter": "law"}).json["adapter"] == "law"


def test_null_means_the_default_adapter(client: FlaskClient) -> None:
    assert client.post("/api/qa", json={**QA, "adapter": None}).json["adapter"] == "squad"


def test_text_reaches_the_reader_unchanged(client: FlaskClient, reader: FakeReader) -> None:
    client.post("/api/qa", json={"question": "  a\tb ", "context": "\n x "})
    assert reader.queries == [Query("  a\tb ", "\n x ")]


def test_a_batch_keeps_its_order_and_mixes_adapters(client: FlaskClient) -> None:
    pairs = [{**QA, "context": f"text{i}", "adapter": ["law", "squad"][i % 2]} for i in range(5)]
    body = client.post("/api/qa/batch", json={"qa_pairs": pairs}).json
    assert body["count"] == 5
    assert [found["answer"] for found in body["results"]] == [pair["context"] for pair in pairs]
    assert [found["adapter"] for found in body["results"]] == [pair["adapter"] for pair in pairs]


def test_a_batch_asks_the_reader_once(
    client: FlaskClient, reader: FakeReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    answer = reader.answer
    monkeypatch.setattr(
        reader, "answer", lambda queries, patience: calls.append(len(queries)) or answer(queries)
    )
    client.post("/api/qa/batch", json={"qa_pairs": [QA] * 7})
    assert calls == [7]


def test_predict_returns_what_was_sent(client: FlaskClient) -> None:
    assert json.loads(client.post("/predict", json=QA).data) == {**QA, "answer": "Grüße", "score": 0.75}


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "application/json; charset=utf-8", "APPLICATION/JSON", "application/ld+json"],
)
def test_json_content_types_are_taken(client: FlaskClient, content_type: str) -> None:
    response = client.post("/api/qa", data=json.dumps(QA), content_type=content_type)
    assert response.status_code == 200


def test_a_byte_order_mark_is_no_error(client: FlaskClient) -> None:
    data = b"\xef\xbb\xbf" + json.dumps(QA).encode()
    assert client.post("/api/qa", data=data, content_type="application/json").status_code == 200


def test_the_largest_allowed_texts_pass(client: FlaskClient) -> None:
    body = {"question": "q " * 100, "context": "é" * 500_000}
    assert client.post("/api/qa", json=body).status_code == 200


def test_a_null_score_that_is_no_number_becomes_null() -> None:
    answer = Answer("", 1.0, 0, 0, False, float("inf"), "squad")
    assert AnswerResponse.extracted(Extracted("context_given", answer)).null_score is None

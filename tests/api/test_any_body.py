"""Whatever is sent, it is never the server's error, and every error has the one shape."""

import json

import pytest
from flask.testing import FlaskClient
from hypothesis import given, settings
from hypothesis import strategies as st

from app import create_app
from localqa.config import Settings
from tests.api.fake_reader import FakeReader

TEXTS = st.text() | st.text(st.characters(codec=None, categories=("Cs", "Cc", "L", "So")), max_size=20)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)
FIELDS = st.sampled_from(["question", "context", "adapter", "top_k", "qa_pairs"])
OBJECTS = st.dictionaries(FIELDS, VALUES, max_size=5)
NEAR_PAIRS = st.fixed_dictionaries(
    {"question": TEXTS, "context": TEXTS},
    optional={
        "adapter": st.sampled_from(["squad", "law", "none", "../x"]) | VALUES,
        "top_k": st.integers(-1, 22),
    },
)
BATCHES = st.fixed_dictionaries({"qa_pairs": st.lists(NEAR_PAIRS | VALUES, max_size=4)})
PATHS = st.sampled_from(["/api/qa", "/api/qa/batch", "/predict"])


@pytest.fixture(scope="module")
def shared_client() -> FlaskClient:
    return create_app(Settings(_env_file=None), FakeReader()).test_client()


def check(client: FlaskClient, path: str, data: bytes) -> None:
    response = client.post(path, data=data, content_type="application/json")
    assert response.status_code in {200, 400, 404, 422}, response.text
    body = json.loads(response.data.decode("utf-8"))
    if response.status_code != 200:
        assert set(body["error"]) == {"code", "message", "remedy", "request_id"}
        assert len(body["error"]["message"]) < 1000


@settings(max_examples=400, deadline=None)
@given(path=PATHS, value=VALUES | OBJECTS | NEAR_PAIRS | BATCHES)
def test_no_json_value_is_a_server_error(shared_client: FlaskClient, path: str, value: object) -> None:
    check(shared_client, path, json.dumps(value).encode())


@settings(max_examples=200, deadline=None)
@given(path=PATHS, data=st.binary(max_size=200))
def test_no_bytes_are_a_server_error(shared_client: FlaskClient, path: str, data: bytes) -> None:
    check(shared_client, path, data)


@settings(max_examples=100, deadline=None)
@given(question=st.text(min_size=1, max_size=50), context=st.text(min_size=1, max_size=200))
def test_an_answer_is_always_the_exact_span(shared_client: FlaskClient, question: str, context: str) -> None:
    response = shared_client.post("/api/qa", json={"question": question, "context": context})
    if response.status_code == 200:
        found = response.json
        assert context[found["start"] : found["end"]] == found["answer"]

"""The one table of errors."""

import ast

import pytest
from flask.testing import FlaskClient

from app import create_app
from localqa.config import Settings
from localqa.errors import ERRORS, LocalQAError
from tests.api.fake_reader import FakeReader
from tests.conftest import ROOT

OF_HTTP = {"not_found", "method_not_allowed", "too_many_requests", "malformed_request"}
"""What the web framework and the server below it raise themselves."""


def set_in_classes(name: str) -> list[object]:
    """What the bodies of this project's error classes set a name to."""
    found = []
    for path in (ROOT / "localqa").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and node.name.endswith("Error"):
                for one in node.body:
                    if not isinstance(one, ast.Assign | ast.AnnAssign) or one.value is None:
                        continue
                    targets = one.targets if isinstance(one, ast.Assign) else [one.target]
                    if any(isinstance(target, ast.Name) and target.id == name for target in targets):
                        found.append(ast.literal_eval(one.value))
    return found


def test_each_row_belongs_to_one_class() -> None:
    codes = set_in_classes("code")
    assert sorted(map(str, codes)) == sorted(ERRORS.keys() - OF_HTTP)
    assert set_in_classes("status") == []


def test_class_with_a_code_that_is_not_in_the_table_is_refused() -> None:
    with pytest.raises(TypeError, match="made_up"):
        type("MadeUpError", (LocalQAError,), {"code": "made_up"})


@pytest.fixture
def client(clean_environment: None) -> FlaskClient:
    return create_app(Settings.load(ollama="off"), FakeReader()).test_client()


def test_document_says_what_the_table_says(client: FlaskClient) -> None:
    responses = client.get("/openapi.json").json["paths"]["/api/qa"]["post"]["responses"]
    refused = {int(status): one for status, one in responses.items() if int(status) >= 400}
    assert set(refused) == {400, 401, 404, 413, 415, 422, 429, 500, 503, 504}
    for status, one in refused.items():
        example = one["content"]["application/json"]["example"]["error"]
        kind = ERRORS[example["code"]]
        assert (kind.status, kind.remedy) == (status, example["remedy"])
        assert kind.meaning in one["description"]


@pytest.mark.parametrize("body", [b"{", b"[1]"])
def test_every_shape_says_the_same(client: FlaskClient, body: bytes) -> None:
    paths = ("/api/qa", "/api/chat", "/v1/chat/completions")
    own, native, openai = (
        client.post(path, data=body, content_type="application/json").json["error"] for path in paths
    )
    assert own["remedy"]
    assert native == openai["message"] == f"{own['message']} {own['remedy']}"

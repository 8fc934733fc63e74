"""The OpenAPI document, Swagger UI and the index."""

import re
from typing import Any

import pytest
from flask.testing import FlaskClient

from app import create_app
from localqa.config import Settings
from tests.api.fake_reader import FakeReader


@pytest.fixture
def document(client: FlaskClient) -> dict[str, Any]:
    described = client.get("/openapi.json").json
    assert described
    return described


def operations(document: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (path, method): operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


def references(value: object) -> set[str]:
    if isinstance(value, dict):
        own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
        return own.union(*(references(item) for item in value.values()))
    return set().union(*(references(item) for item in value)) if isinstance(value, list) else set()


def test_it_is_openapi_3_and_has_every_route(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.")
    assert set(operations(document)) == {
        ("/api/qa", "post"),
        ("/api/qa/batch", "post"),
        ("/predict", "post"),
        ("/api/summarize", "post"),
        ("/api/health", "get"),
        ("/livez", "get"),
        ("/readyz", "get"),
        ("/api/model/info", "get"),
        ("/api/adapters", "get"),
        ("/api/adapters", "post"),
        ("/api/adapters/{name}", "delete"),
        ("/metrics", "get"),
        ("/api/documents", "get"),
        ("/api/documents", "post"),
        ("/api/documents/jobs/{id}", "get"),
        ("/api/documents/{id}", "get"),
        ("/api/documents/{id}", "delete"),
        ("/api/documents/{id}/pages/{number}.png", "get"),
        ("/api/collections", "get"),
        ("/api/collections/{name}", "delete"),
        ("/api/search", "post"),
        ("/api/ask", "post"),
    }


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    known = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert references(document) <= known


def test_every_operation_is_described(document: dict[str, Any]) -> None:
    for operation in operations(document).values():
        assert operation["summary"]
        assert "<br/>" not in operation["description"]
    ids = [operation["operationId"] for operation in operations(document).values()]
    assert len(set(ids)) == len(ids)


def test_every_field_is_described(document: dict[str, Any]) -> None:
    for name, schema in document["components"]["schemas"].items():
        for field, described in schema["properties"].items():
            assert described.get("description") or "$ref" in described, f"{name}.{field}"


def test_every_error_has_the_one_shape_and_an_example(document: dict[str, Any]) -> None:
    for operation in operations(document).values():
        for status, response in operation["responses"].items():
            if status not in ("200", "202"):
                content = response["content"]["application/json"]
                assert content["schema"]["$ref"].endswith("/ErrorResponse")
                assert set(content["example"]["error"]) == {"code", "message", "remedy", "request_id"}


def test_only_routes_with_a_body_declare_errors_of_bodies(document: dict[str, Any]) -> None:
    for operation in operations(document).values():
        declared = {"400", "413", "415"} & operation["responses"].keys()
        assert bool(declared) == ("requestBody" in operation)


def test_the_example_of_a_question_works(client: FlaskClient, document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    assert client.post("/api/qa", json=schemas["QuestionRequest"]["example"]).status_code == 200
    assert client.post("/api/qa/batch", json=schemas["BatchRequest"]["example"]).status_code == 200
    assert client.post("/predict", json=schemas["PredictRequest"]["example"]).status_code == 200


def test_answers_have_the_fields_that_are_documented(client: FlaskClient, document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    sent = client.post("/api/qa", json=schemas["QuestionRequest"]["example"]).json
    assert set(sent) == set(schemas["AnswerResponse"]["properties"])
    assert set(sent) == set(schemas["AnswerResponse"]["example"])


def test_the_limits_of_this_server_are_documented(reader: FakeReader) -> None:
    settings = Settings.load(max_batch=3, max_context_chars=77)
    document = create_app(settings, reader).test_client().get("/openapi.json").json
    schemas = document["components"]["schemas"]
    assert schemas["BatchRequest"]["properties"]["qa_pairs"]["maxItems"] == 3
    assert schemas["PredictRequest"]["properties"]["context"]["maxLength"] == 77


def test_two_apps_do_not_share_their_documents(reader: FakeReader, client: FlaskClient) -> None:
    create_app(Settings.load(max_batch=3), reader)
    schemas = client.get("/openapi.json").json["components"]["schemas"]
    assert schemas["BatchRequest"]["properties"]["qa_pairs"]["maxItems"] == 64


def test_swagger_ui_and_all_it_loads_come_from_here(client: FlaskClient) -> None:
    page = client.get("/docs")
    assert page.mimetype == "text/html"
    links = re.findall(r'(?:href|src)="([^"]+)"', page.text)
    assert len(links) >= 4
    for link in links:
        assert "//" not in link
        assert client.get(f"/{link}").status_code == 200, link
    assert 'new URL("openapi.json", window.location.href)' in page.text


def test_swagger_ui_asks_no_public_validator(client: FlaskClient) -> None:
    assert '"validatorUrl": null' in client.get("/docs").text


def test_docs_with_a_slash_leads_to_the_page(client: FlaskClient) -> None:
    assert client.get("/docs/", follow_redirects=True).status_code == 200


def test_the_index_lists_the_routes(client: FlaskClient) -> None:
    body = client.get("/", headers={"Accept": "application/json"}).json
    assert body["docs"] == "/docs"
    assert "POST" in body["routes"]["/api/qa"]


@pytest.mark.parametrize("accept", ["*/*", "text/plain", ""])
def test_clients_of_ollama_find_what_they_look_for(client: FlaskClient, accept: str) -> None:
    response = client.get("/", headers={"Accept": accept})
    assert (response.status_code, response.text) == (200, "Ollama is running")
    assert client.head("/", headers={"Accept": accept}).status_code == 200


@pytest.mark.parametrize("accept", ["application/json", "application/json, text/plain, */*"])
def test_who_asks_for_json_gets_it(client: FlaskClient, accept: str) -> None:
    assert client.get("/", headers={"Accept": accept}).json["docs"] == "/docs"


def test_a_browser_is_shown_the_documentation(client: FlaskClient) -> None:
    response = client.get("/", headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert response.status_code == 302
    assert response.location == "/docs"


@pytest.mark.parametrize(("hops", "prefix", "server"), [(1, "/qa", "/qa"), (0, "/qa", None), (1, None, None)])
def test_behind_a_prefix_the_document_names_it(hops, prefix, server):
    client = create_app(Settings.load(proxy_hops=hops), FakeReader()).test_client()
    headers = {"X-Forwarded-Prefix": prefix} if prefix else {}
    found = client.get("/openapi.json", headers=headers).get_json()
    assert found.get("servers") == ([{"url": server}] if server else None)
    # The page is sent where the proxy has it.
    sent_to = client.get("/", headers={"Accept": "text/html"} | headers).headers["Location"]
    assert sent_to == f"{server or ''}/docs"

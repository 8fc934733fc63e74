"""Addresses with a slash at the end, what a proxy tells, and hosts that are none."""

import pytest

from app import create_app
from localqa.config import Settings
from tests.api.fake_reader import FakeReader

ASKED = {"question": "Who?", "context": "Ada."}


def client_of(**settings):
    return create_app(Settings.load(**settings), FakeReader()).test_client()


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/qa/", ASKED),
        ("/predict/", ASKED),
        ("/api/qa/batch/", {"qa_pairs": [ASKED]}),
        ("/api/chat/", {"model": "bert-qa", "messages": []}),
        ("/api/embed//", {"model": "base", "input": "a"}),
        ("/api//qa", ASKED),
    ],
)
def test_slash_at_the_end_of_a_route_that_is_posted_to(client, path, body):
    assert client.post(path, json=body).status_code == 200


@pytest.mark.parametrize(
    "path",
    ["/api/health/", "/livez/", "/readyz/", "/metrics/", "/api/adapters/", "/v1/models/bert-qa:squad/"],
)
def test_slash_at_the_end_of_a_route_that_is_got(client, path):
    assert client.get(path).status_code == 200


def test_two_slashes_at_the_beginning_are_one(client):
    given = {"environ_overrides": {"PATH_INFO": "//api/qa"}}
    assert client.post("/", json=ASKED, **given).status_code == 200


@pytest.mark.parametrize("path", ["/api/health/", "/livez/", "/openapi.json/"])
def test_with_keys_the_same_is_open_with_and_without_a_slash(path):
    client = client_of(api_keys="secret")
    assert client.get(path).status_code == 200
    assert client.get("/api/model/info/").status_code == 401
    assert client.get("/api/health/").json["broken"] == []


@pytest.mark.parametrize(
    "prefix",
    [
        "//evil.example",
        "/\\evil.example",
        "https://evil.example",
        "/a/../b",
        "/a//b",
        "evil",
        "/a?b",
        "/a b",
        "/a@b",
    ],
)
def test_prefix_that_is_no_plain_path_is_left_out(prefix):
    client = client_of(proxy_hops=1)
    headers = {"X-Forwarded-Prefix": prefix}
    assert "servers" not in client.get("/openapi.json", headers=headers).json
    response = client.get("/docs", headers=headers)
    assert "evil" not in response.text + response.headers.get("Location", "")


def test_of_several_values_the_trusted_proxy_s_own_counts():
    client = client_of(proxy_hops=1)
    for told, server in (("//evil, /qa", "/qa"), ("/qa, //evil", None)):
        document = client.get("/openapi.json", headers={"X-Forwarded-Prefix": told}).json
        assert document.get("servers", [{"url": None}])[0]["url"] == server


@pytest.mark.parametrize("host", ["a@b", "//b", "a/b", "nas:port", "a b"])
def test_forwarded_host_that_is_none_is_left_out(host):
    client = client_of(proxy_hops=1)
    assert client.post("/api/qa", json=ASKED, headers={"X-Forwarded-Host": host}).status_code == 200
    forwarded = {"X-Forwarded-Host": "attacker.example"}
    assert client.post("/api/qa", json=ASKED, headers=forwarded).status_code == 403


@pytest.mark.parametrize(
    "host", ["a@b", "localhost@attacker.example", "a/b", "nas:port", "a b", "localhost:80:80", "[::1"]
)
@pytest.mark.parametrize("path", ["/api/qa", "/docs", "/livez"])
def test_host_that_is_none_is_a_bad_request(client, host, path):
    response = client.get(path, headers={"Host": host})
    assert response.status_code == 400
    assert response.json["error"]["code"] == "malformed_host"


@pytest.mark.parametrize("path", ["/api/embed", "/api/embeddings", "/api/chat", "/api/generate"])
@pytest.mark.parametrize("given", ["soon", "5 minutes", [], True, {}])
def test_keep_alive_that_is_no_time_is_refused_everywhere(client, path, given):
    model = "base" if "embed" in path else "bert-qa"
    body = {"model": model, "input": "a", "prompt": "", "messages": [], "keep_alive": given}
    response = client.post(path, json=body)
    assert response.status_code == 400
    assert "keep_alive must be" in response.json["error"]

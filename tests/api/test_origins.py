"""Which pages may ask, and under which names: as Ollama has it."""

import pytest

from app import create_app
from localqa.api.origins import Origins
from localqa.config import Settings
from tests.api.fake_reader import FakeReader

BODY = {"question": "Who?", "context": "Ada."}
ASKED = {
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization,content-type",
}
ALLOWED = "Access-Control-Allow-Origin"


def client_of(**settings):
    return create_app(Settings.load(**settings), FakeReader()).test_client()


def status(client, *, path="/api/qa", host="localhost", **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.post(path, json=BODY, headers={"Host": host, **named}).status_code


@pytest.mark.parametrize(
    "origin",
    [
        "http://localhost",
        "http://localhost:3000",
        "https://127.0.0.1:8443",
        "http://0.0.0.0:1",
        "http://[::1]:3000",
        "app://obsidian.md",
        "tauri://localhost",
        "file://",
        "vscode-webview://1a2b",
        "vscode-file://vscode-app",
    ],
)
@pytest.mark.parametrize("path", ["/api/chat", "/api/qa", "/v1/chat/completions", "/livez", "/no/such/route"])
def test_pages_of_this_machine_and_apps_may_ask(client, origin, path):
    response = client.options(path, headers={"Origin": origin, **ASKED})
    assert response.status_code == 204
    assert response.headers[ALLOWED] == origin
    assert "POST" in response.headers["Access-Control-Allow-Methods"]
    assert "authorization" in response.headers["Access-Control-Allow-Headers"].lower()
    assert "Origin" in response.vary
    assert status(client, Origin=origin) == 200


@pytest.mark.parametrize(
    "origin",
    [
        "https://attacker.example",
        "http://localhost.attacker.example",
        "http://localhost:3000.attacker.example",
        "http://attacker.example/http://localhost",
        "http://localhost:80@attacker.example",
        "http://127.0.0.1.attacker.example:80",
        "null",
        "",
        "chrome-extension://abc",
        "http://localhost:\u00e9",
    ],
)
def test_other_pages_may_not(client, origin):
    for response in (
        client.options("/api/qa", headers={"Origin": origin, **ASKED}),
        client.post("/api/qa", json=BODY, headers={"Origin": origin}),
        client.post("/api/generate", data='{"model": "bert-qa"}', headers={"Origin": origin}),
        client.get("/api/tags", headers={"Origin": origin}),
    ):
        assert response.status_code == 403
        assert ALLOWED not in response.headers
        assert response.is_json


@pytest.mark.parametrize("name", ["QA_ORIGINS", "OLLAMA_ORIGINS"])
def test_a_setting_adds_origins(monkeypatch, name):
    monkeypatch.setenv(name, "https://chat.example.org/, https://*.example.net,chrome-extension://*")
    client = client_of()
    for origin in (
        "https://chat.example.org",
        "https://a.example.net",
        "chrome-extension://x",
        "http://localhost:1",
    ):
        assert status(client, Origin=origin) == 200
    for origin in ("https://chat.example.org.evil.example", "https://example.org"):
        assert status(client, Origin=origin) == 403


def test_a_star_lets_every_page_in_but_never_where_there_are_keys(caplog):
    headers = {"Origin": "https://anywhere.example"}
    assert client_of(origins="*").get("/livez", headers=headers).headers[ALLOWED] == "*"
    keyed = client_of(origins="*,https://chat.example.org", api_keys="secret")
    assert "QA_ORIGINS=* has no effect" in caplog.text
    refused = keyed.get("/livez", headers=headers)
    assert (refused.status_code, refused.headers.get(ALLOWED)) == (403, None)
    named = {"Origin": "https://chat.example.org"}
    # A browser asks without the key whether it may send it.
    assert keyed.options("/api/qa", headers=named | ASKED).status_code == 204
    assert keyed.post("/api/qa", json=BODY, headers=named).status_code == 401
    answered = keyed.post("/api/qa", json=BODY, headers=named | {"Authorization": "Bearer secret"})
    assert (answered.status_code, answered.headers[ALLOWED]) == (200, "https://chat.example.org")


def test_errors_are_told_to_pages_that_may_ask(client):
    response = client.post("/api/qa", json={}, headers={"Origin": "http://localhost:3000"})
    assert (response.status_code, response.headers[ALLOWED]) == (422, "http://localhost:3000")


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", None]
)
@pytest.mark.parametrize("path", ["/api/generate", "/api/qa", "/api/pull"])
def test_pages_of_other_origins_send_json_alone(client, path, kind):
    headers = {"Origin": "http://localhost:3000"}
    response = client.post(path, data='{"model": "bert-qa"}', content_type=kind, headers=headers)
    assert response.status_code == 415


def test_clients_that_are_no_pages_need_neither_origin_nor_content_type(client):
    body = '{"model": "bert-qa", "prompt": "Who?", "system": "Ada.", "stream": false}'
    assert client.post("/api/generate", data=body).status_code == 200


def test_what_a_browser_sends_for_an_unnamed_page_is_refused(client):
    assert status(client, Sec_Fetch_Site="cross-site") == 403
    picture = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}
    reply = client.get("/api/documents/x/pages/1.png", headers=picture)
    assert (reply.status_code, reply.json["error"]["code"]) == (403, "origin_not_allowed")
    assert reply.headers["Cross-Origin-Resource-Policy"] == "same-site"
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert client.get("/api/health", headers=link).status_code == 200
    assert client.get("/livez", headers=picture).status_code == 200
    assert status(client, Sec_Fetch_Site="same-origin") == 200


def test_the_server_s_own_page_may_ask_whatever_it_is_called():
    client = client_of(hosts="qa.example.org")
    assert status(client, host="qa.example.org", Origin="https://qa.example.org") == 200
    assert status(client, host="nas:5000", Origin="http://nas:5000") == 200
    assert status(client, host="nas:5000", Origin="http://nas:8080") == 403


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST:5000",
        "127.0.0.1:5000",
        "[::1]:5000",
        "192.168.1.5",
        "10.0.0.7:80",
        "nas",
        "nas.local:5000",
        "api:5000",
        "host.docker.internal",
        "localhost.",
    ],
)
def test_names_of_this_machine_and_its_network_are_answered(client, host):
    assert status(client, host=host) == 200


@pytest.mark.parametrize(
    "host",
    ["attacker.example", "attacker.example:5000", "localhost.attacker.example", "127.0.0.1.nip.example"],
)
@pytest.mark.parametrize("path", ["/api/qa", "/api/tags", "/api/generate", "/api/pull", "/", "/docs"])
def test_other_names_are_not(client, host, path):
    assert client.open(path, method="POST", json=BODY, headers={"Host": host}).status_code == 403
    assert client.get("/livez", headers={"Host": host}).status_code == 200


def test_a_setting_adds_names():
    client = client_of(hosts="qa.example.org,*.example.net")
    assert [status(client, host=host) for host in ("QA.example.org:80", "a.example.net")] == [200, 200]
    assert [status(client, host=host) for host in ("example.org", "example.net.evil.example")] == [403, 403]


def test_where_there_are_keys_the_name_does_not_matter():
    assert Origins(Settings.load(api_keys="secret")).answers_to("qa.example.org")

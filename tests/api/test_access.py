"""API keys, and no open server by accident."""

import pytest

from app import create_app
from localqa.api.access import OPEN_PATHS
from localqa.config import Settings
from localqa.errors import ConfigError
from tests.api.fake_reader import FakeReader

BODY = {"question": "Who?", "context": "Ada."}


@pytest.fixture
def guarded():
    """A client of a server that knows two keys."""
    return create_app(Settings.load(api_keys="first-secret, second-secret"), FakeReader()).test_client()


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer first-secret"},
        {"Authorization": "bearer second-secret"},
        {"X-API-Key": "second-secret"},
        {"X-API-Key": "second-secret", "Authorization": "Bearer "},
    ],
)
def test_any_of_the_keys_lets_in(guarded, headers):
    assert guarded.post("/api/qa", json=BODY, headers=headers).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Bearer "},
        {"Authorization": "Basic first-secret"},
        {"X-API-Key": "first-secret,"},
        {"X-API-Key": "schlüssel"},
    ],
)
def test_without_a_key_nothing_is_answered(guarded, headers):
    response = guarded.post("/api/qa", json=BODY, headers=headers)
    assert (response.status_code, response.get_json()["error"]["code"]) == (401, "unauthorized")
    assert "secret" not in response.get_data(as_text=True)


@pytest.mark.parametrize("path", ["/api/model/info", "/api/adapters", "/nowhere", "/api/qa"])
def test_every_other_route_asks_for_the_key(guarded, path):
    assert guarded.get(path).status_code == 401


@pytest.mark.parametrize("path", OPEN_PATHS)
def test_probes_metrics_and_documents_stay_open(guarded, path):
    assert guarded.get(path).status_code < 400


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::", "example.org"])
def test_open_to_the_network_needs_keys(host):
    with pytest.raises(ConfigError, match="no API keys") as error:
        create_app(Settings.load(host=host), FakeReader())
    assert "QA_API_KEYS" in error.value.remedy
    create_app(Settings.load(host=host, api_keys="secret"), FakeReader())
    create_app(Settings.load(host=host, allow_open=True), FakeReader())


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.8.8.8"])
def test_this_machine_alone_needs_none(host):
    create_app(Settings.load(host=host), FakeReader())


def test_keys_are_not_shown():
    assert "first" not in repr(Settings.load(api_keys="first"))


@pytest.mark.parametrize("given", [",", " ", " , ,", "a\nb", "good,ba\x00d", "good,b\udcffd"])
def test_keys_that_are_none_or_cannot_be_sent_are_refused_at_the_start(given):
    with pytest.raises(ConfigError, match="Not a usable setting: ") as error:
        Settings.load(api_keys=given)
    assert "secrets" in error.value.remedy
    assert "(hidden)" in error.value.message


@pytest.mark.parametrize("key", ["schlüssel", "ключ", "鍵", "a key"])
@pytest.mark.parametrize("header", ["Authorization", "X-API-Key"])
def test_a_key_that_is_not_ascii_is_taken_as_utf8(key, header):
    client = create_app(Settings.load(api_keys=f"other,{key}"), FakeReader()).test_client()
    sent = key.encode().decode("latin-1")
    value = f"Bearer {sent}" if header == "Authorization" else sent
    assert client.post("/api/qa", json=BODY, headers={header: value}).status_code == 200
    assert client.post("/api/qa", json=BODY, headers={header: value[:-1]}).status_code == 401


def test_a_key_may_come_in_latin_1_where_it_has_room():
    client = create_app(Settings.load(api_keys="schlüssel"), FakeReader()).test_client()
    assert client.post("/api/qa", json=BODY, headers={"X-API-Key": "schlüssel"}).status_code == 200


def test_strangers_are_told_no_names_of_adapters(guarded):
    known = {"Authorization": "Bearer first-secret"}
    guarded.post("/api/qa", json=BODY | {"adapter": "law"}, headers=known)
    for path in OPEN_PATHS:
        assert "law" not in guarded.get(path).get_data(as_text=True)
    assert guarded.get("/api/health").get_json()["ready"] is True
    assert guarded.get("/api/health", headers=known).get_json()["adapters"] == ["squad", "law"]
    assert 'adapter="law"' in guarded.get("/metrics", headers=known).get_data(as_text=True)


def test_strangers_are_not_told_why_a_model_could_not_be_loaded(guarded):
    service = guarded.application.extensions["localqa"]
    service.loading._reader = None
    service.loading._failure = ConfigError("The adapter secret-contracts is missing.")
    assert "secret-contracts" not in guarded.get("/readyz").get_data(as_text=True)
    told = guarded.get("/readyz", headers={"X-API-Key": "first-secret"})
    assert (told.status_code, "secret-contracts" in told.get_data(as_text=True)) == (503, True)

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

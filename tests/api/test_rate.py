"""How often one caller may ask."""

import pytest

from app import create_app
from localqa.config import Settings
from localqa.errors import ConfigError

BODY = {"question": "Who?", "context": "Ada."}


def statuses(client, count, **headers):
    return [client.post("/api/qa", json=BODY, headers=headers).status_code for _ in range(count)]


def test_caller_over_the_limit_is_told_when_to_come_again(reader):
    client = create_app(Settings.load(rate_limit="3/minute"), reader).test_client()
    assert statuses(client, 4) == [200, 200, 200, 429]
    refused = client.post("/api/qa/batch", json={"qa_pairs": [BODY]})
    assert (refused.status_code, refused.get_json()["error"]["code"]) == (429, "too_many_requests")
    assert "3 per 1 minute" in refused.get_json()["error"]["message"]
    assert 0 < int(refused.headers["Retry-After"]) <= 61
    assert len(reader.queries) == 3


def test_answers_within_the_limit_tell_nobody_to_wait(reader):
    client = create_app(Settings.load(rate_limit="3/day"), reader).test_client()
    assert "Retry-After" not in client.post("/api/qa", json=BODY).headers
    client.application.extensions["localqa"].loading.drain()
    assert int(client.get("/readyz").headers["Retry-After"]) < 60


def test_probes_are_not_counted(reader):
    client = create_app(Settings.load(rate_limit="1/hour"), reader).test_client()
    assert [client.get("/readyz").status_code for _ in range(5)] == [200] * 5
    assert statuses(client, 2) == [200, 429]


def test_each_key_has_its_own_count(reader):
    app = create_app(Settings.load(rate_limit="2/minute", api_keys="one,two"), reader)
    client = app.test_client()
    assert statuses(client, 3, Authorization="Bearer one") == [200, 200, 429]
    assert statuses(client, 1, Authorization="Bearer two") == [200]
    assert statuses(client, 1, Authorization="Bearer three") == [401]


def test_without_a_limit_nobody_is_counted(client):
    assert set(statuses(client, 50)) == {200}


@pytest.mark.parametrize("value", ["many", "0", "5/fortnight", "-1/minute", "1٣/minute"])
def test_limits_that_make_no_sense_are_refused(value):
    with pytest.raises(ConfigError, match="rate-limit"):
        Settings.load(rate_limit=value)

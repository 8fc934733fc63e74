"""Listing, loading and unloading adapters over HTTP."""

import pytest


def test_list_tells_what_is_in_memory(client):
    found = client.get("/api/adapters").get_json()
    assert found["default"] == "squad"
    assert [(one["name"], one["loaded"]) for one in found["adapters"]] == [("squad", True), ("law", False)]


def test_broken_folders_are_named(client):
    found = client.get("/api/adapters").get_json()
    assert found["broken"] == [{"name": "torn", "problem": "qa_config.json is not JSON"}]


def test_load_and_unload(client):
    loaded = client.post("/api/adapters", json={"name": "law"})
    assert (loaded.status_code, loaded.get_json()["loaded"]) == (200, True)
    assert client.post("/api/adapters", json={"name": "law"}).status_code == 200
    gone = client.delete("/api/adapters/law")
    assert (gone.status_code, gone.get_json()["loaded"]) == (200, False)


@pytest.mark.parametrize(
    ("body", "status", "word"),
    [
        ({"name": "nobody"}, 404, "Known: squad, law"),
        ({"name": "../etc"}, 422, "is not an adapter's name"),
        ({"name": 3}, 422, "name: must be a string"),
        ({}, 422, "name: is missing"),
        ({"name": "law", "path": "/tmp/x"}, 422, "unknown field"),
    ],
)
def test_what_cannot_be_loaded_is_refused(client, body, status, word):
    response = client.post("/api/adapters", json=body)
    assert response.status_code == status
    assert word in response.get_json()["error"]["message"]


def test_damaged_adapter_is_refused_with_the_reason(client, reader):
    reader.adapters = lambda: ["squad", "damaged"]
    response = client.post("/api/adapters", json={"name": "damaged"})
    assert (response.status_code, response.get_json()["error"]["code"]) == (422, "bad_adapter")
    assert client.get("/readyz").status_code == 200


@pytest.mark.parametrize(("name", "status"), [("squad", 422), ("nobody", 404), ("%2e%2e", 422), ("A", 422)])
def test_what_cannot_be_unloaded_is_refused(client, name, status):
    assert client.delete(f"/api/adapters/{name}").status_code == status

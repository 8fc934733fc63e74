"""One truth about which models there are."""

import pytest

ADAPTERS = ["bert-qa", "bert-qa:latest", "bert-qa:squad", "bert-qa:law", "BERT-QA:Law"]
EMBEDDERS = ["base", "base:latest", "fake/base", "Fake/Base:latest", "BASE"]
CHAT = [{"role": "system", "content": "The bridge is old."}, {"role": "user", "content": "What?"}]


def status(client, method, path, **body):
    return client.open(path, method=method, json=body or None).status_code


@pytest.mark.parametrize("name", ADAPTERS)
def test_adapter_is_one_everywhere_but_where_texts_are_embedded(client, name):
    assert status(client, "GET", f"/v1/models/{name}") == 200
    assert client.post("/api/show", json={"model": name}).get_json()["capabilities"] == ["completion"]
    for path in ("/api/chat", "/v1/chat/completions"):
        assert status(client, "POST", path, model=name, messages=CHAT) == 200
    for path in ("/api/embed", "/v1/embeddings", "/api/embeddings"):
        response = client.post(path, json={"model": name, "input": "a", "prompt": "a"})
        assert response.status_code == 400
        assert "does not support embeddings" in response.text


@pytest.mark.parametrize("name", EMBEDDERS)
def test_base_is_one_everywhere_but_where_questions_are_answered(client, name):
    assert status(client, "GET", f"/v1/models/{name}") == 200
    shown = client.post("/api/show", json={"model": name}).get_json()
    assert shown["capabilities"] == ["embedding"]
    assert shown["model_info"]["bert.embedding_length"] == 4
    assert shown["model_info"]["bert.context_length"] == 384
    for path in ("/api/embed", "/v1/embeddings"):
        assert status(client, "POST", path, model=name, input="a") == 200
    for path, body in (("/api/chat", {"messages": CHAT}), ("/api/generate", {"prompt": "a"})):
        response = client.post(path, json={"model": name, **body})
        assert response.status_code == 400
        assert "does not support chat" in response.text


@pytest.mark.parametrize("name", ["bert-qa:nope", "bert-qa:", "base:nope", "other"])
def test_other_names_are_none_anywhere(client, name):
    expected = 200 if name == "bert-qa:" else 404
    assert status(client, "GET", f"/v1/models/{name}") == expected
    assert status(client, "POST", "/api/show", model=name) == expected
    assert status(client, "POST", "/api/chat", model=name, messages=CHAT) == expected


def test_an_adapter_that_cannot_be_asked_says_why(client):
    response = client.post("/api/chat", json={"model": "bert-qa:torn", "messages": CHAT})
    assert response.status_code == 404
    assert "qa_config.json is not JSON" in response.text


def test_every_listed_name_is_known(client):
    listed = [model["model"] for model in client.get("/api/tags").get_json()["models"]]
    assert listed == [model["id"] for model in client.get("/v1/models").get_json()["data"]]
    for name in listed:
        assert status(client, "GET", f"/v1/models/{name}") == 200
        assert status(client, "POST", "/api/show", model=name) == 200


def test_what_runs_is_listed_once_it_does(client):
    def names():
        return [model["name"] for model in client.get("/api/ps").get_json()["models"]]

    assert names() == ["bert-qa:squad"]
    client.post("/api/embed", json={"model": "base", "input": "a"})
    client.post("/api/chat", json={"model": "bert-qa:law"})
    assert names() == ["bert-qa:squad", "bert-qa:law", "base:latest"]


def test_length_that_is_told_is_what_a_request_may_hold(client, app_of):
    def told(client):
        return client.post("/api/show", json={"model": "bert-qa"}).get_json()["model_info"][
            "bert.context_length"
        ]

    assert told(client) == 100_000
    assert told(app_of(max_windows=2).test_client()) == 256
    assert client.get("/api/ps").get_json()["models"][0]["context_length"] == 100_000

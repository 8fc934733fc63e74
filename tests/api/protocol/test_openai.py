"""OpenAI's protocol as Ollama speaks it."""

import base64
import json

import numpy as np
import pytest

from tests.api.protocol.test_native import OWN

CHAT = {
    "model": "bert-qa",
    "messages": [
        {"role": "system", "content": [{"type": "text", "text": "The bridge opened in 1891."}]},
        {"role": "user", "content": "When?"},
    ],
}


def test_chat_completion(client):
    found = client.post("/v1/chat/completions", json=CHAT).get_json()
    (choice,) = found["choices"]
    assert choice == {
        "index": 0,
        "message": {"role": "assistant", "content": "The"},
        "finish_reason": "stop",
    }
    assert (found["object"], found["model"]) == ("chat.completion", "bert-qa")
    assert (found["score"], found["start"], found["end"]) == (0.75, 0, 3)
    assert found["usage"]["total_tokens"] == 7


def test_body_says_how_sure_an_answer_has_to_be(client):
    found = client.post("/v1/chat/completions", json=CHAT | {"min_score": 0.8}).get_json()
    assert found["choices"][0]["message"]["content"] == "The text does not answer this question."
    assert found["answerable"] is False
    asked = {"model": "bert-qa", "prompt": "Context: This is unanswerable.\nQuestion: When?"}
    made = client.post("/v1/completions", json=asked | {"abstain": False}).get_json()
    assert (made["choices"][0]["text"], made["answerable"]) == ("This", True)
    assert client.post("/v1/completions", json=asked | {"abstain": 1}).status_code >= 400


@pytest.mark.parametrize(
    "wish",
    [
        {"n": 2},
        {"n": 2.0},
        {"n": "3"},
        {"tool_choice": "required"},
        {"tool_choice": "any"},
        {"tool_choice": {"type": "function", "function": {"name": "f"}}},
        {"function_call": {"name": "f"}},
    ],
)
def test_what_is_waited_for_in_vain_is_refused(client, wish):
    tools = [{"type": "function", "function": {"name": "f", "parameters": {}}}]
    found = client.post("/v1/chat/completions", json=CHAT | {"tools": tools} | wish)
    assert found.status_code == 400
    assert next(iter(wish)) in found.get_json()["error"]["message"]
    assert client.post("/v1/chat/completions", json=CHAT | {"tools": tools, "n": 1}).status_code == 200


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("path", ["/api/chat", "/v1/chat/completions"])
def test_text_that_is_none_is_refused(client, path, stream):
    asked = "Follow up question: Where is caf\ud800?\nStandalone question:"
    body = {"model": "bert-qa", "stream": stream, "messages": [{"role": "user", "content": asked}]}
    assert client.post(path, data=json.dumps(body)).status_code == 400
    schema = {"type": "object", "properties": {"k": {"const": "\ud800"}}, "required": ["k"]}
    formed = json.dumps(CHAT | {"format": schema, "stream": stream})
    assert client.post("/api/chat", data=formed).status_code == 400


def test_streamed_chat_completion(client):
    asked = CHAT | {"stream": True, "stream_options": {"include_usage": True}}
    response = client.post("/v1/chat/completions", json=asked)
    assert response.mimetype == "text/event-stream"
    *events, done, end = response.text.split("\n\n")
    assert (done, end) == ("data: [DONE]", "")
    text, last, usage = (json.loads(event.removeprefix("data: ")) for event in events)
    assert text["choices"][0]["delta"]["content"] == "The"
    assert last["choices"][0]["finish_reason"] == "stop"
    assert last["score"] == 0.75
    assert usage["usage"]["completion_tokens"] == 1


def test_models(client, both):
    assert [model["id"] for model in client.get("/v1/models").get_json()["data"]] == OWN
    for name in ("bert-qa", "bert-qa:latest", "bert-qa:law"):
        assert client.get(f"/v1/models/{name}").get_json()["id"] == name
    assert both.get("/v1/models/bert-qa:nope").status_code == 404
    assert both.get("/v1/models/tiny:1b").get_json()["path"] == "/v1/models/tiny:1b"


def test_embeddings(client):
    found = client.post("/v1/embeddings", json={"model": "base", "input": ["a", "b"]}).get_json()
    assert [one["index"] for one in found["data"]] == [0, 1]
    assert found["data"][0]["embedding"] == [0.5] * 4


def test_vectors_in_base64_are_those_in_numbers(client):
    body = {"model": "base", "input": ["a", "b"], "encoding_format": "base64"}
    found = client.post("/v1/embeddings", json=body).get_json()
    for one in found["data"]:
        assert np.frombuffer(base64.b64decode(one["embedding"]), dtype="<f4").tolist() == [0.5] * 4


@pytest.mark.parametrize("given", ["hex", "BASE64", 1, []])
def test_other_encodings_are_refused(client, given):
    body = {"model": "base", "input": "a", "encoding_format": given}
    response = client.post("/v1/embeddings", json=body)
    assert response.status_code == 400
    assert "encoding_format" in response.get_json()["error"]["message"]


def test_empty_text_has_a_vector(client):
    for given, number in (("", 1), ([""], 1), (["", "a"], 2)):
        found = client.post("/v1/embeddings", json={"model": "base", "input": given}).get_json()
        assert len(found["data"]) == number


@pytest.mark.parametrize(
    "body", [{}, {"input": None}, {"input": []}, {"input": 5}, {"input": [[1, 2]]}, {"input": {}}]
)
def test_no_text_has_none(client, body):
    response = client.post("/v1/embeddings", json={"model": "base", **body})
    assert response.status_code == 400
    assert "input" in response.get_json()["error"]["message"]


def test_prompt_is_completed(client, reader):
    body = {"model": "bert-qa:law", "prompt": "Context: The bridge opened in 1891.\nQuestion: When?"}
    found = client.post("/v1/completions", json=body).get_json()
    assert (found["object"], found["choices"][0]["text"]) == ("text_completion", "The")
    assert found["found_in"] == {"field": "prompt", "start": 9, "end": 12}
    text, *_ = client.post("/v1/completions", json=body | {"stream": True}).text.split("\n\n")
    assert json.loads(text.removeprefix("data: "))["choices"][0]["text"] == "The"
    assert client.post("/v1/completions", json=body | {"prompt": ["a", "b"]}).status_code == 400


def test_errors_have_the_shape_of_the_protocol(client, both, ollama_server):
    response = client.post("/v1/chat/completions", json=CHAT | {"model": "gpt-9"})
    assert response.status_code == 404
    error = response.get_json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["type"] == "not_found_error"
    ollama_server.fault = "hang"
    slow = both.post("/v1/completions", json={"model": "tiny:1b", "prompt": "x"})
    assert (slow.status_code, slow.get_json()["error"]["type"]) == (504, "api_error")


def test_images_with_a_prompt_are_refused(client):
    body = {"model": "bert-qa:squad", "prompt": "Tea is nice. What is it?", "images": ["iVBORw0KGgo="]}
    response = client.post("/v1/completions", json=body)
    assert response.status_code == 400
    assert "images" in response.json["error"]["message"]

"""Ollama's own protocol, by BERT's adapters and passed through."""

import io
import json

import pytest

from tests.ollama.fake_server import PIECES

OWN = ["bert-qa:squad", "bert-qa:law", "bert-qa:latest", "base:latest"]
CHAT = {
    "model": "bert-qa",
    "stream": False,
    "messages": [
        {"role": "system", "content": "The bridge opened in 1891."},
        {"role": "user", "content": "When?"},
    ],
}


def ask(client, path, body):
    response = client.post(path, data=json.dumps(body))  # without a content type, as curl -d
    return response.status_code, response.get_json()


def parts(response):
    return [json.loads(line) for line in response.data.splitlines()]


def test_chat_answers_from_the_messages_before_the_question(client, reader):
    status, found = ask(client, "/api/chat", CHAT)
    assert status == 200
    assert found["message"] == {"role": "assistant", "content": "The"}
    assert (found["done"], found["done_reason"], found["model"]) == (True, "stop", "bert-qa")
    assert (found["score"], found["start"], found["end"], found["answerable"]) == (0.75, 0, 3, True)
    assert found["found_in"] == {"message": 0, "start": 0, "end": 3}
    assert {"created_at", "total_duration", "eval_count", "prompt_eval_count"} <= set(found)
    assert reader.queries[-1].question == "When?"


def test_options_say_how_sure_an_answer_has_to_be(client):
    _, found = ask(client, "/api/chat", CHAT | {"options": {"min_score": 0.8, "temperature": 0}})
    assert found["message"]["content"] == "The text does not answer this question."
    assert (found["answerable"], found["score"], found["found_in"]) == (False, 0.25, None)
    assert found["null_score"] == -3.25
    prompt = {"model": "bert-qa", "stream": False, "prompt": "When?", "system": "This is unanswerable."}
    _, refused = ask(client, "/api/generate", prompt)
    _, made = ask(client, "/api/generate", prompt | {"options": {"abstain": False}})
    assert (refused["answerable"], made["response"], made["answerable"]) == (False, "This", True)


@pytest.mark.parametrize("options", [{"min_score": 2}, {"min_score": "0.6"}, {"abstain": "no"}])
def test_options_of_ours_that_make_no_sense_are_refused(client, options):
    status, found = ask(client, "/api/chat", CHAT | {"options": options})
    assert status == 400
    assert found["error"].startswith("options.")


def test_offsets_of_a_later_message_are_told(client, reader):
    messages = [
        {"role": "system", "content": "  "},
        {"role": "user", "content": "Hello! Ada wrote the first program."},
        {"role": "assistant", "content": "Charles did."},
        {"role": "user", "content": "Who?"},
    ]
    _, found = ask(client, "/api/chat", CHAT | {"messages": messages})
    assert reader.queries[-1].context == "Ada wrote the first program."
    assert found["found_in"] == {"message": 1, "start": 7, "end": 10}
    assert messages[1]["content"][found["start"] : found["end"]] == found["message"]["content"]


def test_streamed_by_default_in_lines(client):
    response = client.post("/api/chat", json={key: CHAT[key] for key in ("model", "messages")})
    assert response.mimetype == "application/x-ndjson"
    first, last = parts(response)
    assert (first["message"]["content"], first["done"]) == ("The", False)
    assert (last["message"]["content"], last["done"], last["score"]) == ("", True, 0.75)


def test_what_the_text_does_not_answer_is_said_in_words(client):
    messages = [{"role": "system", "content": "unanswerable"}, {"role": "user", "content": "When?"}]
    _, found = ask(client, "/api/chat", CHAT | {"messages": messages})
    assert found["message"]["content"] == "The text does not answer this question."
    assert found["answerable"] is False
    assert found["found_in"] is None


@pytest.mark.parametrize(
    "body",
    [
        {"system": "The bridge opened in 1891.", "prompt": "When?"},
        {"prompt": "Context: The bridge opened in 1891.\nQuestion: When?"},
        {"prompt": "context:\nThe bridge opened in 1891.\n\nquestion: When?\nAnswer:"},
        {"prompt": "Question: When?\nContext: The bridge opened in 1891."},
    ],
)
def test_generate_takes_the_text_from_system_or_from_parts_of_the_prompt(client, reader, body):
    status, found = ask(client, "/api/generate", {"model": "bert-qa:law", "stream": False, **body})
    assert status == 200
    assert found["response"] == "The"
    assert found["adapter"] == "law"
    assert reader.queries[-1].question == "When?"
    assert reader.queries[-1].context.strip() == "The bridge opened in 1891."


def test_prompt_of_a_megabyte_of_line_breaks_is_read_at_once(client):
    prompt = "Context:" + "\n" * 1_000_000 + "Question:"
    assert ask(client, "/api/generate", {"model": "bert-qa", "prompt": prompt})[0] == 400


@pytest.mark.parametrize(
    ("path", "body", "status", "said"),
    [
        ("/api/generate", {"model": "bert-qa", "prompt": "When?"}, 400, "no text to answer from"),
        ("/api/chat", CHAT | {"messages": [{"role": "user", "content": "When?"}]}, 400, "no text to answer"),
        ("/api/chat", CHAT | {"messages": [{"role": "system", "content": "x"}]}, 400, "no question"),
        ("/api/chat", CHAT | {"messages": "x"}, 400, "list of objects"),
        ("/api/chat", CHAT | {"messages": [{"role": "user", "content": 7}]}, 400, "text alone"),
        ("/api/chat", {"messages": []}, 400, "model is required"),
        ("/api/chat", CHAT | {"model": "bert-qa:nope"}, 404, "model 'bert-qa:nope' not found"),
        ("/api/chat", CHAT | {"model": "bert-qa:../x"}, 404, "not found"),
        ("/api/chat", CHAT | {"model": "llama3"}, 404, "model 'llama3' not found"),
        ("/api/generate", {"model": "bert-qa", "prompt": ["x"]}, 400, "prompt must be a string"),
        ("/api/embed", {"model": "base", "input": [1]}, 400, "string"),
        ("/api/show", {}, 400, "model is required"),
    ],
)
def test_refusals_have_the_shape_of_the_protocol(client, path, body, status, said):
    found, error = ask(client, path, body)
    assert found == status
    assert list(error) == ["error"]
    assert said in error["error"]


@pytest.mark.parametrize("data", [b"", b"garbage", b"[]", b"\xff"])
def test_body_that_is_no_object(client, data):
    response = client.post("/api/chat", data=data)
    assert response.status_code == 400
    assert set(response.get_json()) == {"error"}


def test_request_without_messages_loads_and_unloads(client, reader):
    loaded = ask(client, "/api/chat", {"model": "bert-qa:law"})[1]
    assert loaded["done_reason"] == "load"
    assert "law" in reader.loaded
    unloaded = ask(client, "/api/generate", {"model": "bert-qa:law", "keep_alive": 0})[1]
    assert (unloaded["done_reason"], unloaded["response"]) == ("unload", "")
    assert "law" not in reader.loaded
    assert ask(client, "/api/generate", {"model": "bert-qa", "keep_alive": 0})[0] == 200


def test_models_are_listed_shown_and_running(client):
    listed = client.get("/api/tags").get_json()["models"]
    assert [model["name"] for model in listed] == OWN
    assert {"modified_at", "size", "digest", "details", "model"} <= set(listed[0])
    assert len(listed[0]["digest"]) == 64
    assert [model["name"] for model in client.get("/api/ps").get_json()["models"]] == ["bert-qa:squad"]
    status, shown = ask(client, "/api/show", {"model": "bert-qa:law"})
    assert status == 200
    assert shown["model_info"]["localqa.adapter"] == "law"
    assert client.get("/api/version").get_json()["version"]


def test_vectors_of_the_base(client):
    status, found = ask(client, "/api/embed", {"model": "fake/base", "input": ["one", "two words"]})
    assert status == 200
    assert found["embeddings"] == [[0.5] * 4] * 2
    assert found["prompt_eval_count"] == 3
    assert ask(client, "/api/embeddings", {"model": "base", "prompt": "one"})[1]["embedding"] == [0.5] * 4
    assert ask(client, "/api/embed", {"model": "base:latest", "input": ""})[1]["embeddings"] == []


@pytest.mark.parametrize("path", ["/api/pull", "/api/push", "/api/create", "/api/copy"])
def test_models_are_not_changed_unless_that_is_allowed(both, app_of, ollama_server, path):
    status, error = ask(both, path, {"model": "x", "stream": False})
    assert (status, list(error)) == (403, ["error"])
    assert both.delete("/api/delete", json={"model": "x"}).status_code == 403
    assert ollama_server.requests == []
    allowed = app_of(ollama="on", ollama_host=ollama_server.url, ollama_manage=True).test_client()
    assert ask(allowed, path, {"model": "x", "stream": False})[0] == 200
    assert ask(allowed, path, {"model": "bert-qa:x", "stream": False})[0] == 403
    assert [request[:2] for request in ollama_server.requests] == [("POST", path)]


def test_other_models_are_passed_through_unchanged(both, ollama_server):
    sent = {"model": "tiny:1b", "messages": [], "options": {"seed": 1}, "unknown": [None]}
    response = both.post("/api/chat?x=1", data=json.dumps(sent), headers={"Authorization": "Bearer secret"})
    assert [part["message"]["content"] for part in parts(response)] == [*PIECES, ""]
    assert ollama_server.requests == [("POST", "/api/chat?x=1", sent)]
    assert "Authorization" not in ollama_server.headers[0]


def test_both_kinds_of_models_are_listed(both):
    assert [model["name"] for model in both.get("/api/tags").get_json()["models"]] == [
        *OWN,
        "tiny:1b",
    ]
    assert both.get("/api/version").get_json()["version"] == "9.9.9"


@pytest.mark.parametrize("fault", ["500", "missing"])
def test_errors_of_the_server_are_passed_through(both, ollama_server, fault):
    ollama_server.fault = fault
    status, error = ask(both, "/api/chat", {"model": "tiny:1b", "messages": []})
    assert status == {"500": 500, "missing": 404}[fault]
    assert "error" in error


@pytest.mark.parametrize(("fault", "said"), [("cut", "broke off"), ("silent", "silent")])
def test_stream_that_breaks_off_ends_in_an_error(both, ollama_server, fault, said):
    ollama_server.fault = fault
    *pieces, last = parts(both.post("/api/chat", json={"model": "tiny:1b"}))
    assert [piece["message"]["content"] for piece in pieces] == PIECES[:2]
    assert said in last["error"]


@pytest.mark.parametrize(("fault", "status"), [("hang", 504), ("redirect", 503)])
def test_server_that_does_not_answer_leaves_our_models_at_work(both, ollama_server, fault, status):
    ollama_server.fault = fault
    response = both.post("/api/chat", json={"model": "tiny:1b"})
    assert response.status_code == status
    assert list(response.get_json()) == ["error"]
    assert ask(both, "/api/chat", CHAT)[0] == 200
    assert [model["name"] for model in both.get("/api/tags").get_json()["models"]][0] == "bert-qa:squad"


def test_bodies_may_hold_images(both, app_of, ollama_server):
    sent = {"model": "tiny:1b", "images": ["x" * 3_000_000], "stream": False}
    assert ask(both, "/api/generate", sent)[0] == 200
    small = app_of(ollama="on", ollama_host=ollama_server.url, ollama_max_body_bytes=1024).test_client()
    status, error = ask(small, "/api/generate", sent)
    assert (status, list(error)) == (413, ["error"])


@pytest.mark.parametrize("path", ["/v1/models/..%2f..%2fsecret", "/v1/models/%2e%2e", "/api/blobs/%2e%2e"])
def test_paths_lead_nowhere_else(app_of, ollama_server, path):
    client = app_of(ollama="on", ollama_host=f"{ollama_server.url}/ai", ollama_manage=True).test_client()
    method = client.post if "blobs" in path else client.get
    assert method(path).status_code in (400, 404)
    assert ollama_server.requests == []


def test_names_are_quoted_on_the_way(both, ollama_server):
    both.get("/v1/models/a%3Fb%23c/d")
    assert ollama_server.requests[0][1] == "/v1/models/a%3Fb%23c/d"


def test_chunked_body_over_the_limit_is_refused_whole(app_of, ollama_server):
    client = app_of(
        ollama="on", ollama_host=ollama_server.url, ollama_manage=True, ollama_max_body_bytes=2048
    ).test_client()
    response = client.post(
        f"/api/blobs/sha256:{'0' * 64}",
        input_stream=io.BytesIO(b"x" * 5000),
        environ_overrides={"wsgi.input_terminated": True},
    )
    assert response.status_code == 413
    assert ollama_server.requests == []


@pytest.mark.parametrize("number", [65, 2048])
def test_many_texts_are_embedded_at_once(client, number):
    status, found = ask(client, "/api/embed", {"model": "base", "input": ["a"] * number})
    assert (status, len(found["embeddings"])) == (200, number)


@pytest.mark.parametrize(
    ("texts", "said"), [(["a"] * 2049, "2,049 texts"), (["a", "x" * 101], "a text of 101 characters")]
)
def test_too_much_to_embed_is_refused(app_of, texts, said):
    client = app_of(max_context_chars=100).test_client()
    status, error = ask(client, "/api/embed", {"model": "base", "input": texts})
    assert status == 400
    assert said in error["error"]


def test_embedding_is_given_up_with_its_caller(client, reader):
    ask(client, "/api/embed", {"model": "base", "input": "a"})
    assert reader.patience.deadline < float("inf")


@pytest.mark.parametrize("dimensions", [1, 3, 4])
def test_vectors_are_cut_and_of_length_one_again(client, dimensions):
    body = {"model": "base", "input": ["a", "b"], "dimensions": dimensions}
    _, found = ask(client, "/api/embed", body)
    for vector in found["embeddings"]:
        assert len(vector) == dimensions
        assert sum(value * value for value in vector) == pytest.approx(1)


@pytest.mark.parametrize("path", ["/api/embed", "/api/embeddings", "/v1/embeddings"])
@pytest.mark.parametrize("dimensions", [5, -1, 1.5, "3", True])
def test_dimensions_that_the_base_does_not_have_are_refused(client, path, dimensions):
    status, error = ask(
        client, path, {"model": "base", "input": "a", "prompt": "a", "dimensions": dimensions}
    )
    assert status == 400
    assert "dimensions must be a whole number from 1 to 4" in str(error)


PNG = "iVBORw0KGgo="
WITH_IMAGES = [
    ("/api/generate", {"prompt": "Context: a b\nQuestion: c?", "images": [PNG]}),
    ("/api/chat", {"messages": [{"role": "user", "content": "Context: a b\nQuestion: c?", "images": [PNG]}]}),
    ("/api/chat", {"messages": CHAT["messages"], "images": [PNG]}),
    ("/v1/chat/completions", {"messages": CHAT["messages"], "images": [PNG]}),
    (
        "/v1/chat/completions",
        {
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "Context: a b\nQuestion: c?"},
                        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
                    ],
                }
            ]
        },
    ),
]


@pytest.mark.parametrize(("path", "body"), WITH_IMAGES)
def test_images_are_refused_alike(client, path, body):
    status, error = ask(client, path, {"model": "bert-qa", "stream": False, **body})
    assert status == 400
    assert "read text alone" in str(error)


KEEP = {"model": "bert-qa:law", "stream": False, "messages": CHAT["messages"]}


@pytest.mark.parametrize("given", [0, 0.0, "0", "0s", "0m", "0h0m0s", "-0s"])
def test_model_is_unloaded_after_its_reply(client, reader, given):
    status, found = ask(client, "/api/chat", KEEP | {"keep_alive": given})
    assert (status, found["message"]["content"]) == (200, "The")
    assert "law" not in reader.loaded
    assert (
        ask(client, "/api/generate", {"model": "bert-qa:law", "keep_alive": given})[1]["done_reason"]
        == "unload"
    )


@pytest.mark.parametrize("given", [None, "", -1, "-1m", 300, "5m", "1h30m", "0.5s", "0m1s"])
def test_model_stays(client, reader, given):
    reader.loaded.add("law")
    assert ask(client, "/api/chat", KEEP | {"keep_alive": given})[0] == 200
    assert "law" in reader.loaded


@pytest.mark.parametrize("given", ["soon", "5 minutes", True, [], {"s": 0}])
def test_keep_alive_that_is_no_time_is_refused(client, given):
    status, error = ask(client, "/api/chat", KEEP | {"keep_alive": given})
    assert status == 400
    assert "keep_alive must be" in error["error"]


def test_default_adapter_stays_whatever_is_said(client, reader):
    assert ask(client, "/api/chat", CHAT | {"keep_alive": 0})[0] == 200
    assert "squad" in reader.loaded


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/tags"),
        ("GET", "/api/version"),
        ("GET", "/api/ps"),
        ("POST", "/api/chat"),
        ("GET", "/v1/models"),
        ("GET", "/v1/models/bert-qa"),
        ("POST", "/v1/chat/completions"),
    ],
)
def test_slash_at_the_end_changes_nothing(client, method, path):
    response = client.open(f"{path}/", method=method, json=CHAT if method == "POST" else None)
    assert response.status_code == 200


def test_slash_at_the_end_is_not_passed_on(both, ollama_server):
    both.post("/api/chat/", json={"model": "tiny:1b", "messages": []})
    assert ollama_server.requests[0][1] == "/api/chat"


def test_callers_who_ask_too_often_are_told_for_how_long(app_of):
    client = app_of(rate_limit="1/minute").test_client()
    assert ask(client, "/api/chat", CHAT)[0] == 200
    response = client.post("/api/chat", json=CHAT)
    assert response.status_code == 429
    assert response.get_json() == {"error": "At most 1 per 1 minute are answered for one caller."}
    assert int(response.headers["Retry-After"]) > 30


def test_keys_stay_here(app_of, ollama_server):
    client = app_of(ollama="on", ollama_host=ollama_server.url, api_keys="secret").test_client()
    for header in ({"Authorization": "Bearer secret"}, {"X-API-Key": "secret"}):
        assert client.post("/api/chat", json={"model": "tiny:1b"}, headers=header).status_code == 200
    assert "secret" not in str(ollama_server.headers)


def test_keys_are_asked_for_here_too(app_of, ollama_server):
    client = app_of(ollama="on", ollama_host=ollama_server.url, api_keys="secret").test_client()
    status, error = ask(client, "/api/chat", CHAT)
    assert status == 401
    assert "key" in error["error"]
    assert client.post("/api/chat", json=CHAT, headers={"Authorization": "Bearer secret"}).status_code == 200

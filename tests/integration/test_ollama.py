"""Beside a real Ollama server with a real model: routing, its protocol by real clients, and its end."""

import json
import os
import shutil
import subprocess
import threading
import time
from pathlib import Path

import numpy as np
import ollama
import openai
import pytest
import requests

from localqa.config import DEFAULT_ADAPTER
from localqa.ollama.address import LOCAL, server_url
from tests.server import running, until

pytestmark = [pytest.mark.integration, pytest.mark.alone]

UPSTREAM = server_url(os.environ.get("OLLAMA_HOST") or LOCAL)
MODEL = os.environ.get("OLLAMA_TEST_MODEL", "smollm2:135m")
# `COMMAND start` and `COMMAND stop` begin and end the server at UPSTREAM.
COMMAND = os.environ.get("OLLAMA_TEST_COMMAND")
BASE = "all-MiniLM-L6-v2"
CONTEXT = "The bridge was built by Dunmore and Sons and opened on 9 June 1891."
QUESTION = "Who built the bridge?"
MESSAGES = [{"role": "system", "content": CONTEXT}, {"role": "user", "content": QUESTION}]
SHORT = {"num_predict": 8}
CLIENTS = Path(__file__).parent / "clients"


def answers(url):
    try:
        return requests.get(f"{url}/api/version", timeout=2).ok
    except requests.RequestException:
        return False


@pytest.fixture(scope="module", autouse=True)
def real_server():
    if not answers(UPSTREAM):
        pytest.skip(f"no Ollama answers at {UPSTREAM}")
    names = [model["name"] for model in requests.get(f"{UPSTREAM}/api/tags", timeout=5).json()["models"]]
    if MODEL not in names:
        pytest.skip(f"Ollama at {UPSTREAM} has no {MODEL}")


@pytest.fixture(scope="module")
def server(real_server, tmp_path_factory):
    folder = tmp_path_factory.mktemp("server")
    with running(folder, QA_OLLAMA="on", OLLAMA_HOST=UPSTREAM, OLLAMA_MODEL=MODEL) as (url, _):
        yield url


@pytest.fixture(scope="module")
def client(server):
    return ollama.Client(host=server)


def test_open_question_is_generated_and_streamed(server):
    whole = requests.post(f"{server}/api/qa", json={"question": "What is the capital of France?"}, timeout=60)
    found = whole.json()
    assert (found["source"], found["model"], found["routed_because"]) == ("ollama", MODEL, "no_context")
    assert found["answer"].strip()
    body = {"question": "What is the capital of France?", "stream": True}
    with requests.post(f"{server}/api/qa", json=body, stream=True, timeout=60) as response:
        *pieces, last = [json.loads(line) for line in response.iter_lines()]
    assert len(pieces) > 1
    assert "".join(piece["delta"] for piece in pieces) == last["answer"]


def test_text_is_summarised(server):
    body = {"text": f"{CONTEXT} It is 120 metres long and carries two lanes.", "max_words": 15}
    found = requests.post(f"{server}/api/summarize", json=body, timeout=60).json()
    assert (found["source"], found["model"]) == ("ollama", MODEL)
    assert 0 < len(found["summary"].split()) <= 15


def test_extractive_and_generated_answers_to_one_text(server):
    body = {"question": QUESTION, "context": CONTEXT}
    extracted = requests.post(f"{server}/api/qa", json=body, timeout=60).json()
    assert (extracted["source"], extracted["answer"]) == ("bert", "Dunmore and Sons")
    generated = requests.post(f"{server}/api/qa", json=body | {"route": "ollama"}, timeout=60).json()
    pairs = {"qa_pairs": [body | {"route": "ollama"}, body]}
    results = requests.post(f"{server}/api/qa/batch", json=pairs, timeout=60).json()["results"]
    assert [one["source"] for one in results] == ["ollama", "bert"]
    assert results[1] == extracted
    assert generated["source"] == "ollama"
    assert isinstance(generated["supported"], bool)
    if generated["support"]:
        found = generated["support"]
        assert CONTEXT[found["start"] : found["end"]] == found["answer"]


def test_python_client_lists_and_shows(client):
    names = [model.model for model in client.list().models]
    assert {"bert-qa:squad", "bert-qa:squad2", MODEL} <= set(names)
    assert client.show("bert-qa:squad").details.family == "bert"
    assert client.show(MODEL).details.family == "llama"
    assert f"bert-qa:{DEFAULT_ADAPTER}" in [model.model for model in client.ps().models]


@pytest.mark.parametrize("model", ["bert-qa", MODEL])
def test_python_client_chats_and_generates(client, model):
    whole = client.chat(model, MESSAGES, options=SHORT)
    streamed = list(client.chat(model, MESSAGES, options=SHORT, stream=True))
    assert whole.done
    assert whole.message.content
    assert len(streamed) > 1
    assert streamed[-1].done_reason == whole.done_reason
    generated = client.generate(model, QUESTION, system=CONTEXT, options=SHORT)
    pieces = list(client.generate(model, QUESTION, system=CONTEXT, options=SHORT, stream=True))
    assert "".join(piece.response for piece in pieces) == generated.response
    assert generated.total_duration > 0
    if model == "bert-qa":
        assert whole.message.content == generated.response == "Dunmore and Sons"


@pytest.mark.parametrize("model", [BASE, MODEL])
def test_python_client_embeds(client, model):
    vectors = np.array(
        client.embed(model, ["The bridge is old.", "An old bridge.", "I like tea."]).embeddings
    )
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-3)
    if model == BASE:
        assert vectors[0] @ vectors[1] > 0.7 > 0.3 > vectors[0] @ vectors[2]


def test_python_client_hears_of_errors(client):
    with pytest.raises(ollama.ResponseError, match="not found") as raised:
        client.chat("bert-qa:nothing", MESSAGES)
    assert raised.value.status_code == 404
    with pytest.raises(ollama.ResponseError) as raised:
        client.pull("llama3.2")
    assert raised.value.status_code == 403


@pytest.mark.parametrize("model", ["bert-qa", MODEL])
def test_openai_client_chats(server, model):
    client = openai.OpenAI(base_url=f"{server}/v1", api_key="unused", max_retries=0)
    assert {"bert-qa:squad", MODEL} <= {one.id for one in client.models.list()}
    assert client.models.retrieve(model if model == MODEL else "bert-qa:squad").object == "model"
    whole = client.chat.completions.create(model=model, messages=MESSAGES, max_tokens=8)
    assert whole.choices[0].message.content
    stream = client.chat.completions.create(model=model, messages=MESSAGES, max_tokens=8, stream=True)
    text = "".join(part.choices[0].delta.content or "" for part in stream if part.choices)
    assert text
    if model == "bert-qa":
        assert text == whole.choices[0].message.content == "Dunmore and Sons"
    with pytest.raises(openai.NotFoundError, match="not found"):
        client.chat.completions.create(model="bert-qa:nothing", messages=MESSAGES)


@pytest.mark.parametrize("model", ["bert-qa", MODEL])
def test_javascript_client(server, model):
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed")
    if not (CLIENTS / "node_modules" / "ollama").exists():
        subprocess.run(["npm", "ci", "--silent"], cwd=CLIENTS, check=True, timeout=120)
    embedder = BASE if model == "bert-qa" else MODEL
    done = subprocess.run(
        ["node", "ask.mjs", server, model, embedder, QUESTION],
        cwd=CLIENTS,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert {"bert-qa:squad", MODEL} <= set(found["models"])
    assert found["family"] == ("bert" if model == "bert-qa" else "llama")
    assert "".join(found["chunks"]) == found["chat"]
    assert "".join(found["pieces"]) == found["generated"]
    assert found["vectors"][0] == found["vectors"][1] > 100
    assert "not found" in found["refusal"]
    if model == "bert-qa":
        assert found["chat"] == found["generated"] == "Dunmore and Sons"


def test_client_who_leaves_frees_the_server_for_the_next(server):
    """The real server answers one request at a time: a generation that went on would hold up the next."""
    endless = {"model": MODEL, "prompt": "Count to a million.", "options": {"num_predict": 4000}}
    response = requests.post(f"{server}/api/generate", json=endless, stream=True, timeout=60)
    next(response.iter_lines())
    response.close()
    began = time.monotonic()
    short = {"model": MODEL, "prompt": "Hi.", "options": {"num_predict": 2}, "stream": False}
    assert requests.post(f"{server}/api/generate", json=short, timeout=60).ok
    assert time.monotonic() - began < 20


def test_server_that_is_killed_and_started_again(server):
    if COMMAND is None:
        pytest.skip("OLLAMA_TEST_COMMAND does not say how to end and start the Ollama server")
    body = {"model": MODEL, "prompt": "Count to a million.", "options": {"num_predict": 4000}}
    with requests.post(f"{server}/api/generate", json=body, stream=True, timeout=60) as response:
        lines = response.iter_lines()
        assert json.loads(next(lines))["done"] is False
        killer = threading.Thread(target=subprocess.run, args=([COMMAND, "stop"],), kwargs={"check": True})
        killer.start()
        try:
            last = [json.loads(line) for line in lines][-1]
            killer.join()
            assert "error" in last
            until(lambda: not answers(UPSTREAM))
            question = {"question": QUESTION}
            down = requests.post(f"{server}/api/qa", json=question, timeout=60)
            assert (down.status_code, down.json()["error"]["code"]) == (503, "ollama_unavailable")
            extracted = requests.post(f"{server}/api/qa", json=question | {"context": CONTEXT}, timeout=60)
            assert extracted.json()["answer"] == "Dunmore and Sons"
            assert "bert-qa:squad" in [one.model for one in ollama.Client(host=server).list().models]
        finally:
            subprocess.run([COMMAND, "start"], check=True, stdout=subprocess.DEVNULL)
    # Within the breaker's rest at the latest.
    until(lambda: requests.post(f"{server}/api/qa", json=question, timeout=60).ok, seconds=30)

"""This server asked by other people's clients as they are: no other server is needed."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import ollama
import openai
import pytest

from tests.integration.frameworks.environment import NoIndexError, framework_python
from tests.server import running

pytestmark = pytest.mark.integration

CLIENTS = Path(__file__).parent / "clients"
FRAMEWORKS = Path(__file__).parent / "frameworks"
MODEL, EMBEDDER = "bert-qa:squad", "all-minilm-l6-v2"
ANSWER = "Dunmore and Sons"
TEXT = "The bridge was built by Dunmore and Sons in 1891."
MESSAGES = [{"role": "system", "content": TEXT}, {"role": "user", "content": "Who built the bridge?"}]
# Neither of them may look anything up or tell anyone.
QUIET = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LANGCHAIN_TRACING_V2": "false",
    "LANGSMITH_TRACING": "false",
    "HF_HUB_OFFLINE": "1",
}
BOTH = [ANSWER, "at nine in the morning"]
NO_TEXT = "There is no text to answer from"
EXPECTED = {
    "ChatOllama": ANSWER,
    "ChatOllama streams": ANSWER,
    "ChatOllama in a chain": ANSWER,
    "ChatOllama with a schema": ANSWER,
    "ChatOllama with a tool": ANSWER,
    "ChatOllama without a text": NO_TEXT,
    "OllamaLLM in a chain": ANSWER,
    "OllamaEmbeddings": [65, 384],
    "ChatOpenAI": ANSWER,
    "ChatOpenAI streams": ANSWER,
    "ChatOpenAI in a chain": ANSWER,
    "ChatOpenAI with a schema": ANSWER,
    "ChatOpenAI with a tool": ANSWER,
    "ChatOpenAI without a text": NO_TEXT,
    "OpenAIEmbeddings": [2, 64],
    "LlamaIndex compact": ANSWER,
    "LlamaIndex refine": ANSWER,
    "LlamaIndex tree_summarize": ANSWER,
    "LlamaIndex chat context": BOTH,
    "LlamaIndex chat condense_plus_context": BOTH,
    "LlamaIndex chat condense_question": BOTH,
    "LiteLLM ollama": ANSWER,
    "LiteLLM ollama_chat": ANSWER,
    "LiteLLM openai": ANSWER,
    "LiteLLM json": ANSWER,
    "LiteLLM ollama vectors": [2, 384],
    "LiteLLM openai vectors": [2, 384],
}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with running(tmp_path_factory.mktemp("server")) as (url, _):
        yield url


@pytest.fixture(scope="module")
def outcomes(server):
    """What LangChain, LlamaIndex and LiteLLM got, by the names of their cases."""
    try:
        python = framework_python()
    except NoIndexError as e:
        pytest.skip(f"LangChain, LlamaIndex and LiteLLM cannot be installed here: {e}")
    done = subprocess.run(
        [python, FRAMEWORKS / "ask.py", server],
        env={name: value for name, value in os.environ.items() if not name.startswith("OLLAMA_")} | QUIET,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("case", EXPECTED)
def test_framework(outcomes, case):
    found, expected = outcomes[case], EXPECTED[case]
    if expected == NO_TEXT:
        assert NO_TEXT in found
    else:
        assert found == expected


def test_every_case_is_expected(outcomes):
    assert outcomes.keys() == EXPECTED.keys()


def test_ollama_for_python(server):
    client = ollama.Client(host=server)
    assert client.chat(MODEL, MESSAGES).message.content == ANSWER
    assert client.generate(MODEL, MESSAGES[1]["content"], system=TEXT).response == ANSWER
    assert json.loads(client.chat(MODEL, MESSAGES, format="json").message.content)["answer"] == ANSWER
    shown = client.show(EMBEDDER)
    assert shown.capabilities == ["embedding"]
    assert shown.modelinfo["bert.embedding_length"] == 384
    vectors = np.array(
        client.embed(EMBEDDER, ["The bridge is old.", "An old bridge."], dimensions=128).embeddings
    )
    assert vectors.shape == (2, 128)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-4)
    with pytest.raises(ollama.ResponseError, match="text alone"):
        client.chat(MODEL, [*MESSAGES, {"role": "user", "content": "What is this?", "images": ["aGVsbG8="]}])


def test_openai_for_python(server):
    client = openai.OpenAI(base_url=f"{server}/v1/", api_key="unused", max_retries=0)
    assert client.chat.completions.create(model=MODEL, messages=MESSAGES).choices[0].message.content == ANSWER
    listed = {model.id for model in client.models.list()}
    assert {MODEL, "bert-qa:latest", f"{EMBEDDER}:latest"} <= listed
    assert client.models.retrieve(EMBEDDER).id == EMBEDDER
    # This client asks for base64 by itself.
    packed = client.embeddings.create(model=EMBEDDER, input="hello").data[0].embedding
    listed_numbers = (
        client.embeddings.create(model=EMBEDDER, input="hello", encoding_format="float").data[0].embedding
    )
    np.testing.assert_allclose(packed, listed_numbers, atol=1e-6)
    with pytest.raises(openai.BadRequestError, match="no text to answer from"):
        client.chat.completions.create(model=MODEL, messages=MESSAGES[1:])


def test_javascript(server):
    """openai's and Ollama's clients for JavaScript."""
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed")
    if not (CLIENTS / "node_modules" / "openai").exists():
        subprocess.run(["npm", "ci", "--silent"], cwd=CLIENTS, check=True, timeout=120)
    done = subprocess.run(
        ["node", "ask_both.mjs", server, MODEL, EMBEDDER],
        cwd=CLIENTS,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["openai"] == found["streamed"] == found["ollama"] == found["schema"] == ANSWER
    assert found["id"] == EMBEDDER
    assert len(found["packed"]) == 384
    np.testing.assert_allclose(found["packed"], found["numbers"], atol=1e-6)
    np.testing.assert_allclose(found["packed"], found["native"], atol=1e-6)
    assert "no text to answer from" in found["refusal"]

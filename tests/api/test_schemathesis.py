"""Whatever the OpenAPI document allows, and what it forbids: every response is one that it describes."""

import json

import pytest
import schemathesis
from hypothesis import HealthCheck, assume, given, settings
from schemathesis import GenerationMode

from app import create_app
from localqa.config import Settings
from tests.api.fake_reader import FakeReader
from tests.ollama.fake_server import fake_ollama

OPERATIONS = [
    ("/api/qa", "POST"),
    ("/api/qa/batch", "POST"),
    ("/predict", "POST"),
    ("/api/summarize", "POST"),
    ("/api/adapters", "GET"),
    ("/api/adapters", "POST"),
    ("/api/adapters/{name}", "DELETE"),
    ("/api/model/info", "GET"),
    ("/api/health", "GET"),
    ("/livez", "GET"),
    ("/readyz", "GET"),
    ("/metrics", "GET"),
    ("/api/documents", "GET"),
    ("/api/documents", "POST"),
    ("/api/documents/jobs/{id}", "GET"),
    ("/api/documents/{id}", "GET"),
    ("/api/documents/{id}", "DELETE"),
    ("/api/documents/{id}/pages/{number}.png", "GET"),
    ("/api/collections", "GET"),
    ("/api/collections/{name}", "DELETE"),
    ("/api/search", "POST"),
    ("/api/ask", "POST"),
]


@pytest.fixture(scope="module")
def server():
    with fake_ollama() as server:
        yield server


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_responses_are_as_described(path, method, mode, server):
    # Small limits keep what is generated small.
    limits = {"max_context_chars": 2000, "max_question_chars": 200, "max_question_words": 200}
    # Open questions are answered, too.
    settings_of_app = Settings.load(**limits, ollama="on", ollama_host=server.url)
    app = create_app(settings_of_app, FakeReader())
    operation = schemathesis.openapi.from_wsgi("/openapi.json", app)[path][method]
    # An id may be any text; the number of a page may not.
    free = "{id}" in path and "{number}" not in path
    if mode == GenerationMode.NEGATIVE and (free or not (operation.body or operation.path_parameters)):
        return  # nothing that could be wrong

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    def check(case):
        # No tokenizer takes NUL, and the document says so in words alone.
        assume("\\u0000" not in json.dumps(case.body, default=str))
        # Nor is there anything to extract an answer from without a context.
        body = case.body if isinstance(case.body, dict) else {}
        pairs = body.get("qa_pairs", [body])
        asked = [one for one in pairs if isinstance(one, dict)] if isinstance(pairs, list) else []
        assume(all(one.get("route") != "extractive" or one.get("context") is not None for one in asked))
        # The fields of a form are text, whatever they were made of.
        fields = [body[name] for name in ("collection", "password") if name in body]
        assume(case.media_type != "multipart/form-data" or all(isinstance(one, str) for one in fields))
        # The default adapter stays, as its name alone does not tell.
        assume(method != "DELETE" or case.path_parameters.get("name") != FakeReader.default_adapter)
        # Nor can every adapter abstain, which only the descriptions say.
        if mode == GenerationMode.POSITIVE:
            assume(not any(one.get("abstain") for one in asked))
        case.call_and_validate()

    check()


def test_every_operation_is_among_them():
    document = create_app(Settings.load(), FakeReader()).test_client().get("/openapi.json").get_json()
    described = {(path, method.upper()) for path, methods in document["paths"].items() for method in methods}
    assert described == set(OPERATIONS)

"""`/api/summarize`: by the adapter that is for it, by Ollama, or a clear refusal."""

import threading

import pytest

from app import create_app
from localqa.api.service import EXTENSION
from localqa.config import Settings
from localqa.errors import AdapterNotFoundError
from localqa.model.adapter_files import adapter_folder
from localqa.summarization.splitting import within
from localqa.summarization.summarizer import Summarizer, Summary, load_named

TEXT = "The fox found the lamp. It was dark. Nobody else was there."


class Echo:
    """Summarises a text by its words, one step each."""

    def __init__(self):
        self.gate = threading.Event()
        self.gate.set()

    def summarize(self, text, *, max_words=None, on_step=lambda: None):
        for _ in text.split():
            on_step()
            self.gate.wait(0.05)
        kept = within(text, max_words) if max_words else text
        return Summary(kept, 1, kept != text)


@pytest.fixture
def short(reader):
    return create_app(Settings.load(summary_adapter="short"), reader, Echo()).test_client()


def test_adapter_summarises(short):
    found = short.post("/api/summarize", json={"text": TEXT}).get_json()
    assert found == {"summary": TEXT, "source": "adapter", "model": "short", "cut": False}
    found = short.post("/api/summarize", json={"text": TEXT, "max_words": 9}).get_json()
    assert (found["summary"], found["cut"]) == ("The fox found the lamp. It was dark.", True)
    assert short.get("/api/health").get_json()["summaries"] == "adapter"
    assert b'localqa_summaries_total{source="adapter"} 2.0' in short.get("/metrics").data


def test_ollama_summarises_where_no_adapter_does(reader, ollama_server):
    settings = Settings.load(ollama="on", ollama_host=ollama_server.url, ollama_model="tiny:1b")
    client = create_app(settings, reader).test_client()
    found = client.post("/api/summarize", json={"text": TEXT, "max_words": 3}).get_json()
    assert found == {"summary": "Ada Lovelace wrote", "source": "ollama", "model": "tiny:1b", "cut": True}
    system, user = ollama_server.requests[-1][2]["messages"]
    assert "at most 3 words" in system["content"]
    fence = user["content"].split("\n")[0]
    assert user["content"] == f"{fence}\n{TEXT}\n{fence}"
    assert fence in system["content"]
    assert client.get("/api/health").get_json()["summaries"] == "ollama"
    ollama_server.fault = "500"
    refused = client.post("/api/summarize", json={"text": TEXT})
    assert (refused.status_code, refused.get_json()["error"]["code"]) == (503, "ollama_unavailable")
    ollama_server.fault = ""
    refused = client.post("/api/summarize", json={"text": "word " * 90_000})
    assert refused.status_code == 413


def test_without_either_it_says_what_to_do(client):
    refused = client.post("/api/summarize", json={"text": TEXT})
    assert refused.status_code == 503
    assert "Retry-After" in refused.headers
    error = refused.get_json()["error"]
    assert error["code"] == "no_summarizer"
    assert "QA_SUMMARY_ADAPTER" in error["remedy"]
    assert "OLLAMA_HOST" in error["remedy"]
    assert client.get("/api/health").get_json()["summaries"] == "off"


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({}, "text: is missing"),
        ({"text": ""}, "text: must not be empty"),
        ({"text": " \n"}, "text: must not be blank"),
        ({"text": 3}, "text: must be a string, not a number"),
        ({"text": TEXT, "max_words": 0}, "max_words: must be a whole number from 1 to 2000"),
        ({"text": TEXT, "max_words": 2001}, "max_words: must be a whole number from 1 to 2000"),
        ({"text": TEXT, "max_words": "3"}, "max_words: must be a whole number from 1 to 2000"),
        ({"text": TEXT, "words": 3}, "(known: text, max_words)"),
        ({"text": "x" * 500_001}, "text: has 500,001 characters, at most 500,000 are allowed"),
    ],
)
def test_bad_requests_name_the_field(short, body, told):
    refused = short.post("/api/summarize", json=body)
    assert refused.status_code == 422
    assert told in refused.get_json()["error"]["message"]


def test_slow_summary_is_given_up(reader):
    summarizer = Echo()
    summarizer.gate.clear()
    settings = Settings.load(summary_adapter="short", deadline_s=0.2)
    client = create_app(settings, reader, summarizer).test_client()
    refused = client.post("/api/summarize", json={"text": "word " * 1000})
    assert (refused.status_code, refused.get_json()["error"]["code"]) == (504, "deadline_exceeded")


def test_adapter_is_found_by_its_name(summary_adapter):
    settings = Settings.load(models_dir=summary_adapter.parent, summary_adapter="short")
    assert isinstance(load_named(settings), Summarizer)
    with pytest.raises(AdapterNotFoundError, match='no adapter "nobody"; known: short'):
        load_named(Settings.load(models_dir=summary_adapter.parent, summary_adapter="nobody"))
    with pytest.raises(AdapterNotFoundError, match='"squad" is for another task: it answers questions'):
        load_named(Settings.load(summary_adapter="squad"))
    with pytest.raises(AdapterNotFoundError, match='"short" is for another task: it summarises'):
        adapter_folder(summary_adapter.parent, "short")


def test_while_it_loads_nothing_else_summarises(reader):
    app = create_app(Settings.load(summary_adapter="short"), reader)
    service = app.extensions[EXTENSION]
    service.loading._reader = None
    refused = app.test_client().post("/api/summarize", json={"text": TEXT})
    assert (refused.status_code, refused.get_json()["error"]["code"]) == (503, "not_ready")
    assert app.test_client().get("/api/health").get_json()["summaries"] == "adapter"


def test_waiting_for_a_turn_ends_with_the_deadline(tiny_t5, summary_adapter):
    summarizer = Summarizer.load(summary_adapter)
    held = threading.Event()
    release = threading.Event()

    def hold():
        held.set()
        release.wait(10)

    first = threading.Thread(target=summarizer.summarize, args=(TEXT,), kwargs={"on_step": hold})
    first.start()
    assert held.wait(10)

    def give_up():
        raise TimeoutError

    with pytest.raises(TimeoutError):
        summarizer.summarize(TEXT, on_step=give_up)
    release.set()
    first.join(10)
    assert summarizer.summarize(TEXT).text

"""A server that sends without end or measure: it is read no faster than it is needed, and no further."""

import time

import pytest

from localqa.ollama.client import Ollama
from localqa.ollama.errors import OllamaDownError
from localqa.ollama.upstream import Upstream
from tests.ollama.flood import NDJSON, Endless, flooding, head
from tests.server import until

pytestmark = pytest.mark.alone

MIB = 2**20
LINE = b'{"message": {"role": "assistant", "content": "' + b"x" * 1000 + b'"}, "done": false}\n'


@pytest.fixture
def flood():
    with flooding() as server:
        yield server


def upstream_at(flood, timeout_s=5.0):
    return Upstream(flood.url, timeout_s=timeout_s, max_requests=4)


def test_it_is_read_no_faster_than_the_caller_reads(flood):
    flood.reply = Endless(head(NDJSON), LINE * 60)
    with upstream_at(flood).stream("POST", "/api/chat", b"{}") as reply:
        next(reply.chunks)
        time.sleep(1)
        sent = flood.sent
        time.sleep(1)
        # What the system holds between the two is all that goes on.
        assert flood.sent - sent < MIB
        assert sent < 16 * MIB
        for _ in range(200):
            next(reply.chunks)
        assert flood.sent > sent
    until(lambda: flood.left == 1, seconds=5)


def test_reading_ends_with_the_block(flood):
    flood.reply = Endless(head(NDJSON), LINE * 60)
    with upstream_at(flood).stream("POST", "/api/chat", b"{}"):
        pass
    until(lambda: flood.left == 1, seconds=5)


@pytest.mark.parametrize("piece", [b"x" * 65_536, b"[" * 65_536, b"\n" * 65_536])
def test_what_it_tells_of_itself_has_an_end(flood, piece):
    flood.reply = Endless(head(b"application/json"), piece)
    with pytest.raises(OllamaDownError, match="more than 4,194,304 bytes"):
        upstream_at(flood).get("/api/tags", timeout_s=2)
    until(lambda: flood.left == 1, seconds=5)


def test_telling_drop_by_drop_has_an_end(flood):
    def drops():
        yield head(b"application/json")
        while True:
            time.sleep(0.05)
            yield b" "

    flood.reply = drops()
    began = time.monotonic()
    with pytest.raises(OllamaDownError, match="takes too long"):
        upstream_at(flood).get("/api/tags", timeout_s=0.2)
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("piece", "said"),
    [
        (LINE * 60, "an answer of more than"),
        (b"x" * 65_536, "a line of more than"),
        (b'{"message": {"content": ""}}\n' * 2000, "an answer of more than"),
    ],
)
def test_an_answer_has_an_end(flood, piece, said):
    flood.reply = Endless(head(NDJSON), piece)
    ollama = Ollama(upstream_at(flood), model="tiny:1b")
    with pytest.raises(OllamaDownError, match=said):
        sum(map(len, ollama.generate("Who?", None, model="tiny:1b")))
    until(lambda: flood.left == 1, seconds=5)


def test_an_endless_error_has_an_end(flood):
    flood.reply = Endless(head(b"application/json", b"500 Oh"), b"x" * 65_536)
    with pytest.raises(OllamaDownError, match="more than"):
        list(Ollama(upstream_at(flood), model="tiny:1b").generate("Who?", None, model="tiny:1b"))


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 200_000,
        b'{"message": {"content": "\\ud800"}}',
        b'{"message": ' + b'{"a": ' * 300 + b"1" + b"}" * 301,
        b'{"message": NaN}',
        b'{"message": 1e999}',
        b'{"a": ' + b"9" * 5000 + b"}",
        b'{"message": "\xff"}',
        b"[" + b"[]," * 150_000 + b"[]]",
    ],
)
def test_what_is_not_the_protocol_is_told(flood, body):
    flood.reply = [head(NDJSON), body + b"\n"]
    with pytest.raises(OllamaDownError, match="not Ollama's protocol"):
        list(Ollama(upstream_at(flood), model="tiny:1b").generate("Who?", None, model="tiny:1b"))


@pytest.mark.parametrize(
    "kind",
    [
        b"text/\xe2\x86\x92",
        b"json",
        b"a/b\x85",
        b"text/html;\xff",
        b"/",
        b"a b/c",
        b"x" * 300 + b"/y",
        b"a/b/c",
    ],
)
def test_a_content_type_that_is_none_is_told(flood, kind):
    flood.reply = [head(kind), b"{}"]
    with pytest.raises(OllamaDownError), upstream_at(flood).stream("POST", "/api/show", b"{}"):
        pass

"""A server under attack: its memory stays bounded, its probes answer, and afterwards it is as before."""

import resource
import time

import pytest
import requests

from tests.load.attacks import (
    ASKED,
    MIB,
    OWN,
    PROTOCOL,
    Dribble,
    bodies,
    measured,
    post_all,
    texts,
    worker_of,
)
from tests.ollama.flood import NDJSON, Endless, flooding, head
from tests.server import running, until

pytestmark = [pytest.mark.integration, pytest.mark.slow]

BOUND = 600
"""MiB that the server may take, whatever is sent."""
KEPT = 60
"""MiB that it may keep of that afterwards."""
AT_ONCE = 64


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
    folder = tmp_path_factory.mktemp("attacked")
    with running(folder, QA_DEADLINE_S="8", QA_RECEIVE_S="3", QA_DRAIN_S="0.1") as (url, process):
        requests.post(f"{url}/api/qa", json=ASKED, timeout=30)
        # What embeds is a graph of its own, which comes at its first use and stays.
        requests.post(f"{url}/api/embed", json={"model": "all-minilm-l6-v2", "input": "a"}, timeout=30)
        yield url, worker_of(process)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def is_well(url, worker, memory):
    print(memory)
    assert memory.peak < BOUND, memory
    assert memory.after < memory.before + KEPT, memory
    assert requests.post(f"{url}/api/qa", json=ASKED, timeout=30).json()["answer"] == "Ada"
    assert worker.is_running()


@pytest.mark.parametrize("kind", bodies(100, b"{"))
def test_bodies_of_our_own_routes(server, kind):
    url, worker = server
    body = bodies(OWN, b'{"question":"a","context":"b",')[kind]
    with measured(worker) as memory:
        memory.answers = post_all(url, "/api/qa", body, times=AT_ONCE)
    assert set(memory.answers) <= {400, 413, 422, 503}, memory
    is_well(url, worker, memory)


@pytest.mark.parametrize("kind", bodies(100, b"{"))
def test_bodies_of_the_protocols(server, kind):
    url, worker = server
    body = bodies(PROTOCOL, b'{"model":"bert-qa","stream":false,"prompt":"x",')[kind]
    with measured(worker) as memory:
        memory.answers = post_all(url, "/api/generate", body, times=AT_ONCE // 8)
        memory.answers += post_all(url, "/v1/embeddings", body, times=AT_ONCE // 8)
    assert set(memory.answers) <= {400, 404, 413, 503}, memory
    is_well(url, worker, memory)


@pytest.mark.parametrize("kind", texts())
def test_texts_whose_every_character_is_a_token(server, kind):
    url, worker = server
    path, body = texts()[kind]
    with measured(worker) as memory:
        memory.answers = post_all(url, path, body, times=AT_ONCE // 4)
    assert set(memory.answers) <= {200, 413, 503, 504}, memory
    is_well(url, worker, memory)


def test_bodies_in_chunks_of_unknown_length(server):
    url, worker = server
    body = bodies(PROTOCOL, b'{"model":"bert-qa","prompt":"x",')["wide"] + b" " * MIB
    with measured(worker) as memory:
        memory.answers = post_all(url, "/api/chat", body, times=AT_ONCE // 4, chunked=True)
    assert set(memory.answers) <= {400, 413, 503, "ConnectionError"}, memory
    is_well(url, worker, memory)


def test_forms(server):
    url, worker = server
    part = b'--x\r\nContent-Disposition: form-data; name="a%d"\r\n\r\nb\r\n'
    body = b"".join(part % number for number in range(OWN // 60)) + b"--x--\r\n"
    with measured(worker) as memory:
        memory.answers = post_all(
            url, "/api/qa", body[:OWN], times=AT_ONCE, kind="multipart/form-data; boundary=x"
        )
    assert set(memory.answers) == {415}, memory
    is_well(url, worker, memory)


HEAD = b"POST /api/qa HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
DRIBBLES = {
    "nothing": (b"", b""),
    "request line": (b"P", b"O"),
    "headers": (HEAD, b"X"),
    "body": (HEAD + b"Content-Length: 100000\r\n\r\n{", b" "),
    "large body": (HEAD + b"Content-Length: 2000000\r\n\r\n" + b" " * 50_000, b" "),
    "chunks": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    "chunk size": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"0"),
    "goodbye": (b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", b""),
}


def answered(url, seconds):
    """The longest that probes and a small question took, asked again and again."""
    longest = {}
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        for path in ("/livez", "/readyz", "/api/qa"):
            began = time.monotonic()
            if path == "/api/qa":
                found = requests.post(url + path, json=ASKED, timeout=20)
            else:
                found = requests.get(url + path, timeout=20)
            assert found.status_code == 200, (path, found.text)
            longest[path] = max(longest.get(path, 0), time.monotonic() - began)
    return longest


@pytest.mark.alone
@pytest.mark.parametrize("kind", DRIBBLES)
def test_slow_clients_keep_nobody_from_being_answered(server, kind):
    url, worker = server
    with measured(worker) as memory, Dribble(url, *DRIBBLES[kind], count=300) as dribble:
        longest = answered(url, seconds=2)
        ends = time.monotonic() + 20
        while kind != "large body" and dribble.open() and time.monotonic() < ends:
            time.sleep(0.2)
        # Each is ended in time; large ones are still in line for their room.
        assert kind == "large body" or not dribble.open()
    assert max(longest.values()) < 5, longest
    is_well(url, worker, memory)


@pytest.mark.alone
def test_clients_that_read_no_answer_keep_nobody_from_being_answered(server):
    url, worker = server
    path = "/swagger/js/swagger-ui-bundle.js"
    assert len(requests.get(f"{url}{path}", timeout=5).content) > 1_000_000
    first = f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    with measured(worker) as memory, Dribble(url, first, b"", count=300, reads=False):
        assert max(answered(url, seconds=3).values()) < 5
        for other in ("/", "/docs", "/openapi.json"):
            assert requests.get(f"{url}{other}", timeout=5).status_code == 200
    is_well(url, worker, memory)


@pytest.mark.alone
def test_more_connections_than_the_server_takes_make_place(server):
    url, worker = server
    with measured(worker) as memory, Dribble(url, HEAD, b"X", count=1300):
        assert max(answered(url, seconds=2).values()) < 5
    is_well(url, worker, memory)


@pytest.mark.alone
def test_all_at_once(server):
    """Slow clients, large texts and many values together."""
    url, worker = server
    path, signs = texts()["signs"]
    values = bodies(PROTOCOL, b'{"model":"bert-qa","prompt":"x",')["wide"]
    with measured(worker) as memory, Dribble(url, *DRIBBLES["body"], count=200):
        memory.answers = post_all(url, path, signs, times=12) + post_all(url, "/api/chat", values, times=8)
        assert requests.get(f"{url}/livez", timeout=5).status_code == 200
    is_well(url, worker, memory)


LINE = b'{"message": {"role": "assistant", "content": "' + b"x" * 1000 + b'"}, "done": false}\n'


@pytest.fixture(scope="module")
def flooded(tmp_path_factory):
    """A server beside an Ollama server that sends without end, as fast as it is read."""
    folder = tmp_path_factory.mktemp("flooded")
    with flooding() as flood:
        settings = {"QA_OLLAMA": "on", "OLLAMA_HOST": flood.url, "OLLAMA_MODEL": "tiny:1b"}
        with running(folder, QA_DRAIN_S="0.1", **settings) as (url, process):
            requests.post(f"{url}/api/qa", json=ASKED, timeout=30)
            yield url, worker_of(process), flood


@pytest.mark.parametrize("kind", [NDJSON, b"text/event-stream", b"application/json"])
def test_replies_without_end_to_clients_that_read_slowly_and_leave(flooded, kind):
    url, worker, flood = flooded
    flood.reply, flood.left = Endless(head(kind), LINE * 60), 0
    body = b'{"model": "tiny:1b"}'
    asked = b"POST /api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    with measured(worker) as memory:
        with Dribble(url, asked, b"", count=12, reads=False):
            time.sleep(4)
        until(lambda: flood.left >= 12, seconds=20)
    is_well(url, worker, memory)


@pytest.mark.parametrize("path", ["/api/tags", "/v1/models", "/api/version", "/api/ps"])
def test_lists_without_end(flooded, path):
    url, worker, flood = flooded
    flood.reply, flood.left = Endless(head(b"application/json"), b'["x",' * 10_000), 0
    with measured(worker) as memory:
        for _ in range(4):
            assert requests.get(url + path, timeout=20).status_code == 200
    is_well(url, worker, memory)


def test_an_answer_without_end(flooded):
    url, worker, flood = flooded
    flood.reply = Endless(head(NDJSON), LINE * 60)
    with measured(worker) as memory:
        memory.answers = post_all(url, "/api/qa", b'{"question": "Who?"}', times=8)
    assert set(memory.answers) == {503}
    is_well(url, worker, memory)

"""What a raw connection may do to a real server: leave half-way, stop half-way, send rubbish."""

import json
import re
import socket
import time

import pytest
import requests

from tests.ollama.fake_server import fake_ollama
from tests.server import running, until

pytestmark = [pytest.mark.integration, pytest.mark.alone]

QUESTION = {"question": "Who wrote the first program?", "context": "Ada wrote the first program."}
BODY = json.dumps(QUESTION).encode()
JSON = {"Content-Type": "application/json"}
HEAD = b"POST /api/qa HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("server")


@pytest.fixture(scope="module")
def ollama():
    with fake_ollama() as server:
        yield server


@pytest.fixture(scope="module")
def server(folder, ollama):
    settings = {"QA_OLLAMA": "on", "OLLAMA_HOST": ollama.url, "QA_RECEIVE_S": "2", "QA_DRAIN_S": "0.1"}
    with running(folder, **settings) as (url, _):
        yield url


def said(server, *parts, half_closed=False, pause_s=0.0):
    """What the server says to some bytes, until it closes the connection."""
    with socket.create_connection(("127.0.0.1", int(server.rpartition(":")[2])), timeout=20) as connection:
        for part in parts:
            connection.sendall(part)
            time.sleep(pause_s)
        if half_closed:
            connection.shutdown(socket.SHUT_WR)
        reply = b""
        while piece := connection.recv(65_536):
            reply += piece
    return reply


def status(reply):
    return int(reply.split(b" ", 2)[1])


def assert_is_error(reply):
    head, _, body = reply.partition(b"\r\n\r\n")
    assert b"application/json" in head.lower()
    error = json.loads(body)["error"]
    assert {"code", "message", "remedy", "request_id"} <= set(error)
    assert error["message"].isprintable()


def test_a_client_that_sends_nothing_more_gets_its_answer(server):
    head = HEAD + b"Content-Length: %d\r\n\r\n" % len(BODY)
    reply = said(server, head + BODY, half_closed=True)
    assert reply.startswith(b"HTTP/1.1 200 ")
    assert b'"answer":"Ada"' in reply


def test_it_gets_an_answer_that_takes_long_too(server, ollama):
    ollama.pause_s = 0.6
    body = b'{"model": "tiny:1b"}'
    head = b"POST /api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body)
    reply = said(server, head + body, half_closed=True)
    ollama.pause_s = 0.0
    assert b"HTTP/1.1 200 " in reply
    assert b'"done": true' in reply


def test_a_client_that_left_is_noticed(server, ollama):
    ollama.pause_s, ollama.left = 0.1, 0
    ollama.pieces = ["piece"] * 300
    body = b'{"model": "tiny:1b"}'
    with socket.create_connection(("127.0.0.1", int(server.rpartition(":")[2]))) as connection:
        connection.sendall(b"POST /api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: 20\r\n\r\n" + body)
        connection.recv(100)
    until(lambda: ollama.left == 1, seconds=10)
    ollama.pause_s = 0.0


@pytest.mark.parametrize("path", ["/api/qa", "/api/chat"])
def test_a_body_shorter_than_its_length_is_a_bad_request(server, path):
    head = HEAD.replace(b"/api/qa", path.encode())
    reply = said(server, head + b"Content-Length: 500\r\n\r\n" + BODY, half_closed=True)
    assert status(reply) == 400
    assert b"ended before its announced length" in reply


@pytest.mark.parametrize("path", ["/api/qa", "/api/chat"])
@pytest.mark.parametrize(
    "rest", [b"5\r\nhello", b"zz\r\nhello\r\n0\r\n\r\n", b"5\r\nhelloworld", b"-1\r\n\r\n"]
)
def test_a_broken_transfer_encoding_is_a_bad_request(server, path, rest):
    head = HEAD.replace(b"/api/qa", path.encode())
    reply = said(server, head + b"Transfer-Encoding: chunked\r\n\r\n" + rest, half_closed=True)
    assert status(reply) == 400


def test_a_body_in_very_many_pieces_is_a_bad_request(server):
    head = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
    assert status(said(server, head + b"1\r\n \r\n" * 25_000 + b"0\r\n\r\n")) == 400


@pytest.mark.parametrize(
    "started",
    [HEAD, HEAD + b"Content-Length: 500\r\n\r\n{", HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\n"],
)
def test_what_does_not_come_is_told_so_in_time(server, started):
    began = time.monotonic()
    reply = said(server, started)
    assert status(reply) == 408
    assert_is_error(reply)
    assert "QA_RECEIVE_S" in json.loads(reply.partition(b"\r\n\r\n")[2])["error"]["remedy"]
    assert 1.5 < time.monotonic() - began < 8


def test_a_body_that_comes_slowly_but_comes_is_answered(server):
    text = BODY[: -len(b'"}')] + b" " * 100_000 + b'"}'
    parts = [text[at : at + 20_000] for at in range(0, len(text), 20_000)]
    head = HEAD + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(text)
    assert status(said(server, head, *parts, pause_s=0.5)) == 200


def trickled(server, path, length):
    """A connection that has announced a body and sent some of it; the caller sends the rest, or none."""
    connection = socket.create_connection(("127.0.0.1", int(server.rpartition(":")[2])), timeout=20)
    head = HEAD.replace(b"/api/qa", path)
    connection.sendall(head + b"Content-Length: %d\r\n\r\n" % length + b" " * 300_000)
    return connection


def test_documents_that_come_slowly_keep_no_question_waiting(server):
    with trickled(server, b"/api/documents", 32 * 1024 * 1024):
        time.sleep(0.2)
        began = time.monotonic()
        long = QUESTION | {"context": "Ada wrote the first program." + " " * 100_000}
        assert requests.post(f"{server}/api/qa", json=long, timeout=30).status_code == 200
        assert time.monotonic() - began < 2


def test_slow_bodies_make_way_for_those_that_wait(server):
    slow = [trickled(server, b"/api/chat", 8_000_000) for _ in range(4)]
    try:
        time.sleep(0.2)
        began = time.monotonic()
        # More than they have left for it.
        long = QUESTION | {"context": "Ada wrote the first program.", "model": " " * 1_900_000}
        # It is read, which is how it is found to be none.
        assert requests.post(f"{server}/api/qa", json=long, timeout=30).status_code == 422
        assert time.monotonic() - began < 10
        assert status(slow[0].recv(65_536)) == 408
    finally:
        for connection in slow:
            connection.close()


def test_requests_one_behind_the_other_are_answered_in_order(server):
    one = HEAD + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY
    reply = said(server, one + one + b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert re.findall(rb"HTTP/1\.1 (\d+)", reply) == [b"200"] * 3
    assert reply.endswith(b'{"status":"alive"}\n')


def test_a_client_that_waits_to_be_bidden_is(server):
    head = HEAD + b"Connection: close\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(BODY)
    reply = said(server, head, BODY, pause_s=0.5)
    assert reply.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 ")
    refused = HEAD + b"Expect: 100-continue\r\nContent-Length: 900000000\r\n\r\n"
    assert said(server, refused).startswith(b"HTTP/1.1 413 ")


def test_a_body_far_too_large_is_refused_and_read_away(server):
    response = requests.post(f"{server}/api/qa", data=b"x" * 30_000_000, headers=JSON, timeout=30)
    assert response.status_code == 413


def test_no_header_moves_the_routes(server):
    for prefix in ("/api", "/nowhere"):
        assert requests.get(f"{server}/api/health", headers={"SCRIPT_NAME": prefix}, timeout=10).ok


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\nHost: x\n\n",
        b"NO\x1bSENSE\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /\xc2\x85FORGED HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: \x1b[31mFORGED\r\n\r\n",
        b"GET / HTTP/1.1\r\nA\x85FORGED: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: " + b"x" * 40_000,
    ],
)
def test_rubbish_is_refused_and_cannot_write_into_the_log(server, folder, head):
    reply = said(server, head, half_closed=True)
    assert 400 <= status(reply) < 506
    assert_is_error(reply)
    for line in (folder / "log").read_text(encoding="utf-8").split("\n"):
        assert line.isprintable()
        assert not line.startswith("FORGED")


def test_paths_and_headers_cannot_write_into_the_log(server, folder):
    for mark in ("%0AFORGED", "%C2%85FORGED", "%1B[31mFORGED", "%E2%80%A8FORGED", "%E2%80%AEFORGED"):
        requests.get(f"{server}/api/{mark}", headers={"X-Request-ID": "a\tFORGED"}, timeout=5)
    lines = (folder / "log").read_text(encoding="utf-8").split("\n")
    assert sum("FORGED" in line for line in lines) >= 5
    assert all(line.isprintable() for line in lines)


def test_the_start_says_what_runs_in_one_line(server, folder):
    (line,) = [line for line in (folder / "log").read_text().splitlines() if "INFO ready" in line]
    for part in (
        "keys=no",
        "adapter=squad",
        "engine=openvino",
        "precision=",
        f"address={server}",
        f"docs={server}/docs",
    ):
        assert part in line
    assert "settings=" in line

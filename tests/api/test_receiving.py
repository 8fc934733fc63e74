"""A request as it comes in: when it is whole, what it may need, what is wrong with it."""

import json

import pytest
from gunicorn.config import Config

from localqa.api.receiving import FREE, IN_THE_WAY, SLOWEST, Incoming
from localqa.errors import LocalQAError

HEAD = b"POST /api/qa HTTP/1.1\r\nHost: localhost\r\n"
MAX = 1_000_000


def incoming(*parts):
    found = Incoming(Config(), ("127.0.0.1", 1), max_body=MAX)
    for part in parts:
        found.feed(part)
    return found


def chunk(data):
    return b"%x\r\n" % len(data) + data + b"\r\n"


@pytest.mark.parametrize("size", [1, 3, 7, 1000])
@pytest.mark.parametrize("body", [b"", b"x", json.dumps({"a": "é" * 300}).encode()])
@pytest.mark.parametrize("chunked", [False, True])
def test_it_is_whole_however_it_is_cut(size, body, chunked):
    if chunked:
        text = HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + (chunk(body) if body else b"") + b"0\r\n\r\n"
    else:
        text = HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body
    found = incoming(*(text[at : at + size] for at in range(0, len(text), size)))
    assert (found.done, found.cut, found.failure) == (True, False, None)
    assert found.body.read() == body
    assert found.request.path == "/api/qa"


def test_what_follows_is_the_next_request():
    found = incoming(HEAD + b"Content-Length: 2\r\n\r\nab" + HEAD)
    assert (found.done, found.body.read(), found.rest) == (True, b"ab", HEAD)
    found = incoming(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunk(b"ab") + b"0\r\n\r\n" + HEAD)
    assert (found.done, found.body.read(), found.rest) == (True, b"ab", HEAD)


def test_it_needs_what_it_announces_and_in_chunks_all_there_is():
    assert incoming(HEAD + b"Content-Length: 500000\r\n\r\n").size == 500_000
    assert incoming(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunk(b"x" * FREE)).size == FREE
    assert incoming(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunk(b"x" * (FREE + 1))).size == MAX


def test_none_is_kept_of_a_body_that_is_too_large():
    announced = incoming(HEAD + b"Content-Length: 9000000000\r\n\r\n" + b"x" * 1000)
    assert (announced.done, announced.cut, announced.size) == (True, True, 0)
    chunks = incoming(
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n", *(chunk(b"x" * 60_000) for _ in range(17))
    )
    assert (chunks.done, chunks.cut) == (True, True)
    assert len(chunks.body.read()) == MAX + 1


@pytest.mark.parametrize(
    "head", [b"x" * 40_000, HEAD + b"A: b\r\n" * 10_000, b"GET / HTTP/1.1\n", b"\x00\r\n\r\n"]
)
def test_a_head_that_is_none_is_refused_at_once(head):
    found = incoming(head)
    assert found.done
    assert found.failure is not None
    assert found.size == 0


def test_a_body_that_broke_off_is_told_to_whoever_reads_it():
    found = incoming(HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nab")
    found.end()
    for read in (found.body.read, lambda: found.body.readinto(bytearray(5))):
        with pytest.raises(LocalQAError, match="transfer encoding"):
            read()


def test_it_is_late_after_its_time_unless_it_comes_at_a_rate():
    found = incoming(HEAD)
    assert not found.late(found.began + 9, 10)
    assert found.late(found.began + 11, 10)
    found = incoming(HEAD + b"Content-Length: 500000\r\n\r\n" + b"x" * SLOWEST * 5)
    assert not found.late(found.began + 14, 10)
    assert found.late(found.began + 16, 10)


def test_it_is_late_sooner_where_others_wait_for_its_room():
    found = incoming(HEAD + b"Content-Length: 500000\r\n\r\n" + b"x" * IN_THE_WAY)
    assert not found.late(found.began + 12, 10)
    assert not found.late(found.began + 10.9, 10, hurried=True)
    assert found.late(found.began + 11.1, 10, hurried=True)


def test_documents_may_be_larger_than_questions():
    found = Incoming(Config(), ("127.0.0.1", 1), max_body=MAX, max_upload=2 * MAX)
    found.feed(HEAD + b"Content-Length: %d\r\n\r\n" % (2 * MAX))
    assert (found.done, found.brings_documents) == (True, False)
    for path in (b"/api/documents", b"/api/documents/?wait=5", b"/api/%64ocuments"):
        found = Incoming(Config(), ("127.0.0.1", 1), max_body=MAX, max_upload=2 * MAX)
        found.feed(HEAD.replace(b"/api/qa", path) + b"Content-Length: %d\r\n\r\n" % (2 * MAX))
        assert (found.done, found.brings_documents, found.size) == (False, True, 2 * MAX)

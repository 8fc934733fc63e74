"""gunicorn's worker: what a connection is charged for, and what it logs."""

import logging
from concurrent.futures import Future
from types import SimpleNamespace

import pytest
from gunicorn.config import Config

from localqa.api.access import admitting
from localqa.api.receiving import FREE, Body
from localqa.api.worker import Connection, Worker
from localqa.errors import OverloadedError

MIB = 1024 * 1024
HEAD = b"POST /api/documents HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n" % (32 * MIB)
PADDING = b"".join(b"X-P%d: %s\r\n" % (at, b"a" * 6000) for at in range(3))
OURS = b"Authorization: Bearer ours\r\n"


@pytest.fixture
def worker(monkeypatch):
    """One without a process, a poller and threads."""
    made = Worker(1, 1, [], None, 30, Config(), logging.getLogger("gunicorn.error"))
    monkeypatch.setattr(made, "_leave_poller", lambda conn: None)
    monkeypatch.setattr(made, "_await", lambda conn, stage, seconds: setattr(conn, "stage", stage))
    for pool in ("tpool", "_probes", "_documents"):
        monkeypatch.setattr(made, pool, Pool(), raising=False)
    return made


class Pool:
    """One that answers nothing by itself."""

    def __init__(self):
        self.answered = []

    def submit(self, work, conn):
        self.answered.append(conn)
        return Future()


def connection(worker):
    sock = SimpleNamespace(setblocking=lambda blocking: None, send=len)
    made = Connection(worker, sock, ("1.2.3.4", 1), ("127.0.0.1", 5000))
    made.stage = "receiving"
    return made


@pytest.mark.parametrize("padding", [b"", PADDING])
def test_a_body_is_charged_by_what_it_announces_however_long_its_head(worker, padding):
    first, second = connection(worker), connection(worker)
    for conn in (first, second):
        head = HEAD + padding + b"\r\n"
        worker._feed(conn, head[:FREE])
        if head[FREE:]:
            worker._feed(conn, head[FREE:])
    assert (first.stage, first.taken) == ("receiving", 32 * MIB)
    assert (second.stage, second.taken) == ("in line", 0)


@pytest.mark.parametrize(("key", "waits"), [(b"", False), (OURS.replace(b"ours", b"x"), False), (OURS, True)])
def test_no_room_is_kept_for_a_stranger(worker, key, waits):
    worker.admits = admitting(["ours"])
    conn = connection(worker)
    worker._feed(conn, HEAD + key + b"\r\n")
    assert (conn.taken > 0, worker.tpool.answered == [conn]) == (waits, not waits)


def test_requests_that_wait_for_a_thread_count(worker):
    assert worker.most_requests == 256
    worker.most_requests = 2
    asked = [connection(worker) for _ in range(3)]
    probe = connection(worker)
    for conn in asked:
        worker._feed(conn, b"POST /api/qa HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
    worker._feed(probe, b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
    assert worker.tpool.answered == asked[:2]
    assert (worker._documents.answered, worker._probes.answered) == (asked[2:], [probe])
    with pytest.raises(OverloadedError):
        asked[2].incoming.body.read()
    assert asked[0].incoming.body.came > 0


def test_a_stranger_is_not_told_to_send_the_body(worker):
    worker.admits = admitting(["ours"])
    told = []
    for key in (b"", OURS):
        conn = connection(worker)
        conn.sock.send = told.append
        worker._feed(conn, HEAD + key + b"Expect: 100-continue\r\n\r\n")
        assert not conn.incoming.request._expected_100_continue
    assert told == [b"HTTP/1.1 100 Continue\r\n\r\n"]


def test_what_there_is_no_room_for_is_refused_without_a_body_too(client):
    body = Body()
    body.error = OverloadedError("There is no room.")
    for method in ("GET", "DELETE"):
        response = client.open("/api/documents/x", method=method, environ_overrides={"wsgi.input": body})
        assert (response.status_code, response.json["error"]["code"]) == (503, "overloaded")


def test_what_is_no_request_is_told_and_not_quoted(worker, caplog):
    conn = connection(worker)
    worker._feed(conn, b"GET /x HTTP/1.1\r\nAuthorization Bearer SECRET\r\n\r\n")
    worker.handle_error(None, conn.sock, ("1.2.3.4", 1), conn.incoming.failure)
    assert "Invalid request from ip=1.2.3.4: InvalidHeader" in caplog.text
    assert "SECRET" not in caplog.text

"""What somebody may send who wants to bring a server down, and what it costs. Against 127.0.0.1 alone."""

import json
import re
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import requests

MIB = 2**20
OWN, PROTOCOL = 2 * MIB, 8 * MIB
"""The largest bodies of our own routes and of the protocols."""
ASKED = {"question": "Who wrote the first program?", "context": "Ada wrote the first program."}


@dataclass
class Memory:
    """Resident memory of a process in MiB."""

    before: int = 0
    peak: int = 0
    after: int = 0
    answers: Counter[object] = field(default_factory=Counter)

    def __str__(self) -> str:
        return f"before {self.before} peak {self.peak} after {self.after} MiB, {dict(self.answers)}"


def worker_of(process) -> psutil.Process:
    """The process that answers: gunicorn's only child."""
    (worker,) = psutil.Process(process.pid).children()
    return worker


def resident(worker: psutil.Process) -> int:
    return worker.memory_info().rss // MIB


def most_resident(worker: psutil.Process) -> int:
    status = Path(f"/proc/{worker.pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) // 1024


@contextmanager
def measured(worker: psutil.Process) -> Iterator[Memory]:
    """Memory before, at the most and after a block; the most is the kernel's own count, set back first."""
    Path(f"/proc/{worker.pid}/clear_refs").write_text("5")
    memory = Memory(before=resident(worker))
    yield memory
    memory.peak, memory.after = most_resident(worker), resident(worker)
    ends = time.monotonic() + 4
    # What was freed is given back when nothing large is there any more, a second later.
    while memory.after > memory.before + 20 and time.monotonic() < ends:
        time.sleep(0.1)
        memory.after = resident(worker)


def filled(start: bytes, item: bytes, end: bytes, size: int) -> bytes:
    """A body of a size: its start, an item as often as there is room, with commas, and its end."""
    return start + b",".join([item] * ((size - len(start) - len(end)) // (len(item) + 1))) + end


def bodies(size: int, start: bytes) -> dict[str, bytes]:
    """Bodies of a size, each of which costs many times that in some parser; `start` opens an object."""
    inside = size - len(start) - 10
    names = b",".join(b'"%x":0' % number for number in range(inside // 11))
    return {
        "lists": filled(start + b'"x":[', b"[]", b"]}", size),
        "objects": filled(start + b'"x":[', b'{"a":{}}', b"]}", size),
        "names": start + b'"x":{' + names + b"}}",
        "numbers": filled(start + b'"x":[', b"1.5", b"]}", size),
        "texts": filled(start + b'"x":[', b'""', b"]}", size),
        "deep": start + b'"x":' + b"[" * (inside // 2) + b"]" * (inside // 2) + b"}",
        "escapes": start + b'"x":"' + b"\\ud83d\\ude00" * (inside // 12) + b'"}',
        "quotes": start + b'"x":"' + b'\\"' * (inside // 2 - 10) + b'"}',
        "wide": start + b'"x":"\xf0\x9f\x98\x80' + b"a" * (inside - 20) + b'"}',
        "spaces": start + b" " * inside + b'"x":1}',
        "commas": start + b"," * inside + b"}",
        "closed": start + b"]" * inside + b"}",
        "not json": b"\xff" * size,
    }


def texts() -> dict[str, tuple[str, bytes]]:
    """Texts at the limit whose every character is a token, one by one and many at once."""
    han = "".join(chr(0x4E00 + number % 20_000) for number in range(499_000))
    asked = {"question": "What is it?"}
    pairs = [asked | {"context": "!" * 32_000} for _ in range(60)]
    return {
        "signs": ("/api/qa", json.dumps(asked | {"context": "!" * 499_000}).encode()),
        "han": ("/api/qa", json.dumps(asked | {"context": han}, ensure_ascii=False).encode()),
        "wide blanks": (
            "/predict",
            json.dumps(asked | {"context": "\u3000" * 499_000 + "a"}, ensure_ascii=False).encode(),
        ),
        "batch": ("/api/qa/batch", json.dumps({"qa_pairs": pairs}).encode()),
        "embed": (
            "/api/embed",
            json.dumps({"model": "all-minilm-l6-v2", "input": ["!" * 7800] * 64}).encode(),
        ),
    }


def post_all(url: str, path: str, body: bytes, *, times: int, kind: str = "application/json", chunked=False):
    """Send a body so many times at once; what was answered, by status and how often."""

    def post(_: int) -> object:
        data = (body[at : at + 65_536] for at in range(0, len(body), 65_536)) if chunked else body
        try:
            return requests.post(
                url + path, data=data, headers={"Content-Type": kind}, timeout=100
            ).status_code
        except requests.RequestException as e:
            return type(e).__name__

    with ThreadPoolExecutor(times) as pool:
        return Counter(pool.map(post, range(times)))


class Dribble:
    """Many connections, each of which begins with some bytes and then sends a few now and then."""

    def __init__(self, url: str, first: bytes, more: bytes, *, count: int, reads: bool = True) -> None:
        self._address = ("127.0.0.1", int(url.rpartition(":")[2]))
        self._first, self._more, self._count, self._reads = first, more, count, reads
        self._ended = threading.Event()
        self._sockets: list[socket.socket] = []

    def __enter__(self) -> "Dribble":
        for _ in range(self._count):
            connection = socket.socket()
            if not self._reads:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            connection.settimeout(5)
            connection.connect(self._address)
            connection.sendall(self._first)
            connection.setblocking(False)
            self._sockets.append(connection)
        self._thread = threading.Thread(target=self._drip)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        for connection in self._sockets:
            connection.close()

    def _drip(self) -> None:
        while not self._ended.wait(0.4):
            for connection in self._sockets:
                try:
                    connection.send(self._more)
                except OSError:
                    continue  # the server has ended it, which is what is wanted

    def open(self) -> int:
        """How many of them the server has not ended."""
        return sum(self._is_open(connection) for connection in self._sockets)

    @staticmethod
    def _is_open(connection: socket.socket) -> bool:
        try:
            while connection.recv(65_536):
                pass
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

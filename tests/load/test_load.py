"""Two hundred callers for half a minute: mixed adapters, batches and bad requests; adapters come and go."""

import itertools
import os
import random
import signal
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from localqa.config import DEFAULT_ADAPTER
from localqa.squad.readers import read_examples
from tests.conftest import ROOT
from tests.server import running, until

pytestmark = [pytest.mark.integration, pytest.mark.alone]
CALLERS = 200
SECONDS = float(os.environ.get("LOAD_SECONDS", "30"))
ADAPTERS = (DEFAULT_ADAPTER, "squad", "policy", "contracts")
"""The first stays; the others come and go."""
BAD = [
    (b"{", 400),
    (b'{"question": "Who?"}', 422),
    (b'{"question": "Who?", "context": "Ada.", "adapter": "nobody"}', 404),
    (b'{"question": "Who?", "context": " "}', 422),
]
EXAMPLES = read_examples(ROOT / "data" / "sample_qa_data.json")


class Load:
    """What the callers share: where they ask, what is right, and what went wrong."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.ended = threading.Event()
        self.statuses: Counter[int] = Counter()
        self.wrong: list[object] = []
        self._lock = threading.Lock()
        self.alone = {
            (example.id, adapter): self.spans(self.ask([(example, adapter)]))[0]
            for example, adapter in itertools.product(EXAMPLES, ADAPTERS)
        }

    def ask(self, pairs) -> requests.Response:
        bodies = [{"question": e.question, "context": e.context, "adapter": adapter} for e, adapter in pairs]
        if len(bodies) == 1:
            return self.post("/api/qa", json=bodies[0])
        return self.post("/api/qa/batch", json={"qa_pairs": bodies})

    def post(self, path: str, **content) -> requests.Response:
        # A connection for each request: none is lost because the other side has just given up an old one.
        headers = {"Connection": "close", "Content-Type": "application/json"}
        return requests.post(self.url + path, headers=headers, timeout=90, **content)

    @staticmethod
    def spans(response: requests.Response) -> list[tuple[str, int, int]]:
        body = response.json()
        return [(one["answer"], one["start"], one["end"]) for one in body.get("results", [body])]

    def call(self, seed: int) -> None:
        """One caller, until the end."""
        rng = random.Random(seed)
        while not self.ended.is_set():
            if rng.random() < 0.15:
                body, status = rng.choice(BAD)
                self.judge(self.post("/api/qa", data=body), {status}, body)
                continue
            pairs = [
                (rng.choice(EXAMPLES), rng.choice(ADAPTERS)) for _ in range(rng.choice((1, 1, 1, 2, 5, 16)))
            ]
            response = self.ask(pairs)
            self.judge(response, {200}, pairs)
            if response.status_code == 200:
                right = [self.alone[example.id, adapter] for example, adapter in pairs]
                if self.spans(response) != right:
                    self.note((self.spans(response), right))

    def judge(self, response: requests.Response, allowed: set[int], asked: object) -> None:
        status = response.status_code
        refused = status in (429, 503) and int(response.headers["Retry-After"]) > 0
        with self._lock:
            self.statuses[status] += 1
        if status not in allowed and not refused:
            self.note((status, response.text[:300], asked))
        if refused:
            time.sleep(0.2)

    def note(self, wrong: object) -> None:
        with self._lock:
            self.wrong.append(wrong)

    def shuffle_adapters(self) -> None:
        """Load and unload all the while."""
        for name in itertools.cycle(ADAPTERS[1:]):
            if self.ended.wait(0.3):
                return
            for method in ("DELETE", "POST"):
                response = (
                    requests.delete(f"{self.url}/api/adapters/{name}", timeout=30)
                    if method == "DELETE"
                    else self.post("/api/adapters", json={"name": name})
                )
                # Another request may have loaded it in between, or not yet.
                self.judge(response, {200, 404}, (method, name))


def test_every_answer_under_load_is_the_one_given_alone(tmp_path):
    with running(tmp_path, QA_MAX_REQUESTS="48", QA_DRAIN_S="5") as (url, process):
        load = Load(url)
        with ThreadPoolExecutor(CALLERS + 1) as pool:
            callers = [pool.submit(load.call, seed) for seed in range(CALLERS)]
            callers.append(pool.submit(load.shuffle_adapters))
            time.sleep(SECONDS)
            # In the middle of it all; what comes while the server drains is answered, too.
            process.send_signal(signal.SIGTERM)
            until(lambda: requests.get(f"{url}/readyz", timeout=30).status_code == 503)
            load.ended.set()
            for caller in callers:
                caller.result(timeout=120)
        print(dict(load.statuses))
        assert load.wrong == []
        assert load.statuses[200] > 100
        assert load.statuses[503] > 0
        assert set(load.statuses) <= {200, 400, 404, 422, 429, 503}

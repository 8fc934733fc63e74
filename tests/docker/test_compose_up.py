"""`docker compose up` on a real Docker daemon, as a user types it: nothing set but where the proxy listens.

The tests run in their order: what one brings up, the next ones ask.
"""

import json
import shutil
import socket
import time
from contextlib import ExitStack
from functools import partial

import pytest
import requests

from tests.docker.stack import Load, built_stack, healthy, run
from tests.server import until

pytestmark = [pytest.mark.integration, pytest.mark.alone]

MODEL = "llama3.2:1b"
CONTEXT = "The bridge was built by Dunmore and Sons in 1891."
QUESTION = {"question": "Who built the bridge?", "context": CONTEXT}
OPEN = {"question": "What is the capital of France?"}
MESSAGES = [
    {"role": "system", "content": CONTEXT},
    {"role": "user", "content": QUESTION["question"]},
]
LOAD = [
    ("/api/qa", QUESTION),
    ("/predict", QUESTION),
    ("/api/qa/batch", {"qa_pairs": [QUESTION, QUESTION]}),
    ("/api/chat", {"model": "bert-qa:squad", "messages": MESSAGES, "stream": False}),
    ("/v1/chat/completions", {"model": "bert-qa:squad", "messages": MESSAGES}),
]


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stack")
    with built_stack(folder, untried="`docker compose up` is not tried") as stack:
        yield stack


@pytest.fixture(scope="module")
def up(stack):
    began = time.monotonic()
    # Images and the model may have to be fetched first.
    stack.compose("up", "--detach", seconds=900)
    stack.until_ready(60)
    print(f"ready after {time.monotonic() - began:.1f} s")
    return stack


@pytest.fixture(scope="module")
def three(up):
    up.compose("up", "--detach", "--wait", "--scale", "api=3")
    assert len(up.replicas()) == 3
    return up


def ask(stack, **body):
    reply = requests.post(f"{stack.url}/api/qa", json=body, timeout=120)
    assert reply.ok, reply.text
    return reply.json()


def test_text_is_answered_through_the_proxy(up):
    assert ask(up, **QUESTION)["answer"] == "Dunmore and Sons"


def test_open_question_goes_to_ollama(up):
    until(lambda: MODEL in requests.get(f"{up.url}/api/tags", timeout=10).text, seconds=600)
    found = ask(up, **OPEN)
    assert found["answer"]
    assert (found["source"], found["model"]) == ("ollama", MODEL)


def test_generated_answer_comes_piece_by_piece(up):
    # A long answer: a short one is there within a moment on a fast machine.
    asked = {"question": "Count from 1 to 60, each number on a line of its own.", "stream": True}
    with requests.post(f"{up.url}/api/qa", json=asked, stream=True, timeout=120) as reply:
        came = [(time.monotonic(), json.loads(line)) for line in reply.iter_lines()]
    assert came[-1][1]["done"]
    assert len(came) > 3
    # Kept back anywhere, they would come at once.
    assert came[-1][0] - came[0][0] > 0.2


def test_nothing_that_runs_can_write_to_its_image_or_gain_rights(up):
    for container in up.compose("ps", "--quiet").split():
        [told] = json.loads(run("docker", "inspect", container))
        host = told["HostConfig"]
        assert host["ReadonlyRootfs"], told["Name"]
        assert host["CapDrop"] == ["ALL"], told["Name"]
        assert "no-new-privileges:true" in host["SecurityOpt"], told["Name"]


def test_body_over_the_proxys_limit_is_refused_in_the_shape_of_the_protocol(up):
    large = b" " * (17 * 1024 * 1024)
    reply = requests.post(f"{up.url}/api/qa", data=large, timeout=60)
    assert reply.status_code == 413
    assert set(reply.json()["error"]) == {"code", "message", "remedy", "request_id"}
    reply = requests.post(f"{up.url}/api/chat", data=large, timeout=60)
    assert "16 MiB" in reply.json()["error"]


def test_slow_senders_take_nobodys_place(up):
    head = b"POST /api/qa HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"
    with ExitStack() as stack:
        for _ in range(100):
            slow = stack.enter_context(socket.create_connection(up.address))
            slow.sendall(head)
        began = time.monotonic()
        assert ask(up, **QUESTION)["answer"]
        assert time.monotonic() - began < 10


def test_three_replicas_share_the_questions_and_give_one_score(three):
    scores = [json.loads(three.inside(one, "/api/qa", QUESTION))["score"] for one in three.replicas()]
    assert len(set(scores)) == 1, scores
    assert len({ask(three, **QUESTION)["score"] for _ in range(30)}) == 1
    for replica in three.replicas():
        [count] = [
            float(line.rpartition(" ")[2])
            for line in three.inside(replica, "/metrics").splitlines()
            if line.startswith('localqa_requests_total{route="/api/qa",status="200"}')
        ]
        assert count > 3  # the first is the one asked above


def test_added_adapter_is_found_by_all_replicas(three):
    asked = QUESTION | {"adapter": "added"}
    refused = requests.post(f"{three.url}/api/qa", json=asked, timeout=30)
    assert refused.status_code == 404
    folder = three.folder / "models" / "added"
    shutil.copytree(three.folder / "models" / "squad2", folder)
    assert {ask(three, **asked)["adapter"] for _ in range(12)} == {"added"}
    for replica in three.replicas():
        listed = json.loads(three.inside(replica, "/api/adapters"))["adapters"]
        assert "added" in [adapter["name"] for adapter in listed]


def test_killed_replica_loses_no_question(three):
    with Load(three.url, LOAD).asking() as load:
        load.until(60)
        run("docker", "kill", three.replicas()[0])
        load.until(120)
    assert len(three.replicas()) == 2
    print(f"killed: {len(load.replies)} asked, {len(load.lost)} lost")
    assert not load.lost


def test_killed_replica_comes_back(three):
    three.compose("up", "--detach", "--wait", "--scale", "api=3")
    assert len(three.replicas()) == 3


def test_replicas_restarted_one_after_another_lose_no_question(three):
    with Load(three.url, LOAD).asking() as load:
        load.until(30)
        for replica in three.replicas():
            run("docker", "restart", "--time", "130", replica)
            until(partial(healthy, replica), seconds=90)
        load.until(30)
    print(f"restarted: {len(load.replies)} asked, {len(load.lost)} lost")
    assert not load.lost


def test_proxy_tells_of_absent_replicas_in_the_shape_of_the_protocol(three):
    three.compose("stop", "--timeout", "20", "api")
    reply = requests.post(f"{three.url}/api/qa", json=QUESTION, timeout=30)
    assert reply.status_code == 503
    assert int(reply.headers["Retry-After"]) > 0
    assert set(reply.json()["error"]) == {"code", "message", "remedy", "request_id"}
    reply = requests.post(f"{three.url}/api/chat", json=LOAD[3][1], timeout=30)
    assert isinstance(reply.json()["error"], str)


def test_everything_is_taken_down(three):
    three.compose("down", "--volumes", "--timeout", "20")
    assert three.left() == {"containers": "", "networks": "", "volumes": ""}
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{three.url}/livez", timeout=5)

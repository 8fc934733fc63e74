"""A real server process with the shipped adapter, asked as users ask it."""

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time

import pytest
import requests

from bert_qa import BertQA
from localqa.squad.readers import read_examples
from tests.conftest import ROOT

pytestmark = pytest.mark.integration


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The address of `make serve`'s server, without make."""
    port = free_port()
    log = (tmp_path_factory.mktemp("server") / "log").open("w+")
    process = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "-c", "docker/gunicorn.conf.py", "app:create_app()"],
        cwd=ROOT,
        env=os.environ | {"PORT": str(port)},
        stdout=log,
        stderr=subprocess.STDOUT,
    )
    url = f"http://127.0.0.1:{port}"
    ends = time.monotonic() + 90
    while True:
        try:
            if requests.get(f"{url}/readyz", timeout=5).ok:
                break
        except requests.RequestException:
            pass  # not listening yet, or listening and still loading
        if process.poll() is not None or time.monotonic() > ends:
            log.seek(0)
            pytest.fail(f"the server did not start:\n{log.read()}")
        time.sleep(0.2)
    yield url
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=40) == 0


def test_user_script_passes(server):
    done = subprocess.run(
        [sys.executable, "scripts/test_api.py", server], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_readme_examples_give_the_answers_shown(server):
    """Every curl command in the README, with the JSON block that follows it."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    examples = re.findall(r"```bash\n(curl [^`]+?)\n```\n+```json\n(.+?)\n```", readme, flags=re.DOTALL)
    assert len(examples) >= 2
    for shown, expected in examples:
        command = shlex.split(shown.replace("localhost:5000", server.removeprefix("http://")))
        found = json.loads(subprocess.run(command, capture_output=True, check=True, text=True).stdout)
        assert found == roughly(json.loads(expected)), shown


def roughly(value):
    """The same with scores to two places: the last digits depend on the processor."""
    if isinstance(value, float):
        return pytest.approx(value, abs=0.02)
    if isinstance(value, dict):
        return {key: roughly(one) for key, one in value.items()}
    return [roughly(one) for one in value] if isinstance(value, list) else value


def test_http_answers_as_bert_qa_does(server):
    examples = read_examples(ROOT / "data" / "sample_qa_data.json")
    pairs = [{"question": e.question, "context": e.context} for e in examples]
    results = requests.post(f"{server}/api/qa/batch", json={"qa_pairs": pairs}, timeout=60).json()["results"]
    own = BertQA.load(adapter="squad").answer_batch([(e.question, e.context) for e in examples])
    for result, answer in zip(results, own, strict=True):
        assert (result["answer"], result["start"], result["end"]) == (answer.answer, answer.start, answer.end)
        assert result["score"] == pytest.approx(answer.score, abs=1e-3)


def test_evaluation_over_http_scores_as_in_process(server):
    data = str(ROOT / "data" / "sample_qa_data.json")
    command = [sys.executable, "scripts/evaluate.py", "--adapter", "squad", "--data", data]
    shown = [
        subprocess.run(
            [*command, *more], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout.splitlines()[2]
        for more in ([], ["--url", server])
    ]
    assert shown[0] == shown[1]


def test_taken_port_gives_a_remedy(server):
    port = server.rpartition(":")[2]
    done = subprocess.run(
        [sys.executable, "app.py", "--port", port], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "PORT=" in done.stderr

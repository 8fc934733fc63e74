"""A real server process with the shipped adapter, asked as users ask it."""

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from bert_qa import BertQA
from localqa.squad.readers import read_examples
from tests.conftest import ROOT
from tests.server import running, until

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with running(tmp_path_factory.mktemp("server")) as (url, _):
        yield url


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


def roughly(value, *, within=0.06):
    """The same with scores and logits roughly: the rest depends on the processor's arithmetic."""
    if isinstance(value, float):
        return pytest.approx(value, abs=within)
    if isinstance(value, dict):
        return {key: roughly(one, within=0.8 if key == "null_score" else 0.06) for key, one in value.items()}
    return [roughly(one) for one in value] if isinstance(value, list) else value


def test_http_answers_as_bert_qa_does(server):
    examples = read_examples(ROOT / "data" / "sample_qa_data.json")
    pairs = [{"question": e.question, "context": e.context} for e in examples]
    results = requests.post(f"{server}/api/qa/batch", json={"qa_pairs": pairs}, timeout=60).json()["results"]
    own = BertQA.load().answer_batch([(e.question, e.context) for e in examples])
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


def test_serving_process_holds_no_torch(server):
    """Its library would take more memory than base and adapters together."""
    assert requests.get(f"{server}/api/model/info", timeout=5).json()["engine"] == "openvino"
    listening = f"{int(server.rpartition(':')[2]):04X}"
    maps = [path.read_text() for path in Path("/proc").glob("[0-9]*/maps") if serves(path.parent, listening)]
    assert maps
    assert not any("libtorch" in text for text in maps)


def serves(process: Path, port: str) -> bool:
    """Whether a process holds the socket that listens on a port (in hexadecimal)."""
    table = Path("/proc/net/tcp").read_text().splitlines()[1:]
    inodes = {
        row.split()[9] for row in table if row.split()[1].endswith(f":{port}") and row.split()[3] == "0A"
    }
    try:
        held = {os.readlink(link) for link in (process / "fd").iterdir()}
    except OSError:
        return False  # another user's, or gone by now
    return bool(held & {f"socket:[{inode}]" for inode in inodes})


def test_adapters_can_be_loaded_and_unloaded(server):
    listed = requests.get(f"{server}/api/adapters", timeout=5).json()
    assert listed["default"] == "squad2"
    assert requests.post(f"{server}/api/adapters", json={"name": "squad2"}, timeout=5).json()["loaded"]
    assert requests.delete(f"{server}/api/adapters/squad2", timeout=5).status_code == 422


def test_concurrent_callers_get_the_answer_that_one_gets_alone(server):
    examples = read_examples(ROOT / "data" / "sample_qa_data.json")

    def ask(example):
        body = {"question": example.question, "context": example.context}
        found = requests.post(f"{server}/api/qa", json=body, timeout=60).json()
        return found["answer"], found["start"], round(found["score"], 2)

    alone = {example.id: ask(example) for example in examples}
    with ThreadPoolExecutor(16) as pool:
        together = list(pool.map(ask, examples * 8))
    assert together == [alone[example.id] for example in examples * 8]
    metrics = requests.get(f"{server}/metrics", timeout=5).text
    assert 'localqa_requests_total{route="/api/qa",status="200"}' in metrics


def test_killed_clients_do_not_stop_the_server(server):
    """Callers that hang up before their answer is there."""
    text = "The harbour was quiet in the morning. " * 2000
    body = json.dumps({"question": "Who?", "context": text}).encode()
    for _ in range(5):
        with socket.create_connection(("127.0.0.1", int(server.rpartition(":")[2]))) as connection:
            lines = ["POST /api/qa HTTP/1.1", "Host: x", "Content-Type: application/json"]
            head = "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""])
            connection.sendall(head.encode() + body)
    assert requests.get(f"{server}/readyz", timeout=5).ok


def test_sigterm_turns_readiness_off_and_loses_no_accepted_question(tmp_path):
    body = {"question": "Who?", "context": "The harbour was quiet in the morning. " * 5000}
    with running(tmp_path, QA_DRAIN_S="3") as (url, process), ThreadPoolExecutor(4) as pool:
        accepted = [pool.submit(requests.post, f"{url}/api/qa", json=body, timeout=60) for _ in range(4)]
        until(lambda: "localqa_active_requests 4.0" in requests.get(f"{url}/metrics", timeout=5).text)
        process.send_signal(signal.SIGTERM)
        until(lambda: requests.get(f"{url}/readyz", timeout=5).status_code == 503)
        late = {"question": "Who wrote the first program?", "context": "Ada wrote the first program."}
        assert requests.post(f"{url}/api/qa", json=late, timeout=60).status_code == 200
        assert [one.result().status_code for one in accepted] == [200] * 4


def test_summaries_beside_answers_without_torch(summary_adapter, tmp_path):
    models = tmp_path / "models"
    models.mkdir()
    for folder in (ROOT / "models" / "squad", summary_adapter):
        (models / folder.name).symlink_to(folder)
    with running(tmp_path, QA_MODELS_DIR=str(models), QA_SUMMARY_ADAPTER="short") as (url, process):
        text = "It rained all morning. The fox found the lamp. Nobody else was there."
        found = requests.post(f"{url}/api/summarize", json={"text": text}, timeout=30).json()
        assert (found["source"], found["model"]) == ("adapter", "short")
        assert found["summary"]
        asked = {"question": "Who found the lamp?", "context": text}
        assert requests.post(f"{url}/api/qa", json=asked, timeout=30).json()["answer"] == "The fox"
        assert "libtorch" not in Path(f"/proc/{process.pid}/maps").read_text()
        unknown = requests.post(f"{url}/api/qa", json=asked | {"adapter": "short"}, timeout=30)
        assert unknown.status_code == 404


def test_server_with_a_bad_summary_adapter_does_not_start(tmp_path):
    with (
        pytest.raises(RuntimeError, match='There is no adapter "nothing"'),
        running(tmp_path, QA_SUMMARY_ADAPTER="nothing"),
    ):
        pass

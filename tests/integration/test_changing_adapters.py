"""Adapters that come, change and are bad beside a running server."""

import json
import shutil
import subprocess
import sys

import pytest
import requests
from safetensors.torch import load_file, save_file

from localqa.model.adapter_files import LORA_FILE
from localqa.model.bases import file_sha256
from tests.conftest import ROOT
from tests.server import running

pytestmark = pytest.mark.integration
CONTEXT = "The bridge was built by Dunmore and Sons in 1891. It was painted red in 1902 by Ada Berg."


def ask(url, adapter=None):
    body = {"question": "Who built the bridge?", "context": CONTEXT}
    answer = requests.post(f"{url}/api/qa", json=body | ({"adapter": adapter} if adapter else {}), timeout=60)
    assert answer.status_code == 200, answer.text
    return answer.json()["answer"], answer.json()["score"]


def listed(url, name):
    found = requests.get(f"{url}/api/adapters", timeout=10).json()["adapters"]
    return next(one for one in found if one["name"] == name)


@pytest.fixture
def models(tmp_path):
    folder = tmp_path / "models"
    shutil.copytree(ROOT / "models" / "squad", folder / "faq")
    return folder


def test_trained_anew_and_rolled_back_without_a_restart(models, tmp_path):
    """A training in place, and the command that takes it back; the shipped adapters are there, too."""
    data = tmp_path / "faq.jsonl"
    start = CONTEXT.index("Ada Berg")
    answers = {"text": ["Ada Berg"], "answer_start": [start]}
    row = {"question": "Who built the bridge?", "context": CONTEXT, "answers": answers}
    data.write_text("\n".join(json.dumps(row | {"id": str(number)}) for number in range(16)))
    with running(tmp_path, QA_MODELS_DIR=str(models), QA_ADAPTER="faq") as (url, _):
        old = ask(url)
        digest = listed(url, "faq")["digest"]
        assert digest == file_sha256(models / "faq" / LORA_FILE)
        assert ask(url, "squad2")
        train = ["fine_tune.py", "--train_data", data, "--output_dir", models / "faq", "--overwrite"]
        train += ["--init_adapter", ROOT / "models" / "squad", "--max_steps", "12", "--no-bf16"]
        train += ["--learning_rate", "1e-3", "--validation_size", "0", "--batch_size", "8"]
        subprocess.run([sys.executable, *map(str, train)], cwd=ROOT, check=True, capture_output=True)
        new = ask(url)
        assert new[0] == "Ada Berg" != old[0]
        assert listed(url, "faq")["digest"] == file_sha256(models / "faq" / LORA_FILE) != digest
        info = requests.get(f"{url}/api/model/info", timeout=10).json()
        assert info["adapters"][0]["digest"] == listed(url, "faq")["digest"]
        back = [sys.executable, "-m", "localqa", "adapters", "rollback", "faq", "--models_dir", str(models)]
        subprocess.run(back, cwd=ROOT, check=True, capture_output=True)
        assert ask(url) == old
        assert listed(url, "faq")["digest"] == digest


def cut_rank(folder):
    tensors = load_file(folder / LORA_FILE)
    name = next(name for name in tensors if "lora_B" in name)
    tensors[name] = tensors[name][:, :-1].contiguous()
    save_file(tensors, folder / LORA_FILE)
    return name


def no_half(folder):
    tensors = load_file(folder / LORA_FILE)
    name = next(name for name in tensors if "lora_A" in name)
    del tensors[name]
    save_file(tensors, folder / LORA_FILE)
    return name


def no_numbers(folder):
    values = json.loads((folder / "qa_config.json").read_text()) | {"score_offset": float("nan")}
    (folder / "qa_config.json").write_text(json.dumps(values))
    return "score_offset"


def test_bad_adapters_are_refused_by_name_and_the_others_answer(models, tmp_path):
    bad = {}
    for harm in (cut_rank, no_half, no_numbers):
        name = harm.__name__.replace("_", "-")
        shutil.copytree(ROOT / "models" / "squad2", models / name)
        bad[name] = harm(models / name)
    (models / "deep").mkdir()
    (models / "deep" / "qa_config.json").write_text("[" * 200_000)
    with running(tmp_path, QA_MODELS_DIR=str(models)) as (url, _):
        before = {name: ask(url, name) for name in ("squad", "squad2", "policy", "faq")}
        for name, part in bad.items():
            loaded = requests.post(f"{url}/api/adapters", json={"name": name}, timeout=60)
            assert (loaded.status_code, part in loaded.json()["error"]["message"]) == (422, True), loaded.text
            asked = {"question": "Who?", "context": CONTEXT, "adapter": name}
            assert requests.post(f"{url}/api/qa", json=asked, timeout=60).status_code == 422
        for name, answer in before.items():
            assert ask(url, name) == answer
        for path in ("/api/health", "/api/adapters", "/api/model/info", "/api/tags", "/v1/models", "/readyz"):
            assert requests.get(f"{url}{path}", timeout=10).status_code == 200, path
        found = requests.get(f"{url}/api/adapters", timeout=10).json()["broken"]
        # Of the shipped ones, those whose base is not installed here are named too.
        own = {one["name"] for one in found} - {folder.name for folder in (ROOT / "models").iterdir()}
        assert own == {"deep", "no-numbers"}

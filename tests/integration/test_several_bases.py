"""A real server with the small and the larger base, each with a shipped adapter."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest
import requests

from localqa.model.bases import DEFAULT_BASE, LARGER_BASE, is_installed
from tests.reading.test_embedder import EXPECTED
from tests.server import running

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(not is_installed(LARGER_BASE), reason="the larger base is not installed"),
]
QUESTION = {
    "question": "Who built the bridge?",
    "context": "The bridge was built by Dunmore and Sons in 1891.",
}
ADAPTERS = {"squad2": DEFAULT_BASE, "squad2-large": LARGER_BASE}


def memory_mb(process):
    """Of the process that serves, which gunicorn started."""
    if sys.platform != "linux":
        return {}
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    status = Path(f"/proc/{children[0]}/status").read_text()
    return {name: int(size) // 1024 for name, size in re.findall(r"(VmRSS|RssAnon):\s+(\d+) kB", status)}


@pytest.mark.parametrize("default", ADAPTERS)
def test_both_answer_side_by_side_and_vectors_stay_the_same(tmp_path, default):
    with running(tmp_path, QA_ADAPTER=default) as (url, process):
        told = [memory_mb(process)]
        for name in ADAPTERS:
            found = requests.post(f"{url}/api/qa", json=QUESTION | {"adapter": name}, timeout=120).json()
            assert (found["answer"], found["adapter"]) == ("Dunmore and Sons", name)
            told.append(memory_mb(process))
        body = {"model": "all-minilm-l6-v2", "input": EXPECTED["texts"]}
        vectors = requests.post(f"{url}/api/embed", json=body, timeout=120).json()["embeddings"]
        wanted = list(EXPECTED["bases"][DEFAULT_BASE]["vectors"].values())
        np.testing.assert_allclose(vectors, wanted, atol=1e-3)
        told.append(memory_mb(process))
        info = requests.get(f"{url}/api/model/info", timeout=10).json()
        assert info["base"] == ADAPTERS[default]
        assert {one["name"] for one in info["bases"]} == set(ADAPTERS.values())
        bases = {one["name"]: one["base"] for one in info["adapters"]}
        assert ADAPTERS.items() <= bases.items()
        small = EXPECTED["bases"][DEFAULT_BASE]
        assert info["embedder"]["identity"] == f"{small['sha256']}:mean:256"
        print(default, "first, then", *ADAPTERS, "and vectors:", told)

"""Nothing that an adapter is judged by was trained on: the committed configs against the evaluation files."""

import json

import pytest

from localqa.config import data_dir
from localqa.squad.load import load_training_data
from localqa.training.config import TrainConfig
from localqa.training.run import load_data
from tests.conftest import ROOT

EVALUATION = [
    "squad_v1/dev-v1.1.json",
    "squad_v2/dev-v2.0-part.json",
    "policyqa/test.json",
    "cuad/windows-test.json",
]
CONFIGS = [
    path
    for path in sorted((ROOT / "configs").glob("*.json"))
    # Those of a whole field name made-up data.
    if "train_data" in json.loads(path.read_text(encoding="utf-8"))
]
RUN = 12
"""Words in a row; two texts that share a fifth of such runs are copies of one another."""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (data_dir() / EVALUATION[0]).exists(), reason="the data folder is not here: set QA_DATA_DIR"
    ),
]


def shingles(text: str) -> set[str]:
    words = text.lower().split()
    return {" ".join(words[at : at + RUN]) for at in range(max(1, len(words) - RUN + 1))}


@pytest.fixture(scope="module")
def held_back():
    """Questions and contexts of all evaluation files, and the runs of words of these contexts."""
    examples = [
        example for file in EVALUATION for example in load_training_data([file], data_dir=data_dir())[0]
    ]
    contexts = {example.context for example in examples}
    questions = {(example.question, example.context) for example in examples}
    return contexts, questions, set().union(*map(shingles, contexts))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_no_training_context_is_an_evaluation_context(path, held_back, capsys):
    contexts, questions, runs = held_back
    config = TrainConfig.model_validate(json.loads(path.read_text(encoding="utf-8")))
    data = load_data(config)
    for example in (*data.train, *data.validation):
        assert (example.question, example.context) not in questions
    for context in {example.context for example in (*data.train, *data.validation)}:
        assert context not in contexts
        own = shingles(context)
        assert len(own & runs) < 0.2 * len(own), context[:200]


def test_every_config_keeps_its_evaluation_data_out():
    for path in CONFIGS:
        values = json.loads(path.read_text(encoding="utf-8"))
        assert set(values["exclude_data"]) & set(EVALUATION), path

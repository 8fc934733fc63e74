"""Nothing that adapters are judged by was trained on: the committed configs against every evaluation file."""

import json
from itertools import pairwise
from pathlib import Path

import pytest

from localqa.config import data_dir
from localqa.datafiles.files import find_file
from localqa.evaluation.sets import EVALUATION_FILES
from localqa.squad.load import load_training_data
from localqa.training.config import TrainConfig
from localqa.training.question_data import load_data
from tests.conftest import ROOT

CONFIGS = [
    path
    for path in sorted((ROOT / "configs").glob("*.json"))
    # Those of a whole field name made-up data.
    if "train_data" in json.loads(path.read_text(encoding="utf-8"))
]
RUN = 12
"""Words in a row; two texts that share a fifth of such runs are copies of one another."""
HERE = [name for name in EVALUATION_FILES if (ROOT / name).is_file() or (data_dir() / name).is_file()]
with_data = pytest.mark.skipif(
    len(HERE) < len(EVALUATION_FILES),
    reason=f"not here: {', '.join(sorted(set(EVALUATION_FILES) - set(HERE)))}; set QA_DATA_DIR",
)


def shingles(text: str) -> set[str]:
    words = text.lower().split()
    return {" ".join(words[at : at + RUN]) for at in range(max(1, len(words) - RUN + 1))}


def is_copy(text: str, runs: set[str]) -> bool:
    own = shingles(text)
    return len(own & runs) >= 0.2 * len(own)


@pytest.fixture(scope="module")
def judged_by():
    """Contexts, questions with contexts, and runs of words, of the evaluation files that are here."""
    files = [find_file(name, [ROOT, data_dir()]) for name in HERE]
    examples = [example for file in files for example in load_training_data([str(file)])[0]]
    contexts = {example.context for example in examples}
    questions = {(example.question, example.context) for example in examples}
    return contexts, questions, set().union(*map(shingles, contexts))


@pytest.fixture(scope="module")
def clean():
    """Contexts that were found to be no copies: most configs learn from the same ones."""
    return set()


def learned_from(path: Path) -> TrainConfig:
    """Of a config, which texts it learns from or chooses by: all of them, as they stand in their files."""
    config = TrainConfig.model_validate(json.loads(path.read_text(encoding="utf-8")))
    chosen = ("validation_data", "validation_titles", "validation_size", "exclude_data", "columns")
    return TrainConfig(
        output_dir="models/none",
        train_data=sorted(config.train_data),
        rehearsal_data=sorted(config.rehearsal_data),
        rehearsal_size=10**9 if config.rehearsal_data else 0,
        **{name: getattr(config, name) for name in chosen},
    )


LEARNED = {learned_from(path).model_dump_json(): path for path in CONFIGS}
"""Several configs learn from the same texts: one path for each set of texts."""


@pytest.mark.slow
@with_data
@pytest.mark.parametrize("path", LEARNED.values(), ids=lambda path: path.stem)
def test_no_training_context_is_an_evaluation_context(path, judged_by, clean, capsys):
    contexts, questions, runs = judged_by
    data = load_data(learned_from(path))
    for example in (*data.train, *data.validation):
        assert (example.question, example.context) not in questions
    for context in {example.context for example in (*data.train, *data.validation)} - clean:
        assert context not in contexts
        assert not is_copy(context, runs), context[:200]
        clean.add(context)


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_no_config_names_an_evaluation_file(path):
    values = json.loads(path.read_text(encoding="utf-8"))
    keys = ("train_data", "validation_data", "rehearsal_data")
    named = {name for key in keys for name in values.get(key, [])}
    assert not {Path(name).name for name in named} & {Path(name).name for name in EVALUATION_FILES}
    assert not any(name.endswith(("choose.json", "judge.json")) for name in named)


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_config_keeps_its_evaluation_data_out(path):
    assert json.loads(path.read_text(encoding="utf-8"))["exclude_data"]


def test_a_text_is_known_as_a_copy_with_other_words_around_it(judged_by):
    """With the project's own documents alone, too, what the other test looks by finds what leaks."""
    contexts, _, runs = judged_by
    words = sorted(contexts, key=len)[-1].split()
    assert is_copy(" ".join(words[: len(words) // 2]), runs)
    assert is_copy(" ".join(["And", "so", *words[5:60], "it", "was"]), runs)
    assert not is_copy(" ".join(f"{two} {one}" for one, two in pairwise(words[:60])), runs)


def test_what_is_chosen_by_is_not_what_is_judged_by(judged_by):
    contexts, _, runs = judged_by
    chosen = load_training_data([str(ROOT / "data" / "user_documents" / "choose.json")])[0]
    for context in {example.context for example in chosen}:
        assert context not in contexts
        assert not is_copy(context, runs), context[:200]

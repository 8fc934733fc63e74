"""`BertQA` with the real base and the shipped adapter."""

import json
import shutil
import subprocess
import sys
import unicodedata

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from bert_qa import BertQA
from localqa.errors import AdapterError, AdapterNotFoundError, InvalidInputError
from localqa.extraction.qa_config import QAConfig
from localqa.extraction.windows import Windower
from localqa.model.adapter_files import LORA_FILE
from localqa.model.adapters import load_adapter, merge
from localqa.model.bases import DEFAULT_BASE, resolve_base
from localqa.model.loading import load_model
from localqa.model.runner import run_windows
from localqa.squad.metrics import score
from localqa.squad.readers import read_examples
from tests.conftest import ROOT

pytestmark = pytest.mark.slow

LEARNING = (
    "Machine learning is a subset of artificial intelligence that enables computers to learn and make "
    "decisions from data without being explicitly programmed."
)
FILLER = (
    "The harbour was quiet in the morning. Boats lay along the wall, and nobody hurried. Rain had "
    "fallen in the night, and the stones were still wet when the first carts came down to the quay. "
)


@pytest.fixture(scope="module")
def qa():
    return BertQA.load(adapter="squad")


def test_answers_a_question(qa):
    answer = qa.answer("What is machine learning?", LEARNING)
    assert "artificial intelligence" in answer.answer
    assert LEARNING[answer.start : answer.end] == answer.answer
    assert 0 < answer.score <= 1


def test_sample_data_is_answered(qa):
    examples = read_examples(ROOT / "data" / "sample_qa_data.json")
    answers = qa.answer_batch([(example.question, example.context) for example in examples])
    found = {example.id: answer.answer for example, answer in zip(examples, answers, strict=True)}
    assert score(examples, found).f1 > 50


@pytest.mark.parametrize("name", ["Zoé", "Brontë", "Andrej Babiš", "ハバ"])
def test_a_name_in_decomposed_letters_keeps_its_last_accent(qa, name):
    decomposed = unicodedata.normalize("NFD", name)
    answer = qa.answer("Who wrote the report?", f"The report was written by {decomposed} in 1990.")
    assert answer.answer == decomposed


@pytest.mark.parametrize(
    ("question", "context", "whole"),
    [
        ("What is the sign?", "The sign is ❤️ on the door.", "❤️"),
        (
            "What is the compound?",
            "The compound poly(methyl methacrylate) was used for the windows.",
            "poly(methyl methacrylate)",
        ),
        ("Which section covers refunds?", "Section 4.2.1(b) covers refunds.", "4.2.1(b)"),
        (
            "Where can I write for help?",
            "For help write to support.desk+emea@example-corp.co.uk or call us.",
            "support.desk+emea@example-corp.co.uk",
        ),
    ],
)
def test_what_belongs_together_is_answered_whole(qa, question, context, whole):
    assert whole in qa.answer(question, context).answer


def test_alternatives_say_something(qa):
    answer = qa.answer("Where did the cat sit?", "The cat, of course, sat on the mat.", top_k=10)
    assert answer.alternatives
    assert all(any(map(str.isalnum, other.answer)) for other in answer.alternatives)
    assert not {"of", "on", "the", ",", "."} & {other.answer for other in answer.alternatives}


@pytest.mark.parametrize("place", [0.0, 0.5, 1.0])
def test_answer_far_into_a_long_context_is_found(qa, place):
    words = (FILLER * 600).split()[:20_000]
    fact = "The lighthouse keeper of Brenholm was called Oskar Lindqvist."
    at = int(place * len(words))
    context = " ".join([*words[:at], fact, *words[at:]])
    answer = qa.answer("What was the lighthouse keeper of Brenholm called?", context)
    assert answer.answer == "Oskar Lindqvist"
    assert context[answer.start : answer.end] == answer.answer


def test_batch_answers_as_one_by_one(qa):
    pairs = [
        (example.question, example.context)
        for example in read_examples(ROOT / "data" / "sample_qa_data.json")
    ]
    for answer, pair in zip(qa.answer_batch(pairs, top_k=3), pairs, strict=True):
        alone = qa.answer(*pair, top_k=3)
        assert (answer.start, answer.end, len(answer.alternatives)) == (alone.start, alone.end, 2)
        assert answer.score == pytest.approx(alone.score, abs=1e-4)


def test_adapter_may_be_a_folder(qa):
    by_path = BertQA.load(adapter=ROOT / "models" / "squad")
    assert by_path.answer("What is it?", LEARNING) == qa.answer("What is it?", LEARNING)


def test_unknown_adapter_lists_the_known():
    with pytest.raises(AdapterNotFoundError, match="squad"):
        BertQA.load(adapter="nope")


def test_top_k_below_one_is_refused(qa):
    with pytest.raises(InvalidInputError, match="top_k"):
        qa.answer("What?", LEARNING, top_k=0)


def test_answers_can_be_asked_for_or_held_back():
    qa = BertQA.load(adapter="squad2")
    asked = ("What does the harbour tax cost?", LEARNING)
    refused = qa.answer(*asked)
    made = qa.answer(*asked, abstain=False)
    assert (refused.answerable, made.answerable) == (False, True)
    assert made.answer == LEARNING[made.start : made.end] != ""
    assert not qa.answer(*asked, abstain=False, min_score=0.9).answerable
    with pytest.raises(InvalidInputError, match="min_score"):
        qa.answer(*asked, min_score=60)


def test_adapter_that_always_answers_cannot_be_made_to_abstain(qa):
    with pytest.raises(InvalidInputError, match="abstain"):
        qa.answer("What?", LEARNING, abstain=True)


def test_shipped_adapter_agrees_with_its_merged_model():
    folder = ROOT / "models" / "squad"
    base = resolve_base(DEFAULT_BASE)
    windows = Windower.from_folder(base.folder).windows([("What is machine learning?", LEARNING)])[0]
    adapter = load_adapter(load_model(base), folder).eval()
    (expected,) = run_windows(adapter, windows)
    (found,) = run_windows(merge(adapter), windows)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_shipped_adapter_is_small_and_fp16():
    file = ROOT / "models" / "squad" / LORA_FILE
    assert file.stat().st_size <= 3_000_000
    assert {tensor.dtype for tensor in load_file(file).values()} == {torch.float16}


def test_command_line_answers(tmp_path):
    text = tmp_path / "text.txt"
    text.write_text(LEARNING, encoding="utf-8")
    command = [
        sys.executable,
        "bert_qa.py",
        "What is machine learning a subset of?",
        "--file",
        str(text),
        "--json",
    ]
    shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "artificial intelligence" in json.loads(shown)["answer"]


def test_several_adapters_over_one_base(tmp_path):
    """Load, switch per question, combine, merge, remove."""
    # Uncalibrated: what a score makes of a margin is another adapter's with each training.
    squad, other = tmp_path / "plain" / "squad", tmp_path / "other"
    shutil.copytree(ROOT / "models" / "squad", squad)
    QAConfig.load(squad).uncalibrated().save(squad)
    shutil.copytree(squad, other)
    tensors = load_file(other / LORA_FILE)
    save_file({name: tensor * 0 for name, tensor in tensors.items()}, other / LORA_FILE)
    qa = BertQA.load(adapter=squad, engine="torch")
    assert qa.add(other) == "other"
    assert qa.adapters == ["squad", "other"]
    first = qa.answer("What is machine learning?", LEARNING)
    blank = qa.answer("What is machine learning?", LEARNING, adapter="other")
    assert (first.adapter, blank.adapter) == ("squad", "other")
    assert first.score > 5 * blank.score
    qa.add(qa.combine({"squad": 1.0, "other": 1e-6}, tmp_path / "both"))
    assert qa.answer("What is machine learning?", LEARNING, adapter="both").answer == first.answer
    qa.add(qa.merge("squad", tmp_path / "whole"))
    whole = qa.answer("What is machine learning?", LEARNING, adapter="whole")
    assert (whole.answer, whole.score) == (first.answer, pytest.approx(first.score, abs=1e-2))
    qa.remove("other")
    with pytest.raises(AdapterNotFoundError):
        qa.answer("What is machine learning?", LEARNING, adapter="other")
    with pytest.raises(InvalidInputError, match="default"):
        qa.remove("squad")
    assert qa.answer("What is machine learning?", LEARNING).answer == first.answer


def test_two_folders_of_one_name_are_not_mixed_up(tmp_path):
    shutil.copytree(ROOT / "models" / "squad", tmp_path / "squad")
    with pytest.raises(AdapterError, match="already"):
        BertQA.load(adapter="squad").add(tmp_path / "squad")

"""Fifty questions whose answers every engine and precision gives, span by span.

python -m tests.engine.test_golden        writes the answers anew, after a new adapter
"""

import json
from pathlib import Path

import pytest

from bert_qa import BertQA
from localqa.engine.precision import has_bf16

pytestmark = pytest.mark.slow
HERE = Path(__file__).parent
PAIRS = [
    (question, one["context"])
    for one in json.loads((HERE / "golden_questions.json").read_text(encoding="utf-8"))
    for question in one["questions"]
]
ANSWERS = HERE / "golden_answers.json"
# How far scores may be off. int8 rounds activations, too, to 255 steps within groups of values.
ENGINES = [
    ("torch", "fp32", 0.02),
    ("openvino", "fp32", 0.02),
    ("openvino", "bf16", 0.02),
    ("openvino", "int8", 0.06),
]


def answers(engine, precision):
    found = BertQA.load(adapter="squad", engine=engine, precision=precision).answer_batch(PAIRS)
    return [{"answer": one.answer, "start": one.start, "score": round(one.score, 4)} for one in found]


@pytest.mark.parametrize(("engine", "precision", "off"), ENGINES)
def test_spans_are_the_golden_ones(engine, precision, off):
    if precision == "bf16" and not has_bf16():
        pytest.skip("this processor has no bfloat16")
    golden = json.loads(ANSWERS.read_text(encoding="utf-8"))
    assert len(golden) == len(PAIRS) == 50
    found = answers(engine, precision)
    spans = [(one["answer"], one["start"]) for one in found]
    assert spans == [(one["answer"], one["start"]) for one in golden]
    assert [one["score"] for one in found] == [pytest.approx(one["score"], abs=off) for one in golden]


if __name__ == "__main__":
    ANSWERS.write_text(json.dumps(answers("torch", "fp32"), indent=1) + "\n", encoding="utf-8")

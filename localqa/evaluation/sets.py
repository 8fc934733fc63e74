"""What adapters are judged by: many kinds of text and of question, none of them trained on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from localqa.squad.load import load_training_data
from localqa.squad.neighbours import Paragraphs, make_retrieved
from localqa.squad.records import Example
from localqa.squad.split import subset

_SEED = 0
_RETRIEVED = 2000
"""Questions asked of a wrong paragraph: more would tell the same."""


@dataclass(frozen=True, slots=True)
class EvaluationSet:
    """Questions of one kind.

    Attributes:
        name: in files and on command lines.
        title: in tables.
        sources: data files, joined.
        by_overlap: whether accepted answers are whole sentences, so that what counts is how much of an
            answer lies in one.
        made: makes the questions out of those of the files; None: they are what is there.
    """

    name: str
    title: str
    sources: tuple[str, ...]
    by_overlap: bool = False
    made: Callable[[Sequence[Example]], list[Example]] | None = None

    def missing(self, folder: Path) -> list[str]:
        """The files that are neither below the working directory nor below a folder."""
        return [name for name in self.sources if not (Path(name).is_file() or (folder / name).is_file())]

    def examples(self, folder: Path, limit: int | None = None) -> list[Example]:
        """The questions, or a fixed sample of so many.

        Raises:
            DataError: a file that is not there or cannot be read.
        """
        found, _ = load_training_data(self.sources, data_dir=folder)
        if self.made:
            return self.made(subset(found, limit, _SEED) if limit else found)
        return subset(found, limit, _SEED) if limit else found


def _beside_wrong_paragraphs(examples: Sequence[Example]) -> list[Example]:
    """Answerable questions, and the same asked of the likeliest paragraph that does not answer them."""
    answerable = subset([one for one in examples if not one.is_impossible], _RETRIEVED, _SEED)
    return [*answerable, *make_retrieved(answerable, Paragraphs(examples), 1.0, _SEED)]


SETS = (
    EvaluationSet("dev-v1.1", "SQuAD v1.1 dev", ("squad_v1/dev-v1.1.json",)),
    EvaluationSet("dev-v2.0", "SQuAD v2.0 dev", ("squad_v2/dev-v2.0.json",)),
    EvaluationSet(
        "retrieved",
        "SQuAD, also asked of a wrong paragraph",
        ("squad_v2/dev-v2.0.json",),
        made=_beside_wrong_paragraphs,
    ),
    EvaluationSet("user-documents", "Users' documents", ("data/user_documents/judge.json",)),
    EvaluationSet("original", "SQuAD questions", ("evaluation/dev_orig.json",)),
    EvaluationSet("paraphrased", "SQuAD questions in other words", ("evaluation/dev_para.json",)),
    EvaluationSet("clapnq", "CLAPnq (overlap)", ("evaluation/clapnq_dev.json",), by_overlap=True),
    EvaluationSet("qed", "QED", ("evaluation/qed_dev.json",)),
    EvaluationSet("quail", "QuAIL", ("evaluation/quail_dev_extractive.json",)),
    EvaluationSet("molweni", "Molweni, chats", ("evaluation/molweni_test.json",)),
    EvaluationSet(
        "tatqa",
        "TAT-QA, financial reports",
        ("evaluation/tatqa_dev_textspan.json", "evaluation/tatqa_test_textspan.json"),
    ),
    EvaluationSet("fairytales", "FairytaleQA", ("fairytaleqa/fairytaleqa_test_extractive.json",)),
    EvaluationSet("policyqa-test", "PolicyQA test", ("policyqa/test.json",)),
    EvaluationSet("cuad-windows-test", "CUAD test windows", ("cuad/windows-test.json",)),
)
"""All of them, in the order of tables."""
EVALUATION_FILES = tuple(dict.fromkeys(source for one in SETS for source in one.sources))
"""What nothing may be trained on, nor fitted by."""

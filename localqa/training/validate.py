"""EM/F1 of a model on examples, by the same decoder that serves."""

from collections.abc import Sequence
from dataclasses import replace

from torch import nn
from tqdm import tqdm

from localqa.extraction.pipeline import decode_pairs, to_answer
from localqa.extraction.qa_config import QAConfig
from localqa.extraction.spans import Logits
from localqa.extraction.windows import Window, Windower
from localqa.model.runner import run_windows
from localqa.squad.metrics import Scores, score
from localqa.squad.records import Example


def validate(
    model: nn.Module,
    examples: Sequence[Example],
    *,
    windower: Windower,
    config: QAConfig,
    progress: bool = True,
    description: str = "evaluate",
) -> Scores:
    """Score a model, put into evaluation mode and back, on examples with gold answers.

    With unanswerable questions among them, the result holds `best_f1` and its threshold on
    the null score too; without a threshold in `config` every question is answered.
    """
    was_training = model.training
    model.eval()
    with tqdm(desc=description, unit="window", disable=not progress, leave=False) as bar:

        def run(windows: Sequence[Window]) -> list[Logits]:
            bar.reset(total=len(windows))
            return run_windows(model, windows, on_batch=bar.update)

        pairs = [(example.question, example.context) for example in examples]
        decoded = decode_pairs(pairs, windower=windower, run=run, config=config)
    model.train(was_training)
    always = replace(config, null_threshold=None)
    answers = [
        to_answer(example.context, one, always) for example, one in zip(examples, decoded, strict=True)
    ]
    null_scores = {example.id: answer.null_score for example, answer in zip(examples, answers, strict=True)}
    spans = {example.id: answer.answer for example, answer in zip(examples, answers, strict=True)}
    if config.null_threshold is not None:
        threshold = config.null_threshold
        kept = {key: text if null_scores[key] <= threshold else "" for key, text in spans.items()}
        return score(examples, kept)
    return score(examples, spans, null_scores if any(e.is_impossible for e in examples) else None)

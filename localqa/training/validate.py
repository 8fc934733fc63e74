"""What a model says about examples, by the same decoder that serves, and its EM/F1."""

from collections.abc import Sequence

from torch import nn
from tqdm import tqdm

from localqa.evaluation.calibrate import score_decoded
from localqa.extraction.pipeline import decode_pairs
from localqa.extraction.qa_config import QAConfig
from localqa.extraction.spans import Decoded, Logits
from localqa.extraction.windows import Window, Windower
from localqa.model.runner import run_windows
from localqa.squad.metrics import Scores
from localqa.squad.records import Example


def predict(
    model: nn.Module,
    examples: Sequence[Example],
    *,
    windower: Windower,
    config: QAConfig,
    description: str = "evaluate",
    top_k: int = 1,
) -> list[Decoded]:
    """Decoded logits of each example; the model is put into evaluation mode and back."""
    was_training = model.training
    model.eval()
    with tqdm(desc=description, unit="window", leave=False, disable=None) as bar:

        def run(windows: Sequence[Window]) -> list[Logits]:
            bar.reset(total=len(windows))
            return run_windows(model, windows, on_batch=bar.update)

        pairs = [(example.question, example.context) for example in examples]
        decoded = decode_pairs(pairs, windower=windower, run=run, config=config, top_k=top_k)
    model.train(was_training)
    return decoded


def validate(
    model: nn.Module, examples: Sequence[Example], *, windower: Windower, config: QAConfig
) -> Scores:
    """Score a model on examples with gold answers; see `score_decoded`."""
    return score_decoded(examples, predict(model, examples, windower=windower, config=config), config)

"""ROUGE (rouge-score, with stemming) and BLEU (sacrebleu) of summaries, in percent."""

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from rouge_score.rouge_scorer import RougeScorer
from sacrebleu.metrics.bleu import BLEU

from localqa.summarization.splitting import SENTENCE_END

KINDS: Final[Mapping[str, str]] = {
    "rouge1": "ROUGE-1",
    "rouge2": "ROUGE-2",
    "rougeL": "ROUGE-L",
    "rougeLsum": "ROUGE-Lsum",
    "bleu": "BLEU",
}
"""Key of a score -> what the field calls it."""
_RESAMPLES: Final = 1000


def score(
    summaries: Sequence[str],
    references: Sequence[Sequence[str]],
    *,
    rouge: Mapping[str, NDArray[np.float64]] | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """Mean ROUGE F-measures with their intervals, and the BLEU of the whole.

    ROUGE-Lsum compares sentence by sentence (Lin 2004, "summary-level LCS").

    Args:
        summaries: to be judged.
        references: what each should have been, in one way or more; the nearest one counts for ROUGE.
        rouge: what `by_text` gives for them, where it was counted already.
        seed: of the intervals' resamples.

    Returns `{"rouge1": ..., "rouge2", "rougeL", "rougeLsum", "bleu", "interval_95": {name: [low, high]}}`,
    the intervals by bootstrap over texts, and `signature`: how BLEU was counted.
    """
    found = by_text(summaries, references) if rouge is None else rouge
    values = np.stack(list(found.values()), axis=1)
    random = np.random.default_rng(seed)
    drawn = random.integers(0, len(values), (_RESAMPLES, len(values)))
    low, high = np.percentile(values[drawn].mean(axis=1), [2.5, 97.5], axis=0)
    means = values.mean(axis=0)
    bleu = BLEU()
    return {
        **{name: round(float(mean), 2) for name, mean in zip(found, means, strict=True)},
        "bleu": round(bleu.corpus_score(list(summaries), _streams(references)).score, 2),
        "interval_95": {
            name: [round(float(low[at]), 2), round(float(high[at]), 2)] for at, name in enumerate(found)
        },
        "texts": len(values),
        "signature": str(bleu.get_signature()),
    }


def by_text(summaries: Sequence[str], references: Sequence[Sequence[str]]) -> dict[str, NDArray[np.float64]]:
    """The ROUGE F-measures of each summary, in percent: name -> shape (N,)."""
    names = [name for name in KINDS if name != "bleu"]
    scorer = RougeScorer(names, use_stemmer=True)
    found = [
        scorer.score_multi([_lines(one) for one in accepted], _lines(summary))
        for accepted, summary in zip(references, summaries, strict=True)
    ]
    return {name: np.array([100 * one[name].fmeasure for one in found]) for name in names}


def _streams(references: Sequence[Sequence[str]]) -> list[list[Any]]:
    """First references, second ones and so on, as sacrebleu wants them; None where there is none."""
    return [list(stream) for stream in zip_longest(*references)]


def _lines(text: str) -> str:
    """One sentence a line, as ROUGE-Lsum wants them."""
    return "\n".join(SENTENCE_END.split(text.strip()))

"""An adapter's threshold and scores fitted anew, on several kinds of questions at once."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tabulate import tabulate
from tqdm import tqdm

from localqa.evaluation.calibrate import Kind, calibrate, how_right
from localqa.evaluation.confidence import expected_calibration_error
from localqa.evaluation.panel import Verdicts, figures
from localqa.extraction.decodings import Decodings, Pair, weights_sha256
from localqa.extraction.pipeline import decode_pairs
from localqa.extraction.qa_config import QAConfig
from localqa.extraction.spans import Decoded
from localqa.model.bases import Base
from localqa.model.runner import run_windows
from localqa.squad.neighbours import LEFT_OUT
from localqa.squad.records import Example
from localqa.squad.split import split_by_context
from localqa.training.saved import SavedAdapter

_AT_A_TIME = 128
_TOP_K = 2
_SHOWN = {"f1": "F1", "answerable_f1": "answerable", "refused": "refused, %", "ece": "calibration error, %"}


def decoded_kinds(folder: Path, base: Base, examples: Mapping[str, Sequence[Example]]) -> list[Kind]:
    """What an adapter says of several kinds of questions; kept in the cache folder, so that it is asked once.

    Args:
        folder: of the adapter.
        base: that it was trained on.
        examples: by the name of their kind.

    Raises:
        AdapterError: damaged, or made for another base.
    """
    saved = SavedAdapter.load(folder, base)
    kept = Decodings.of_adapter(weights_sha256(folder), saved.config, "torch")

    def decode(pairs: Sequence[Pair]) -> list[Decoded]:
        return decode_pairs(
            pairs,
            windower=saved.windower,
            run=lambda windows: run_windows(saved.model, windows),
            config=saved.config,
            top_k=_TOP_K,
        )

    kinds = []
    for name, some in examples.items():
        pairs = [(example.question, example.context) for example in some]
        with tqdm(total=len(pairs), desc=name, unit="question", leave=False, disable=None) as bar:
            decoded = kept.of(pairs, decode, at_a_time=_AT_A_TIME, on_done=bar.update)
        kinds.append(Kind(name, some, decoded))
    return kinds


def before_and_after(kinds: Sequence[Kind], config: QAConfig, *, abstain: bool) -> list[dict[str, Any]]:
    """Figures of each kind with an adapter's settings, and with new ones fitted on the other half of all.

    Each half is judged by what was fitted on the other: the settings fitted on all, which are what an adapter
    gets, cannot be judged by the same questions. A kind about one text alone is on one side only; where all
    are, there is no other half, and so no figure.

    Args:
        kinds: not trained on.
        config: the adapter's settings.
        abstain: whether the new ones may refuse.
    """
    sides = _sides(kinds)
    halves = [[_half(kind, side, sides) for kind in kinds] for side in (0, 1)]
    if not all(any(kind.examples for kind in half) for half in halves):
        return []
    fitted = [calibrate([kind for kind in half if kind.examples], config, abstain=abstain) for half in halves]
    rows = []
    for number, kind in enumerate(kinds):
        after = Verdicts([], [])
        for half, other in ((0, 1), (1, 0)):
            mine = halves[half][number]
            found = Verdicts.of(mine.examples, mine.decoded, fitted[other])
            after = Verdicts(after.own + found.own, after.made_to_answer + found.made_to_answer)
        before = Verdicts.of(kind.examples, kind.decoded, config)
        rows.append({"kind": kind.name, "before": _figures(before), "after": _figures(after)})
    return rows


def _figures(verdicts: Verdicts) -> dict[str, Any]:
    """Those of the panel, but the calibration error is that of what the scores are fitted to."""
    scores = np.array([one.score for one in verdicts.own])
    right = np.array([how_right(one.text, one.example) for one in verdicts.own])
    return figures(verdicts) | {"ece": round(100 * expected_calibration_error(scores, right), 2)}


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """`before_and_after` to read."""
    shown = [
        [row["kind"], row["before"]["questions"]]
        + [f"{_text(row['before'][key])} -> {_text(row['after'][key])}" for key in _SHOWN]
        for row in rows
    ]
    return tabulate(shown, ["kind", "questions", *_SHOWN.values()], disable_numparse=True)


def _sides(kinds: Sequence[Kind]) -> dict[str, int]:
    """On which side each question is, the same in all kinds: a long one asks those of a short one again.

    Questions about one text are on the same side.
    """
    sides: dict[str, int] = {}
    for kind in kinds:
        new = [example for example in kind.examples if _name(example) not in sides]
        several = len({example.context for example in new}) > 1
        parts = split_by_context(new, held_out=0.5, seed=0) if several else (new,)
        for side, part in enumerate(parts):
            for example in part:
                sides.setdefault(_name(example), side)
    return sides


def _name(example: Example) -> str:
    """Of a question, also where it is asked without its own paragraph."""
    return example.id.removesuffix(LEFT_OUT)


def _half(kind: Kind, side: int, sides: Mapping[str, int]) -> Kind:
    pairs = [pair for pair in zip(kind.examples, kind.decoded, strict=True) if sides[_name(pair[0])] == side]
    return Kind(kind.name, [example for example, _ in pairs], [decoded for _, decoded in pairs])


def _text(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"

"""What every engine looks at before it gives logits away."""

from collections.abc import Sequence

import numpy as np

from localqa.errors import AdapterError
from localqa.extraction.spans import Logits
from localqa.extraction.windows import Window

_TRIED = 8
"""Tokens of the first run of an adapter; every vocabulary has more."""


def checked_logits(logits: list[Logits]) -> list[Logits]:
    """The same logits.

    Raises:
        AdapterError: they are no numbers.
    """
    if not all(np.isfinite(values).all() for window in logits for values in window):
        raise AdapterError(
            "The adapter's weights give values that are no numbers.",
            remedy="Its training diverged, or its files are damaged; restore the folder or train again.",
        )
    return logits


def trial() -> Sequence[Window]:
    """A window that every adapter can be tried with before it is asked."""
    ids = np.arange(1, _TRIED + 1, dtype=np.int32)
    return [Window(ids, ids * 0, np.zeros((0, 2), dtype=np.int32), context_at=0, first_token=0)]

"""Keep evaluation text out of training data: equal contexts and near-duplicates of them."""

from collections.abc import Iterable, Sequence

from localqa.squad.records import Example

_WORDS = 8
_SHARE = 0.2


def without_overlap(
    examples: Sequence[Example], held_back: Iterable[Example]
) -> tuple[list[Example], list[Example]]:
    """Split off the examples whose context is, or nearly is, one of `held_back`.

    A context counts as a near-duplicate when a fifth of its runs of eight words (case and punctuation
    apart) stand in the held-back contexts too. Contexts of fewer than eight words count when equal.

    Returns (kept, split off), each in the order given.
    """
    runs: set[tuple[str, ...]] = set()
    for context in {example.context for example in held_back}:
        runs |= _runs(context)
    overlaps = {context: _overlaps(context, runs) for context in {example.context for example in examples}}
    kept = [example for example in examples if not overlaps[example.context]]
    split_off = [example for example in examples if overlaps[example.context]]
    return kept, split_off


def _overlaps(context: str, runs: set[tuple[str, ...]]) -> bool:
    own = _runs(context)
    return bool(own) and len(own & runs) >= _SHARE * len(own)


def _runs(context: str) -> set[tuple[str, ...]]:
    words = "".join(char if char.isalnum() else " " for char in context.lower()).split()
    return (
        {tuple(words[at : at + _WORDS]) for at in range(max(1, len(words) - _WORDS + 1))} if words else set()
    )

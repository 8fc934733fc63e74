"""Holding out and sampling examples, the same way on every machine."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import TypeVar

from localqa.errors import ConfigError, DataError
from localqa.squad.records import Example

Record = TypeVar("Record")


def split_by_context(
    examples: Sequence[Example], *, held_out: int | float, seed: int
) -> tuple[list[Example], list[Example]]:
    """Split so that no context is on both sides; contexts that differ in spacing only count as one.

    Which contexts are held out depends on `seed` and their text alone, not on their order.

    Args:
        examples: what to split.
        held_out: how many examples to hold out, or which share of them (0.0 up to, not including,
            1.0). Whole contexts are held out, so it can be somewhat fewer; never more, except
            that the smallest context is held out where every context is larger than that.
        seed: another seed, another split.

    Returns (kept, held out), each in the order given.
    Raises ConfigError for a size that makes no sense, DataError when there is only one context.
    """
    target = _target(held_out, len(examples))
    if target == 0:
        return list(examples), []
    keys = [_context_key(example.context) for example in examples]
    sizes: dict[str, int] = {}
    for key in keys:
        sizes[key] = sizes.get(key, 0) + 1
    if len(sizes) < 2:
        raise DataError(
            "All examples share one context, so none can be held out.",
            remedy="Give more data, or a file for validation.",
        )
    chosen = _choose(sizes, target=target, seed=seed)
    kept = [example for example, key in zip(examples, keys, strict=True) if key not in chosen]
    held = [example for example, key in zip(examples, keys, strict=True) if key in chosen]
    return kept, held


def subset(examples: Sequence[Record], size: int, seed: int) -> list[Record]:
    """A sample of `size` examples (all, where there are no more), in the order given.

    Raises ConfigError when the size is negative.
    """
    if size < 0:
        raise ConfigError(f"A sample cannot have {size} examples.")
    order = sorted(range(len(examples)), key=lambda index: _rank(seed, str(index)))
    return [examples[index] for index in sorted(order[:size])]


def fingerprint(examples: Iterable[Example]) -> str:
    """sha256, in hex, over ids, questions, contexts and answers in their order.

    Titles and sources are left out: the same data under another file name has the same fingerprint.
    """
    digest = hashlib.sha256()
    for example in examples:
        answers = [[answer.text, answer.start] for answer in example.answers]
        digest.update(json.dumps([example.id, example.question, example.context, answers]).encode("ascii"))
        digest.update(b"\n")
    return digest.hexdigest()


def _target(held_out: int | float, total: int) -> int:
    if isinstance(held_out, float):
        if not 0.0 <= held_out < 1.0:
            raise ConfigError(f"A share to hold out lies between 0 and 1, not at {held_out}.")
        # At least one where any was asked for, even of few examples.
        return max(round(held_out * total), 1) if held_out > 0.0 else 0
    if not 0 <= held_out < max(total, 1):
        raise ConfigError(
            f"Cannot hold out {held_out} of {total} examples.",
            remedy="Hold out fewer than there are, or a share such as 0.1.",
        )
    return held_out


def _choose(sizes: dict[str, int], *, target: int, seed: int) -> set[str]:
    """Contexts in an order drawn by the seed, each taken when it still fits."""
    order = sorted(sizes, key=lambda key: _rank(seed, key))
    chosen: set[str] = set()
    room = target
    for key in order:
        # One context at least stays on the other side.
        if sizes[key] <= room and len(chosen) < len(sizes) - 1:
            chosen.add(key)
            room -= sizes[key]
    return chosen or {min(order, key=sizes.__getitem__)}


def _context_key(context: str) -> str:
    return " ".join(context.split())


def _rank(seed: int, text: str) -> bytes:
    """A place in an order that depends on no library's random numbers."""
    return hashlib.sha256(f"{seed}\0{text}".encode("utf-8", "surrogatepass")).digest()

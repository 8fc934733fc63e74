"""SQuAD by name, through `datasets`, where the Hugging Face Hub can be reached."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from localqa.errors import ConfigError, DataError
from localqa.privacy import hub_token
from localqa.squad.parsing import flat_example
from localqa.squad.records import Example

_NAME = re.compile(r"(?:rajpurkar/)?(squad|squad_v2)(?::(.*))?")
_SPLITS = ("train", "validation")


def is_hub_name(source: str | Path) -> bool:
    """Whether this is `squad` or `squad_v2`, with or without a split after a colon."""
    return isinstance(source, str) and _NAME.fullmatch(source) is not None


def is_hub_dev(source: str) -> bool:
    """Whether this is the development set of `squad` or `squad_v2`, which the Hub calls "validation"."""
    match = _NAME.fullmatch(source)
    return match is not None and match[2] == "validation"


def read_hub(
    source: str, *, columns: Mapping[str, str], split: str | None, limit: int | None
) -> Iterator[Example | DataError]:
    """Yield the examples of a dataset known by name, `limit` at most.

    Raises ConfigError for an unknown split, DataError when the dataset cannot be had.
    """
    match = _NAME.fullmatch(source)
    assert match is not None, source
    name, chosen = match[1], _chosen_split(match[2], split)
    rows = _load(name, chosen if limit is None else f"{chosen}[:{limit}]")
    for index, row in enumerate(rows):
        where = f"{name}:{chosen}[{index}]"
        try:
            yield flat_example(row, where=where, columns=columns)
        except DataError as error:
            yield error


def _chosen_split(suffix: str | None, split: str | None) -> str:
    if suffix is not None and split is not None and suffix != split:
        raise ConfigError(f"Two different splits are given: {suffix!r} and {split!r}.")
    chosen = split or suffix or "train"
    if chosen not in _SPLITS:
        raise ConfigError(
            f"SQuAD has no split {chosen!r}.", remedy=f"The splits are {' and '.join(_SPLITS)}."
        )
    return chosen


def _load(name: str, split: str) -> Iterator[object]:
    remedy = f"Download the {name} JSON file on a machine with access and pass its path instead of the name."
    try:
        from datasets import load_dataset
    except ImportError as error:
        raise DataError(
            f"The name {name!r} needs the `datasets` package.", remedy=f"Install datasets. Or: {remedy}"
        ) from error
    try:
        rows = load_dataset(f"rajpurkar/{name}", split=split, token=hub_token())
    # The Hub's clients raise many unrelated types: connection, HTTP status, missing cache, broken file.
    except Exception as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"The dataset {name!r} cannot be loaded: {reason:.200}", remedy=remedy) from error
    return iter(rows)

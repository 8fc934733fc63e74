"""What `localqa documents` prints, and how it finds what is named, whichever library it asks."""

import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from textwrap import shorten
from typing import Any, Final

from tabulate import tabulate

from localqa.errors import ConfigError, InvalidInputError

_SHORT_ID: Final = 8
_NEAREST_CHARS: Final = 240
Told = Mapping[str, Any]
"""A document, or what became of a file, as JSON."""


def the_one(documents: Sequence[Told], named: str, where: str) -> Told:
    """A document by its id, the beginning of it, its name or the place of its file.

    Args:
        documents: to look through.
        named: what a user calls it.
        where: command that shows the ids.

    Raises:
        InvalidInputError: there is none, or more than one.
    """
    found = [one for one in documents if named in (one["id"], one["name"], one.get("source"))]
    found = found or [one for one in documents if one["id"].startswith(named)]
    if len(found) != 1:
        raise InvalidInputError(f"{len(found)} documents are '{named}'.", remedy=f"{where} shows their ids.")
    return found[0]


def existing(paths: Sequence[str]) -> list[Path]:
    """The files and folders to add; raises InvalidInputError where one is not there, or none is named."""
    if "" in paths:
        raise InvalidInputError(
            "A path is empty.", remedy="Name files and folders; . is the folder you are in."
        )
    missing = [path for path in paths if not os.path.exists(path)]  # noqa: PTH110 - Path's own raises where a folder is closed
    if missing:
        raise InvalidInputError(f"There is no {missing[0]}.", remedy="Name files and folders that are there.")
    return [Path(path) for path in paths]


def check_named(documents: Sequence[str], collection: str | None) -> None:
    """Refuse to remove nothing, or both documents and a collection; raises ConfigError."""
    if bool(documents) == bool(collection):
        raise ConfigError(
            "Name documents or a --collection to remove.",
            remedy="localqa documents list shows what is there.",
        )


def check_asked(question: str) -> None:
    """Refuse a question without words; raises InvalidInputError."""
    if not question.strip():
        raise InvalidInputError("The question is empty.", remedy="Ask something.")


def where_of(name: str, page: int | None, heading: str) -> str:
    """Where a passage stands, for people."""
    return ", ".join([name, *([f"page {page}"] if page else []), *([heading] if heading else [])])


def print_nowhere(score: float, nearest: tuple[str, str] | None) -> None:
    """Tell that the documents hold no answer.

    Args:
        score: probability that this is right.
        nearest: where the passage nearest to the question stands, and its text; None: there is none.
    """
    print(f"{score:6.1%}  (not in your documents)")
    if nearest:
        where, text = nearest
        print(f"        nearest: {where}\n        {shorten(text, _NEAREST_CHARS, placeholder=' ...')}\n")


def print_removed(count: int, *, as_json: bool) -> None:
    """Tell how many documents were removed."""
    if as_json:
        print_json({"removed": count})
    else:
        print(f"{count} removed")


def print_json(value: object) -> None:
    """Print a value as JSON."""
    print(json.dumps(value, ensure_ascii=False, indent=2))


def print_list(documents: Iterable[Told]) -> None:
    """Print a table of documents."""
    rows = [
        [one["id"][:_SHORT_ID], one["collection"], one["name"], one["pages"] or None, one["passages"]]
        for one in documents
    ]
    print(tabulate(rows, ["id", "collection", "name", "pages", "passages"], missingval=""))


def print_text(text: str, pages: Sequence[Told]) -> None:
    """Print the text of a document with its pages marked, which have `number`, `start` and `end`."""
    for page in pages:
        print(f"--- page {page['number']} ---\n{text[page['start'] : page['end']]}")
    if not pages:
        print(text)


def print_outcomes(outcomes: Sequence[Told], where: str, *, verbose: bool) -> None:
    """Tell what became of files: a table of all that is not as it was, and the sums.

    Args:
        outcomes: with `name`, `state`, `reason`, perhaps `remedy`, and the document as `entry` or `document`.
        where: the library.
        verbose: list what is as it was, too.
    """
    rows = [_row(one) for one in outcomes if one["state"] != "unchanged" or verbose]
    if rows:
        print(tabulate(rows, ["file", "state", "pages", "passages", "why"], missingval=""))
    counts = Counter(one["state"] for one in outcomes)
    sums = ", ".join(f"{count} {state}" for state, count in counts.items())
    print(f"{sums or 'no files found'}; the library is {where}")


def _row(one: Told) -> list[Any]:
    kept = one["state"] in ("added", "replaced", "unchanged")
    document = (one.get("entry") or one.get("document") or {}) if kept else {}
    why = " ".join(part for part in (one["reason"], one.get("remedy", "")) if part)
    return [one["name"], one["state"], document.get("pages") or None, document.get("passages"), why]

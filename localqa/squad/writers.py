"""Writing examples as SQuAD JSON or JSONL; a file is either whole or as it was before."""

import errno
import filecmp
import json
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path

from localqa.errors import ConfigError, DataError, ResourceError
from localqa.squad.parsing import UNKNOWN_START
from localqa.squad.records import Example, GoldAnswer
from localqa.writing import whole

_VERSIONS = {"1.1": "1.1", "v1.1": "1.1", "2.0": "v2.0", "v2.0": "v2.0"}


def write_squad(
    examples: Iterable[Example], path: str | Path, *, version: str | None = None, overwrite: bool = True
) -> None:
    """Write SQuAD JSON, atomically; `read_examples` reads the same examples back in the same order.

    Neighbours with the same title and context share an article and a paragraph.

    Args:
        examples: what to write; an unknown start (-1) is left out of its answer.
        path: the file to write or replace; its folder is made where it is missing.
        version: "1.1" or "v2.0"; unless given, v2.0 when any question is not answerable.
        overwrite: whether a file with other content may be replaced.

    Raises ConfigError when it may not, DataError for a version that cannot hold the examples or a path
    that cannot be written, ResourceError when the disk is full.
    """
    listed = list(examples)
    chosen = _version(listed, version)
    data = [
        {"title": title, "paragraphs": _paragraphs(list(article), version=chosen)}
        for title, article in groupby(listed, key=lambda example: example.title)
    ]
    _write(path, [_dump({"version": chosen, "data": data})], overwrite=overwrite)


def write_jsonl(examples: Iterable[Example], path: str | Path, *, overwrite: bool = True) -> None:
    """Write one Hub-style record per line, atomically; `read_examples` reads the same examples back.

    Raises ConfigError when a file with other content may not be replaced, DataError when the path cannot
    be written, ResourceError when the disk is full.
    """
    _write(path, map(_record, examples), overwrite=overwrite)


def _version(examples: Sequence[Example], version: str | None) -> str:
    impossible = next((example for example in examples if example.is_impossible), None)
    if version is None:
        return "1.1" if impossible is None else "v2.0"
    if version not in _VERSIONS:
        raise DataError(f"Unknown SQuAD version {version!r}.", remedy='Use "1.1" or "v2.0".')
    if _VERSIONS[version] == "1.1" and impossible is not None:
        raise DataError(
            f"SQuAD 1.1 cannot hold the unanswerable question {impossible.id!r} ({impossible.source}).",
            remedy='Write version "v2.0".',
        )
    return _VERSIONS[version]


def _paragraphs(article: list[Example], *, version: str) -> list[dict[str, object]]:
    return [
        {"context": context, "qas": [_question(example, version=version) for example in paragraph]}
        for context, paragraph in groupby(article, key=lambda example: example.context)
    ]


def _question(example: Example, *, version: str) -> dict[str, object]:
    answers = [_answer(answer) for answer in example.answers]
    record: dict[str, object] = {"id": example.id, "question": example.question, "answers": answers}
    if version == "v2.0":
        record["is_impossible"] = example.is_impossible
    return record


def _answer(answer: GoldAnswer) -> dict[str, object]:
    if answer.start == UNKNOWN_START:
        return {"text": answer.text}
    return {"text": answer.text, "answer_start": answer.start}


def _record(example: Example) -> bytes:
    starts = [None if answer.start == UNKNOWN_START else answer.start for answer in example.answers]
    texts = [answer.text for answer in example.answers]
    return _dump(
        {
            "id": example.id,
            "title": example.title,
            "question": example.question,
            "context": example.context,
            "answers": {"text": texts, "answer_start": starts},
        }
    )


def _dump(value: object) -> bytes:
    """One line of JSON, readable where the text allows it."""
    try:
        return json.dumps(value, ensure_ascii=False).encode("utf-8") + b"\n"
    except UnicodeEncodeError:  # half a surrogate pair: JSON can write it as an escape only
        return json.dumps(value).encode("ascii") + b"\n"


def _write(path: str | Path, lines: Iterable[bytes], *, overwrite: bool) -> None:
    target = Path(path)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with whole(target) as handle:
            handle.writelines(lines)
            handle.flush()
            if not overwrite:
                _refuse_other(target, Path(handle.name))
    except OSError as error:
        message = f"{target} cannot be written: {error.strerror or error}."
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise ResourceError(message, remedy="Free some disk space.") from error
        raise DataError(message, remedy="Check the path and its permissions.") from error


def _refuse_other(target: Path, draft: Path) -> None:
    """Keep a file whose content would be lost."""
    if target.exists() and target.stat().st_size and not filecmp.cmp(target, draft, shallow=False):
        raise ConfigError(f"{target} exists.", remedy="Choose another name, or --overwrite to replace it.")

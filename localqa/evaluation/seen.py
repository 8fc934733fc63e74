"""Whether questions that an adapter is judged by were in its training data.

A report keeps the hashes of the rows that were trained on, or of the smallest hashes as many as fit: a sample
by which the share of known rows is told of any other data (bottom-k sketch, Cohen and Kaplan 2007).
"""

import base64
import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from localqa.config import data_dir

_MOST: Final = 20_000
_ANCESTORS: Final = 5
_SHARE_TOLD: Final = 0.005

Row = tuple[str, str]
"""A question with its context, or a text with its summary."""


def sketch(rows: Iterable[Row], before: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """What a report keeps of the rows that were trained on.

    Args:
        rows: of this training.
        before: what the report of the adapter that it began from keeps.
    """
    hashes = np.unique(np.concatenate([_hashes(rows), _kept(before)]))
    complete = len(hashes) <= _MOST and bool((before or {}).get("complete", True))
    kept = hashes[:_MOST].astype("<u4").tobytes()
    return {"complete": complete, "hashes": base64.b64encode(kept).decode("ascii")}


def known_rows(folder: Path, rows: Sequence[Row], sources: Sequence[str], sha256: str) -> int:
    """How many rows were trained on, as far as an adapter's report and those of its ancestors tell.

    Args:
        folder: of the adapter.
        rows: that it is judged by.
        sources: the files that they come from.
        sha256: fingerprint of the data.
    """
    found = 0
    files = {path for source in sources if (path := _file(source))}
    for report in _reports(folder):
        data = report.get("data")
        data = data if isinstance(data, dict) else {}
        if isinstance(data.get("train_rows"), dict):
            # It holds those of the adapters before it, but for older ones that kept none.
            found = max(found, _count(rows, data["train_rows"]))
            continue
        trained = data.get("train")
        names = [name for name in trained if isinstance(name, str)] if isinstance(trained, list) else []
        if data.get("train_sha256") == sha256 or files & {_file(name) for name in names}:
            found = len(rows)
    return found


def kept_rows(folder: Path) -> Mapping[str, Any] | None:
    """What an adapter's own report keeps of the rows that it was trained on."""
    for report in _reports(folder):
        data = report.get("data")
        rows = data.get("train_rows") if isinstance(data, dict) else None
        return rows if isinstance(rows, dict) else None
    return None


def caution(folder: Path, rows: Sequence[Row], sources: Sequence[str], sha256: str) -> str:
    """The words of caution about an adapter that is judged by these rows; see `known_rows`."""
    return warning(folder.name, known_rows(folder, rows, sources, sha256), len(rows))


def warning(name: str, known: int, total: int) -> str:
    """The words of caution about an adapter; "" where there is nothing to warn of."""
    if known < max(1, _SHARE_TOLD * total):
        return ""
    many = "All" if known >= total else f"{known:,} of"
    return (
        f"{many} these {total:,} examples were in the training data of {name}: "
        "what it reaches here says little about new ones. Judge it by data that it has not seen."
    )


def _hashes(rows: Iterable[Row]) -> NDArray[np.uint32]:
    digests = (
        hashlib.sha256("\0".join(" ".join(text.split()) for text in row).encode("utf-8", "surrogatepass"))
        for row in rows
    )
    return np.frombuffer(b"".join(digest.digest()[:4] for digest in digests), dtype="<u4")


def _kept(sketch: Mapping[str, Any] | None) -> NDArray[np.uint32]:
    try:
        return np.frombuffer(base64.b64decode((sketch or {}).get("hashes", "")), dtype="<u4")
    except (ValueError, TypeError):
        return np.empty(0, dtype="<u4")


def _count(rows: Sequence[Row], sketch: Mapping[str, Any]) -> int:
    kept, hashes = _kept(sketch), _hashes(rows)
    if not len(kept):
        return 0
    known = np.isin(hashes, kept)
    if sketch.get("complete"):
        return int(known.sum())
    # Of those above the highest one that was kept nothing is known.
    told = int((hashes <= kept.max()).sum())
    return math.ceil(len(rows) * int(known.sum()) / told) if told else 0


def _reports(folder: Path) -> Iterable[Mapping[str, Any]]:
    """The report of an adapter, and of those that it and they began from."""
    for _ in range(_ANCESTORS):
        try:
            report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return
        if not isinstance(report, dict):
            return
        yield report
        settings = report.get("settings")
        began = settings.get("init_adapter") if isinstance(settings, dict) else None
        if not isinstance(began, str):
            return
        # Beside it, whatever folder it was trained from.
        folder = folder.parent / Path(began).name


def _file(source: str) -> Path | str | None:
    """A data file by its whole path, a data set by its name; None where there is no such file."""
    for folder in (Path(), data_dir()):
        path = folder / source
        if path.is_file():
            return path.resolve()
    return None if "." in source else source

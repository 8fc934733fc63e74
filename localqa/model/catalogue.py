"""Which adapters lie in the folders, without reading those again that have not changed."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from localqa.errors import AdapterError
from localqa.extraction.qa_config import FILE_NAME, QAConfig
from localqa.model.adapter_files import (
    adapter_folder,
    as_folders,
    is_file,
    marker_of,
    named_folders,
    problem_of,
)
from localqa.model.bases import Base
from localqa.model.snapshot import Stamp, stamp_of


class _Verdict(NamedTuple):
    """What a folder was found to be: why it is broken, and else whether it is an adapter of the base."""

    problem: str | None
    offered: bool


class Catalogue:
    """The adapters of one base, by name.

    Args:
        models: the folder that holds one folder for each adapter; or several, the first one first.
        base: that they were trained on.
    """

    def __init__(self, models: Path | Sequence[Path], base: Base) -> None:
        self._folders = tuple(as_folders(models))
        self._base = base
        self._seen: dict[Path, tuple[Stamp, _Verdict]] = {}

    def names(self) -> list[str]:
        """Of the adapters that can be asked, sorted."""
        return sorted(name for name, verdict in self._verdicts().items() if verdict.offered)

    def broken(self) -> dict[str, str]:
        """Name of each folder that looks like an adapter and is none that can be read -> why."""
        return {
            name: verdict.problem for name, verdict in sorted(self._verdicts().items()) if verdict.problem
        }

    def find(self, name: str) -> Path:
        """The folder of an adapter; raises as `adapter_folder` does."""
        return adapter_folder(self._folders, name)

    def seen(self, name: str) -> Path | None:
        """The folder of an adapter, if there is one; costs no more than a look."""
        folders = (folder / name for folder in self._folders)
        return next((folder for folder in folders if is_file(folder / FILE_NAME)), None)

    def _verdicts(self) -> dict[str, _Verdict]:
        return {folder.name: self._verdict(folder) for folder in named_folders(self._folders)}

    def _verdict(self, folder: Path) -> _Verdict:
        stamp = stamp_of(folder)
        known = self._seen.get(folder)
        if known is not None and known[0] == stamp and any(stamp):
            return known[1]
        verdict = self._looked_at(folder)
        self._seen[folder] = stamp, verdict
        return verdict

    def _looked_at(self, folder: Path) -> _Verdict:
        if problem := problem_of(folder, marker_of(folder)):
            return _Verdict(problem, offered=False)
        try:
            config = QAConfig.load(folder) if is_file(folder / FILE_NAME) else None
        except AdapterError as e:
            return _Verdict(e.message, offered=False)
        return _Verdict(None, offered=config is not None and config.base_sha256 == self._base.sha256)

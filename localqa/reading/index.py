"""Which adapters lie in the folders: looked through once, and again where something has changed."""

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

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
from localqa.model.snapshot import Stamp, newest_change, stamp_of

_AGAIN_S: Final = 1.0
"""Seconds after which all folders are looked at anew, should anybody ask: of files that were written over
in place only the files themselves tell."""
_SETTLED_S: Final = 2.0
"""What was written less long ago is looked at each time: it may change again within one tick of the clock."""


class _Entry(NamedTuple):
    """What a folder was found to be."""

    folder: Path
    stamp: Stamp
    problem: str | None
    config: QAConfig | None


class AdapterIndex:
    """The adapters of some folders by name. Thread-safe.

    A call costs a look at the folders that hold the adapters, not at each adapter.

    Args:
        models: the folder that holds one folder for each adapter; or several, the first one first.
        offers: whether adapters of such a base can be asked here at all.
        lacks: what such an adapter lacks on this machine, in a few words; None: nothing.
    """

    def __init__(
        self,
        models: Path | Sequence[Path],
        offers: Callable[[QAConfig], bool] = lambda config: True,
        lacks: Callable[[QAConfig], str | None] = lambda config: None,
    ) -> None:
        self._folders = tuple(as_folders(models))
        self._offers = offers
        self._lacks = lacks
        self._entries: dict[str, _Entry] = {}
        self._names: list[str] = []
        self._listed: tuple[int, ...] = ()
        self._looked = float("-inf")
        self._settled_at = 0.0
        self._lock = threading.Lock()

    def names(self) -> list[str]:
        """Of the adapters that can be asked, sorted."""
        with self._lock:
            self._refresh()
            return list(self._names)

    def broken(self) -> dict[str, str]:
        """Name of each folder that looks like an adapter and cannot be asked -> why."""
        with self._lock:
            self._refresh()
            return {name: entry.problem for name, entry in sorted(self._entries.items()) if entry.problem}

    def last_look(self, name: str) -> tuple[Stamp, QAConfig | None]:
        """An adapter's files as they were a moment ago, and how it wants to be asked if that can be read."""
        with self._lock:
            self._refresh()
            entry = self._entries.get(name)
        return (entry.stamp, entry.config) if entry else ((), None)

    def find(self, name: str) -> Path:
        """The folder of an adapter; raises as `adapter_folder` does."""
        return adapter_folder(self._folders, name)

    def seen(self, name: str) -> Path | None:
        """The folder of an adapter as it is now, if there is one; costs no more than a look at it."""
        folders = (folder / name for folder in self._folders)
        return next((folder for folder in folders if is_file(folder / FILE_NAME)), None)

    def _refresh(self) -> None:
        now = time.time()
        listed = tuple(map(_changed_at, self._folders))
        fresh = abs(now - max(listed, default=0) / 1e9) < _SETTLED_S
        if fresh or listed != self._listed or time.monotonic() - self._looked >= _AGAIN_S:
            self._looked, self._listed = time.monotonic(), listed
            folders = named_folders(self._folders)
            self._entries = {folder.name: self._entry(folder) for folder in folders}
        elif now < self._settled_at:
            passing = (entry for entry in self._entries.values() if _is_fresh(entry.stamp, now))
            self._entries |= {entry.folder.name: self._entry(entry.folder) for entry in list(passing)}
        else:
            return
        fresh = any(_is_fresh(entry.stamp, now) for entry in self._entries.values())
        self._settled_at = now + _SETTLED_S if fresh else 0.0
        usable = (name for name, entry in self._entries.items() if entry.config and not entry.problem)
        self._names = sorted(usable)

    def _entry(self, folder: Path) -> _Entry:
        stamp = stamp_of(folder)
        known = self._entries.get(folder.name)
        if known is None or known.folder != folder or known.stamp != stamp or not any(stamp):
            return self._looked_at(folder, stamp)
        # Its base may have come meanwhile, or gone.
        return known if known.config is None else known._replace(problem=self._lacks(known.config))

    def _looked_at(self, folder: Path, stamp: Stamp) -> _Entry:
        if problem := problem_of(folder, marker_of(folder)):
            return _Entry(folder, stamp, problem, None)
        try:
            config = QAConfig.load(folder) if is_file(folder / FILE_NAME) else None
        except AdapterError as e:
            return _Entry(folder, stamp, e.message, None)
        if config is None or not self._offers(config):
            return _Entry(folder, stamp, None, None)
        return _Entry(folder, stamp, self._lacks(config), config)


def _is_fresh(stamp: Stamp, now: float) -> bool:
    return abs(now - newest_change(stamp)) < _SETTLED_S


def _changed_at(folder: Path) -> int:
    """When something came into a folder or went, in nanoseconds since 1970; 0: it cannot be looked at."""
    try:
        return folder.stat().st_mtime_ns
    except OSError:
        return 0

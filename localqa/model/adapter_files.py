"""Adapter folders as files: found, named and checked without torch; see `adapters` for what is in them."""

import contextlib
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from safetensors import SafetensorError

from localqa.config import ADAPTER_NAME, Settings, models_dirs
from localqa.errors import AdapterError, AdapterNotFoundError
from localqa.extraction.qa_config import FILE_NAME, QAConfig
from localqa.model.bases import Base
from localqa.model.summary_config import FILE_NAME as SUMMARY_FILE
from localqa.model.summary_config import SummaryConfig

HEAD = "qa_outputs"
"""Name of the head in every `AutoModelForQuestionAnswering`: a linear layer, hidden -> (start, end)."""
LORA_FILE = "adapter_model.safetensors"
LORA_SETTINGS = "adapter_config.json"
PROMPT_FILE = "prompt_model.safetensors"
FULL_FILE = "model.safetensors"
WEIGHTS_OF: Mapping[str, str] = {"lora": LORA_FILE, "prompt": PROMPT_FILE, "full": FULL_FILE}
"""Method -> the file with what was trained."""

_OTHER = {FILE_NAME: SUMMARY_FILE, SUMMARY_FILE: FILE_NAME}
_DOES = {FILE_NAME: "answers questions", SUMMARY_FILE: "summarises"}


def adapter_folder(models: Path | Sequence[Path], name: str, marker: str = FILE_NAME) -> Path:
    """The folder of an adapter by name.

    Args:
        models: the folder that adapters lie in; or several, of which the first one that has it counts.
        name: of the folder.
        marker: the file that makes a folder an adapter of the wanted kind.

    Raises:
        AdapterNotFoundError: not a legal name, or no such folder; the message lists the known ones.
        AdapterError: there is one, but its settings are no file that can be read.
    """
    legal = re.fullmatch(ADAPTER_NAME, name) is not None
    folders = [folder / name for folder in as_folders(models)] if legal else []
    for folder in folders:
        if is_file(folder / marker):
            return folder
    for folder in folders:
        if problem := problem_of(folder, marker):
            raise AdapterError(
                f"The adapter '{name}' cannot be used: {problem}.",
                remedy="Restore the folder or train again.",
            )
    known = ", ".join(known_adapters(models, marker=marker)) or "none"
    if any(is_file(folder / _OTHER.get(marker, "")) for folder in folders):
        raise AdapterNotFoundError(
            f'The adapter "{name}" is for another task: it {_DOES[_OTHER[marker]]}.',
            remedy=f"Those for this one: {known}.",
        )
    raise AdapterNotFoundError(
        f"There is no adapter {json.dumps(name[:80])}; known: {known}.",
        remedy="Use a known name, or train one: localqa train --help.",
    )


def locate_adapter(models: Path | Sequence[Path], name: str | Path, marker: str = FILE_NAME) -> Path:
    """The folder of an adapter that a user named: by its name, see `adapter_folder`, or by a path.

    Never for what comes over HTTP: there an adapter has a name, see `adapter_folder`.

    Raises:
        AdapterNotFoundError: no such name, or a path that is no adapter folder.
    """
    if isinstance(name, str) and "/" not in name:
        return adapter_folder(models, name, marker)
    folder = Path(name).resolve()
    if not is_file(folder / marker):
        raise AdapterNotFoundError(
            f"'{name}' is not an adapter folder: it has no {marker}.",
            remedy="Name a folder written by fine_tune.py.",
        )
    return folder


def check_named(settings: Settings) -> Path:
    """Refuse settings that name adapters which are not there; raises as `adapter_folder` does.

    Returns the folder of the default adapter.
    """
    if settings.summary_adapter:
        adapter_folder(settings.models_dirs, settings.summary_adapter, SUMMARY_FILE)
    return adapter_folder(settings.models_dirs, settings.adapter)


def named_adapter(name: str, *folders: Path) -> Path:
    """The folder of an adapter that a setting names: by its name, or by a path.

    Args:
        name: as the user wrote it.
        folders: where adapters lie, before the folder of all models.

    Raises:
        AdapterNotFoundError: there is none.
    """
    for folder in folders:
        with contextlib.suppress(AdapterNotFoundError):
            return locate_adapter(folder, name)
    with contextlib.suppress(AdapterNotFoundError):
        return locate_adapter(models_dirs(), name)
    # A folder beside, too: names of folders were taken before names of adapters were.
    return Path(name).resolve() if (Path(name) / FILE_NAME).is_file() else locate_adapter(models_dirs(), name)


def known_adapters(
    models: Path | Sequence[Path], base: Base | None = None, *, marker: str = FILE_NAME
) -> list[str]:
    """Names of the adapters in folders, sorted; with a base, only those that were trained on it."""
    found = [folder for folder in named_folders(models) if is_file(folder / marker)]
    return sorted({folder.name for folder in found if base is None or _is_for(folder, base)})


def named_folders(models: Path | Sequence[Path]) -> list[Path]:
    """What lies in folders under a name that an adapter may have; of one name, the first."""
    found: dict[str, Path] = {}
    for folder in as_folders(models):
        try:
            entries = sorted(folder.iterdir())
        except OSError:
            continue
        for entry in entries:
            # A name that a broken or unfinished folder takes is not yet taken from those behind it.
            if re.fullmatch(ADAPTER_NAME, entry.name) and not _is_adapter(found.get(entry.name)):
                found[entry.name] = entry
    return list(found.values())


def broken_adapters(models: Path | Sequence[Path]) -> dict[str, str]:
    """Names of what looks like an adapter, for any task, and is none -> why."""
    broken = {}
    for folder in named_folders(models):
        if problem := problem_of(folder, marker_of(folder)):
            broken[folder.name] = problem
    return broken


def marker_of(folder: Path) -> str:
    """The file that makes a folder an adapter: one of its settings."""
    return SUMMARY_FILE if is_file(folder / SUMMARY_FILE) else FILE_NAME


def problem_of(folder: Path, marker: str = FILE_NAME) -> str | None:
    """Why something that looks like an adapter is none, in a few words; None: it looks whole, or like none.

    Nothing but its settings is read.
    """
    if os.path.islink(folder) and not os.path.exists(folder):
        return "it is a link to nothing"
    try:
        names = set(os.listdir(folder))
    except NotADirectoryError:
        return None
    except OSError as e:
        return f"the folder cannot be read ({e.strerror})" if os.path.lexists(folder) else None
    if marker not in names:
        others = {_OTHER.get(marker, "")} & names
        return f"it has no {marker}" if names & set(WEIGHTS_OF.values()) and not others else None
    try:
        config = QAConfig.load(folder) if marker == FILE_NAME else SummaryConfig.load(folder)
    except AdapterError as e:
        return f"{marker}: {_within(e.message, folder)}"
    method = config.method if isinstance(config, QAConfig) else "lora"
    needed = [WEIGHTS_OF[method], *([LORA_SETTINGS] if method == "lora" else [])]
    missing = [name for name in needed if not _readable(folder / name)]
    return f"it has no {missing[0]} that can be read" if missing else None


def as_folders(models: Path | Sequence[Path]) -> Sequence[Path]:
    """One folder or several, as several."""
    return [models] if isinstance(models, Path) else models


def is_file(path: Path) -> bool:
    """Whether there is a regular file; False, too, where nobody may look."""
    try:
        return path.is_file()
    except OSError:
        return False


def check_base(config: QAConfig, base: Base, folder: Path, *, rounded: str | None = None) -> None:
    """Refuse an adapter that was trained on another base, or on this one with its weights rounded.

    Args:
        config: of the adapter.
        base: that it shall run over.
        folder: of the adapter.
        rounded: "int8" or "int4" where the base's weights are rounded so.

    Raises:
        AdapterError: naming both bases.
    """
    check_trained_on(base, folder, config.base, config.base_sha256)
    if config.rounded_base not in (None, rounded):
        raise AdapterError(
            f"The adapter '{folder.name}' was trained over the base in {config.rounded_base}.",
            remedy=f"Serve it with QA_ENGINE=openvino and QA_PRECISION={config.rounded_base}.",
        )


def check_trained_on(base: Base, folder: Path, name: str, sha256: str) -> None:
    """Refuse an adapter that was trained on a base of another name and checksum than this one.

    Raises:
        AdapterError: naming both bases.
    """
    if sha256 != base.sha256:
        raise AdapterError(
            f"The adapter '{folder.name}' was trained on '{name}' (weights {sha256[:12]}...), "
            f"but the base here is '{base.name}' (weights {base.sha256[:12]}...).",
            remedy="Load the adapter with the base it was trained on, or train one for this base.",
        )


def check_positions(config: QAConfig, folder: Path, positions: int | None, *, before: int = 0) -> None:
    """Refuse an adapter whose windows are longer than what the base can read.

    Args:
        config: of the adapter.
        folder: of the adapter.
        positions: most tokens that the base reads; None: any number.
        before: learned vectors that come before each window.

    Raises:
        AdapterError: naming the setting.
    """
    if positions is not None and config.max_length + before > positions:
        raise AdapterError(
            f"The adapter '{folder.name}' has a max_length of {config.max_length} tokens"
            f"{f' and {before} vectors before them' if before else ''}; the base reads {positions}.",
            remedy="Restore its qa_config.json or train again.",
        )


@contextlib.contextmanager
def damage_named(folder: Path) -> Iterator[None]:
    """Turn what the libraries raise for damaged or mismatching files into an error that names the folder.

    Raises:
        AdapterError: from any of them.
    """
    try:
        yield
    except (OSError, SafetensorError, LookupError, ValueError, RuntimeError, TypeError, AttributeError) as e:
        lines = str(e).strip().splitlines() or [""]
        raise AdapterError(
            f"The adapter '{folder.name}' cannot be loaded ({type(e).__name__}: {lines[0][:200]}).",
            remedy="Its files are damaged or belong to another base; restore the folder or train again.",
        ) from e


def _is_for(folder: Path, base: Base) -> bool:
    try:
        return QAConfig.load(folder).base_sha256 == base.sha256
    except AdapterError:
        return False


def _is_adapter(folder: Path | None) -> bool:
    return folder is not None and any(is_file(folder / marker) for marker in _OTHER)


def _readable(path: Path) -> bool:
    return is_file(path) and os.access(path, os.R_OK)


def _within(message: str, folder: Path) -> str:
    """A message without where the folder lies, which is nobody's business over HTTP."""
    return message.replace(f"{folder}{os.sep}", "").replace(str(folder), folder.name).removesuffix(".")

"""Adapter folders as files: found, named and checked without torch; see `adapters` for what is in them."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file

from localqa.config import ADAPTER_NAME
from localqa.errors import AdapterError, AdapterNotFoundError
from localqa.extraction.qa_config import FILE_NAME, QAConfig
from localqa.model.bases import Base
from localqa.model.summary_config import FILE_NAME as SUMMARY_FILE

HEAD = "qa_outputs"
"""Name of the head in every `AutoModelForQuestionAnswering`: a linear layer, hidden -> (start, end)."""
LORA_FILE = "adapter_model.safetensors"
PROMPT_FILE = "prompt_model.safetensors"
FULL_FILE = "model.safetensors"

_OTHER = {FILE_NAME: SUMMARY_FILE, SUMMARY_FILE: FILE_NAME}
_DOES = {FILE_NAME: "answers questions", SUMMARY_FILE: "summarises"}

Tensor = TypeVar("Tensor")


def adapter_folder(models_dir: Path, name: str, marker: str = FILE_NAME) -> Path:
    """The folder of an adapter by name.

    Args:
        models_dir: where adapters lie.
        name: of the folder.
        marker: the file that makes a folder an adapter of the wanted kind.

    Raises:
        AdapterNotFoundError: not a legal name, or no such folder; the message lists the known ones.
    """
    folder = models_dir / name
    if not re.fullmatch(ADAPTER_NAME, name) or not (folder / marker).is_file():
        known = ", ".join(known_adapters(models_dir, marker=marker)) or "none"
        if re.fullmatch(ADAPTER_NAME, name) and (folder / _OTHER.get(marker, "")).is_file():
            raise AdapterNotFoundError(
                f'The adapter "{name}" is for another task: it {_DOES[_OTHER[marker]]}.',
                remedy=f"Those for this one: {known}.",
            )
        raise AdapterNotFoundError(
            f"There is no adapter {json.dumps(name[:80])}; known: {known}.",
            remedy="Use a known name, or train one: python fine_tune.py --help.",
        )
    return folder


def locate_adapter(models_dir: Path, name: str | Path, marker: str = FILE_NAME) -> Path:
    """The folder of an adapter that a user named: by its name in `models_dir`, or by a path.

    Never for what comes over HTTP: there an adapter has a name, see `adapter_folder`.

    Raises:
        AdapterNotFoundError: no such name, or a path that is no adapter folder.
    """
    if isinstance(name, str) and "/" not in name:
        return adapter_folder(models_dir, name, marker)
    folder = Path(name).resolve()
    if not (folder / marker).is_file():
        raise AdapterNotFoundError(
            f"'{name}' is not an adapter folder: it has no {marker}.",
            remedy="Name a folder written by fine_tune.py.",
        )
    return folder


def known_adapters(models_dir: Path, base: Base | None = None, *, marker: str = FILE_NAME) -> list[str]:
    """Names of the adapters in a folder, sorted; with a base, only those that were trained on it."""
    if not models_dir.is_dir():
        return []
    return sorted(
        folder.name
        for folder in models_dir.iterdir()
        if re.fullmatch(ADAPTER_NAME, folder.name)
        and (folder / marker).is_file()
        and (base is None or _is_for(folder, base))
    )


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


def check_lora_files(folder: Path, *, head: bool = True) -> None:
    """Refuse a LoRA folder that peft would load without complaint and wrongly.

    peft asks the Hub for files that a folder lacks, and leaves tensors that a file lacks at random.

    Args:
        folder: of the adapter.
        head: whether it must have a head.

    Raises:
        AdapterError: naming what is missing or damaged.
    """
    missing = [name for name in ("adapter_config.json", LORA_FILE) if not (folder / name).is_file()]
    if not missing:
        with damage_named(folder):
            tensors = load_file(folder / LORA_FILE)
            check_finite(tensors)
        parts = ("lora_A", "lora_B", HEAD) if head else ("lora_A", "lora_B")
        missing = [part for part in parts if not any(part in name for name in tensors)]
    if missing:
        raise AdapterError(
            f"The adapter in '{folder}' has no {' and no '.join(missing)}.",
            remedy="Restore the folder or train again.",
        )


def check_finite(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The same tensors, of NumPy or torch.

    A diverged training or a weight beyond fp16 leaves some that are no numbers.

    Raises:
        ValueError: naming the first such tensor.
    """
    broken = [name for name, tensor in tensors.items() if not np.isfinite(np.asarray(tensor)).all()]
    if broken:
        raise ValueError(f"{broken[0]} holds values that are not finite")
    return tensors


@contextmanager
def damage_named(folder: Path) -> Iterator[None]:
    """Turn what the libraries raise for damaged or mismatching files into an error that names the folder.

    Raises:
        AdapterError: from any of them.
    """
    try:
        yield
    except (OSError, SafetensorError, KeyError, ValueError, RuntimeError, TypeError) as e:
        lines = str(e).strip().splitlines() or [""]
        raise AdapterError(
            f"The adapter in '{folder}' cannot be loaded ({type(e).__name__}: {lines[0][:200]}).",
            remedy="Its files are damaged or belong to another base; restore the folder or train again.",
        ) from e


def _is_for(folder: Path, base: Base) -> bool:
    try:
        return QAConfig.load(folder).base_sha256 == base.sha256
    except AdapterError:
        return False

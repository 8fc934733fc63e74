"""What every run looks at before it begins, and how a full disk or memory is told."""

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors import SafetensorError

from localqa.config import ADAPTER_NAME
from localqa.errors import ConfigError, ResourceError
from localqa.model.bases import Base, resolve_base
from localqa.model.versions import check_adapter_folder
from localqa.training.checkpoint import Checkpoints, nothing_to_finish
from localqa.training.config import RunConfig, TrainConfig
from localqa.training.processor import (
    keep_freed_memory,
    tokens_at_a_time,
    training_device,
    use_threads,
)
from localqa.writing import check_writable


def begin(config: RunConfig) -> tuple[Path, int, Base]:
    """Check where the adapter goes, set the process up for training, and find the base.

    Returns the adapter's folder, the number of processor threads, and the base.

    Raises:
        ConfigError, ResourceError: see `check_output`.
        BaseModelError, ChecksumError: see `resolve_base`.
    """
    folder = Path(config.output_dir)
    check_output(config, folder)
    threads = use_threads(config.threads)
    keep_freed_memory()
    base = resolve_base(config.base)
    print(f"base: {base.name} from {base.origin} ({base.folder})")
    return folder, threads, base


def check_output(config: RunConfig, folder: Path) -> None:
    """Refuse a folder that an adapter cannot have, or that holds a finished one.

    Raises:
        ConfigError: saying which.
        ResourceError: nothing can be written there.
    """
    if not re.fullmatch(ADAPTER_NAME, folder.name):
        raise ConfigError(
            f"'{folder.name}' is no adapter name.",
            remedy="Use small letters, digits, '.', '_' and '-' for it, as in --output_dir models/contracts.",
        )
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"{folder} is a file.", remedy="Choose another --output_dir.")
    check_adapter_folder(folder, remedy="Choose another --output_dir.")
    finished = (folder / "report.json").exists()
    if config.finish and finished:
        raise ConfigError(f"{folder} holds a finished adapter.", remedy="Use it: there is nothing to finish.")
    if config.finish and not Checkpoints(folder / "checkpoints", {}).exist():
        raise nothing_to_finish(folder)
    if finished and not config.overwrite and not config.dry_run:
        raise ConfigError(
            f"{folder} holds a finished adapter.",
            remedy="Choose another --output_dir, or --overwrite to replace it; what it was is kept "
            "(localqa adapters versions).",
        )
    if not config.dry_run:
        check_writable(folder)


@contextmanager
def resources(config: RunConfig, checkpoints: Checkpoints) -> Iterator[None]:
    """Turn a full disk or memory into an error that names the flag to change."""
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError) as e:
        raise _out_of_memory(config, checkpoints) from e
    except RuntimeError as e:
        if "allocate memory" not in str(e) and "not enough memory" not in str(e):
            raise
        raise _out_of_memory(config, checkpoints) from e
    except (OSError, SafetensorError) as e:
        # safetensors tells a full disk in words alone.
        words = any(text in str(e) for text in ("No space left", "File too large"))
        if not words and getattr(e, "errno", None) not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        raise ResourceError(
            f"The disk of {config.output_dir} is full.",
            remedy=f"Free some space there or change --output_dir. {_kept(checkpoints)}".strip(),
        ) from e


def _out_of_memory(config: RunConfig, checkpoints: Checkpoints) -> ResourceError:
    ways = []
    if not config.gradient_checkpointing:
        ways.append(f"Add --gradient_checkpointing to need less. {_kept(checkpoints)}".strip())
    half = tokens_at_a_time(config, training_device()) // 2
    if half:
        ways.append(f"Or run less at a time, with --micro_batch_tokens {half}, which learns the same.")
    longest = "max_length" if isinstance(config, TrainConfig) else "max_input_tokens"
    ways.append(f"Or lower --{longest}.")
    return ResourceError("Out of memory while training.", remedy=" ".join(ways))


def _kept(checkpoints: Checkpoints) -> str:
    if not checkpoints.exist():
        return ""
    return f"The newest checkpoint in {checkpoints.folder} is whole: the run continues from it."

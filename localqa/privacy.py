"""Nothing is sent, looked up or written that nobody asked for, whatever the libraries beneath are made to do.

`keep_to_this_machine` is called when `localqa` is imported: before OpenVINO, Gradio, Ray, Hugging Face's
libraries or matplotlib can be, in every program and in every process that they start. What whoever starts a
program has set in the environment stays as it is.
"""

import os
import sys
from pathlib import Path
from typing import Final

from localqa.folders import cache_dir

_SETTINGS: Final = {
    # The convention that several libraries know.
    "DO_NOT_TRACK": "1",
    # Hugging Face: what runs here, is told to the Hub with each request; a newer version is asked for; the
    # token of whoever is logged in goes along with questions for public models (HF_TOKEN still does).
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_UPDATE_CHECK": "1",
    "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1",
    # transformers fetches compiled code of others where the package `kernels` is installed.
    "USE_HUB_KERNELS": "NO",
    # Each start of a page, and a newer version.
    "GRADIO_ANALYTICS_ENABLED": "False",
    # Every text and answer, in the browser or in a store at the Hub.
    "GRADIO_RUN_HISTORY": "False",
    # What a cluster is made of, and the cloud that it runs in.
    "RAY_USAGE_STATS_ENABLED": "0",
}
_CACHES: Final = {"MPLCONFIGDIR": "matplotlib", "TRITON_CACHE_DIR": "triton", "CUDA_CACHE_PATH": "cuda"}
"""Variable of a library -> its part of the cache folder, where it would write into the home folder."""
_THIS_MACHINE: Final = ("localhost", "127.0.0.1", "::1")
_PROXY_EXCEPTIONS: Final = ("no_proxy", "NO_PROXY")


def keep_to_this_machine() -> None:
    """Tell every library to send and fetch nothing by itself, and to write into the cache folder alone."""
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    _keep_caches(cache_dir())
    _ask_this_machine_directly()
    # Importing OpenVINO tells an analytics host of it, from a process of its own and without asking; what
    # cannot be imported cannot tell, and OpenVINO has a stand-in for this case.
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # "not to be imported"


def _keep_caches(folder: Path) -> None:
    # Without a home the folder begins with "~": the libraries then take the temporary folder by themselves.
    if folder.is_absolute():
        for name, part in _CACHES.items():
            os.environ.setdefault(name, str(folder / part))


def _ask_this_machine_directly() -> None:
    """Let no proxy of the environment see what is asked of a server on this machine."""
    given = next(filter(None, map(os.environ.get, _PROXY_EXCEPTIONS)), "")
    hosts = [host for part in given.split(",") if (host := part.strip())]
    if "*" not in hosts:
        for name in _PROXY_EXCEPTIONS:
            os.environ[name] = ",".join(dict.fromkeys([*hosts, *_THIS_MACHINE]))


def hub_token() -> str | None:
    """The token for the Hub that was given with `HF_TOKEN`; one that lies in the home folder is not used."""
    return os.environ.get("HF_TOKEN") or None

"""Ray: the cluster that whoever starts a run has named or started, else one of this machine alone."""

import logging
import os
import secrets
import tempfile
from pathlib import Path
from typing import Any, Final

from localqa.errors import ConfigError

_ADDRESS: Final = "RAY_ADDRESS"
_OF_THIS_MACHINE: Final = "local"
_GUARDS: Final = ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")


def start_ray() -> Any:
    """The module `ray`, connected to a cluster: the one at `RAY_ADDRESS`, one started here, or a new one.

    Raises:
        ConfigError: Ray is not installed.
    """
    joins = _joins_a_cluster()
    if not joins:
        _stay_on_this_machine()
    try:
        import ray
    except ImportError as e:
        raise ConfigError(
            "Ray is not installed.",
            remedy="pip install 'localqa[ray]' (requirements-ray.txt of a checkout), or leave it out.",
        ) from e
    if not joins:
        # The server of Ray's dashboard asks three cloud providers where it runs, and runs even where no
        # dashboard is wanted. Nothing else needs it: Ray itself goes on where it cannot be started.
        ray._private.services.start_api_server = lambda *_, **__: (None, None)
    ray.init(
        ignore_reinit_error=True,
        log_to_driver=False,
        logging_level=logging.WARNING,
        include_dashboard=False,
    )
    return ray


def _joins_a_cluster() -> bool:
    address = os.environ.get(_ADDRESS, "")
    if address:
        return address != _OF_THIS_MACHINE
    # Where `ray start` notes it.
    folder = os.environ.get("RAY_TMPDIR") or tempfile.gettempdir()
    return (Path(folder) / "ray" / "ray_current_cluster").exists()


def _stay_on_this_machine() -> None:
    """Before Ray is imported: what a new cluster needs of the network, and who may give it work."""
    # On by default where clusters of several machines are supported: it opens a socket towards a public
    # address to learn this machine's own, and listens there.
    os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
    if not any(map(os.environ.get, _GUARDS)):
        # Ray would write a secret of its own into the home folder.
        os.environ["RAY_AUTH_MODE"] = "token"
        os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)

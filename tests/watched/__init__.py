"""What a program and its children ask of other machines, and where they write.

Two watchers see the same run: `sitecustomize.py` beside this file, which every Python process loads and which
hears of what Python itself does (names looked up, above all), and strace, where it is, which sees every call
of the system.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from ipaddress import ip_address
from pathlib import Path

from tests.conftest import ROOT

HERE = Path(__file__).resolve().parent
_ASKING = "connect,sendto,sendmsg,sendmmsg"
_WRITING = "open,openat,creat,mkdir,mkdirat,rename,renameat,renameat2,link,linkat,symlink,symlinkat"
_STRACE = ("strace", "-f", "--seccomp-bpf", "-qq", "-y", "-s4096", f"--trace={_ASKING},{_WRITING}")
_ADDRESS = re.compile(r'inet_addr\("([^"]+)"\)|inet_pton\(AF_INET6, "([^"]+)"')
_PORT = re.compile(r"sin6?_port=htons\((\d+)\)")
_RESOLVERS = ("systemd/resolve", "avahi-daemon")
_PATH = re.compile(r'(?:(?:AT_FDCWD|\d+)<([^>]*)>, )?"((?:[^"\\]|\\.)*)"')
_DOMAIN_PORT = "53"


@cache
def can_trace() -> bool:
    """Whether strace is here and may trace (containers can forbid it)."""
    if shutil.which("strace") is None:
        return False
    tried = subprocess.run([*_STRACE, "-o", os.devnull, "true"], capture_output=True, check=False)
    return tried.returncode == 0


@dataclass(frozen=True)
class Watch:
    """A run with a home folder, a temporary folder and a record of its own."""

    folder: Path

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def temporary(self) -> Path:
        return self.folder / "tmp"

    def run(self, *command: str | Path, **variables: str) -> str:
        """Run a program of the project to its end; what it printed."""
        with self.started(*command, **variables) as process:
            process.wait(timeout=300)
        printed = (self.folder / "printed").read_text(encoding="utf-8")
        assert process.returncode == 0, printed
        return printed

    @contextmanager
    def started(self, *command: str | Path, **variables: str) -> Iterator["subprocess.Popen[bytes]"]:
        """A program that runs until this is left, then ended as by Ctrl-C."""
        for folder in (self.home, self.temporary):
            folder.mkdir()
        # Nothing of whoever runs the tests: neither settings nor caches.
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "TMPDIR": str(self.temporary),
            "PYTHONPATH": str(HERE),
            "PYTHONDONTWRITEBYTECODE": "1",
            "WATCHED_RECORD": str(self.folder / "record"),
        } | variables
        (self.folder / "record").touch()
        tracer = [*_STRACE, "-o", str(self.folder / "trace")] if can_trace() else []
        with (self.folder / "printed").open("wb") as printed:
            process = subprocess.Popen(
                [*tracer, *map(str, command)], cwd=ROOT, env=environment, stdout=printed, stderr=printed
            )
        try:
            yield process
        finally:
            if process.poll() is None:
                os.kill(_traced(process.pid) if tracer else process.pid, signal.SIGINT)
                process.wait(timeout=60)

    def asked(self) -> list[str]:
        """Other machines that were spoken to, and names that were looked up."""
        calls = [call for call in self._calls() if _asks(call)]
        return [*calls, *(line[4:] for line in self._recorded() if line.startswith("ask "))]

    def written(self, *allowed: Path) -> list[str]:
        """What was made or opened for writing outside the project, its cache and the temporary folder."""
        cache = self.home / ".cache" / "localqa"
        record = self.folder / "record"
        inside = (ROOT, cache, self.temporary, record, Path("/dev"), Path("/proc"), *allowed)
        paths = {path for call in self._calls() for path in _written(call)}
        paths |= {Path(line[6:]) for line in self._recorded() if line.startswith("write ")}
        # The cache folder's own parent has to be made.
        resolved = {Path(os.path.realpath(path)) for path in paths} - {cache.parent}
        return sorted(str(path) for path in resolved if not any(path.is_relative_to(one) for one in inside))

    def _recorded(self) -> list[str]:
        return (self.folder / "record").read_text(encoding="utf-8", errors="replace").splitlines()

    def _calls(self) -> Iterator[str]:
        """The system calls of the trace, those that others interrupted put together again."""
        trace = self.folder / "trace"
        begun: dict[str, str] = {}
        lines = trace.read_text(encoding="utf-8", errors="replace").splitlines() if trace.exists() else []
        for line in lines:
            process, _, call = line.partition(" ")
            if call.rstrip().endswith("<unfinished ...>"):
                begun[process] = call.rstrip().removesuffix("<unfinished ...>")
                continue
            if call.lstrip().startswith("<... "):
                call = begun.pop(process, "") + call.partition("resumed>")[2]
            yield call.strip()
        yield from begun.values()


def _traced(tracer: int) -> int:
    """The process that strace started: signals to strace itself do not reach it."""
    children = Path(f"/proc/{tracer}/task/{tracer}/children").read_text(encoding="utf-8").split()
    return int(children[0])


def _asks(call: str) -> bool:
    if not call.startswith(("connect", "send")):
        return False
    if "sa_family=AF_UNIX" in call:
        return any(name in call for name in _RESOLVERS)
    hosts = [four or six for four, six in _ADDRESS.findall(call)]
    return any(not _is_here(host) for host in hosts) or _DOMAIN_PORT in _PORT.findall(call)


def _is_here(host: str) -> bool:
    address = ip_address(host)
    mapped = getattr(address, "ipv4_mapped", None) or address
    return mapped.is_loopback or mapped.is_unspecified


def _written(call: str) -> list[Path]:
    name = call.partition("(")[0]
    if " = -1 " in call or name.startswith(("connect", "send")):
        return []
    if name in ("open", "openat") and not re.search("O_WRONLY|O_RDWR|O_CREAT", call):
        return []
    found = [(Path(folder or ROOT) / path) for folder, path in _PATH.findall(call)]
    # A link's first path is what it points to.
    return found[1:] if "link" in name else found


def python(*command: str | Path) -> Sequence[str | Path]:
    """A command of this Python."""
    return (sys.executable, *command)

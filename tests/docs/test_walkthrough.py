"""The walk-through's commands do what it shows.

python -m tests.docs.test_walkthrough        writes what they print into it, numbers and all
"""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import ROOT

PAGE = ROOT / "docs" / "walkthrough.md"
BLOCK = re.compile(r"```bash\n(?P<command>.*?)\n```\n\n```text\n(?P<shown>.*?)```", re.DOTALL)
NEEDED = ("localqa", "scripts", "configs", "docker", "app.py", "bert_qa.py", "fine_tune.py")
ADAPTERS = ("squad", "squad2", "policy", "contracts")


@contextmanager
def project_copy() -> Iterator[Path]:
    """What the commands need, in a folder that they may write to."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in NEEDED:
            source = ROOT / part
            (shutil.copytree if source.is_dir() else shutil.copy)(source, folder / part)
        for adapter in ADAPTERS:
            shutil.copytree(ROOT / "models" / adapter, folder / "models" / adapter)
        (folder / ".venv").symlink_to(ROOT / ".venv")
        yield folder


def outputs(page: str) -> list[str]:
    """What the commands print, one after the other, in one shell, so that a server stays until the end."""
    script = ["set -e", "trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT"]
    for number, block in enumerate(BLOCK.finditer(page)):
        script += [f"echo '@@ {number}'", block["command"]]
    with project_copy() as folder:
        done = subprocess.run(
            ["bash", "-c", "\n".join(script)],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=1200,
        )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return [part.split("\n", 1)[1].strip("\n") for part in done.stdout.split("@@ ")[1:]]


def shape(text: str) -> str:
    """A text without its numbers, the widths of columns that follow them, and the processor's arithmetic."""
    plain = re.sub(r"[+-]?\d[\d.,]*", "N", text).replace("bfN", "fpN")
    return re.sub(r"[ \t=-]+", " ", plain).strip()


@pytest.mark.slow
def test_commands_print_what_is_shown():
    page = PAGE.read_text(encoding="utf-8")
    shown = [block["shown"].strip("\n") for block in BLOCK.finditer(page)]
    assert len(shown) == 10
    printed = outputs(page)
    for command, (expected, found) in enumerate(zip(shown, printed, strict=True), 1):
        assert shape(found) == shape(expected), f"command {command}"
    gain = re.search(r"^F1 .*?([+-][\d.]+) \(", printed[5], re.MULTILINE)
    assert gain
    assert float(gain[1]) > 20


def write() -> None:
    """Put what the commands print now into the page."""
    page = PAGE.read_text(encoding="utf-8")
    printed = iter(outputs(page))

    def filled(block: re.Match[str]) -> str:
        return f"```bash\n{block['command']}\n```\n\n```text\n{next(printed)}\n```"

    PAGE.write_text(BLOCK.sub(filled, page), encoding="utf-8")


if __name__ == "__main__":
    write()

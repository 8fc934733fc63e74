"""Starting the peers of a benchmark, each in a process and a virtual environment of its own."""

import json
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from common import ROOT
from localqa.errors import ConfigError

RUNS = ROOT / "runs" / "serve"
SCRIPTS = Path(__file__).resolve().parent
OWN = "own"
PACKAGES = {
    "pipeline": ["torch==2.13.0", "transformers==4.57.6"],
    "haystack": ["torch==2.13.0", "transformers-haystack==2.0.0", "transformers==5.20.2"],
    "onnxruntime": [
        "torch==2.13.0",
        "transformers==5.20.2",
        "onnx==1.23.2",
        "onnxruntime==1.31.1",
    ],
}
_QUIET = {"HF_HUB_OFFLINE": "1", "HAYSTACK_TELEMETRY_ENABLED": "False"}


class Peer:
    """A process that answers the commands of `benchmarks/peers/protocol.py`.

    Args:
        name: of the peer, `NAME_peer.py` beside this file.
        pairs: file of questions and contexts, see `write_pairs`.
        environment: name of the peer whose virtual environment it shares; none: its own.
        variables: for its environment.
    """

    def __init__(
        self, name: str, pairs: Path, *, environment: str = "", variables: Mapping[str, str] | None = None
    ) -> None:
        self.name = name
        self._process = subprocess.Popen(
            [_python(environment or name), SCRIPTS / f"{name}_peer.py", merged_model(), pairs],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **_QUIET, **(variables or {})},
        )
        self.about = self._answer()

    def ask(self, do: str, count: int, first: int = 0) -> dict[str, Any]:
        """Have `count` pairs from one on answered, "many" at a time or "each" alone."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": do, "count": count, "first": first}) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def end(self) -> None:
        """Let the process end."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("{"):
                found: dict[str, Any] = json.loads(line)
                return found
        raise ConfigError(f"The peer {self.name} ended.", remedy="See its output above.")


def write_pairs(pairs: Sequence[tuple[str, str]], name: str = "pairs") -> Path:
    """A file of (question, context) pairs, as peers read it."""
    RUNS.mkdir(parents=True, exist_ok=True)
    file = RUNS / f"{name}.json"
    file.write_text(json.dumps(pairs), encoding="utf-8")
    return file


def merged_model() -> Path:
    """The adapter merged into its base, as transformers reads it."""
    folder = RUNS / "merged"
    if not (folder / "tokenizer.json").exists():
        from localqa.model.adapters import load_adapter, merge
        from localqa.model.bases import DEFAULT_BASE, resolve_base
        from localqa.model.loading import load_model

        base = resolve_base(DEFAULT_BASE)
        merged: Any = merge(load_adapter(load_model(base), ROOT / "models" / "squad"))
        merged.save_pretrained(folder)
        for name in ("vocab.txt", "tokenizer_config.json", "special_tokens_map.json", "tokenizer.json"):
            if (base.folder / name).exists():
                shutil.copy(base.folder / name, folder / name)
    return folder


def _python(name: str) -> Path:
    """The interpreter of a peer's own environment, made where it is missing."""
    if name == OWN:
        return Path(sys.executable)
    folder = RUNS / f"venv-{name}"
    python = folder / "bin" / "python"
    done = folder / ".done"
    if not done.exists():
        print(f"installing {', '.join(PACKAGES[name])}", file=sys.stderr)
        venv.create(folder, with_pip=True, clear=True)
        # One after the other: the first decides which build of torch the others find.
        for package in PACKAGES[name]:
            subprocess.run([python, "-m", "pip", "install", "-q", package], check=True, stdout=sys.stderr)
        done.touch()
    return python

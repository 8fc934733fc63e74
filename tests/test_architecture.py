"""The rules of the house: which part may import which, and what a part must not load."""

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MAY_IMPORT = {
    "datafiles": set(),
    "squad": {"datafiles"},
    "extraction": {"squad"},
    "model": {"extraction", "squad"},
    "evaluation": {"extraction", "squad"},
    "engine": {"model", "extraction", "squad"},
    "reading": {"engine", "model", "extraction", "squad"},
    "summarization": {"engine", "model", "evaluation", "squad", "datafiles"},
    "training": {"summarization", "engine", "model", "evaluation", "extraction", "squad", "datafiles"},
    "bulk": {"reading", "extraction", "squad", "datafiles"},
    "ollama": set(),
    "documents": set(),
    "answering": {"documents", "ollama", "summarization", "reading", "engine", "extraction", "squad"},
    "demo": set(),
    "api": {
        "answering",
        "documents",
        "ollama",
        "reading",
        "summarization",
        "engine",
        "model",
        "extraction",
        "squad",
    },
}
# What stands above all parts: the command, and the class that programs import.
MAY_IMPORT["cli"] = {*MAY_IMPORT, "bert_qa"}

SHARED = {
    *("errors", "config", "config_errors", "ownership", "folders", "privacy", "strict_json", "terminal"),
    "writing",
    "__version__",
}
"""What every part may import: the modules at the top, which import none of the parts."""
DOORS = {"__init__", "__main__", "bert_qa"}
"""Modules at the top that people enter by; no part imports them."""


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def test_every_part_has_a_rule():
    top = ROOT / "localqa"
    assert {file.parent.name for file in top.glob("*/__init__.py")} == MAY_IMPORT.keys()
    assert {file.stem for file in top.glob("*.py")} == (SHARED | DOORS) - {"__version__"}


@pytest.mark.parametrize("module", sorted(SHARED - {"__version__"}))
def test_what_all_share_imports_no_part(module):
    names = imported(ROOT / "localqa" / f"{module}.py")
    parts = {name.split(".")[1] for name in names if name.startswith("localqa.")}
    assert not parts & (MAY_IMPORT.keys() | DOORS)


@pytest.mark.parametrize("part", MAY_IMPORT)
def test_arrows_point_one_way(part):
    for path in (ROOT / "localqa" / part).rglob("*.py"):
        parts = {name.split(".")[1] for name in imported(path) if name.startswith("localqa.")}
        assert parts - {part} - SHARED <= MAY_IMPORT[part], path


@pytest.mark.parametrize("part", sorted(MAY_IMPORT))
def test_modules_of_a_part_import_each_other_in_no_circle(part):
    modules = {f"localqa.{part}.{path.stem}": path for path in (ROOT / "localqa" / part).glob("*.py")}
    # An import inside of a function, or for types alone, closes a circle as any other does.
    graph = {name: (imported(path) & modules.keys()) - {name} for name, path in modules.items()}
    TopologicalSorter(graph).prepare()


def test_nothing_imports_the_command():
    for path in (ROOT / "localqa").rglob("*.py"):
        if "cli" not in path.parts and path.name != "__main__.py":
            assert not any(name.startswith("localqa.cli") for name in imported(path)), path


def test_nothing_imports_app():
    for path in (ROOT / "localqa").rglob("*.py"):
        assert "app" not in imported(path), path


@pytest.mark.parametrize(
    "module", ["localqa.squad.load", "localqa.squad.metrics", "localqa.extraction.pipeline"]
)
def test_data_and_extraction_load_neither_torch_nor_flask(module):
    code = f"import {module}, sys; sys.exit(bool({{'torch', 'flask', 'transformers'}} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_http_layer_loads_no_torch():
    """Only the engine does, once a reader is loaded."""
    code = "import app, localqa.api, sys; sys.exit(bool({'torch', 'transformers'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_setup_script_tells_its_usage():
    script = ROOT / "scripts" / "setup_environment.sh"
    done = subprocess.run(
        [script, "nonsense"], cwd=ROOT / "scripts", capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "setup_environment.sh [serve|demo|train|dev]" in done.stderr


def test_files_stay_readable():
    for path in [*(ROOT / "localqa").rglob("*.py"), *(ROOT / "scripts").glob("*.py"), *ROOT.glob("*.py")]:
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 400, path

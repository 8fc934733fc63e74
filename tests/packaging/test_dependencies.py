"""What the package declares is what the requirements files pin."""

import sys

import pytest

from tests.conftest import ROOT

tomllib = pytest.importorskip("tomllib") if sys.version_info >= (3, 11) else pytest.importorskip("tomli")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def pinned(file):
    lines = map(str.strip, (ROOT / file).read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line and not line.startswith(("#", "-r "))]


def test_dependencies_are_what_serving_is_set_up_with():
    assert PROJECT["dependencies"] == pinned("requirements-serve.txt")
    assert not any(line.startswith(("torch", "transformers")) for line in PROJECT["dependencies"])


@pytest.mark.parametrize(
    ("extra", "file"),
    [
        ("train", "requirements.txt"),
        ("demo", "requirements-demo.txt"),
        ("documents", "requirements-documents.txt"),
        ("postgres", "requirements-postgres.txt"),
    ],
)
def test_extras_are_what_their_levels_are_set_up_with(extra, file):
    assert PROJECT["optional-dependencies"][extra] == pinned(file)


def test_ray_reads_parquet_too():
    pyarrow, *ray = PROJECT["optional-dependencies"]["ray"]
    assert pyarrow in pinned("requirements.txt")
    assert ray == pinned("requirements-ray.txt")

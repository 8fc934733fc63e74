"""Saving an adapter whole, and going back."""

import os
import shutil

import pytest

from localqa.errors import AdapterNotFoundError, ConfigError
from localqa.model.versions import KEPT, check_adapter_folder, keep, rollback, saving, versions

NAMES = ("qa_config.json", "adapter_config.json", "adapter_model.safetensors", "report.json")


def write(folder, text, names=NAMES):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_text(text)


def save(folder, text, names=NAMES):
    with saving(folder) as made:
        write(made, text, names)
        write(made / "evaluation", text, ["dev.json"])


def content(folder):
    found = {(folder / name).read_text() for name in NAMES if (folder / name).exists()}
    (text,) = found
    return text


def numbers(folder):
    return [(one.number, content(one.folder), one.current) for one in versions(folder)]


def test_what_was_there_before_becomes_a_version(tmp_path):
    folder = tmp_path / "faq"
    save(folder, "first")
    assert numbers(folder) == [(1, "first", True)]
    (folder / "checkpoints").mkdir()
    save(folder, "second")
    save(folder, "third")
    assert numbers(folder) == [(1, "first", False), (2, "second", False), (3, "third", True)]
    assert (folder / "versions/0001/evaluation/dev.json").read_text() == "first"
    assert (folder / "checkpoints").is_dir()
    assert sorted(one.name for one in folder.iterdir()) == sorted(
        [*NAMES, "checkpoints", "evaluation", "versions"]
    )


def test_back_and_forth(tmp_path):
    folder = tmp_path / "faq"
    for text in ("first", "second", "third"):
        save(folder, text)
    before, now = rollback(folder)
    assert (before.number, now.number, content(folder)) == (3, 2, "second")
    assert (folder / "evaluation/dev.json").read_text() == "second"
    rollback(folder)
    assert content(folder) == "first"
    with pytest.raises(AdapterNotFoundError, match="known: 1, 2, 3"):
        rollback(folder)
    rollback(folder, 3)
    assert numbers(folder) == [(1, "first", False), (2, "second", False), (3, "third", True)]
    rollback(folder, 1)
    save(folder, "fourth")
    assert numbers(folder)[-2:] == [(3, "third", False), (4, "fourth", True)]


def test_what_fails_changes_nothing(tmp_path):
    folder = tmp_path / "faq"
    save(folder, "first")

    def fail():
        with saving(folder) as made:
            write(made, "half", NAMES[:1])
            raise OSError("full")

    with pytest.raises(OSError, match="full"):
        fail()
    assert numbers(folder) == [(1, "first", True)]
    assert not list(folder.glob(".new*"))


def test_a_kill_while_files_are_put_in_place_leaves_no_mixture(tmp_path, monkeypatch):
    """The folder is no adapter until its settings, the last file, are there; and the old one is kept."""
    folder = tmp_path / "faq"
    save(folder, "first")
    moved = []

    def killed(source, target, replace=os.replace):
        if len(moved) == 2:
            raise KeyboardInterrupt
        moved.append(target)
        replace(source, target)

    monkeypatch.setattr(os, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        save(folder, "second")
    monkeypatch.undo()
    assert not (folder / "qa_config.json").exists()
    rollback(folder)
    assert content(folder) == "first"


def test_an_adapter_of_another_method_leaves_none_of_its_files(tmp_path):
    folder = tmp_path / "faq"
    save(folder, "first")
    save(folder, "second", ("qa_config.json", "model.safetensors"))
    assert not (folder / "adapter_config.json").exists()
    rollback(folder)
    assert not (folder / "model.safetensors").exists()
    assert content(folder) == "first"


def test_versions_are_not_without_end(tmp_path):
    folder = tmp_path / "faq"
    for number in range(KEPT + 3):
        save(folder, str(number))
    assert [one.number for one in versions(folder)] == list(range(3, KEPT + 4))


def test_back_to_the_oldest_of_as_many_as_are_kept(tmp_path):
    folder = tmp_path / "faq"
    for number in range(1, KEPT + 2):
        save(folder, str(number))
    before, now = rollback(folder, 1)
    assert (before.number, now.number, content(folder)) == (KEPT + 1, 1, "1")
    assert numbers(folder) == [(number, str(number), number == 1) for number in range(1, KEPT + 2)]
    save(folder, "new")
    assert numbers(folder)[-1] == (KEPT + 2, "new", True)


def test_the_same_is_kept_once(tmp_path):
    folder = tmp_path / "faq"
    write(folder, "first")
    keep(folder)
    keep(folder)
    assert numbers(folder) == [(1, "first", True)]
    shutil.rmtree(folder / "versions")
    assert numbers(folder) == [(1, "first", True)]


def test_numbered_folders_of_somebody_else_do_not_make_a_folder_ours(tmp_path):
    (tmp_path / "versions" / "2024").mkdir(parents=True)
    (tmp_path / "versions" / "2024" / "plan.txt").write_text("mine")
    (tmp_path / "report.md").write_text("mine")
    with pytest.raises(ConfigError, match="not made by this program"):
        check_adapter_folder(tmp_path, remedy="")


def test_what_somebody_put_among_the_versions_stays(tmp_path):
    folder = tmp_path / "faq"
    own = [folder / "versions" / "0000" / "plan.txt", folder / "versions" / "0003" / "plan.txt"]
    for file in own:
        file.parent.mkdir(parents=True)
        file.write_text("mine")
    for number in range(KEPT + 3):
        save(folder, str(number))
        (folder / "versions" / "0001").mkdir(parents=True, exist_ok=True)
        (folder / "versions" / "0001" / "notes.txt").write_text("mine")
    own.append(folder / "versions" / "0001" / "notes.txt")
    assert [file.read_text() for file in own] == ["mine"] * 3
    assert not (folder / "versions" / "0001" / "qa_config.json").exists()

"""The command `localqa`."""

import json
import shutil
import subprocess
import sys

import pytest

from localqa.cli import main
from localqa.extraction.qa_config import QAConfig
from localqa.model.bases import file_sha256
from localqa.model.versions import saving
from tests.conftest import ROOT


@pytest.fixture
def models(tmp_path):
    """The shipped adapter, twice."""
    for name in ("squad", "twin"):
        shutil.copytree(ROOT / "models" / "squad", tmp_path / "models" / name)
    return tmp_path / "models"


def run(*words):
    return main(["adapters", *map(str, words)])


def test_list_shows_what_there_is(capsys, models):
    run("list", "--models_dir", models)
    printed = capsys.readouterr().out
    assert printed.count("all-MiniLM-L6-v2") == 2
    assert "2.7 MB" in printed
    assert " 32 " in printed


def test_list_as_json(capsys, models):
    run("list", "--models_dir", models, "--json")
    found = {info["name"]: info for info in json.loads(capsys.readouterr().out)}
    assert found["squad"]["rank"] == 32
    assert found["squad"]["metrics"]["dev-v1.1"]["f1"] > 70


def test_info_shows_settings_and_scores(capsys, models):
    run("info", "squad", "--models_dir", models)
    printed = capsys.readouterr().out
    for text in ("max length", "384", "on dev-v1.1", "f1 "):
        assert text in printed


def test_damaged_adapter_does_not_hide_the_others(capsys, models):
    (models / "twin" / "qa_config.json").write_text("{")
    run("list", "--models_dir", models)
    assert "squad" in capsys.readouterr().out


def test_an_adapter_that_summarises_is_among_them(capsys, models, summary_adapter):
    shutil.copytree(summary_adapter, models / "short")
    run("list", "--models_dir", models)
    (row,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("short")]
    assert "summarises" in row
    assert "ROUGE-L" in row
    run("info", "short", "--models_dir", models)
    printed = capsys.readouterr().out
    assert "max summary tokens" in printed
    assert "rougeLsum" in printed
    run("remove", "short", "--models_dir", models, "--yes")
    assert not (models / "short").exists()


def test_broken_folders_are_named(capsys, models):
    (models / "twin" / "qa_config.json").write_text("[" * 200_000)
    (models / "squad" / "report.json").write_text("[" * 200_000)
    run("list", "--models_dir", models)
    printed = capsys.readouterr()
    assert "squad" in printed.out
    assert "twin: cannot be read" in printed.err


def test_ones_own_folder_comes_first_and_hides_no_shipped_adapter(capsys, models, monkeypatch):
    shutil.rmtree(models / "squad")
    monkeypatch.setenv("QA_MODELS_DIR", str(models))
    run("list")
    printed = capsys.readouterr().out
    assert "twin" in printed
    assert "squad2" in printed
    with pytest.raises(SystemExit):
        run("remove", "squad2", "--yes")
    assert "shared or shipped" in capsys.readouterr().err
    assert (ROOT / "models" / "squad2").is_dir()


def test_versions_and_rollback(capsys, models):
    folder = models / "twin"
    old = (folder / "adapter_model.safetensors").read_bytes()
    with saving(folder) as made:
        for name in ("adapter_config.json", "adapter_model.safetensors", "qa_config.json"):
            shutil.copy(ROOT / "models" / "squad2" / name, made)
    run("versions", "twin", "--json", "--models_dir", models)
    found = json.loads(capsys.readouterr().out)
    assert [(one["number"], one["current"]) for one in found] == [(1, False), (2, True)]
    assert found[1]["digest"] == file_sha256(ROOT / "models" / "squad2" / "adapter_model.safetensors")
    run("rollback", "twin", "--models_dir", models)
    assert (folder / "adapter_model.safetensors").read_bytes() == old
    run("rollback", "twin", "--to", "2", "--models_dir", models)
    assert (folder / "adapter_model.safetensors").read_bytes() != old
    run("versions", "twin", "--models_dir", models)
    assert "answers now" in capsys.readouterr().out


@pytest.mark.slow
def test_combine_merge_and_remove(capsys, models):
    run("combine", "squad", "twin", "--method", "svd", "--output", "both", "--models_dir", models)
    assert "localqa calibrate" in capsys.readouterr().out
    run("merge", "both", "--output", "whole", "--models_dir", models)
    assert QAConfig.load(models / "whole").method == "full"
    run("remove", "whole", "--yes", "--models_dir", models)
    assert not (models / "whole").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["info", "nobody"], "There is no adapter"),
        (["remove", "squad"], "--yes"),
        (["merge", "squad", "--output", "twin"], "exists"),
        (["merge", "squad", "--output", "Bad Name"], "no adapter name"),
        (["combine", "squad", "twin", "--weights", "1", "--output", "new"], "1 weights"),
        (["combine", "squad", "--output", "new"], "nothing to combine"),
        (["combine", "squad", "twin", "squad", "--weights", "0.2", "0.3", "0.5", "--output", "new"], "twice"),
        (["combine", "squad", "twin", "--weights", "nan", "1", "--output", "new"], "no weight"),
        (["rollback", "squad"], "no version before this one"),
        (["rollback", "squad", "--to", "7"], "no version 7"),
        (["versions", "nobody"], "There is no adapter"),
    ],
)
def test_mistakes_are_named_and_leave_nothing_behind(capsys, models, words, message):
    before = sorted(models.iterdir())
    with pytest.raises(SystemExit):
        run(*words, "--models_dir", models)
    assert message in capsys.readouterr().err
    assert sorted(models.iterdir()) == before


def test_module_has_a_help_text():
    done = subprocess.run(
        [sys.executable, "-m", "localqa", "adapters", "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "combine" in done.stdout


def test_remove_keeps_what_is_no_adapters(capsys, models):
    folder = models / "twin"
    (folder / "thesis.txt").write_text("mine")
    with pytest.raises(SystemExit):
        run("remove", "twin", "--yes", "--models_dir", models)
    assert "thesis.txt" in capsys.readouterr().err
    assert (folder / "thesis.txt").exists()
    (folder / "thesis.txt").unlink()
    (models / "link").symlink_to(folder)
    with pytest.raises(SystemExit):
        run("remove", "link", "--yes", "--models_dir", models)
    run("remove", "twin", "--yes", "--models_dir", models)
    assert not folder.exists()


@pytest.mark.parametrize("name", [".new-4711", "versions/.0001-4711"])
def test_remove_takes_what_a_killed_training_left(models, name):
    left = models / "twin" / name
    left.mkdir(parents=True)
    (left / "adapter_model.safetensors").write_text("half")
    run("remove", "twin", "--yes", "--models_dir", models)
    assert not (models / "twin").exists()


@pytest.mark.parametrize("name", ["notes/README.md", "thesis/evaluation/chapter.md", "versions/2024/plan.md"])
def test_remove_keeps_other_files_under_the_names_of_an_adapters(models, name):
    file = models / "twin" / name
    file.parent.mkdir(parents=True)
    file.write_text("mine")
    with pytest.raises(SystemExit):
        run("remove", "twin", "--yes", "--models_dir", models)
    assert file.read_text() == "mine"

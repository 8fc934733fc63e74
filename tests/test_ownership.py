"""No command removes or replaces what this project did not make."""

import re
import shutil
import subprocess
import sys

import pytest

from localqa.errors import ConfigError
from localqa.ownership import MARK, check_report, claim, clear, give_back, is_marked
from tests.conftest import ROOT

OWN = re.compile(r"part-\d+|work")


def claimed(folder):
    claim(folder, remedy="Move it.")
    return folder


def test_folder_that_was_made_goes_again(tmp_path):
    folder = claimed(tmp_path / "a" / "b")
    (folder / "part-1").write_text("x")
    (folder / "work").mkdir()
    give_back(folder, OWN)
    assert not folder.exists()


def test_folder_with_something_in_it_is_refused_and_stays(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "part-1").write_text("x")
    with pytest.raises(ConfigError, match="left as it is"):
        claimed(tmp_path / "mine")
    clear(tmp_path / "mine", OWN)
    give_back(tmp_path / "mine", OWN)
    assert (tmp_path / "mine" / "part-1").read_text() == "x"
    assert not is_marked(tmp_path / "mine")


def test_file_in_its_place_is_refused(tmp_path):
    (tmp_path / "mine").write_text("x")
    with pytest.raises(ConfigError, match="left as it is"):
        claimed(tmp_path / "mine")


def test_empty_folder_that_was_there_stays(tmp_path):
    (tmp_path / "mine").mkdir()
    folder = claimed(tmp_path / "mine")
    (folder / "part-1").write_text("x")
    give_back(folder, OWN)
    assert list(folder.iterdir()) == []


def test_what_somebody_put_into_our_folder_stays(tmp_path):
    folder = claimed(tmp_path / "ours")
    (folder / "part-1").write_text("x")
    (folder / "notes.txt").write_text("x")
    give_back(folder, OWN)
    assert [file.name for file in folder.iterdir()] == ["notes.txt"]


def test_link_in_our_folder_goes_without_what_it_points_to(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "keep").write_text("x")
    folder = claimed(tmp_path / "ours")
    (folder / "work").symlink_to(tmp_path / "mine")
    give_back(folder, OWN)
    assert not folder.exists()
    assert (tmp_path / "mine" / "keep").exists()


def test_folder_is_taken_up_again(tmp_path):
    folder = claimed(tmp_path / "ours")
    (folder / "part-1").write_text("x")
    claimed(folder)
    assert (folder / "part-1").exists()
    assert (folder / MARK).exists()


@pytest.mark.parametrize("kind", [".json", ".md", ".png"])
def test_report_is_not_written_over_other_files(tmp_path, kind):
    (tmp_path / f"dev{kind}").write_text("mine")
    with pytest.raises(ConfigError, match="not made by this program"):
        check_report(tmp_path, "dev")


def test_report_may_be_written_over_an_earlier_one(tmp_path):
    (tmp_path / "dev.md").write_text("# A\n\nWritten by `scripts/evaluate.py`; figures beside.\n")
    (tmp_path / "dev.json").write_text("{}")
    check_report(tmp_path, "dev")


def run(*words, cwd, **variables):
    return subprocess.run(
        list(map(str, words)),
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(cwd), **variables},
    )


def test_evaluation_beside_its_data_does_not_replace_the_data(tmp_path):
    data = tmp_path / "dev.json"
    shutil.copy(ROOT / "data" / "sample_qa_data.json", data)
    before = data.read_bytes()
    for script, flags in (("evaluate", ["--adapter", "squad"]), ("compare_models", ["--after", "squad2"])):
        words = [*flags, "--data", data, "--output", tmp_path, "--name", "dev"]
        done = run(sys.executable, ROOT / "scripts" / f"{script}.py", *words, cwd=tmp_path)
        assert done.returncode == 2, done.stdout + done.stderr
        assert "not made by this program" in done.stderr
    assert data.read_bytes() == before


def test_dataset_is_not_written_over_other_files(tmp_path):
    (tmp_path / "faq-test.json").write_text("mine")
    script = [sys.executable, ROOT / "scripts" / "make_dataset.py", tmp_path / "faq.json"]
    words = [*script, "--questions", 40, "--test", 0.2]
    done = run(*words, cwd=tmp_path)
    assert (done.returncode, "--overwrite" in done.stderr) == (2, True)
    assert (tmp_path / "faq-test.json").read_text() == "mine"
    assert run(*words, "--overwrite", cwd=tmp_path).returncode == 0
    assert run(*words, cwd=tmp_path).returncode == 0


def test_setup_empties_no_folder_of_somebody_else(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("x")
    done = run(ROOT / "scripts" / "setup_environment.sh", "serve", cwd=tmp_path, VENV=str(tmp_path / "mine"))
    assert done.returncode == 1
    assert "not made by this script" in done.stderr
    assert (tmp_path / "mine" / "thesis.txt").exists()

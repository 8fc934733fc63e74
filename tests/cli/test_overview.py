"""The command as a whole: its help, its verbs, what it does not load."""

import errno
import os
import subprocess
import sys

import pytest

from localqa import __version__
from localqa.cli import VERBS, main
from tests.conftest import ROOT

PROGRAMS = {
    "app.py": "serve",
    "bert_qa.py": "ask",
    "fine_tune.py": "train",
    "scripts/answer_file.py": "answer-file",
    "scripts/calibrate.py": "calibrate",
    "scripts/check_data.py": "check",
    "scripts/compare_models.py": "compare",
    "scripts/evaluate.py": "evaluate",
}
HEAVY = {"torch", "flask", "openvino", "transformers", "numpy", "pydantic"}


def printed(capsys, *words):
    with pytest.raises(SystemExit) as ended:
        main(list(words))
    return ended.value.code, capsys.readouterr()


def test_help_names_every_verb_and_loads_no_library():
    code = (
        "import sys, contextlib\nfrom localqa.cli import main\n"
        "with contextlib.suppress(SystemExit):\n    main(['--help'])\n"
        f"sys.exit(str({HEAVY!r} & set(sys.modules)) if {HEAVY!r} & set(sys.modules) else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for verb, text in VERBS.items():
        assert f"  {verb}" in done.stdout
        assert text[:30] in " ".join(done.stdout.split())


def test_no_word_is_a_call_for_help(capsys):
    assert "doctor" in printed(capsys)[1].out


def test_version(capsys):
    code, said = printed(capsys, "--version")
    assert code == 0
    assert said.out.strip() == __version__


def test_what_is_no_verb_is_refused_with_those_there_are(capsys):
    code, said = printed(capsys, "sreve")
    assert code == 2
    assert "serve" in said.err


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_tells_its_flags_under_its_name(capsys, verb):
    code, said = printed(capsys, verb, "--help")
    assert code == 0
    assert said.out.startswith(f"usage: localqa {verb} ")


@pytest.mark.parametrize(("program", "verb"), PROGRAMS.items())
def test_a_program_has_the_flags_of_its_verb(capsys, monkeypatch, program, verb):
    monkeypatch.setenv("COLUMNS", "80")
    said = subprocess.run(
        [sys.executable, program, "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    of_verb = printed(capsys, verb, "--help")[1].out
    name = program.rpartition("/")[2]
    assert said.startswith(f"usage: {name} ")
    # Behind the usage, whose lines break elsewhere under another name.
    assert said.partition("\n\n")[2] == of_verb.partition("\n\n")[2]


def test_a_package_that_is_missing_is_told_with_its_extra(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "localqa.training.questions", None)
    monkeypatch.delitem(sys.modules, "localqa.cli.train", raising=False)

    def missing(name):
        raise ModuleNotFoundError("No module named 'peft'", name="peft.tuners")

    monkeypatch.setattr("importlib.import_module", missing)
    code, said = printed(capsys, "train", "x.json")
    assert code == 2
    assert "pip install 'localqa[train]'" in said.err


@pytest.mark.parametrize(
    "words",
    [
        ["adapters", "list"],
        ["adapters", "list", "--json"],
        ["check", "data/sample_qa_data.json"],
        ["evaluate", "--help"],
        ["--help"],
        [],
    ],
    ids=" ".join,
)
def test_reader_that_has_gone_ends_it_quietly(words):
    ours, its = os.pipe()
    os.close(ours)
    command = [sys.executable, "-m", "localqa", *words]
    done = subprocess.run(command, cwd=ROOT, stdout=its, stderr=subprocess.PIPE, text=True, check=False)
    os.close(its)
    # argparse itself passes over it.
    assert done.returncode in (141, 0)
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["adapters", "merge", "squad", "--output", "/proc/nowhere/y"], "/proc/nowhere"),
        (["adapters", "combine", "squad", "squad2", "--output", "/proc/nowhere/y"], "/proc/nowhere"),
        (["train", "--train_data", "x.json", "--output_dir", "/proc/nowhere/y"], "/proc/nowhere/y"),
        (["check", "data/sample_qa_data.json", "--repair", "/proc/nowhere/y.json"], "/proc/nowhere/y.json"),
    ],
    ids=lambda words: words[0] if isinstance(words, list) else None,
)
def test_place_that_cannot_be_written_is_told_with_a_remedy(capsys, monkeypatch, words, message):
    monkeypatch.chdir(ROOT)
    code, said = printed(capsys, *words)
    assert code == 2
    assert message in said.err
    assert "what to do" in said.err


def test_full_disk_is_told_and_other_errors_of_the_system_are_not_hidden(capsys, monkeypatch):
    def fail(error):
        def raising(args):
            raise error

        monkeypatch.setattr("localqa.cli.adapters.list_adapters", raising)

    fail(OSError(errno.ENOSPC, "No space left on device"))
    assert "No space left" in printed(capsys, "adapters", "list")[1].err
    fail(OSError("of a library"))
    with pytest.raises(OSError, match="of a library"):
        main(["adapters", "list"])

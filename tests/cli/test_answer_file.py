"""`localqa answer-file` before and behind the answering itself."""

import json
import shutil

import pytest

from localqa.cli import answer_file, main
from tests.conftest import ROOT

ROW = json.dumps({"question": "Who came?", "context": "Ada came."}) + "\n"


@pytest.fixture
def faq(tmp_path):
    """An adapter's folder of one's own."""
    folder = tmp_path / "faq"
    folder.mkdir()
    for name in ("qa_config.json", "adapter_config.json", "adapter_model.safetensors"):
        shutil.copy(ROOT / "models" / "squad" / name, folder)
    return folder


@pytest.fixture
def files(tmp_path):
    (tmp_path / "q.jsonl").write_text(ROW * 2)
    return tmp_path / "q.jsonl", tmp_path / "out.jsonl"


@pytest.fixture
def answering(monkeypatch):
    """Answers every part without a model; of `left` parts, the run ends at the next one."""

    class Answering:
        left = 1000

    def rows(qa, source, part, args):
        if Answering.left == 0:
            raise KeyboardInterrupt
        Answering.left -= 1
        return [{"answer": "Ada", "error": None}] * part.rows

    monkeypatch.setattr(answer_file, "answered", rows)
    monkeypatch.setattr("localqa.cli.answer_file.BertQA.load", lambda **_: object())
    return Answering


def run(*words):
    return main(["answer-file", *map(str, words)])


@pytest.mark.parametrize("changed", ["adapter_model.safetensors", "qa_config.json"])
def test_run_does_not_go_on_with_another_adapter_in_the_same_folder(capsys, answering, files, faq, changed):
    answering.left = 1
    assert run(*files, "--adapter", faq, "--part_rows", 1) == 130
    answering.left = 1000
    shutil.copy(ROOT / "models" / "squad2" / changed, faq)
    with pytest.raises(SystemExit):
        run(*files, "--adapter", faq, "--part_rows", 1)
    assert "another input, adapter" in capsys.readouterr().err
    shutil.copy(ROOT / "models" / "squad" / changed, faq)
    assert run(*files, "--adapter", faq, "--part_rows", 1) == 0
    assert "1 of 2 rows are answered already" in capsys.readouterr().out


def test_a_run_that_replaces_an_output_goes_on_as_it_says(capsys, answering, files, faq):
    files[1].write_text("older")
    with pytest.raises(SystemExit):
        run(*files, "--adapter", faq, "--part_rows", 1)
    answering.left = 1
    assert run(*files, "--adapter", faq, "--part_rows", 1, "--overwrite") == 130
    assert "without --overwrite, to go on" in capsys.readouterr().err
    answering.left = 1000
    assert run(*files, "--adapter", faq, "--part_rows", 1) == 0
    assert "1 of 2 rows are answered already" in capsys.readouterr().out
    assert len(files[1].read_text().splitlines()) == 2
    assert not (files[1].parent / "out.parts").exists()


def test_rows_that_fit_no_table_are_refused_before_the_first_answer(capsys, answering, files, tmp_path):
    answering.left = 0
    files[0].write_text(ROW.replace("{", '{"id": "a", ') + ROW.replace("{", '{"id": 1, '))
    with pytest.raises(SystemExit):
        run(files[0], tmp_path / "out.parquet")
    assert "out.jsonl" in capsys.readouterr().err
    assert not (tmp_path / "out.parts").exists()

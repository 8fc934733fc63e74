"""`localqa ask` with the shipped adapters."""

import io
import json

import pytest

from localqa.cli import main

pytestmark = pytest.mark.slow
WORDS = ("ask", "Who wrote it?", "--context", "Ada wrote it.")


def test_it_answers(capsys):
    assert main([*WORDS]) == 0
    assert "[0:3]  Ada" in capsys.readouterr().out


def test_an_answer_that_scores_too_little_is_held_back(capsys):
    main([*WORDS, "--min_score", "1", "--json"])
    assert json.loads(capsys.readouterr().out)["answerable"] is False


def test_the_best_span_at_any_rate(capsys):
    words = ["ask", "Who sold the moon?", "--context", "Ada wrote it.", "--adapter", "squad2", "--json"]
    main(words)
    assert json.loads(capsys.readouterr().out)["answerable"] is False
    main([*words, "--no-abstain"])
    assert json.loads(capsys.readouterr().out)["answerable"] is True


@pytest.mark.parametrize("piped", [False, True])
def test_offsets_are_those_of_the_files_own_text(capsys, monkeypatch, tmp_path, piped):
    content = "\ufeffFirst line.\r\nSecond line.\r\nAda wrote it.\r\n".encode()
    (tmp_path / "text.txt").write_bytes(content)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))
    main(["ask", "Who wrote it?", "--file", "-" if piped else str(tmp_path / "text.txt"), "--json"])
    found = json.loads(capsys.readouterr().out)
    assert content.decode()[found["start"] : found["end"]] == found["answer"] == "Ada"

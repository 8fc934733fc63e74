"""`localqa ask` with the shipped adapters."""

import io
import json

import pytest

from localqa.cli import main
from tests.documents import made

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


@pytest.fixture
def lease(tmp_path):
    """A lease of two pages."""
    first = [(72, 760, 18, "Lease"), (72, 720, 10, "The rent is 900 euros a month.")]
    second = [(72, 760, 10, "The keys are handed over by Ada Lovelace on the first of May.")]
    (tmp_path / "lease.pdf").write_bytes(made.pdf([first, second]))
    return tmp_path / "lease.pdf"


def test_a_document_is_read_and_its_page_told(lease, capsys):
    assert main(["ask", "Who hands over the keys?", "--file", str(lease)]) == 0
    assert "Ada Lovelace  (page 2)" in capsys.readouterr().out
    main(["ask", "How much is the rent?", "--file", str(lease), "--json", "--top_k", "2"])
    found = json.loads(capsys.readouterr().out)
    assert (found["page"], "900" in found["answer"]) == (1, True)
    assert all("page" in one for one in found["alternatives"])


def test_what_a_document_does_not_answer_has_no_page(lease, capsys):
    main(["ask", "Who painted the Mona Lisa?", "--file", str(lease)])
    told = capsys.readouterr().out
    assert "does not answer" in told
    assert "page" not in told


def test_a_text_in_an_older_encoding_is_read(tmp_path, capsys):
    (tmp_path / "letter.txt").write_bytes("The caf\u00e9 is kept by Zo\u00e9 Martin.".encode("cp1252"))
    assert main(["ask", "Who keeps the caf\u00e9?", "--file", str(tmp_path / "letter.txt")]) == 0
    assert "Zo\u00e9 Martin" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        (None, b"", "Cannot read"),
        ("program", b"\x7fELF\xd0\x00", "no text in UTF-8"),
        ("torn.pdf", b"torn", "damaged"),
        ("empty.pdf", b"", "empty"),
    ],
)
def test_what_cannot_be_read_is_told_with_a_remedy(tmp_path, capsys, name, content, told):
    path = tmp_path / (name or "nowhere.txt")
    if name:
        path.write_bytes(content)
    with pytest.raises(SystemExit, match="2"):
        main(["ask", "Who?", "--file", str(path)])
    error = capsys.readouterr().err
    assert told in error
    assert "what to do" in error

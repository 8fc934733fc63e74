"""`localqa ask` with the shipped adapters."""

import contextlib
import io
import json
import subprocess

import pytest

from localqa.cli import main
from tests.documents import made

pytestmark = pytest.mark.slow
WORDS = ("ask", "Who wrote it?", "--context", "Ada wrote it.")


def test_it_answers(capsys):
    assert main([*WORDS]) == 0
    assert "[0:3]  Ada" in capsys.readouterr().out


def test_the_adapter_that_serves_answers_here_too(capsys, monkeypatch):
    """`squad` knows no doubt: it answers what `squad2` refuses."""
    words = ["ask", "Who sold the moon?", "--context", "Ada wrote it.", "--json"]
    monkeypatch.setenv("QA_ADAPTER", "squad")
    main(words)
    assert json.loads(capsys.readouterr().out)["answerable"] is True
    main([*words, "--adapter", "squad2"])
    assert json.loads(capsys.readouterr().out)["answerable"] is False


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
    assert [one["page"] for one in found["alternatives"]]
    main(["ask", "Who painted the Mona Lisa?", "--file", str(lease), "--json"])
    assert json.loads(capsys.readouterr().out)["page"] is None


def test_what_a_document_does_not_answer_has_no_page(lease, capsys):
    main(["ask", "Who painted the Mona Lisa?", "--file", str(lease)])
    told = capsys.readouterr().out
    assert "does not answer" in told
    assert "page" not in told


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16", "utf-16-le"])
def test_places_in_a_text_of_another_encoding_are_its_own(tmp_path, capsys, encoding):
    text = "The  caf\u00e9.\r\n\r\nIt is kept by Zo\u00e9 Martin.\r\n"
    (tmp_path / "letter.txt").write_bytes(text.encode(encoding))
    main(["ask", "Who keeps the caf\u00e9?", "--file", str(tmp_path / "letter.txt"), "--json"])
    found = json.loads(capsys.readouterr().out)
    assert text[found["start"] : found["end"]] == found["answer"] == "Zo\u00e9 Martin"


def test_what_was_not_read_of_a_document_is_told(tmp_path, capsys):
    (tmp_path / "mail.eml").write_bytes(
        b"From: ada@x.example\nSubject: keys\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n"
        b"\n--b\nContent-Type: text/plain\n\nThe keys are with Zoe Martin.\n"
        b"--b\nContent-Type: application/pdf\nContent-Disposition: attachment; filename=a.pdf\n\nx\n--b--\n"
    )
    main(["ask", "Who has the keys?", "--file", str(tmp_path / "mail.eml"), "--json"])
    told = capsys.readouterr()
    found = json.loads(told.out)
    assert "a.pdf" in told.err
    assert "a.pdf" in found["notes"][0]
    assert "page" not in found


@pytest.mark.parametrize(("password", "told"), [("wrong", "is encrypted, and the password"), ("open", "[")])
def test_an_encrypted_document_needs_its_password(tmp_path, capsys, password, told):
    (tmp_path / "lease.pdf").write_bytes(
        made.pdf([[(72, 700, 10, "The rent is 900 euros.")]], password=b"open")
    )
    words = ["ask", "How much is the rent?", "--file", str(tmp_path / "lease.pdf"), "--password", password]
    with contextlib.suppress(SystemExit):
        main(words)
    assert told in "".join(capsys.readouterr())


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        (None, b"", "Cannot read"),
        (".", None, "is a folder"),
        ("program", b"\x7fELF\xd0\x00", "is no text"),
        ("old.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\x00", "no plain text"),
        ("photo.jpg", b"\xff\xd8\xff\xe0\x00\x10JFIF", "of no format that is read"),
        ("lease", b"%PDF-1.7", "no plain text"),
        ("blank.txt", b" \n", "blank.txt is blank"),
        ("torn.pdf", b"torn", "damaged"),
        ("empty.pdf", b"", "empty"),
    ],
)
def test_what_cannot_be_read_is_told_with_a_remedy(tmp_path, capsys, name, content, told):
    path = tmp_path / (name or "nowhere.txt")
    if content is not None and name:
        path.write_bytes(content)
    with pytest.raises(SystemExit, match="2"):
        main(["ask", "Who?", "--file", str(path)])
    error = capsys.readouterr().err
    assert told in error
    assert "what to do" in error


def test_a_document_on_standard_input_is_not_taken_for_text(lease, capsys, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(lease.read_bytes())))
    with pytest.raises(SystemExit, match="2"):
        main(["ask", "Who?", "--file", "-"])
    assert "standard input is a document" in capsys.readouterr().err


def test_a_pipe_is_read_once_and_a_file_without_end_is_refused(lease, capsys):
    with subprocess.Popen(["cat", str(lease)], stdout=subprocess.PIPE) as pipe:
        (lease.parent / "pipe.pdf").symlink_to(f"/proc/self/fd/{pipe.stdout.fileno()}")
        assert main(["ask", "Who hands over the keys?", "--file", str(lease.parent / "pipe.pdf")]) == 0
    assert "Ada Lovelace" in capsys.readouterr().out
    (lease.parent / "endless.pdf").symlink_to("/dev/zero")
    with pytest.raises(SystemExit, match="2"):
        main(["ask", "Who?", "--file", str(lease.parent / "endless.pdf")])
    assert "at most" in capsys.readouterr().err

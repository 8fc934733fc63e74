"""Scanned pages: told as such, and recognised by Tesseract where that is asked for; here by a stand-in."""

import json
import os
import sys

import pypdfium2
import pytest

from localqa.documents.document import Document, DocumentError
from localqa.documents.importing import Importer
from localqa.documents.limits import Limits
from localqa.documents.opening import open_library
from localqa.documents.reading import read_bytes
from tests.documents import made
from tests.documents.importing_process import WordEmbedder

ASKED = Limits(seconds=60, ocr=True)
ROWS: list[list[object]] = [
    [
        "level",
        "page_num",
        "block_num",
        "par_num",
        "line_num",
        "word_num",
        "left",
        "top",
        "width",
        "height",
        "conf",
        "text",
    ],
    [1, 1, 0, 0, 0, 0, 0, 0, 2479, 3508, -1, ""],
    [5, 1, 1, 1, 1, 1, 300, 600, 240, 50, 96.1, "Tickets"],
    [5, 1, 1, 1, 1, 2, 560, 600, 90, 50, 95, "are"],
    [5, 1, 1, 1, 1, 3, 670, 610, 100, 40, 91, "sold"],
    [5, 1, 1, 1, 2, 1, 300, 660, 120, 50, 90, "on"],
    [5, 1, 1, 1, 2, 2, 440, 660, 280, 50, 92, "board."],
    [5, 1, 1, 1, 2, 3, 760, 660, 20, 50, 4, "~"],
    [5, 1, 2, 1, 1, 1, 300, 900, 300, 50, 93, "Dogs"],
    [5, 1, 2, 1, 1, 2, 620, 900, 200, 50, 93, "pay."],
]


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    """Puts a program in Tesseract's place; returns a function that says what it does with the picture."""

    def stand_in(code: str) -> None:
        program = tmp_path / "tesseract"
        program.write_text(
            f"#!{sys.executable}\nimport sys, time\npicture = sys.stdin.buffer.read()\n{code}\n"
        )
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")

    return stand_in


def test_a_scanned_page_is_recognised_with_the_places_of_its_words(stand_in):
    table = "\n".join("\t".join(str(cell) for cell in row) for row in ROWS)
    stand_in(f"assert picture.startswith(b'\\x89PNG')\nassert sys.argv[-1] == 'tsv'\nprint({table!r})")
    document = read_bytes(made.picture_pdf(), "scan.pdf", limits=ASKED)
    assert document.text == "Tickets are sold on board.\n\nDogs pay."
    assert document.notes == ("recognised from pictures: page 1",)
    start = document.text.index("are sold on")
    first, second = document.boxes(start, start + len("are sold on"))
    # The picture has 300 dots in an inch, 72 points of the page.
    assert [first.left, first.right, first.top] == pytest.approx([134.4, 184.8, 144], abs=0.1)
    assert [second.left, second.right, second.top] == pytest.approx([72, 100.8, 158.4], abs=0.1)


STAMP = "Case 1:20-cv-01234 Document 7 Filed 05/02/20 Page 1 of 1"


@pytest.mark.parametrize("at", [820, 20])
def test_a_scan_with_a_stamp_is_a_scan(stand_in, at):
    table = "\n".join("\t".join(str(cell) for cell in row) for row in ROWS)
    stand_in(f"print({table!r})")
    stamped = read_bytes(made.picture_pdf(STAMP, at), "scan.pdf", limits=Limits(seconds=60))
    assert (stamped.text, stamped.notes) == (STAMP, ("pictures without text: page 1",))
    assert stamped.unrecognised
    document = read_bytes(made.picture_pdf(STAMP, at), "scan.pdf", limits=ASKED)
    assert document.text == "Tickets are sold on board.\n\nDogs pay."
    stand_in("print()")
    assert read_bytes(made.picture_pdf(STAMP, at), "scan.pdf", limits=ASKED).text == STAMP


def test_a_title_over_a_picture_is_text():
    document = read_bytes(made.picture_pdf("Report of the year", 500), "a.pdf", limits=Limits(seconds=60))
    assert (document.text, document.notes, document.unrecognised) == ("Report of the year", (), False)


def test_stamps_beside_other_pages_are_told(stand_in, tmp_path):
    stand_in("print()")
    both = pypdfium2.PdfDocument(made.pdf([[(72, 700, 10, "The toll was two pence.")]]))
    both.import_pages(pypdfium2.PdfDocument(made.picture_pdf(STAMP)))
    both.save(tmp_path / "both.pdf")
    document = read_bytes((tmp_path / "both.pdf").read_bytes(), "both.pdf", limits=Limits(seconds=60))
    assert document.notes == ("pictures without text: page 2",)
    assert document.unrecognised


def test_nothing_is_recognised_unless_it_is_asked_for(stand_in):
    stand_in("raise SystemExit('asked')")
    with pytest.raises(DocumentError) as told:
        read_bytes(made.picture_pdf(), "scan.pdf", limits=Limits(seconds=60))
    assert told.value.reason == "scanned"


def test_without_the_program_the_remedy_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DocumentError, match="Tesseract") as told:
        read_bytes(made.picture_pdf(), "scan.pdf", limits=ASKED)
    assert told.value.reason == "scanned"


def test_a_page_that_was_scanned_on_its_side_is_read_along_its_lines(stand_in):
    up = [(300, 1000, "Dogs"), (300, 780, "pay"), (360, 1000, "for"), (360, 780, "both.")]
    rows = [
        [5, 1, 1, 1, 1 + at // 2, 1 + at % 2, left, top, 50, 200, 95, text]
        for at, (left, top, text) in enumerate(up)
    ]
    table = "\n".join("\t".join(str(cell) for cell in row) for row in [ROWS[0], *rows])
    stand_in(f"print({table!r})")
    document = read_bytes(made.picture_pdf(), "scan.pdf", limits=ASKED)
    assert document.text == "Dogs pay for both."
    (box,) = document.boxes(0, 4)
    assert [box.left, box.right] == pytest.approx([72, 84], abs=0.1)
    assert box.bottom == pytest.approx(288, abs=0.1)


@pytest.mark.parametrize("code", ["raise SystemExit(1)", "print('nonsense')", "print()"])
def test_a_program_that_recognises_nothing_leaves_the_page_scanned(stand_in, code):
    stand_in(code)
    with pytest.raises(DocumentError) as told:
        read_bytes(made.picture_pdf(), "scan.pdf", limits=ASKED)
    assert told.value.reason == "scanned"


def test_pages_left_before_are_recognised_once_it_is_asked_for(stand_in, where, tmp_path):
    both = pypdfium2.PdfDocument(made.pdf([[(72, 700, 10, "The toll was two pence.")]]))
    both.import_pages(pypdfium2.PdfDocument(made.picture_pdf()))
    both.save(tmp_path / "both.pdf")
    table = "\n".join("\t".join(str(cell) for cell in row) for row in ROWS)
    stand_in(f"print({table!r})")
    library = open_library(where)
    try:
        states = []
        for limits in (Limits(), Limits(), ASKED, ASKED):
            importer = Importer(library, WordEmbedder(), limits=limits)
            states += [one.state for one in importer.add([tmp_path / "both.pdf"])]
        assert states == ["added", "unchanged", "replaced", "unchanged"]
        assert "sold on board" in library.document(library.entries()[0].id).text
    finally:
        library.close()


def test_a_document_kept_before_that_was_told_is_read():
    document = read_bytes(b"The toll was two pence.", "toll.txt")
    kept = json.loads(document.to_json())
    del kept["unrecognised"]
    assert Document.from_json(json.dumps(kept)) == document

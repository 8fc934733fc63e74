"""Every format: what is read of it, and what is told of the files that cannot be read."""

import pytest

from localqa.documents.document import Document, DocumentError
from localqa.documents.limits import Limits
from localqa.documents.process import ReadingProcess
from localqa.documents.reading import read_bytes
from tests.documents import made

LIMITS = Limits(seconds=60)


@pytest.fixture(scope="module")
def process():
    with ReadingProcess(LIMITS) as found:
        yield found


@pytest.fixture
def read(process):
    def read(data: bytes, name: str, password: str | None = None) -> Document:
        return read_bytes(data, name, limits=LIMITS, password=password, process=process)

    return read


def headings(document):
    return [(document.text[one.start : one.end], one.level) for one in document.headings]


def test_pdf_lines_become_paragraphs_and_hyphens_go(read):
    lines = [
        (72, 760, 18, "The ferry"),
        (72, 720, 10, "The ferry leaves the island every morning at seven and takes pas-"),
        (72, 708, 10, "sengers only. In winter it does not sail on Sundays, whatever the weather."),
        (72, 660, 10, "Tickets are sold on board."),
    ]
    document = read(made.pdf([lines]), "ferry.pdf")
    assert document.text == (
        "The ferry\n\nThe ferry leaves the island every morning at seven and takes passengers only. In "
        "winter it does not sail on Sundays, whatever the weather.\n\nTickets are sold on board."
    )
    assert headings(document) == [("The ferry", 1)]
    assert document.page_at(0) == 1


@pytest.mark.parametrize("rotate", [0, 90])
def test_boxes_lie_where_the_words_are_drawn(read, rotate):
    lines = [(72, 700, 10, "Nothing is here."), (100, 500, 10, "The toll was two pence for a carriage.")]
    document = read(made.pdf([lines], rotate=rotate), "toll.pdf")
    start = document.text.index("two pence")
    (box,) = document.boxes(start, start + len("two pence"))
    assert 100 + 40 < box.left < 100 + 75 < box.right < 100 + 120
    assert box.top < 842 - 500 < box.bottom
    assert box.bottom - box.top < 16
    assert (document.pages[0].width, document.pages[0].height) == (595, 842)


def test_columns_are_read_one_after_the_other(read):
    words = "and so the water of the river goes on down to the sea"
    rows = [(600 - 14 * at, f"left {at} {words[:30]}", f"right {at} {words[:30]}") for at in range(10)]
    lines = [line for at, one, two in rows for line in ((50, at, 10, one), (320, at, 10, two))]
    text = read(made.pdf([lines]), "columns.pdf").text
    assert text.index("left 9") < text.index("right 0")


def test_rows_of_a_table_keep_their_cells(read):
    rows = [("Item", "Price"), ("Adult", "4.50"), ("Child", "2.00"), ("Dog", "1.00")]
    lines = [
        (left, 600 - 15 * at, 10, text)
        for at, row in enumerate(rows)
        for left, text in zip((72, 250), row, strict=True)
    ]
    assert "Adult | 4.50\nChild | 2.00\nDog | 1.00" in read(made.pdf([lines]), "prices.pdf").text


def test_running_heads_and_page_numbers_are_set_aside(read):
    pages = [
        [
            (72, 810, 9, "Harbour office, rules of the quay"),
            (72, 600, 10, f"Rule {number}: {rule}."),
            (290, 30, 9, f"{number}"),
        ]
        for number, rule in enumerate(
            ("boats moor at the north side", "no fires", "dogs on a lead", "no nets"), 1
        )
    ]
    document = read(made.pdf(pages), "rules.pdf")
    assert "Harbour office" not in document.text
    assert [document.text[page.start : page.end].strip() for page in document.pages] == [
        "Rule 1: boats moor at the north side.",
        "Rule 2: no fires.",
        "Rule 3: dogs on a lead.",
        "Rule 4: no nets.",
    ]
    assert document.page_at(document.text.index("dogs")) == 3


def test_word(read):
    body = (
        made.word_paragraph("House rules", "Heading1")
        + made.word_paragraph("Pets", "Heading2")
        + made.word_paragraph("Two cats are allowed.")
        + made.word_table([["Fee", "Amount"], ["Key", "12 EUR"]])
    )
    document = read(made.docx(body), "rules.docx")
    assert document.text == "House rules\n\nPets\n\nTwo cats are allowed.\n\nFee | Amount\nKey | 12 EUR"
    assert headings(document) == [("House rules", 1), ("Pets", 2)]
    assert document.page_at(5) is None


def test_opendocument(read):
    body = (
        '<text:h text:outline-level="1">Hours</text:h>'
        "<text:p>Open<text:s/>from <text:span>nine</text:span>.</text:p>"
        "<table:table><table:table-row><table:table-cell><text:p>Mon</text:p></table:table-cell>"
        "<table:table-cell><text:p>9-5</text:p></table:table-cell></table:table-row></table:table>"
    )
    document = read(made.odt(body), "hours.odt")
    assert document.text == "Hours\n\nOpen from nine.\n\nMon | 9-5"


def test_book_in_reading_order(read):
    chapters = {
        "b.xhtml": "<html><body><h1>One</h1><p>The first &amp; best.</p></body></html>",
        "a.xhtml": "<html><body><h1>Two</h1><p>The second.</p><script>no()</script></body></html>",
    }
    document = read(made.epub(chapters), "book.epub")
    assert document.text == "One\n\nThe first & best.\n\nTwo\n\nThe second."
    assert document.title == "The ferry book"


def test_slides_and_sheets_are_pages(read, tmp_path):
    from openpyxl import Workbook
    from pptx import Presentation

    deck = Presentation()
    for title, text in (("Plan", "Build it."), ("Cost", "Nine crowns.")):
        slide = deck.slides.add_slide(deck.slide_layouts[1])
        slide.shapes.title.text = title
        slide.placeholders[1].text = text
    deck.save(tmp_path / "deck.pptx")
    document = read((tmp_path / "deck.pptx").read_bytes(), "deck.pptx")
    assert document.text == "Plan\n\nBuild it.\n\nCost\n\nNine crowns."
    assert document.page_at(document.text.index("Nine")) == 2
    book = Workbook()
    book.active.title = "Prices"
    for row in (["Item", "Price"], ["Tea", 2.5], ["Cake", 4.0]):
        book.active.append(row)
    book.save(tmp_path / "prices.xlsx")
    assert read((tmp_path / "prices.xlsx").read_bytes(), "prices.xlsx").text == (
        "Prices\n\nItem | Price\nTea | 2.5\nCake | 4"
    )


@pytest.mark.parametrize(
    ("name", "data", "text"),
    [
        ("a.txt", "Grüße,\r\nBerlin\r\n\r\nZwei".encode("cp1252"), "Grüße,\nBerlin\n\nZwei"),
        ("a.txt", "utf sixteen ✓".encode("utf-16"), "utf sixteen ✓"),
        ("a.md", b"# Top\n\nSome *soft* `code` words.\n\n| a | b |\n|---|---|\n| 1 | 2 |\n", None),
        (
            "a.html",
            b"<title>T</title><nav><a>Home</a></nav><p>One<br>two &lt;3</p><style>x{}</style>",
            "One\ntwo <3",
        ),
        ("a.html", '<meta charset="cp1252"><p>fünf €</p>'.encode("cp1252"), "fünf €"),
        ("a.rtf", rb"{\rtf1\ansi Gr\'fc\'dfe an {\b alle}.\par Zwei}", "Grüße an alle.\n\nZwei"),
        ("a.eml", b"From: a@b.example\nSubject: Keys\n\nThe keys are\nin the box.\n", None),
    ],
)
def test_texts(read, name, data, text):
    document = read(data, name)
    expected = {
        "a.md": "Top\n\nSome soft code words.\n\na | b\n1 | 2",
        "a.eml": "From: a@b.example\nSubject: Keys\n\nThe keys are\nin the box.",
    }
    assert document.text == (text if text is not None else expected[name])


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("a.pdf", b"", "empty"),
        ("a.pdf", b"no pdf at all", "corrupted"),
        ("a.pdf", made.picture_pdf(), "scanned"),
        ("a.pdf", made.pdf([[]]), "empty"),
        ("a.docx", b"PK\x03\x04 torn", "corrupted"),
        ("a.docx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "encrypted"),
        ("a.docx", made.archive({"x": "y"}), "corrupted"),
        ("a.docx", made.docx(""), "empty"),
        ("a.odt", made.odt("<text:p>x</text:p>", manifest="<m><encryption-data/></m>"), "encrypted"),
        ("a.rtf", b"plain", "corrupted"),
        ("a.txt", b"\x7fELF\x00\x01\x02 binary", "unsupported"),
        ("a.xyz", b"text", "unsupported"),
        ("a.eml", b"Content-Type: multipart/encrypted; boundary=x\n\n--x--\n", "encrypted"),
    ],
)
def test_what_cannot_be_read_is_told_by_name_and_reason(read, name, data, reason):
    with pytest.raises(DocumentError) as told:
        read(data, name)
    assert told.value.reason == reason
    assert name in told.value.message

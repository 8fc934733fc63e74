"""Every format: what is read of it, and what is told of the files that cannot be read."""

import pytest

from localqa.documents.document import DocumentError
from tests.documents import headings, made


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


def test_formulas_in_word_are_read_as_their_letters(read):
    space = 'xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math"'
    formula = f"<m:oMath {space}><m:r><m:t>a+b</m:t></m:r><m:r><m:t>=c</m:t></m:r></m:oMath>"
    body = f"<w:p><w:r><w:t>Here </w:t></w:r>{formula}<w:r><w:t> holds.</w:t></w:r></w:p>"
    assert read(made.docx(body), "formula.docx").text == "Here a+b=c holds."


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
        ("a.txt", "El niño comió paella. ¡Qué rico!".encode("cp1252"), "El niño comió paella. ¡Qué rico!"),
        ("a.txt", "Příliš žluťoučký kůň pěl.".encode("cp1250"), "Příliš žluťoučký kůň pěl."),
        ("a.txt", "Привет, как дела? Мы были дома.".encode("cp1251"), "Привет, как дела? Мы были дома."),
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

"""Word, PowerPoint, Excel, OpenDocument and EPUB: no word lost or glued, nothing read that is hidden."""

import datetime
import io
import re
import zipfile

import pytest

from localqa.documents.document import DocumentError
from localqa.documents.values import shown
from tests.documents import headings, made

run = made.word_run


def rewritten(data, change):
    """An archive with other members: `change(name, content)` gives them."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return made.archive({name: change(name, archive.read(name)) for name in archive.namelist()})


def saved(file):
    stream = io.BytesIO()
    file.save(stream)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("inside", "text"),
    [
        (
            f'{run("No. ")}<w:fldSimple w:instr="DOCPROPERTY x">{run("17")}</w:fldSimple>{run(" holds.")}',
            "No. 17 holds.",
        ),
        (
            f"<w:r><w:ruby><w:rt>{run('kan')}</w:rt><w:rubyBase>{run('漢')}</w:rubyBase></w:ruby></w:r>{run('字')}",
            "漢字",
        ),
        (f'<w:bdo w:val="ltr">{run("one ")}</w:bdo><w:dir w:val="rtl">{run("two")}</w:dir>', "one two"),
        ('<w:r><w:t>end.</w:t><w:br w:type="page"/><w:t>Next</w:t></w:r>', "end.\nNext"),
        ('<w:r><w:t>left</w:t><w:br w:type="column"/><w:t>right</w:t></w:r>', "left\nright"),
        ("<w:r><w:t>one</w:t><w:cr/><w:t>two</w:t></w:r>", "one\ntwo"),
        ('<w:r><w:t>Total</w:t><w:ptab w:alignment="right"/><w:t>900</w:t></w:r>', "Total 900"),
        (run("seen ") + run("secret", "<w:vanish/>") + run("too", '<w:vanish w:val="0"/>'), "seen too"),
        (run("seen") + run("secret", '<w:rStyle w:val="Hidden"/>'), "seen"),
        (f'<w:pPr><w:pStyle w:val="Hidden"/></w:pPr>{run("secret")}</w:p><w:p>{run("seen")}', "seen"),
        (
            '<w:r><w:rPr><w:vanish/></w:rPr><w:fldChar w:fldCharType="begin"/></w:r>'
            '<w:r><w:fldChar w:fldCharType="end"/></w:r>' + run("seen"),
            "seen",
        ),
    ],
)
def test_words_in_all_that_word_puts_into_a_paragraph(read, inside, text):
    hidden = "".join(
        f'<w:style w:type="{kind}" w:styleId="Hidden"><w:rPr><w:vanish/></w:rPr></w:style>'
        for kind in ("character", "paragraph")
    )
    assert read(made.docx(f"<w:p>{inside}</w:p>", more_styles=hidden), "a.docx").text == text


def test_what_is_too_long_for_libxml2_is_read_all_the_same(read):
    body = f'<w:p><w:r w:rsidR="{"x" * 11_000_000}"><w:t>seen</w:t></w:r></w:p>'
    assert read(made.docx(body), "a.docx").text == "seen"


def test_notes_of_word_are_mended_as_the_body_is(read):
    notes = (
        '<w:footnotes xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main">'
        f'<w:footnote w:id="1"><w:p><w:fldSimple w:instr="x">{run("Monthly.")}</w:fldSimple></w:p>'
        "</w:footnote></w:footnotes>"
    )
    relation = (
        '<Relationship Id="r2" Target="footnotes.xml" '
        'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/footnotes"/></Relationships>'
    )
    data = made.docx(f'<w:p>{run("Rent")}<w:r><w:footnoteReference w:id="1"/></w:r></w:p>')
    data = rewritten(
        data,
        lambda name, content: (
            content.replace(b"</Relationships>", relation.encode())
            if "document.xml.rels" in name
            else content
        ),
    )
    with zipfile.ZipFile(stream := io.BytesIO(data), "a") as archive:
        archive.writestr("word/footnotes.xml", notes)
    assert read(stream.getvalue(), "a.docx").text == "Rent\n\nMonthly."


def test_a_list_of_links_in_word_is_no_menu(read):
    links = "".join(f'<li><a href="{at}">Reference number {at}</a></li>' for at in range(6))
    book = made.epub({"a.xhtml": f"<html><body><p>References</p><ul>{links}</ul></body></html>"})
    assert read(book, "a.epub").text.endswith("Reference number 5")


def test_soft_breaks_part_words_on_slides(read):
    from pptx import Presentation
    from pptx.util import Inches

    deck = Presentation()
    slide = deck.slides.add_slide(deck.slide_layouts[1])
    slide.shapes.title.text = "Annual Report\vTwo Thousand"
    slide.placeholders[1].text_frame.text = "First line\vsecond line"
    table = slide.shapes.add_table(1, 2, Inches(1), Inches(5), Inches(4), Inches(1)).table
    table.cell(0, 0).text, table.cell(0, 1).text = "alpha\vbeta", "x\ny"
    slide.notes_slide.notes_text_frame.text = "note one\vnote two"
    document = read(saved(deck), "a.pptx")
    assert document.text == (
        "Annual Report Two Thousand\n\nFirst line\nsecond line\n\nalpha beta | x y\n\nnote one\nnote two"
    )
    assert headings(document) == [("Annual Report Two Thousand", 1)]


SHAPE = (
    '<p:sp><p:nvSpPr><p:cNvPr id="{0}" name="x" {1}/><p:cNvSpPr txBox="1"/><p:nvPr/></p:nvSpPr><p:spPr/>'
    "<p:txBody><a:bodyPr/><a:p><a:r><a:t>{2}</a:t></a:r>"
    '<a:fld id="f" type="x"><a:t> field</a:t></a:fld></a:p></p:txBody></p:sp>'
)
EITHER = (
    '<mc:AlternateContent xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006">'
    '<mc:Choice Requires="a14">{}</mc:Choice><mc:Fallback>{}</mc:Fallback></mc:AlternateContent>'
)
DIAGRAM = (
    '<p:graphicFrame><p:nvGraphicFramePr><p:cNvPr id="40" name="D"/><p:cNvGraphicFramePr/><p:nvPr/>'
    '</p:nvGraphicFramePr><p:xfrm><a:off x="0" y="0"/><a:ext cx="1" cy="1"/></p:xfrm><a:graphic>'
    '<a:graphicData uri="http://schemas.openxmlformats.org/drawingml/2006/diagram"><dgm:relIds r:dm="rId9" '
    'xmlns:dgm="http://schemas.openxmlformats.org/drawingml/2006/diagram"/></a:graphicData></a:graphic>'
    "</p:graphicFrame>"
)
STEPS = (
    '<dgm:dataModel xmlns:dgm="http://schemas.openxmlformats.org/drawingml/2006/diagram" '
    'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"><dgm:ptLst><dgm:pt><dgm:t><a:p><a:r>'
    "<a:t>one</a:t></a:r><a:br/><a:r><a:t>step</a:t></a:r></a:p></dgm:t></dgm:pt></dgm:ptLst></dgm:dataModel>"
)


def test_shapes_of_every_kind(read):
    from pptx import Presentation

    deck = Presentation()
    deck.slides.add_slide(deck.slide_layouts[5]).shapes.title.text = "Title"
    new, old = SHAPE.format(20, "", "new"), SHAPE.format(20, "", "old")
    shapes = EITHER.format(new, old) + SHAPE.format(30, 'hidden="1"', "secret") + DIAGRAM
    relation = (
        '<Relationship Id="rId9" Target="../diagrams/data1.xml" '
        'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/diagramData"/>'
    )
    more = {
        "ppt/slides/slide1.xml": ("</p:spTree>", shapes),
        "ppt/slides/_rels/slide1.xml.rels": ("</Relationships>", relation),
    }

    def change(name, content):
        end, added = more.get(name, ("", ""))
        return content.replace(end.encode(), (added + end).encode()) if end else content

    stream = io.BytesIO(rewritten(saved(deck), change))
    with zipfile.ZipFile(stream, "a") as archive:
        archive.writestr("ppt/diagrams/data1.xml", STEPS)
    assert read(stream.getvalue(), "a.pptx").text == "Title\n\nnew field\n\none\nstep"


def test_ink_bare_shapes_and_shapes_of_one_number_lose_nothing(read):
    from pptx import Presentation

    deck = Presentation()
    deck.slides.add_slide(deck.slide_layouts[5]).shapes.title.text = "Title"
    title = deck.slides[0].shapes.title.shape_id
    box = SHAPE.format(20, "", "bare").replace(' txBox="1"', "")
    ink = EITHER.format('<p:contentPart xmlns:r="r" r:id="rId7"/>', "")
    shapes = f"{ink}{SHAPE.format(title, '', 'fee')}{box}</p:spTree>"
    file = rewritten(
        saved(deck),
        lambda name, content: (
            content.replace(b"</p:spTree>", shapes.encode()) if name == "ppt/slides/slide1.xml" else content
        ),
    )
    assert read(file, "a.pptx").text == "Title\n\nfee field\n\nbare field"


def test_hidden_slides_are_told_and_not_read(read):
    from pptx import Presentation

    deck = Presentation()
    for title, show in (("One", None), ("Draft", "0"), ("Three", "1")):
        slide = deck.slides.add_slide(deck.slide_layouts[5])
        slide.shapes.title.text = title
        if show:
            slide.element.set("show", show)
    document = read(saved(deck), "a.pptx")
    assert document.text == "One\n\nThree"
    assert [page.number for page in document.pages] == [1, 3]
    assert document.notes == ("hidden and not read: slide 2",)


def chart(kind, data, change=lambda content: content):
    from pptx import Presentation
    from pptx.util import Inches

    deck = Presentation()
    for title in ("Turnover", "Second"):
        slide = deck.slides.add_slide(deck.slide_layouts[5])
        slide.shapes.title.text = title
    deck.slides[0].shapes.add_chart(kind, Inches(1), Inches(2), Inches(5), Inches(3), data)
    return rewritten(
        saved(deck), lambda name, content: change(content) if name.startswith("ppt/charts/c") else content
    )


@pytest.mark.parametrize("kind", ["bar3DChart", "pie3DChart", "stockChart", "surfaceChart", "ofPieChart"])
def test_charts_of_every_kind_are_tables(read, kind):
    from pptx.chart.data import CategoryChartData
    from pptx.enum.chart import XL_CHART_TYPE

    data = CategoryChartData(number_format="0.0%")
    data.categories = ["2022", "2023"]
    data.add_series("Sales", (0.1, 0.125))
    data.add_series("Costs", (0.2, None))
    file = chart(
        XL_CHART_TYPE.COLUMN_CLUSTERED,
        data,
        lambda content: content.replace(b"c:barChart", f"c:{kind}".encode()),
    )
    assert read(file, "a.pptx").text == (
        "Turnover\n\n | Sales | Costs\n2022 | 10.0% | 20.0%\n2023 | 12.5%\n\nSecond"
    )


def test_bubbles_have_places_and_sizes(read):
    from pptx.chart.data import BubbleChartData
    from pptx.enum.chart import XL_CHART_TYPE

    bubbles = BubbleChartData()
    bubbles.add_series("One").add_data_point(1, 2, 10)
    file = chart(XL_CHART_TYPE.BUBBLE, bubbles)
    assert read(file, "a.pptx").text == "Turnover\n\n | One | One\n1 | 2 | 10\n\nSecond"


def test_scatter_charts_and_levels_of_categories(read):
    from pptx.chart.data import CategoryChartData, XyChartData
    from pptx.enum.chart import XL_CHART_TYPE

    points = XyChartData()
    for name, shift in (("One", 0), ("Two", 5)):
        series = points.add_series(name)
        series.add_data_point(1 + shift, 2.5)
        series.add_data_point(3 + shift, 4)
    assert read(chart(XL_CHART_TYPE.XY_SCATTER, points), "a.pptx").text == (
        "Turnover\n\n | One\n1 | 2.5\n3 | 4\n\n | Two\n6 | 2.5\n8 | 4\n\nSecond"
    )
    levels = CategoryChartData()
    year = levels.add_category("2022")
    year.add_sub_category("Q1")
    year.add_sub_category("Q2")
    levels.add_series("Sales", (1, 2))
    assert "2022 Q1 | 1\n2022 Q2 | 2" in read(chart(XL_CHART_TYPE.COLUMN_CLUSTERED, levels), "a.pptx").text


def workbook():
    from openpyxl import Workbook

    book = Workbook()
    sheet = book.active
    sheet.append(["Item", "Share", "Time", "Sum"])
    sheet.append(["Tea", 0.15, datetime.timedelta(hours=26), 0.30000000000000004])
    sheet.append(["Cake", 0.1255, datetime.timedelta(minutes=-90), 2.5])
    sheet["B2"].number_format, sheet["B3"].number_format = "0%", "0.0%"
    return book


SHEET = "Sheet\n\nItem | Share | Time | Sum\nTea | 15% | 26:00:00 | 0.3\nCake | 12.6% | -1:30:00 | 2.5"


def test_numbers_in_sheets_are_as_people_read_them(read):
    assert read(saved(workbook()), "a.xlsx").text == SHEET


@pytest.mark.parametrize("size", ["A1", "A1:B2"])
def test_a_wrong_size_of_a_sheet_cuts_nothing(read, size):
    wrong = rewritten(
        saved(workbook()),
        lambda _, content: re.sub(rb'<dimension ref="[^"]*"', f'<dimension ref="{size}"'.encode(), content),
    )
    assert read(wrong, "a.xlsx").text == SHEET


@pytest.mark.parametrize("state", ["hidden", "veryHidden"])
def test_hidden_sheets_are_told_and_not_read(read, state):
    book = workbook()
    book.create_sheet("Old prices").append(["secret"])
    book["Old prices"].sheet_state = state
    document = read(saved(book), "a.xlsx")
    assert document.text == SHEET
    assert document.notes == ("hidden and not read: the sheet Old prices",)


@pytest.mark.parametrize(
    ("value", "written", "text"),
    [
        (0.125, "0%", "13%"),
        (-0.125, "0%", "-13%"),
        (0.005, "0%", "1%"),
        (0.00125, "0.0%", "0.1%"),
        (0.285, "0%", "29%"),
        (3, "0.00%", "300.00%"),
        (1e40, "0%", f"{1e42:.0f}%"),
        (float("inf"), "0%", "inf%"),
    ],
)
def test_percentages_are_rounded_as_sheets_show_them(value, written, text):
    assert shown(value, written) == text


def test_hidden_rows_and_columns_are_told_and_not_read(read):
    from openpyxl import Workbook

    book = Workbook()
    sheet = book.active
    sheet.title = "Prices"
    for row in (
        ["Item", "Cost", "Price"],
        ["Tea", "secret", "3"],
        ["secret", "secret", "9"],
        ["Oil", None, "7"],
    ):
        sheet.append(row)
    sheet.row_dimensions[3].hidden = True
    sheet.column_dimensions["B"].hidden = True
    sheet.column_dimensions.group("E", "XFD", hidden=True)
    document = read(saved(book), "a.xlsx")
    assert document.text == "Prices\n\nItem | Price\nTea | 3\nOil | 7"
    assert document.notes == (
        "hidden and not read: rows of the sheet Prices",
        "hidden and not read: columns of the sheet Prices",
    )


def test_hidden_rows_without_text_are_not_told(read):
    book = workbook()
    book.active.row_dimensions[900].hidden = True
    book.active.column_dimensions.group("Q", "XFD", hidden=True)
    document = read(saved(book), "a.xlsx")
    assert (document.text, document.notes) == (SHEET, ())


CELL = "<table:table-cell>{}</table:table-cell>"
TABLE = "<table:table><table:table-row>{}</table:table-row></table:table>"


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (
            '<text:p>The rent<text:note text:note-class="footnote"><text:note-citation>1</text:note-citation>'
            "<text:note-body><text:p>Payable monthly.</text:p></text:note-body></text:note> is 9.</text:p>",
            "The rent is 9.\n\nPayable monthly.",
        ),
        (
            "<text:p>Before<drawing:frame><drawing:text-box><text:p>Box one</text:p><text:p>Box two</text:p>"
            "</drawing:text-box></drawing:frame> after.</text:p>",
            "Before after.\n\nBox one\n\nBox two",
        ),
        (
            TABLE.format(
                CELL.format("<text:p>out</text:p>" + TABLE.format(CELL.format("<text:p>in</text:p>") * 2))
                + CELL.format("<text:h>Head</text:h><text:p>B</text:p>")
            ),
            "out in in | Head B",
        ),
        (
            "<text:p>a<text:change/>b <text:ruby><text:ruby-base>漢</text:ruby-base>"
            "<text:ruby-text>kan</text:ruby-text></text:ruby></text:p>",
            "ab 漢",
        ),
        (
            '<text:p>seen<text:span text:style-name="T1">secret</text:span></text:p>'
            '<text:p text:style-name="T1">secret</text:p>'
            '<text:section text:display="none"><text:p>secret</text:p></text:section>'
            '<text:p><text:hidden-paragraph text:is-hidden="true"/>secret</text:p>'
            '<text:p><text:hidden-text text:is-hidden="true">secret</text:hidden-text>too</text:p>',
            "seen\n\ntoo",
        ),
    ],
)
def test_notes_boxes_and_tables_of_opendocument(read, body, text):
    styles = '<style:style style:name="T1"><style:text-properties text:display="none"/></style:style>'
    assert read(made.odt(body, styles=styles), "a.odt").text == text


CHAPTER = "<html><body><p>Hello</p></body></html>"


def locked(algorithm, path):
    return {
        "META-INF/encryption.xml": '<encryption xmlns="urn:oasis:names:tc:opendocument:xmlns:container" '
        'xmlns:enc="http://www.w3.org/2001/04/xmlenc#"><enc:EncryptedData>'
        f'<enc:EncryptionMethod Algorithm="{algorithm}"/><enc:CipherData><enc:CipherReference URI="{path}"/>'
        "</enc:CipherData></enc:EncryptedData></encryption>"
    }


FONTS = ("http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC")
AES = "http://www.w3.org/2001/04/xmlenc#aes128-cbc"


@pytest.mark.parametrize("algorithm", FONTS)
def test_a_book_whose_fonts_alone_are_locked_is_read(read, algorithm):
    book = made.epub({"a.xhtml": CHAPTER}, locked(algorithm, "OPS/x.otf"))
    assert read(book, "a.epub").text == "Hello"


@pytest.mark.parametrize(
    "more",
    [
        locked(AES, "OPS/a%20b.xhtml"),
        locked(AES, "OPS/x.otf"),
        locked(FONTS[0], "OPS/a%20b.xhtml"),
        {**locked(AES, "OPS/a%20b.xhtml"), "META-INF/rights.xml": "<rights><licenseToken/></rights>"},
    ],
)
def test_a_book_that_is_locked_is_told_as_encrypted(read, more):
    with pytest.raises(DocumentError) as told:
        read(made.epub({"a b.xhtml": CHAPTER}, more), "a.epub")
    assert told.value.reason == "encrypted"


def test_chapters_in_the_encoding_that_they_declare(read):
    text = "Opłata wynosi pięćdziesiąt złotych za każdą część."
    chapter = f'<?xml version="1.0" encoding="iso-8859-2"?><html><body><p>{text}</p></body></html>'
    assert read(made.epub({"a.xhtml": chapter.encode("iso-8859-2")}), "a.epub").text == text


def strict(data):
    """The same file as "Strict Open XML", which Office saves, too."""
    return rewritten(
        data,
        lambda _, content: re.sub(
            rb"http://schemas\.openxmlformats\.org/(?!package/)(\w+)/2006/",
            rb"http://purl.oclc.org/ooxml/\1/",
            content,
        ),
    )


def test_a_strict_workbook_is_read(read):
    book = workbook()
    book.create_sheet("Dates").append([datetime.date(2024, 3, 1)])
    date = rb'<c r="A1" s="\1" t="d"><v>2024-03-01</v></c>'
    file = rewritten(
        strict(saved(book)),
        lambda _, content: re.sub(rb'<c r="A1" s="(\d+)" t="n"><v>45352</v></c>', date, content),
    )
    assert read(file, "a.xlsx").text == f"{SHEET}\n\nDates\n\n2024-03-01"


def test_a_strict_presentation_is_read(read):
    from pptx import Presentation

    deck = Presentation()
    slide = deck.slides.add_slide(deck.slide_layouts[1])
    slide.shapes.title.text = "Fees"
    slide.placeholders[1].text = "Forty euros a month"
    assert read(strict(saved(deck)), "a.pptx").text == "Fees\n\nForty euros a month"


def test_a_strict_word_document_is_read(read):
    body = made.word_paragraph("Fees", "Heading1") + made.word_table([["Month", "40 euros"]])
    document = read(strict(made.docx(body)), "a.docx")
    assert document.text == "Fees\n\nMonth | 40 euros"
    assert headings(document) == [("Fees", 1)]

"""HTML and Markdown: nothing lost that a reader sees, nothing read that is hidden."""

import time

import pytest

from localqa.documents.document import DocumentError
from tests.documents import headings


@pytest.mark.parametrize(
    "page",
    [
        "".join(f"<font size=2>para {at}<br>" for at in range(400)) + "<p>LAST</p>",
        "<div>" * 1500 + "para 399" + "</div>" * 1500 + "<p>LAST</p>",
        "<pre>" + "word " * 2_200_000 + "para 399</pre><p>LAST</p>",
        "<table>" + "<tr><td>a<td>b" * 60_000 + "<tr><td>para 399</table><p>LAST</p>",
        "<table><tr><td>" + "<i>" * 1500 + "para 399</table><p>LAST</p>",
    ],
)
def test_deep_and_long_pages_are_read_to_their_end(read, page):
    document = read(page.encode(), "a.html")
    assert document.text.endswith("para 399\n\nLAST")
    assert not document.notes


def test_hidden_text_is_hidden_however_deep(read):
    page = "<div>" * 300 + "seen<span hidden>secret</span><script>x</script>" + "</div>" * 300
    assert read(page.encode(), "a.html").text == "seen"


@pytest.mark.parametrize(("name", "tag"), [("a.html", "<font>"), ("a.md", "<font size=2>")])
def test_what_is_too_deep_is_told(read, name, tag):
    document = read((f"{tag}para<br>" * 3000).encode(), name)
    assert document.text.startswith("para\npara")
    assert document.notes == ("nested too deep to be read to its end",)


@pytest.mark.parametrize("part", ["", "<!-- x -->", "  "])
def test_an_empty_part_of_a_mail_is_no_damage(read, part):
    mail = f"From: a@b.c\nSubject: Rent\nContent-Type: text/html\n\n{part}\n"
    assert read(mail.encode(), "a.eml").text == "From: a@b.c\nSubject: Rent"


@pytest.mark.parametrize(
    "source",
    [
        "---\nOptions: all\n" + "--help: show\n" * 3000 + "The end.\n",
        "First.\n\n<div\n" + "<a " * 60_000,
        "First.\n\n<div\n" + '<a "' * 60_000,
    ],
)
def test_markdown_that_begins_what_it_does_not_end(read, source):
    began = time.monotonic()
    assert read(source.encode(), "a.md").text
    assert time.monotonic() - began < 20


def test_a_page_without_text_tells_why(read):
    with pytest.raises(DocumentError, match="holds no text .nested too deep"):
        read(b"<b>" * 3000 + b"x", "a.html")


@pytest.mark.parametrize(
    ("page", "text"),
    [
        (
            "<table><caption>Prices in euro</caption><tr><th>A<th>B<tr><td>1<td>2</table>",
            "Prices in euro\n\nA | B\n1 | 2",
        ),
        (
            "<table><tr><th>A<th>B<tr><td><span style='display:none'>700</span>1<td hidden>secret<td>2"
            "<tr style='display: none'><td>secret<tbody hidden><tr><td>secret</table><p>After",
            "A | B\n1 | 2\n\nAfter",
        ),
        ("<table><tr><form><td>a<td>b</form><tr><td>1<td>2</table>", "a | b\n1 | 2"),
        ("<h2>Head <span hidden>secret</span></h2><p>x", "Head\n\nx"),
        ("<h2>Head <button>Edit</button></h2><p>x", "Head\n\nx"),
        ("<h2><button>How do I return goods?</button></h2><p>x", "How do I return goods?\n\nx"),
        ("<ul>" + "<li><a href=x>Home</a>" * 6 + "</ul><p>x", "x"),
        ("<article><ul>" + "<li><a href=x>Form</a>" * 5 + "</ul></article>", "\n\n".join(["Form"] * 5)),
        ("<main><p>x<aside><ul>" + "<li><a href=x>Home</a>" * 6 + "</ul></aside></main>", "x"),
    ],
)
def test_tables_headings_and_menus_of_pages(read, page, text):
    assert read(page.encode(), "a.html").text == text


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("<ol><li>Open<li><p>Rest</p><p>a day</p></ol>", "1. Open\n\n2. Rest\n\na day"),
        ("<ol start=9><li>a<li value=20>b<li>c</ol>", "9. a\n\n20. b\n\n21. c"),
        ("<ol reversed><li>a<li>b</ol>", "2. a\n\n1. b"),
        ("<ol type=a start=27><li>x<ol type=I><li>y</ol><li>z</ol>", "aa. x\n\nI. y\n\nab. z"),
        ("<ol><li>a<ul><li>inner</ul>more<li>b</ol>", "1. a\n\ninner\n\nmore\n\n2. b"),
        ("<ol><li><h2>Head</h2>x<li></ol>y", "1. Head\n\nx\n\ny"),
        ("<ol style='list-style-type: none'><li>a</ol>", "a"),
        ("<ol start=x type=1><li value='4th'>a<li hidden>secret<li>b</ol>", "4. a\n\n5. b"),
        ("<ol start=99999999999999999999><li>a</ol><li>b", "1. a\n\nb"),
    ],
)
def test_items_of_lists_keep_their_numbers(read, page, text):
    assert read(page.encode(), "a.html").text == text


@pytest.mark.parametrize(
    ("page", "text"),
    [
        (
            "Founded in 2019<sup><a href='n.xhtml#3'>3</a></sup> with 10<sup>6</sup> shares.",
            "2019 with 10^6 shares.",
        ),
        ("Agreed<a href='#n1'><sup>1</sup></a>, log<sub>2</sub> 8<sub>10</sub>.", "Agreed, log2 8_10."),
        ("A part in 10<sup>-6</sup> on the 4<sup>th</sup> of CO<sub>2</sub>.", "in 10^-6 on the 4th of CO2."),
        ("Cited<sup><a href='#c'>[3]</a></sup>", "Cited[3]"),
        ("<table><tr><td>10<sup>6</sup><td>7<sup><a href='#n'>*</a></sup></table>", "10^6 | 7"),
    ],
)
def test_raised_figures_do_not_grow_into_the_number_before(read, page, text):
    assert read(f"<p>{page}</p>".encode(), "a.html").text.endswith(text)


def test_notes_of_markdown_keep_their_words(read):
    notes = "[^1]: Monthly.\n[^n]: https://example.com\n\n[terms]: /t\n\nSee [terms]."
    source = f"The fee is 90[^1] euro.[^n]\n\n{notes}"
    text = read(source.encode(), "a.md").text
    assert "90[^1] euro" in text
    assert "Monthly." in text
    assert text.endswith("See terms.")


@pytest.mark.parametrize(
    ("label", "encoding", "text"),
    [
        ("gb2312", "gb18030", "第一条 租金每月九百元。"),
        ("shift_jis", "cp932", "家賃は毎月九百円です。"),
        ("windows-874", "cp874", "ค่าเช่า"),
    ],
)
def test_a_bad_byte_spoils_no_page_that_declares_its_encoding(read, label, encoding, text):
    page = f"<meta charset={label}><p>{text}</p><p>".encode(encoding) + b"\xff</p>"
    assert read(page, "a.html").text.startswith(text)


def test_numbers_of_markdown_are_kept(read):
    source = "3. Fill it\n4. Wait\n   - briefly\n\n7) Stop"
    assert read(source.encode(), "a.md").text == "3. Fill it\n\n4. Wait\n\nbriefly\n\n7. Stop"


def test_a_heading_that_is_a_button_is_a_heading(read):
    document = read(b"<h2><button>How?</button></h2><p>So.</p>", "a.html")
    assert headings(document) == [("How?", 2)]


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (
            "---\n# Terms\nThe fee is 90 euro.\n\n---\nSecond part.\n",
            "Terms\n\nThe fee is 90 euro.\n\nSecond part.",
        ),
        ("---\nPlease note: the fee is 90 euro.\n---\nx", "Please note: the fee is 90 euro.\n\nx"),
        ("---\ntitle: T\ntags:\n  - a\n- b\n# why\n\n---\nBody", "Body"),
        ("---\ntitle: T\n---", None),
        (
            "Use List<String> and <your-name>, <b>bold</b> <br> </T>.",
            "Use List<String> and <your-name>, bold\n</T>.",
        ),
        ("Ask\n\n<your-name>\n\nfirst", "Ask\n\n<your-name>\n\nfirst"),
        ("Put <title> and <file name> here<br>or `there`.", "Put <title> and <file name> here\nor there."),
        ("Put <title> here.\n\n```\n<title></title>\n```", "Put <title> here.\n\n<title></title>"),
        ("<p align=center>a<o:p></o:p>", "a"),
        ("a <kbd>Ctrl</kbd> <Object>", "a Ctrl <Object>"),
        ("- [a](x)\n- [b](x)\n- [c](x)\n- [d](x)\n- [e](x)\n", "a\n\nb\n\nc\n\nd\n\ne"),
        (
            "\n".join(f"{'  ' * at}- level {at}" for at in range(30)),
            "\n\n".join(f"level {at}" for at in range(30)),
        ),
    ],
)
def test_markdown(read, source, text):
    if text is None:
        source, text = f"{source}\nBody", "Body"
    assert read(source.encode(), "a.md").text == text


@pytest.mark.parametrize("source", [">" * 5000 + " x", "[" * 5000 + "x", "- " * 3000 + "x"])
def test_markdown_without_end_is_read_all_the_same(read, source):
    document = read(f"{source}\n\nLAST".encode(), "a.md")
    assert document.text.endswith("LAST")
    assert "x" in document.text


PLACE = "Opłata wynosi pięćdziesiąt złotych za każdą część."


@pytest.mark.parametrize(
    ("name", "page", "encoding", "text"),
    [
        ("a.xhtml", '<?xml version="1.0" encoding="iso-8859-2"?><p>{}</p>', "iso-8859-2", PLACE),
        (
            "a.html",
            "<script>//" + "x" * 5000 + "</script><meta charset=iso-8859-2><p>{}</p>",
            "iso-8859-2",
            PLACE,
        ),
        *(
            ("a.html", f'<meta charset="{name}"><p>{{}}</p>', "cp1252", "We don’t charge “fees” – 5 €")
            for name in ("iso-8859-1", "latin-1", "us-ascii", "ISO_8859-1")
        ),
        ("a.html", "<meta charset=iso-8859-9><p>{}</p>", "cp1254", "Ğ – “Şu”"),
        ("a.html", "<meta charset=iso-2022-jp><p>{}</p>", "iso2022_jp", "日本語の文章です"),
        ("a.html", "<meta charset=utf-16><p>{}</p>", "cp1252", "café costs"),
        ("a.html", "<meta charset=undefined><p>{}</p>", "cp1252", "café costs"),
    ],
)
def test_pages_in_the_encoding_that_they_declare(read, name, page, encoding, text):
    assert read(page.replace("{}", text).encode(encoding), name).text == text

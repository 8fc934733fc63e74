"""Plain texts in whatever encoding, and rich text."""

import pytest

from localqa.documents.document import DocumentError


@pytest.mark.parametrize("mark", ["\x0b", "\x0c"])
def test_page_and_line_feeds_part_words(read, mark):
    assert read(f"ends here{mark}Chapter two".encode(), "a.txt").text == "ends here\nChapter two"


def test_one_bad_byte_spoils_no_utf8(read):
    good = "Die Gebühr beträgt fünfzig Euro. " * 9
    assert read(good.encode() + b"x \xff y", "a.txt").text == f"{good}x \ufffd y"


def test_a_text_that_is_cut_within_a_letter_is_utf8(read):
    assert (
        read("Größe, Übung, Straße, früh: 5 €".encode()[:-1], "a.txt").text
        == "Größe, Übung, Straße, früh: 5 \ufffd"
    )


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize(
    "text",
    [
        "Привет, мир.\nПока.",
        "The fee is 90 euro.",
        "费用为九十欧元。\n请按月支付。",
        "الرسوم هي تسعون يورو.",
        "Привет, мир. " * 300 + "x😀",
    ],
)
def test_utf16_without_a_mark(read, text, encoding):
    assert read(text.encode(encoding), "a.txt").text == text.strip()


@pytest.mark.parametrize(
    "data",
    [
        b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x03\x00>\x00\x01\x00\x00\x00\x50\x10\x00\x00",
        b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x04\x00\x00\x00\x03\x00\x08\x06",
        b"MZ\x90\x00\x03\x00\x00\x00\x04\x00\x00\x00\xff\xff\x00\x00" + bytes(400) + b"\x01",
        bytes(range(256)) * 8,
    ],
)
def test_files_that_are_no_text(read, data):
    with pytest.raises(DocumentError) as told:
        read(data, "a.txt")
    assert told.value.reason == "unsupported"


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (r"if (a || b) then || c\par", "if (a || b) then || c"),
        (r"\trowd\cellx100\intbl one cell\cell\row\pard After", "one cell\n\nAfter"),
        (r"\trowd\intbl a\cell b\cell\row\intbl 1\cell 2|3\cell\row\pard After", "a | b\n1 | 2|3\n\nAfter"),
        (r"\trowd\intbl a\u8217\cell b\u8217\cell\row", "a’ | b’"),
        (r"C:\\cell\par", r"C:\cell"),
        (
            r"The rent{\super\chftn{\footnote\pard\chftn  Due {\b monthly}.\par At once.}} is 9.\par After",
            "The rent is 9.\n\nDue monthly. At once.\n\nAfter",
        ),
        (r"seen\v  secret\v0  and {\deleted gone}{\plain\v\par secret}more", "seen and\n\nmore"),
        (r"seen {\v secret}{\b\v secret {x}}too{\v0  all}", "seen too all"),
        (
            r"In C:\\bin {\*\shppict{\pict{\*\picprop\shplid1025{\sp{\sn shapeType}{\sv 75}}}\picscalex100"
            r"\jpegblip{\*\blipuid abcd}ffd8ffe0}} middle.\par The rent is 900.\par",
            "In C:\\bin middle.\n\nThe rent is 900.",
        ),
        (r"\binfsxn4\binsxn4 One {\pict\bin5 a}}b{ ff} two", "One two"),
        (
            r"The rent{\super \chftn{\*\footnote\pard\plain\chftn Due monthly.}} is 9.\par",
            "The rent is 9.\n\nDue monthly.",
        ),
        (
            r"{\shp{\*\shpinst\shpleft0{\sp{\sn a}{\sv 1}}{\shptxt \pard Boxed words.\par}}}After\par",
            "After\n\nBoxed words.",
        ),
        (r"\u-10179?\u-8704? smiles", "😀 smiles"),
        (r'{\field{\*\fldinst{HYPERLINK "http://y.example/b"}}{\fldrslt the rules}} hold', "the rules hold"),
        (r"Grüße: \uc0 9 € – 😀\par {\*\generator ä}Ende", "Grüße: 9 € – 😀\n\nEnde"),
        (r"10{\super 6} and H{\sub 2}O, 8{\sub 10}, 4{\super th}", "10^6 and H2O, 8_10, 4th"),
    ],
)
def test_rich_text(read, body, text):
    assert read(rf"{{\rtf1\ansi {body}}}".encode(), "a.rtf").text == text

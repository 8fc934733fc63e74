"""The numbers that Word shows before paragraphs stand in the text, as on its pages."""

import pytest

from tests.documents import headings, made


def level(at, text, kind="decimal", more="", start=1):
    return (
        f'<w:lvl w:ilvl="{at}"><w:start w:val="{start}"/><w:numFmt w:val="{kind}"/>{more}'
        f'<w:lvlText w:val="{text}"/></w:lvl>'
    )


def shared(number, *levels, more=""):
    return f'<w:abstractNum w:abstractNumId="{number}">{more}{"".join(levels)}</w:abstractNum>'


def own(number, of, more=""):
    return f'<w:num w:numId="{number}"><w:abstractNumId w:val="{of}"/>{more}</w:num>'


def begins(at, start):
    return f'<w:lvlOverride w:ilvl="{at}"><w:startOverride w:val="{start}"/></w:lvlOverride>'


def item(text, number=1, at=0, more=""):
    words = made.word_run(text) if text else ""
    return (
        f'<w:p><w:pPr><w:numPr><w:ilvl w:val="{at}"/><w:numId w:val="{number}"/></w:numPr>{more}</w:pPr>'
        f"{words}</w:p>"
    )


CLAUSES = shared(1, level(0, "%1."), level(1, "%1.%2"), level(2, "(%3)", "lowerLetter")) + own(1, 1)
PLAIN = made.word_paragraph("plain")
HIDDEN, DELETED = (f"<w:rPr><w:{name}/></w:rPr>" for name in ("vanish", "del"))


@pytest.mark.parametrize(
    ("lists", "body", "lines"),
    [
        (
            CLAUSES,
            item("Rent")
            + item("Due", at=1)
            + item("cash", at=2)
            + item("card", at=2)
            + item("Late", at=1)
            + item("cash", at=2)
            + PLAIN
            + item("Notice")
            + item("Form", at=1),
            ["1. Rent", "1.1 Due", "(a) cash", "(b) card", "1.2 Late", "(a) cash"]
            + ["plain", "2. Notice", "2.1 Form"],
        ),
        (CLAUSES, item("Form", at=1) + item("Rent"), ["1.1 Form", "1. Rent"]),
        # Lists of one kind count on together; one that begins anew does so once.
        (
            CLAUSES + own(2, 1) + own(3, 1, begins(0, 7)),
            item("a") + item("b", 2) + item("c", 3) + item("d", 3) + item("e"),
            ["1. a", "2. b", "7. c", "8. d", "9. e"],
        ),
        (shared(1, level(0, "Article %1", "upperRoman", start=4)) + own(1, 1), item("x"), ["Article IV x"]),
        (shared(1, level(0, "%1", "decimalZero")) + own(1, 1), item("x"), ["01 x"]),
        (shared(1, level(0, "%1)", "upperLetter", start=28)) + own(1, 1), item("x"), ["BB) x"]),
        (shared(1, level(0, "\uf0b7", "bullet")) + own(1, 1), item("x"), ["x"]),
        (shared(1, level(0, "%1.", "none")) + own(1, 1), item("x"), ["x"]),
        (
            shared(1, level(0, "%1", "upperRoman"), level(1, "%1.%2", more="<w:isLgl/>")) + own(1, 1),
            item("a") + item("b", at=1),
            ["I a", "1.1 b"],
        ),
        (
            shared(1, level(0, "%1"), level(1, "%2", more='<w:lvlRestart w:val="0"/>')) + own(1, 1),
            item("a") + item("b", at=1) + item("c") + item("d", at=1),
            ["1 a", "1 b", "2 c", "2 d"],
        ),
        # An empty item is counted, one that nobody sees is not.
        (CLAUSES, item("a") + item("") + item("b"), ["1. a", "3. b"]),
        (CLAUSES, item("a") + item("", more=HIDDEN) + item("", more=DELETED) + item("b"), ["1. a", "2. b"]),
        (CLAUSES, item("a", 0) + item("b", 77) + item("c", at=12), ["a", "b", "c"]),
        (own(1, 5), item("a"), ["a"]),
        ("", item("a"), ["a"]),
    ],
)
def test_paragraphs_keep_their_numbers(read, lists, body, lines):
    assert read(made.docx(body, numbering=lists), "a.docx").text.split("\n\n") == lines


def styled(name, based_on="", numbered=""):
    base = f'<w:basedOn w:val="{based_on}"/>' if based_on else ""
    of = f"<w:pPr><w:numPr>{numbered}</w:numPr></w:pPr>" if numbered else ""
    return f'<w:style w:type="paragraph" w:styleId="{name}">{base}{of}</w:style>'


def test_numbers_of_styles(read):
    lists = shared(1, level(0, "%1", more='<w:pStyle w:val="Chapter"/>'), level(1, "%1.%2")) + own(1, 1)
    styles = (
        styled("Chapter", numbered='<w:numId w:val="1"/>')
        + styled("Section", based_on="Chapter", numbered='<w:ilvl w:val="1"/><w:numId w:val="1"/>')
        + styled("Inner", based_on="Section")
        + styled("Round", based_on="Circle")
        + styled("Circle", based_on="Round")
    )
    body = "".join(
        made.word_paragraph(text, style)
        for text, style in [
            ("a", "Chapter"),
            ("b", "Section"),
            ("c", "Inner"),
            ("d", "Round"),
            ("e", "Chapter"),
        ]
    )
    made_of = made.docx(body, more_styles=styles, numbering=lists)
    assert read(made_of, "a.docx").text.split("\n\n") == ["1 a", "1.1 b", "1.2 c", "d", "2 e"]


def test_a_list_that_is_a_style(read):
    lists = (
        shared(1, level(0, "§ %1"), more='<w:styleLink w:val="Legal"/>')
        + shared(2, more='<w:numStyleLink w:val="Legal"/>')
        + own(1, 1)
        + own(2, 2)
    )
    assert read(made.docx(item("a", 2), numbering=lists), "a.docx").text == "§ 1 a"


def test_headings_have_their_numbers(read):
    body = (
        '<w:p><w:pPr><w:pStyle w:val="Heading1"/><w:numPr><w:numId w:val="1"/></w:numPr></w:pPr>'
        f"{made.word_run('Rent')}</w:p>{made.word_paragraph('900 euro')}"
    )
    assert headings(read(made.docx(body, numbering=CLAUSES), "a.docx")) == [("1. Rent", 1)]

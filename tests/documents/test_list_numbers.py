"""The numbers that Word and OpenDocument show before paragraphs stand in the text, as on their pages."""

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
HIDDEN, DELETED, MOVED = (f"<w:rPr><w:{name}/></w:rPr>" for name in ("vanish", "del", "moveFrom"))


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
        (shared(1, level(0, "%1" * 1000)) + own(1, 1), item("x"), ["x"]),
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
        (
            CLAUSES,
            item("", more=MOVED).replace("</w:p>", f"<w:moveFrom>{made.word_run('a')}</w:moveFrom></w:p>")
            + item("b"),
            ["1. b"],
        ),
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


def odt_level(at, kind="1", tag="list-level-style-number", **more):
    told = "".join(
        f' {name.replace("_", ":", 1).replace("_", "-")}="{value}"' for name, value in more.items()
    )
    return f'<text:{tag} text:level="{at}" style:num-format="{kind}"{told}/>'


def odt_list(items, style="L1", more=""):
    return f'<text:list text:style-name="{style}"{more}>{items}</text:list>'


def odt_item(text, inner="", more=""):
    return f"<text:list-item{more}><text:p>{text}</text:p>{inner}</text:list-item>"


CONTINUED = ' text:continue-numbering="true"'
LETTERS = odt_level(2, "a", style_num_prefix="(", style_num_suffix=")")
LEVELS = odt_level(1, style_num_suffix=".") + LETTERS
DEEP = odt_level(1) + odt_level(2, text_display_levels="2")


@pytest.mark.parametrize(
    ("levels", "body", "lines"),
    [
        (
            LEVELS,
            odt_list(odt_item("Rent", odt_list(odt_item("cash"))) + odt_item("Notice")),
            ["1. Rent", "(a) cash", "2. Notice"],
        ),
        (LEVELS, odt_list(odt_item("a")) + odt_list(odt_item("b")), ["1. a", "1. b"]),
        (
            LEVELS,
            odt_list(odt_item("a")) + "<text:p>x</text:p>" + odt_list(odt_item("b"), more=CONTINUED),
            ["1. a", "x", "2. b"],
        ),
        (
            LEVELS,
            odt_list(odt_item("a"), more=' xml:id="i"')
            + odt_list(odt_item("b"))
            + odt_list(odt_item("c"), more=' text:continue-list="i"'),
            ["1. a", "1. b", "2. c"],
        ),
        (LEVELS, odt_list(odt_item("a"), more=' text:continue-list=""'), ["1. a"]),
        (LEVELS, odt_list(odt_item("a", more=' text:start-value="7"') + odt_item("b")), ["7. a", "8. b"]),
        (
            LEVELS,
            odt_list("<text:list-header><text:p>h</text:p></text:list-header>" + odt_item("a")),
            ["h", "1. a"],
        ),
        (DEEP, odt_list(odt_item("a", odt_list(odt_item("b") + odt_item("c")))), ["1 a", "1.1 b", "1.2 c"]),
        (odt_level(1, text_start_value="4"), odt_list(odt_item("a")), ["4 a"]),
        ("", odt_list(odt_item("a")), ["a"]),
        (LEVELS, odt_list(odt_item("<text:s/>") + odt_item("a</text:p><text:p>more")), ["2. a", "more"]),
    ],
)
def test_lists_of_opendocument(read, levels, body, lines):
    styles = f'<text:list-style style:name="L1">{levels}</text:list-style>'
    assert read(made.odt(body, styles=styles), "a.odt").text.split("\n\n") == lines


def test_headings_of_opendocument(read):
    level = "outline-level-style"
    outline = (
        "<text:outline-style>"
        + odt_level(1, tag=level, style_num_suffix=".")
        + odt_level(2, tag=level, text_display_levels="2")
        + odt_level(3, "", tag=level)
        + "</text:outline-style>"
    )
    body = "".join(
        f'<text:h text:outline-level="{at}"{more}>{text}</text:h><text:p>x</text:p>'
        for at, text, more in [
            (1, "Rent", ""),
            (2, "Due", ""),
            (3, "Note", ""),
            (1, "Foreword", ' text:is-list-header="true"'),
            (1, "Notice", ""),
        ]
    )
    assert headings(read(made.odt(body, named=outline), "a.odt")) == [
        ("1. Rent", 1),
        ("1.1 Due", 2),
        ("Note", 3),
        ("Foreword", 1),
        ("2. Notice", 1),
    ]


def test_an_interrupted_list_goes_on_at_every_level(read):
    style = (
        '<text:list-style style:name="L">'
        + odt_level(1, style_num_suffix=".")
        + odt_level(2, text_display_levels="2")
    )

    def goes_on(inner):
        return (
            '<text:list text:style-name="L" text:continue-numbering="true"><text:list-item>'
            f"{inner}</text:list-item></text:list>"
        )

    def sub(text):
        return f"<text:list><text:list-item><text:p>{text}</text:p></text:list-item></text:list>"

    plain = "<text:p>plain</text:p>"
    body = (
        '<text:list text:style-name="L"><text:list-item><text:p>Scope</text:p></text:list-item></text:list>'
        + plain
        + goes_on(sub("a"))
        + plain
        + goes_on(sub("b"))
        + goes_on("<text:p>Term</text:p>")
    )
    text = read(made.odt(body, styles=style + "</text:list-style>"), "a.odt").text
    assert text.split("\n\n") == ["1. Scope", "plain", "1.1 a", "plain", "1.2 b", "2. Term"]


def test_raised_figures_of_opendocument(read):
    style = '<style:style style:name="{}"><style:text-properties style:text-position="{}"/></style:style>'

    def span(name, figure):
        return f'<text:span text:style-name="{name}">{figure}</text:span>'

    styles = style.format("U", "super 58%") + style.format("D", "-33% 58%") + style.format("N", "0% 100%")
    body = f"<text:p>10{span('U', 6)} 8{span('D', 10)} H{span('D', 2)}O 1{span('N', 2)}</text:p>"
    assert read(made.odt(body, named=styles), "a.odt").text == "10^6 8_10 H2O 12"


def test_text_that_a_style_with_a_name_hides(read):
    hidden = '<style:style style:name="H"><style:text-properties text:display="none"/></style:style>'
    body = '<text:p text:style-name="H">secret</text:p><text:p>seen</text:p>'
    assert read(made.odt(body, named=hidden), "a.odt").text == "seen"

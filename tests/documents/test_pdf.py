"""PDFs: paragraphs, headings, columns, tables and places, from pages that were made for it."""

import tracemalloc

import pytest

from localqa.documents.document import DocumentError
from localqa.documents.pdf_layout import laid_out
from localqa.documents.pdf_sheets import Line
from tests.documents import headings, made


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


@pytest.mark.parametrize(
    ("password", "told"),
    [(None, "is encrypted."), ("oyster", "is encrypted, and the password is not its"), ("pearl", "")],
)
def test_encrypted_pdf_is_read_with_its_password(read, password, told):
    data = made.pdf([[(72, 700, 10, "The toll was two pence.")]], password=b"pearl")
    assert b"two pence" not in data
    if told:
        with pytest.raises(DocumentError, match=told):
            read(data, "toll.pdf", password)
    else:
        assert read(data, "toll.pdf", password).text == "The toll was two pence."


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


def prose(top, lines, *, left=72, size=10):
    """Lines of a paragraph, below each other."""
    return [(left, top - 1.2 * size * at, size, line) for at, line in enumerate(lines)]


def test_a_table_within_a_column_keeps_its_cells(read):
    words = "and so the water of the river goes on down to the sea"
    rows = [(700 - 14 * at, f"left {at} {words[:30]}", f"right {at} {words[:30]}") for at in range(10)]
    lines = [line for at, one, two in rows for line in ((50, at, 10, one), (320, at, 10, two))]
    for at, (name, price) in enumerate((("Adult", "4.50"), ("Child", "2.00"))):
        level = 540 - 14 * at
        lines += [
            (50, level, 10, name),
            (150, level, 10, price),
            (320, level, 10, f"beside {at} {words[:30]}"),
        ]
    text = read(made.pdf([lines]), "columns.pdf").text
    assert "Adult | 4.50\nChild | 2.00\n" in text
    assert text.index("Child") < text.index("right 0") < text.index("beside 1")


def test_cells_keep_apart_where_a_heading_almost_touches_the_next_one(read):
    rows = [(72, 134, 250)] * 3
    texts = [("Product Code", "Place", "Price"), ("SKU-1", "A-12", "450"), ("SKU-2", "B-07", "289")]
    lines = [
        (left if at else left - 0.2, 600 - 15 * at, 9, text)
        for at, (lefts, row) in enumerate(zip(rows, texts, strict=True))
        for left, text in zip(lefts, row, strict=True)
    ]
    lines += prose(500, ["A line of text below, wide enough to be one of a paragraph, and no table."])
    assert "Product Code | Place | Price\nSKU-1 | A-12 | 450" in read(made.pdf([lines]), "a.pdf").text


def test_a_label_in_bold_beside_a_value_is_no_heading(read):
    lines = [(72, 700, 10, "*Owner"), (250, 700, 10, "Ada"), (72, 685, 10, "*Colour"), (250, 685, 10, "Red")]
    lines += prose(600, ["The rest of the page is about other things than owners and colours of it."] * 4)
    document = read(made.pdf([lines]), "a.pdf")
    assert document.text.startswith("Owner | Ada\nColour | Red")
    assert headings(document) == []


def test_a_paragraph_in_large_letters_is_no_heading(read):
    words = "a large line of a paragraph that goes on and on and on"
    lines = prose(760, [f"First comes {words}", f"then {words}", f"then {words}", "then it ends."], size=14)
    lines += prose(600, ["A smaller line that is one of many, such as most of the page is."] * 12)
    document = read(made.pdf([lines]), "a.pdf")
    assert headings(document) == []
    assert document.text.startswith(f"First comes {words} then {words} then {words} then it ends.")


def test_a_heading_of_two_lines_is_one(read):
    lines = [(72, 760, 18, "How the harbour of the island was built and"), (72, 738, 18, "paid for")]
    lines += prose(680, ["A smaller line that is one of many, such as most of the page is."] * 12)
    assert headings(read(made.pdf([lines]), "a.pdf")) == [
        ("How the harbour of the island was built and paid for", 1)
    ]


def test_a_mark_of_a_note_does_not_part_a_sentence(read):
    lines = [
        (72, 700, 10, "What the ferry carries is often told"),
        (222, 704, 6, "2"),
        (226, 700, 10, ", with the names"),
        (72, 688, 10, "of all who were on board."),
    ]
    assert read(made.pdf([lines]), "a.pdf").text == (
        "What the ferry carries is often told2, with the names of all who were on board."
    )


@pytest.mark.parametrize(
    ("ends", "begins", "text"),
    [
        ("The law holds for the pre-", "and post-war years of it.", "pre- and post-war"),
        ("Das sind die Vor-", "und Nachteile der Sache.", "Vor- und Nachteile"),
        ("The owner thereof and the there-", "of it, and more.", "the thereof it"),
    ],
)
def test_a_hyphen_that_hangs_glues_nothing(read, ends, begins, text):
    lines = prose(700, [f"{'x ' * 20}{ends}", f"{begins}{' y' * 20}"])
    assert text in read(made.pdf([lines]), "a.pdf").text


def test_words_with_a_hyphen_of_their_own_keep_it(read):
    first = prose(
        700, ["The framework that is used here is called by its authors a dual-", "encoder framework."]
    )
    second = prose(700, ["It is said on a later page that the dual-encoder reads both sides."])
    text = read(made.pdf([first, second]), "a.pdf").text
    assert "a dual-encoder framework." in text


def test_numbers_and_addresses_go_on_over_a_line(read):
    lines = prose(
        700,
        [
            "The directive that applies to all of these airplanes is the one numbered 2018\u2013",
            "23, and what was said of it before is found at the address https://",
            "www.ferry.example/rules, where all of the rules are kept for those who ask.",
        ],
    )
    assert "numbered 2018\u201323, and" in read(made.pdf([lines]), "a.pdf").text
    assert "https://www.ferry.example/rules" in read(made.pdf([lines]), "a.pdf").text


def test_a_sentence_goes_on_over_a_page_and_notes_come_behind_it(read):
    first = [
        (72, 300, 10, "The master of the ferry keeps a list of all who are on board, and gives"),
        (72, 120, 7, "1 A note below the line, in small letters."),
        (300, 40, 9, "1"),
    ]
    second = [(72, 700, 10, "it to the harbour office every evening."), (300, 40, 9, "2")]
    document = read(made.pdf([[*first[:1], first[2]], second]), "a.pdf")
    assert document.text == (
        "The master of the ferry keeps a list of all who are on board, and gives it to the harbour office "
        "every evening."
    )
    at = document.text.index("it to")
    assert (document.page_at(at - 2), document.page_at(at)) == (1, 2)
    assert document.pages[1].start == at


def test_notes_at_the_foot_of_a_column_come_behind_the_text(read):
    words = "and so the water of the river goes on down to the sea"
    left = [(50, 700 - 12 * at, 10, f"left {at} {words[:32]}") for at in range(20)]
    right = [(320, 700 - 12 * at, 10, f"right {at} {words[:32]}") for at in range(22)]
    note = [(50, 446, 7, "1 The note of the left column stands at its foot.")]
    text = read(made.pdf([[*left, *note, *right]]), "a.pdf").text
    assert text.index("left 19") < text.index("right 0") < text.index("The note")


@pytest.mark.parametrize("turn", ["up", "down"])
def test_a_page_of_text_that_runs_up_or_down_is_read_as_one_that_is_turned(read, turn):
    rows = [("Item", "Price"), ("Adult", "4.50"), ("Child", "2.00")]
    lines = [
        (300 - 15 * at, 700 - along, 10, text, "down")
        if turn == "down"
        else (300 + 15 * at, 100 + along, 10, text, "up")
        for at, row in enumerate(rows)
        for along, text in zip((0, 200), row, strict=True)
    ]
    document = read(made.pdf([lines[4:] + lines[2:4] + lines[:2]]), "a.pdf")
    assert document.text == "Item | Price\nAdult | 4.50\nChild | 2.00"
    (box,) = document.boxes(document.text.index("2.00"), len(document.text))
    if turn == "down":
        assert 265 < box.left < 270 < box.right < 282
        assert 342 - 2 < box.top < 342 + 2 < box.bottom < 372
    else:
        assert 318 < box.left < 330 < box.right < 335
        assert 842 - 325 < box.top < 842 - 310 < box.bottom < 842 - 298


def test_a_line_up_the_margin_stands_by_itself(read):
    lines = [
        *prose(700, ["The ferry leaves the island every morning at seven and takes", "passengers only."]),
        (30, 300, 12, "A stamp up the margin", "up"),
    ]
    assert read(made.pdf([lines]), "a.pdf").text == (
        "The ferry leaves the island every morning at seven and takes passengers only.\n\n"
        "A stamp up the margin"
    )


def test_running_heads_are_known_on_large_sheets(read):
    pages = [
        [
            (160, 671, 8, f"{number}"),
            (270, 671, 8, "FERRY v. ISLAND"),
            (291, 647, 8, "Syllabus"),
            *prose(620, [f"The court says the {word} thing of all that it has to say here,", "and no more."]),
        ]
        for number, word in enumerate(("first", "second", "third", "fourth"), 18)
    ]
    text = read(made.pdf(pages), "a.pdf").text
    assert "FERRY" not in text
    assert "Syllabus" not in text
    assert not any(str(number) in text for number in range(18, 22))


def test_dots_that_lead_to_a_number_part_it_as_a_cell(read):
    lines = prose(700, ["Notices " + ". " * 60 + "vii", "Trademarks " + ". " * 57 + "viii"])
    assert read(made.pdf([lines]), "a.pdf").text == "Notices | vii\nTrademarks | viii"


def test_lines_of_a_form_do_not_run_together(read):
    rows = [(150 + 60 * at, 500 - 20 * row, 9, f"x{row}{at}") for row in range(8) for at in range(-1, 6)]
    lines = prose(700, ["Report: 1234", "Place: Centre East", "Date: 2024-11-15", "Name: Sarah"])
    lines += rows
    lines += prose(
        300, ["One wide line of text that goes from the left of the page to its right side, or"] * 6
    )
    assert read(made.pdf([lines]), "a.pdf").text.startswith(
        "Report: 1234\nPlace: Centre East\nDate: 2024-11-15\nName: Sarah\n"
    )


def test_rows_of_a_table_keep_their_cells(read):
    rows = [("Item", "Price"), ("Adult", "4.50"), ("Child", "2.00"), ("Dog", "1.00")]
    lines = [
        (left, 600 - 15 * at, 10, text)
        for at, row in enumerate(rows)
        for left, text in zip((72, 250), row, strict=True)
    ]
    assert "Adult | 4.50\nChild | 2.00\nDog | 1.00" in read(made.pdf([lines]), "prices.pdf").text


def test_a_table_that_was_drawn_column_by_column_is_read_row_by_row(read):
    columns = (("Item", "Adult", "Child", "Dog", "Bicycle"), ("Price", "4.50", "2.00", "1.00", "0.50"))
    lines = prose(700, ["Above the table stands a line of text, wide enough to be no cell of it at all."])
    for left, column in zip((72, 250), columns, strict=True):
        lines += [(left, 600 - 15 * at, 10, text) for at, text in enumerate(column)]
    text = read(made.pdf([lines]), "prices.pdf").text
    assert "Item | Price\nAdult | 4.50\nChild | 2.00\nDog | 1.00\nBicycle | 0.50" in text


def test_the_mark_of_a_point_stands_before_it(read):
    lines = [(72, 700, 10, "-"), (96, 700, 10, "Security"), (72, 660, 10, "-"), (96, 660, 10, "State")]
    lines += prose(500, ["A line of text below, wide enough to be one of a paragraph, and no table."])
    assert read(made.pdf([lines]), "a.pdf").text.startswith("- Security\n\n- State\n\n")


def test_what_was_filled_in_stands_beside_its_label(read):
    document = read(made.form_pdf("Grace Hopper", "Seen by the harbour office."), "form.pdf")
    beside = "Owner: | Grace Hopper\nShip: Ada\n\nOnce: | Grace Hopper\nAgain: | Grace Hopper"
    assert document.text == f"{beside}\nCountry: | Germany\n\nSeen by the harbour office."
    start = document.text.index("Grace")
    (box,) = document.boxes(start, start + len("Grace"))
    assert 149 < box.left < 151 < box.right < 200
    assert (box.top, box.bottom) == pytest.approx((842 - 709, 842 - 697), abs=0.5)


def test_three_columns_are_read_one_after_the_other(read):
    columns = [
        [f"{name} column line number {at}" for at in range(9)] for name in ("First", "Second", "Third")
    ]
    lines = [
        (60 + 170 * column, 700 - 12 * at, 10, columns[column][at]) for at in range(9) for column in range(3)
    ]
    text = " ".join(read(made.pdf([lines]), "a.pdf").text.split())
    assert text == " ".join(line for column in columns for line in column)


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


@pytest.mark.parametrize("head", [True, False])
@pytest.mark.parametrize("lefts", [(72, 140, 300), (72, 140)])
def test_a_column_of_numbers_that_count_is_part_of_its_table(read, head, lefts):
    rows = [("2009", "Points", "Place")] if head else []
    rows += [(f"{2010 + at}", f"{7 * at + 3} million", f"Quay {at}") for at in range(12)]
    lines = [
        (left, 740 - 16 * at, 10, cell)
        for at, row in enumerate(rows)
        for left, cell in zip(lefts, row, strict=False)
    ]
    text = read(made.pdf([lines]), "years.pdf").text
    assert text == "\n".join(" | ".join(row[: len(lefts)]) for row in rows)


def test_the_numbers_of_a_list_are_text(read):
    items = [f"{word} keeps a list of all who are on board the ferry." for word in ("She", "He", "Ada")] * 4
    lines = [
        line
        for at, item in enumerate(items)
        for line in ((72, 740 - 24 * at, 10, f"{at + 1}"), (110, 740 - 24 * at, 10, item))
    ]
    text = read(made.pdf([lines]), "list.pdf").text
    assert all(f"{at + 1} | {item}" in text for at, item in enumerate(items))


def test_the_numbers_of_a_list_whose_points_take_two_lines_are_text(read):
    lines = []
    for at in range(10):
        level = 740 - 30 * at
        lines += [
            (72, level, 10, f"{at + 1}"),
            (110, level, 10, "The master of the ferry keeps a list of all who"),
        ]
        lines += [(110, level - 12, 10, "are on board, and gives it to the harbour.")]
    text = read(made.pdf([lines]), "list.pdf").text
    assert all(f"{at + 1} | The master" in text for at in range(10))


def test_numbers_of_lines_in_the_margin_are_set_aside(read):
    words = [
        "The master of the ferry keeps a list of all who",
        "are on board, and gives it to the harbour",
    ] * 6
    lines = [(300.0, 790, 10, "7")]
    for at, text in enumerate(words):
        level = 740 - 24 * at
        lines += [(60 if at < 9 else 54.4, level, 10, f"{at + 1}"), (110, level, 10, text)]
    text = read(made.pdf([lines]), "lines.pdf").text
    assert "who are on board, and gives it to the harbour" in text.replace("\n\n", " ")
    assert [word for word in text.split() if word.isdecimal()] == ["7"]


def test_letters_of_two_units_are_one_with_its_place(read):
    letters = {"A": "\U0001d465", "B": "\U0001f600", "C": "ffi", "D": "\ufffd"}
    document = read(made.pdf([[(72, 700, 10, "Let A be B and oCce, D.")]], letters=letters), "a.pdf")
    assert document.text == "Let \U0001d465 be \U0001f600 and office, \ufffd."
    (box,) = document.boxes(4, 5)
    (plain,) = read(made.pdf([[(72, 700, 10, "Let A be B.")]]), "a.pdf").boxes(4, 5)
    assert (box.left, box.right) == pytest.approx((plain.left, plain.right), abs=0.1)
    (after,) = document.boxes(6, 8)
    assert after.left > box.right


def test_a_soft_hyphen_is_one_at_the_end_of_a_line_alone(read):
    lines = prose(
        700,
        [
            "Ships co\xadoperate with the har\xadbour at the telephone number 555\xad1234, and pas\xad",
            "sengers pay two pence for what the carriage takes, whatever the weather of the day.",
        ],
    )
    assert read(made.pdf([lines], letters={"\xad": "\xad"}), "a.pdf").text == (
        "Ships cooperate with the harbour at the telephone number 555-1234, and passengers pay two pence for "
        "what the carriage takes, whatever the weather of the day."
    )


@pytest.mark.parametrize(
    ("title", "shown"),
    [
        (b"(The ferry)", "The ferry"),
        (b"<FEFFD8000041>", "a.pdf"),
        (b"<FEFF005400680065D800002000660065007200720079DC00>", "The ferry"),
        (b"(The \\000ferry\\007)", "The ferry"),
        (b"(scan.docx)", "a.pdf"),
    ],
)
def test_a_title_is_told_without_what_is_no_text(read, title, shown):
    assert (
        read(made.pdf([[(72, 700, 10, "Tickets are sold on board.")]], title=title), "a.pdf").title == shown
    )


def test_a_drawing_of_many_labels_takes_little_memory():
    places = [(90.0 * column, 9.0 * row) for column in range(20) for row in range(200)]
    lines = [
        Line(f"P{at}", [left + 5.0 * edge for edge in range(len(f"P{at}") + 1)], top, top + 8, 8.0)
        for at, (left, top) in enumerate(places)
    ]
    tracemalloc.start()
    try:
        found = laid_out(lines)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(found) == len(lines)
    assert [line.text for line in found[:3]] == ["P0", "P200", "P400"]
    assert peak < 32 * 2**20


def test_what_is_printed_over_itself_is_read_once(read):
    words = "Tickets are sold on board."
    lines = [(72, 700, 10, words), (73.9, 698.1, 10, words), (72, 600, 10, words)]
    assert read(made.pdf([lines]), "a.pdf").text == f"{words}\n\n{words}"

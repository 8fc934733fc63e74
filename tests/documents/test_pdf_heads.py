"""PDFs of several pages: what is set aside of them, and what looks like it and is text."""

import pytest

from tests.documents import headings, made

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
WORDS = ("first", "second", "third", "fourth", "fifth", "sixth")


def prose(word, top=600):
    """Two lines of text that no other page has."""
    return [
        (72, top, 10, f"The {word} party pays the fee that is named in the annex of it, and it pays"),
        (72, top - 12, 10, "within thirty days, and tells the other party that it has done so."),
    ]


def row(level, *cells, lefts=(72, 250, 400), size=10):
    return [(left, level, size, cell) for left, cell in zip(lefts, cells, strict=False)]


@pytest.mark.parametrize("pages", [2, 3, 6])
def test_tables_over_several_pages_keep_all_of_their_numbers(read, pages):
    rows = [
        [(f"Item {LETTERS[at] * 3}", f"{40 + 3 * at + page}", f"{5 + at}.{page}7") for at in range(46)]
        for page in range(pages)
    ]
    drawn = [[line for at, cells in enumerate(page) for line in row(800 - 16 * at, *cells)] for page in rows]
    text = read(made.pdf(drawn), "table.pdf").text
    assert [line.split(" | ") for line in text.split("\n") if line] == [
        [*cells] for page in rows for cells in page
    ]


def test_a_number_or_a_word_like_a_roman_number_at_the_foot_is_text(read):
    pages = [
        [(72, 780, 10, "The climate is"), (72, 90, 10, "mild")],
        [(72, 780, 10, "The case is"), (72, 90, 10, "civil")],
        [(72, 780, 10, "The price is"), (72, 90, 10, "21.12")],
        [(72, 780, 10, "The sum is"), (72, 90, 10, "1250")],
    ]
    text = read(made.pdf(pages), "a.pdf").text
    assert all(word in text for word in ("mild", "civil", "21.12", "1250"))


@pytest.mark.parametrize("top", [805, 700])
def test_forms_of_one_make_keep_their_labels(read, top):
    def slip(month, gross, net):
        cells = (("Gross pay", gross), ("Net pay", net), ("Employer", "Dunmore and Sons"))
        head = [(72, 760, 14, f"*Payslip of {month}")] if top < 760 else []
        return head + [line for at, pair in enumerate(cells) for line in row(top - 20 * at, *pair)]

    pages = [slip("May", "2,000.00", "1,587.50"), slip("June", "2,100.00", "1,650.20")]
    pages.append(slip("July", "2,050.00", "1,610.10"))
    text = read(made.pdf(pages), "slips.pdf").text
    for gross, net in (("2,000.00", "1,587.50"), ("2,100.00", "1,650.20"), ("2,050.00", "1,610.10")):
        assert f"Gross pay | {gross}\nNet pay | {net}\nEmployer | Dunmore and Sons" in text


@pytest.mark.parametrize("level", [800, 60])
def test_rows_of_a_form_at_the_edge_of_pages_stay(read, level):
    rows = [("Fee", "2,000.00"), ("Employer", "Dunmore and Sons")]
    pages = [
        [*prose(word), *(line for at, pair in enumerate(rows) for line in row(level - 40 * at, *pair))]
        for word in WORDS
    ]
    for page, drawn in enumerate(pages):
        drawn += row(level + (40 if level < 400 else -80), "Day", f"{page}.{page}.")
    assert read(made.pdf(pages), "a.pdf").text.count("Employer | Dunmore and Sons") == 6


@pytest.mark.parametrize("label", ["Invoice No.", "Week:"])
def test_a_number_in_step_with_the_pages_behind_a_label_is_text(read, label):
    pages = [[*row(800, label, f"{at}"), *prose(word)] for at, word in enumerate(WORDS, start=1001)]
    text = read(made.pdf(pages), "a.pdf").text
    assert all(f"{label} | {at}" in text for at in range(1001, 1007))


def test_labels_over_their_values_stay(read):
    pages = [
        [(72, 800, 10, "Inspector:"), (72, 788, 10, f"Ada {word.title()}"), *prose(word)] for word in WORDS
    ]
    assert read(made.pdf(pages), "a.pdf").text.count("Inspector:") == 6


@pytest.mark.parametrize("label", ["Page", "Page No.", "Rules of the quay"])
def test_the_number_of_a_page_beside_a_head_is_set_aside(read, label):
    pages = [[*row(800, label, f"{at}"), *prose(word)] for at, word in enumerate(WORDS, start=7)]
    text = read(made.pdf(pages), "a.pdf").text
    assert label not in text
    assert not any(str(at) in text for at in range(7, 13))


def test_the_last_line_of_short_pages_is_text(read):
    pages = [
        [(72, 600, 10, f"Thank you for the {word} order."), (72, 560, 10, "Payable by May.")]
        for word in WORDS
    ]
    assert read(made.pdf(pages), "a.pdf").text.count("Payable by May.") == 6


def test_the_last_line_of_a_paragraph_is_text(read):
    pages = [[*prose(word, 100), (72, 76, 10, "The harbour office sees to it.")] for word in WORDS]
    assert read(made.pdf(pages), "a.pdf").text.count("The harbour office sees to it.") == 6


def test_years_as_headings_are_text(read):
    pages = [[(72, 800, 10, f"*{year}"), *prose(word)] for year, word in enumerate(WORDS, start=2019)]
    text = read(made.pdf(pages), "a.pdf").text
    assert all(str(year) in text for year in range(2019, 2025))


def test_pages_that_are_alike_keep_their_text(read):
    page = [(72, 790, 14, "*Terms and Conditions"), (72, 770, 10, "The same text stands on each page.")]
    document = read(made.pdf([page] * 3), "a.pdf")
    assert document.text == "\n\n".join(["Terms and Conditions\n\nThe same text stands on each page."] * 3)


@pytest.mark.parametrize("size", [10, 14])
@pytest.mark.parametrize(
    "line", ["Article {0}", "Invoice No. 2024-00{0}", "Invoice No. 100{0}", "Due: {0} EUR"]
)
def test_lines_that_differ_in_a_number_are_text(read, line, size):
    pages = [
        [(72, 800, size, line.format(at)), *prose(word, 740)] for at, word in enumerate(WORDS[:4], start=1)
    ]
    text = read(made.pdf(pages), "a.pdf").text
    assert all(line.format(at) in text for at in range(1, 5))


def test_the_head_of_a_table_over_several_pages_stays(read):
    pages = [
        [
            *row(800, "Statement of account", "", f"Page {page} of 3"),
            *row(770, "Date", "Text", "Amount"),
            *(
                line
                for at in range(40)
                for line in row(
                    754 - 16 * at, f"{at % 28 + 1}.{page}.", f"Rent {WORDS[at % 6]}", f"-{at}.{page}"
                )
            ),
        ]
        for page in (1, 2, 3)
    ]
    text = read(made.pdf(pages), "a.pdf").text
    assert text.count("Date | Text | Amount\n1.") == 3
    assert "Page" not in text
    assert "Statement" not in text


def test_words_up_the_page_that_all_pages_have_stay_once(read):
    pages = [[(30, 300, 10, "Depth of water", "up"), *prose(word)] for word in WORDS]
    assert read(made.pdf(pages), "a.pdf").text.count("Depth of water") == 1


def test_a_stamp_over_the_text_is_set_aside(read):
    pages = [[(60, 460, 40, "Draft of the harbour", "askew"), *prose(word)] for word in WORDS]
    text = read(made.pdf(pages), "a.pdf").text
    assert "Draft" not in text
    assert all(f"The {word} party pays" in text for word in WORDS)


def test_a_title_in_bold_stays_where_it_is_first(read):
    pages = [[(72, 800, 10, "*Rules of the quay"), *prose(word)] for word in WORDS]
    document = read(made.pdf(pages), "a.pdf")
    assert document.text.count("Rules of the quay") == 1
    assert headings(document) == [("Rules of the quay", 1)]


def test_a_heading_that_is_also_at_the_foot_of_pages_stays(read):
    pages = [[(72, 800, 24, "Diagnosis"), *prose("whole"), (72, 30, 8, "Diagnosis")]]
    pages += [[*prose(word), (72, 30, 8, "Diagnosis")] for word in WORDS]
    document = read(made.pdf(pages), "a.pdf")
    assert document.text.count("Diagnosis") == 1
    assert headings(document) == [("Diagnosis", 1)]


@pytest.mark.parametrize(
    "numbers",
    [
        [f"Page {at} of 6" for at in range(1, 7)],
        [f"- {at} -" for at in range(11, 17)],
        ["iii", "iv", "v", "vi", "vii", "viii"],
        [f"{at}/6" for at in range(1, 7)],
        [f"Rules of the quay - {at}" for at in range(7, 13)],
        [f"{at} Rules of the quay" for at in range(7, 13)],
    ],
)
def test_numbers_of_pages_are_set_aside(read, numbers):
    pages = [[*prose(word), (290, 30, 9, number)] for word, number in zip(WORDS, numbers, strict=True)]
    text = read(made.pdf(pages), "a.pdf").text
    assert not any(number in text for number in numbers)
    assert text.count("party pays") == 6


def test_the_number_of_a_page_goes_from_beside_a_head_that_one_page_has(read):
    pages = [
        [*prose(word), (72, 30, 9, str(at)), (420, 30, 9, f"What is {word}")]
        for at, word in enumerate(WORDS, start=1)
    ]
    text = read(made.pdf(pages), "a.pdf").text
    assert [line for line in text.split("\n\n") if line.startswith("What")] == [
        f"What is {word}" for word in WORDS
    ]


@pytest.mark.parametrize("numbers", [("Page 1 of 2", "Page 2 of 2"), ("1", "2")])
def test_two_pages_have_numbers_too(read, numbers):
    pages = [[*prose(word), (290, 30, 9, number)] for word, number in zip(WORDS, numbers, strict=False)]
    text = read(made.pdf(pages), "a.pdf").text
    assert not any(number in text for number in numbers)


def test_a_running_head_is_set_aside_on_a_page_of_nothing_else(read):
    pages = [[(72, 810, 9, "Rules of the quay"), *prose(word)] for word in WORDS]
    pages.insert(2, pages[0][:1])
    assert "Rules" not in read(made.pdf(pages), "a.pdf").text


def test_a_page_may_hold_nothing_that_runs_as_the_others_do(read):
    pages = [[(30, 300, 10, "Depth of water", "up"), *prose(word)] for word in WORDS]
    pages.append([(300, 100, 10, "The end of the annex", "up"), (300, 500, 10, "of the contract", "down")])
    assert "The end of the annex" in read(made.pdf(pages), "a.pdf").text

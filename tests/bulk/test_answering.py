"""Rows that are answered, and rows that keep their error."""

import pytest

from localqa.bulk.answering import Columns, answer_rows
from localqa.errors import InvalidInputError
from tests.api.fake_reader import FakeReader

GOOD = {"question": "Who?", "context": "Ada wrote."}


class Picky(FakeReader):
    """Refuses a whole call when one of its questions is blank, as the real reader does."""

    calls = 0

    def answer(self, queries, *, patience=None):
        self.calls += 1
        if any(not query.question.strip() for query in queries):
            raise InvalidInputError("The question is blank.", remedy="Give some text.")
        return super().answer(queries)


def test_answer_stands_beside_the_fields_of_the_row():
    (row,) = answer_rows(Picky(), [GOOD | {"id": 7}], Columns())
    assert row["id"] == 7
    assert (row["answer"], row["start"], row["end"], row["error"]) == ("Ada", 0, 3, None)
    assert row["context"][row["start"] : row["end"]] == row["answer"]


def test_one_bad_row_costs_only_itself():
    reader = Picky()
    rows = [GOOD | {"id": number} for number in range(64)]
    rows[37]["question"] = " "
    answered = answer_rows(reader, rows, Columns())
    assert [row["id"] for row in answered] == list(range(64))
    assert [row["id"] for row in answered if row["error"]] == [37]
    assert answered[37]["answer"] is None
    assert "blank" in answered[37]["error"]
    assert reader.calls <= 2 * 6 + 1


@pytest.mark.parametrize(
    ("row", "error"),
    [
        ({"question": "Who?"}, "no text in the field 'context'"),
        ({"question": 5, "context": "Ada."}, "no text in the field 'question'"),
        ({"line": "{", "error": "not JSON: x"}, "not JSON: x"),
        (GOOD | {"answer": "gold"}, "has a field 'answer' of its own"),
    ],
)
def test_rows_that_cannot_be_asked_keep_their_fields_and_say_why(row, error):
    (found,) = answer_rows(Picky(), [row], Columns())
    assert found["error"] == error
    assert {name: found[name] for name in row if name != "error"} == {
        name: value for name, value in row.items() if name != "error"
    }


def test_fields_may_have_other_names():
    row = {"q": "Who?", "text": "Ada wrote.", "answer": "gold"}
    (found,) = answer_rows(Picky(), [row], Columns("q", "text", "found_"))
    assert (found["answer"], found["found_answer"], found["error"]) == ("gold", "Ada", None)


def test_no_rows_are_no_answers():
    assert answer_rows(Picky(), [], Columns()) == []

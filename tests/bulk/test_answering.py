"""Rows that are answered, and rows that keep their error."""

import pytest

from localqa.bulk.answering import Columns, answer_rows
from localqa.bulk.parts import BadLine
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


def test_answer_is_added():
    (added,) = answer_rows(Picky(), [GOOD | {"id": 7}], Columns())
    assert (added["answer"], added["start"], added["end"], added["error"]) == ("Ada", 0, 3, None)
    assert added.keys() == Columns().added().keys()


def test_answers_are_as_sure_as_was_wished():
    rows = [GOOD, GOOD | {"context": "unanswerable"}]
    held = answer_rows(FakeReader(), rows, Columns(), min_score=0.8)
    assert [(row["answer"], row["answerable"], row["error"]) for row in held] == [("", False, None)] * 2
    made = answer_rows(FakeReader(), rows, Columns(), abstain=False)
    assert [row["answer"] for row in made] == ["Ada", "unanswerable"]


def test_one_bad_row_costs_only_itself():
    reader = Picky()
    rows = [dict(GOOD) for _ in range(64)]
    rows[37]["question"] = " "
    added = answer_rows(reader, rows, Columns())
    assert [number for number, row in enumerate(added) if row["error"]] == [37]
    assert added[37]["answer"] is None
    assert "blank" in added[37]["error"]
    assert reader.calls <= 2 * 6 + 1


@pytest.mark.parametrize(
    ("row", "error"),
    [
        ({"question": "Who?"}, "no text in the field 'context'"),
        ({"question": 5, "context": "Ada."}, "no text in the field 'question'"),
        (BadLine("{", "not JSON: x"), "not JSON: x"),
        (GOOD | {"answer": "gold"}, "has a field 'answer' of its own"),
        (GOOD | {"error": "E42"}, "has a field 'error' of its own"),
    ],
)
def test_rows_that_cannot_be_asked_say_why(row, error):
    (added,) = answer_rows(Picky(), [row], Columns())
    assert added["error"] == error
    assert added["answer"] is None


def test_fields_may_have_other_names():
    row = {"q": "Who?", "text": "Ada wrote.", "answer": "gold", "error": "E42"}
    (added,) = answer_rows(Picky(), [row], Columns("q", "text", "found_"))
    assert (added["found_answer"], added["found_error"]) == ("Ada", None)
    assert not added.keys() & row.keys()


def test_no_rows_are_no_answers():
    assert answer_rows(Picky(), [], Columns()) == []

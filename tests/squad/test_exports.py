"""Tables as databases and data frames write them."""

import pytest

from localqa.squad.readers import read_examples
from localqa.squad.records import GoldAnswer


@pytest.mark.parametrize("start", ["", "nan", "NaN", "None", " null "])
def test_start_of_a_cell_that_says_there_is_none_is_found(tmp_path, start):
    content = f"question,context,answer,answer_start\nWho?,By Ada.,Ada,{start}\n"
    path = tmp_path / "d.csv"
    path.write_text(content)
    (example,) = read_examples(path)
    assert example.answers == (GoldAnswer("Ada", 3),)


@pytest.mark.parametrize(
    "cell", ['"Ann" built it, said Bob', '"Ann built it', 'Ann built it"', 'By "Ann"', '"Ann" and "Bob"']
)
def test_tsv_may_quote_nothing(tmp_path, cell):
    content = f"question\tcontext\tanswer\nWho?\t{cell}\tAnn\nWhy?\tFor Ada.\tAda\n"
    path = tmp_path / "d.tsv"
    path.write_text(content)
    examples = read_examples(path)
    assert [example.context for example in examples] == [cell, "For Ada."]

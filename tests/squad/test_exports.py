"""Tables as databases and data frames write them."""

import json

import pytest

from localqa.errors import DataError
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


TEXT = "The club. The club was founded. The club won."
THIRD = GoldAnswer("The club", 32)


def read(tmp_path, *records, columns=None):
    path = tmp_path / "d.json"
    path.write_text(json.dumps(records[0] if len(records) == 1 else records), encoding="utf-8")
    return read_examples(path, columns=columns)


@pytest.mark.parametrize(
    "place",
    [
        {"start_char": 32},
        {"char_start": 32},
        {"answerStart": 32},
        {"start": "32", "end": "40"},
        {"begin": 32, "end": 40},
        {"offset": 32, "length": 8},
        {"from": 32, "to": 40},
        {"span": [32, 40]},
        {"start-offset": 32.0},
        {"start": "/p[1]/text()[1]", "end": "/p[1]/text()[1]", "globalOffsets": {"start": 32, "end": 40}},
    ],
)
def test_a_start_is_read_under_the_names_that_programs_give_it(tmp_path, place):
    for words in ({"text": "The club"}, {"answer": "The club"}):
        record = {"question": "What won?", "context": TEXT, "answers": [words | place]}
        assert read(tmp_path, record, record)[0].answers == (THIRD,)


@pytest.mark.parametrize(
    "answers",
    [
        [{"begin": 32, "end": 40}],
        [{"offset": 32, "length": 8}],
        {"span": [32, 40]},
        [[32, 40]],
        [[32, 40, "answer"]],
        [32, 40],
    ],
)
def test_a_place_alone_is_an_answer_in_any_of_its_shapes(tmp_path, answers):
    record = {"question": "What won?", "context": TEXT, "answers": answers}
    assert read(tmp_path, record, record)[0].answers == (THIRD,)


@pytest.mark.parametrize("name", ["start_char", "char_start", "answerStart", "start_offset"])
def test_a_start_beside_the_answer_is_read_too(tmp_path, name):
    record = {"question": "What won?", "context": TEXT, "answer": "The club", name: 32}
    assert read(tmp_path, record, record)[0].answers == (THIRD,)


def test_marks_of_doccano_and_of_prodigy_are_answers(tmp_path):
    doccano = {"question": "What won?", "text": TEXT, "label": [[32, 40, "answer"]]}
    spans = [{"start": 32, "end": 40, "label": "ANSWER"}]
    prodigy = {"question": "What won?", "text": TEXT, "spans": spans, "answer": "accept", "_input_hash": 7}
    assert [one.answers for one in read(tmp_path, doccano, prodigy)] == [(THIRD,), (THIRD,)]
    faults = []
    path = tmp_path / "d.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in (prodigy, prodigy | {"answer": "reject"})))
    assert len(read_examples(path, faults=faults)) == 1
    assert "no answer field" in str(faults[0])


BRIDGE = "The bridge was built by Dunmore and Sons in 1891."
BUILT = (GoldAnswer("Dunmore and Sons", 24),)
ASKED = {"question": "Who built it?", "answer": "Dunmore and Sons"}


@pytest.mark.parametrize(
    "file",
    [
        [{"context": BRIDGE, "qas": [ASKED]}],
        [{"context": BRIDGE, "qas": [ASKED | {"answer": {"text": "Dunmore and Sons", "answer_start": 24}}]}],
        [{"context": BRIDGE, "questions": [ASKED]}],
        [{"context": BRIDGE, "qa_pairs": [ASKED]}],
        {"context": BRIDGE, "qas": [ASKED]},
        {"data": {"paragraphs": [{"context": BRIDGE, "qas": [ASKED]}]}},
        {"data": [{"context": BRIDGE, "qa": [ASKED]}]},
        {"train": [ASKED | {"context": BRIDGE}]},
        {"train": [{"paragraphs": [{"context": BRIDGE, "qas": [ASKED]}]}]},
        {"question": ["Who built it?"], "context": [BRIDGE], "answer": ["Dunmore and Sons"]},
        {"question": {"0": "Who built it?"}, "context": {"0": BRIDGE}, "answer": {"0": "Dunmore and Sons"}},
    ],
)
def test_nestings_in_use_are_opened(tmp_path, file):
    (example,) = read(tmp_path, file)
    assert (example.question, example.context, example.answers) == ("Who built it?", BRIDGE, BUILT)


def test_columns_name_the_fields_of_paragraphs_too(tmp_path):
    file = [{"passage": BRIDGE, "qas": [{"q": "Who built it?", "a": "Dunmore and Sons"}]}]
    (example,) = read(tmp_path, file, columns={"context": "passage", "question": "q", "answer": "a"})
    assert (example.context, example.answers) == (BRIDGE, BUILT)


def test_lists_of_several_splits_are_told_apart(tmp_path):
    with pytest.raises(DataError) as told:
        read(tmp_path, {"train": [ASKED | {"context": BRIDGE}], "test": [ASKED | {"context": BRIDGE}]})
    assert "train, test" in str(told.value)


@pytest.mark.parametrize(
    "cell",
    [
        "('Dunmore and Sons', 24)",
        "OrderedDict([('text', ['Dunmore and Sons']), ('answer_start', [24])])",
        "OrderedDict({'text': ['Dunmore and Sons'], 'answer_start': [24]})",
        "dict(text=['Dunmore and Sons'], answer_start=[24])",
        '{\\"text\\": [\\"Dunmore and Sons\\"], \\"answer_start\\": [24]}',
        '"{\\"text\\": [\\"Dunmore and Sons\\"]}"',
        "{“text”: [“Dunmore and Sons”], “answer_start”: [24]}",
        "{text: ['Dunmore and Sons'], answer_start: [24]}",
        "{'text': ['Dunmore and Sons'], 'answer_start': tensor([24])}",
        "{'text': array(['Dunmore and Sons'], dtype=object), 'answer_start': array([24])}",
    ],
)
def test_what_programs_print_of_an_answer_is_read(tmp_path, cell):
    (example,) = read(tmp_path, [{"question": "Who built it?", "context": BRIDGE, "answer": cell}])
    assert example.answers == BUILT


@pytest.mark.parametrize("cell", ["(text: Dunmore", "Answer(text='Dunmore and Sons', start=24)", "{text: ["])
def test_what_is_printed_otherwise_is_told_as_what_it_is(tmp_path, cell):
    with pytest.raises(DataError, match="written out as text, and damaged"):
        read(tmp_path, [{"question": "Who built it?", "context": BRIDGE, "answer": cell}])


@pytest.mark.parametrize("answer", ["(R)-ibuprofen", "f(x)", "[sic]", "“quoted”"])
def test_answers_that_only_look_written_out_are_texts(tmp_path, answer):
    (example,) = read(tmp_path, [{"question": "What?", "context": f"It is {answer} here.", "answer": answer}])
    assert example.answers == (GoldAnswer(answer, 6),)

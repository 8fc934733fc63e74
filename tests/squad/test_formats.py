"""Files as editors, spreadsheets, data frames and annotation tools really write them."""

import csv
import io
import json
import time

import pytest

from localqa.datafiles.files import TextFormat
from localqa.datafiles.tables import read_table
from localqa.errors import ConfigError, DataError
from localqa.squad.checks import check
from localqa.squad.load import load_reported, load_training_data
from localqa.squad.readers import read_examples
from localqa.squad.records import GoldAnswer

CONTEXT = "The café in Köln – it’s “small” – was opened by Ada in 1891."
QUESTION = "Who opened the café?"
RECORD = {"question": QUESTION, "context": CONTEXT, "answer": "Ada"}
ADA = (GoldAnswer("Ada", CONTEXT.index("Ada")),)


def table(*rows, delimiter=",", header=("question", "context", "answer"), end="\r\n"):
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter, lineterminator=end)
    writer.writerows([header, *rows])
    return out.getvalue()


def read(path, content, **options):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_examples(path, **options)


def usable(path, content):
    """The good records, and how many were set aside."""
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    faults = []
    return read_examples(path, faults=faults), faults


CONTENT = {
    "d.json": json.dumps([RECORD], ensure_ascii=False, indent=1),
    "d.jsonl": json.dumps(RECORD, ensure_ascii=False) + "\n",
    "d.csv": table((QUESTION, CONTEXT, "Ada")),
    "d.tsv": table((QUESTION, CONTEXT, "Ada"), delimiter="\t"),
}
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"]


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("name", CONTENT)
def test_encodings_are_found_out(tmp_path, name, encoding):
    (example,) = read(tmp_path / name, CONTENT[name].encode(encoding))
    assert (example.question, example.context, example.answers) == (QUESTION, CONTEXT, ADA)


def test_windows_1252_is_told(tmp_path, caplog):
    read(tmp_path / "d.csv", CONTENT["d.csv"].encode("cp1252"))
    assert "d.csv: read as Windows-1252" in caplog.text


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp1251", "Мост построила Ada в 1891"),
        ("cp1250", "Zażółć gęślą jaźń, Ada"),
        ("mac_roman", "Café Ada, é"),
    ],
)
def test_other_encodings_are_not_guessed_but_can_be_named(tmp_path, encoding, text):
    content = table(("Who?", text, "Ada"), ("Why?", "Plain Ada.", "Ada")).encode(encoding)
    (plain,), (fault,) = usable(tmp_path / "d.csv", content)
    assert plain.context == "Plain Ada."
    assert "d.csv:2: not UTF-8 text" in fault.message
    assert "--encoding" in fault.remedy
    named = TextFormat(encoding=encoding)
    assert read_examples(tmp_path / "d.csv", text_format=named)[0].context == text


@pytest.mark.parametrize("name", CONTENT)
def test_row_in_another_encoding_costs_only_itself(tmp_path, name):
    good, bad = ({**RECORD, "question": f"{QUESTION} {word}"} for word in ("good", "bad"))
    rows = [good, bad, good]
    if name == "d.json":
        content = json.dumps(rows, ensure_ascii=False)
    elif name == "d.jsonl":
        content = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    else:
        content = table(*(row.values() for row in rows), delimiter="\t" if name == "d.tsv" else ",")
    broken = content.encode().replace("café? bad".encode(), "café? bad".encode("cp1252"))
    examples, (fault,) = usable(tmp_path / name, broken)
    assert len(examples) == 2
    assert "not UTF-8 text (byte 0xe9)" in fault.message


@pytest.mark.parametrize(
    ("named", "told"), [(TextFormat(encoding="klingon"), "no encoding"), (TextFormat("utf-16"), "not utf-16")]
)
def test_encoding_that_cannot_be_is_refused(tmp_path, named, told):
    with pytest.raises((ConfigError, DataError), match=told):
        read(
            tmp_path / "d.csv",
            CONTENT["d.csv"].encode() + b"x" * (len(CONTENT["d.csv"].encode()) % 2 == 0),
            text_format=named,
        )


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("name", ["d.csv", "d.tsv"])
def test_delimiters_are_found_by_the_header(tmp_path, name, delimiter):
    text = "The bridge, built by Ada; and | her sons"
    content = table(("Who?", text, "Ada"), delimiter=delimiter)
    (example,) = read(tmp_path / name, "\ufeff" + content)
    assert example.context == text


def test_delimiter_may_be_named_in_the_file_or_by_the_user(tmp_path):
    content = table(("Who?", "Built by Ada.", "Ada"), delimiter="^")
    assert read(tmp_path / "d.csv", "sep=^\r\n" + content)[0].answers
    assert read(tmp_path / "d.csv", content, text_format=TextFormat(delimiter="^"))[0].answers
    with pytest.raises(DataError) as caught:
        read(tmp_path / "d.csv", content)
    assert "--delimiter" in caught.value.remedy
    with pytest.raises(ConfigError, match="no delimiter"):
        read(tmp_path / "d.csv", content, text_format=TextFormat(delimiter="ab"))
    assert read(tmp_path / "d.csv", content.replace("^", "\t"), text_format=TextFormat(delimiter="tab"))


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("space", [" ", "  ", "\t", "\u00a0", " \t"])
def test_spaces_around_quoted_cells_are_not_part_of_them(tmp_path, end, space):
    rows = [f'Who?,{space}"Ada, who built it.",{space}"Ada"', f'Why?,"For Ada, of course."{space},Ada']
    content = end.join(["question,context,answer", *rows]) + end
    first, second = read(tmp_path / "d.csv", content)
    assert (first.context, first.answers) == ("Ada, who built it.", (GoldAnswer("Ada", 0),))
    assert second.context == "For Ada, of course."


def test_spaces_before_a_cell_without_quotes_stay(tmp_path):
    (example,) = read(tmp_path / "d.csv", "question,context,answer,answer_start\nWho?, Ada came.,Ada,1\n")
    assert (example.context, check([example]).ok) == (" Ada came.", True)


def test_unclosed_quotation_mark_does_not_swallow_the_rows_behind_it(tmp_path):
    lines = ["question,context,answer", 'Who?,"Ada came,Ada', "Who?,Bob came.,Bob", 'Who?,"Cy, too.",Cy']
    examples, faults = usable(tmp_path / "d.csv", "\n".join(lines))
    assert [example.answers[0].text for example in examples] == ["Bob", "Cy"]
    assert [fault.message.split(": ")[0] for fault in faults] == ["d.csv:2"]


def test_row_of_several_lines_with_a_missing_cell_is_told_once(tmp_path):
    lines = ["question,context,answer", 'Who?,"Ada came', 'and went."', "Who?,Bob came.,Bob"]
    (example,), (fault,) = usable(tmp_path / "d.csv", "\n".join(lines))
    assert example.context == "Bob came."
    assert "d.csv:2: 2 cells, but the header has 3" in fault.message


def test_many_unclosed_quotation_marks_take_no_quadratic_time(tmp_path):
    lines = ["question,context,answer", *['Who?,"Ada came,Ada'] * 20_000, "Who?,Bob came.,Bob"]
    (example,), faults = usable(tmp_path / "d.csv", "\n".join(lines))
    assert example.context == "Bob came."
    assert faults


def test_empty_cells_at_the_end_and_blank_rows_do_no_harm(tmp_path):
    content = "question,context,answer,,\r\n\r\nWho?,Ada came.,Ada,,\r\n,,,,\r\nWho?,Bob.,Bob,,,,\r\n"
    assert len(read(tmp_path / "d.csv", content)) == 2


ARRAY = "{'text': array(['Ada'], dtype=object), 'answer_start': array([44], dtype=int32)}"


@pytest.mark.parametrize(
    "cell",
    [
        "{'text': ['Ada'], 'answer_start': [%d]}",
        '{"text": ["Ada"], "answer_start": [%d]}',
        "[{'text': 'Ada', 'answer_start': %d}]",
        "{'text': 'Ada', 'answer_start': %d}",
        "{'text': array(['Ada'], dtype=object),\n 'answer_start': array([%d], dtype=int32)}",
        '[{"start": %d, "end": 47, "text": "Ada", "labels": ["Answer"]}]',
    ],
)
@pytest.mark.parametrize("column", ["answer", "answers"])
def test_dictionaries_and_lists_in_a_cell_are_read(tmp_path, cell, column):
    row = ("Who?", CONTEXT, cell % ADA[0].start)
    (example,) = read(tmp_path / "d.csv", table(row, header=("question", "context", column)))
    assert example.answers == ADA


@pytest.mark.parametrize(
    "cell", ["{'text': [], 'answer_start': []}", "[]", '{"text": [], "answer_start": []}']
)
def test_empty_ones_mean_not_answerable(tmp_path, cell):
    (example,) = read(tmp_path / "d.csv", table(("Who?", "Ada.", cell)))
    assert example.is_impossible


def test_texts_and_starts_may_be_lists_in_two_cells(tmp_path):
    header = ("question", "context", "answer", "answer_start")
    (example,) = read(
        tmp_path / "d.csv", table(("Who?", "Ada, Bob", "['Ada', 'Bob']", "[0, 5]"), header=header)
    )
    assert example.answers == (GoldAnswer("Ada", 0), GoldAnswer("Bob", 5))


def test_damaged_dictionary_in_a_cell_is_told_as_what_it_is(tmp_path):
    (good,), (fault,) = usable(
        tmp_path / "d.csv", table(("Who?", "Ada.", "{'text': ['Ad"), ("Who?", "See [1] and {x}.", "[1]"))
    )
    assert good.answers[0].text == "[1]"
    assert "written out as text, and damaged" in fault.message


def label_studio(**changes):
    mark = {"start": 4, "end": 7, "text": "Ada", "labels": ["Answer"]}
    return {"id": 7, "question": "Who?", "context": "Now Ada, then Ada.", "answer": [mark], **changes}


def whole_export(*results, text="context"):
    data = {text: "Now Ada, then Ada.", "question": "Who?"}
    marks = [{"value": value, "from_name": "answer", "to_name": text, "type": "labels"} for value in results]
    return {
        "id": 7,
        "data": data,
        "annotations": [{"result": marks, "was_cancelled": False}],
        "predictions": [],
    }


MARK = {"start": 4, "end": 7, "text": "Ada", "labels": ["Answer"]}


@pytest.mark.parametrize(
    "record",
    [
        label_studio(),
        label_studio(answer=[{"start": 4, "end": 7, "labels": ["Answer"]}]),
        {"id": 7, "question": "Who?", "text": "Now Ada, then Ada.", "label": [MARK]},
        whole_export(MARK),
        whole_export(MARK, text="text"),
        whole_export(MARK, {"choices": ["easy"]}),
    ],
)
@pytest.mark.parametrize("name", ["d.json", "d.jsonl"])
def test_label_studio_exports_are_read_with_their_marks(tmp_path, record, name):
    (example,) = read(tmp_path / name, json.dumps([record] if name == "d.json" else record))
    assert (example.id, example.answers) == ("7", (GoldAnswer("Ada", 4),))


@pytest.mark.parametrize(
    "unmarked",
    [{"id": 8, "question": "Who?", "context": "Nobody."}, whole_export(), whole_export({"choices": ["x"]})],
)
def test_rows_without_marks_are_set_aside(tmp_path, unmarked):
    (example,), (fault,) = usable(tmp_path / "d.json", json.dumps([label_studio(), unmarked]))
    assert example.id == "7"
    assert "d.json:[1]: no answer field" in fault.message


PARAGRAPH = {
    "context": "Ada came.",
    "qas": [{"id": "q", "question": "Who?", "answers": [{"text": "Ada", "answer_start": 0}]}],
}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("d.json", [PARAGRAPH]),
        ("d.json", {"data": [PARAGRAPH]}),
        ("d.json", PARAGRAPH),
        ("d.json", {"title": "A", "paragraphs": [PARAGRAPH]}),
        ("d.jsonl", PARAGRAPH),
        ("d.jsonl", {"title": "A", "paragraphs": [PARAGRAPH]}),
        ("d.jsonl", [PARAGRAPH]),
        ("d.jsonl", {"data": [{"paragraphs": [PARAGRAPH]}]}),
    ],
)
def test_paragraphs_are_read_wherever_they_stand(tmp_path, name, content):
    if name == "d.jsonl" and "data" in content:
        content = json.dumps(content, indent=1)
    (example,) = read(tmp_path / name, content if isinstance(content, str) else json.dumps(content))
    assert (example.id, example.answers) == ("q", (GoldAnswer("Ada", 0),))


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_records_in_lines_are_read_under_the_other_name_too(tmp_path, end):
    content = end.join([json.dumps(RECORD), "", "  ", json.dumps({**RECORD, "question": "Why?"}), ""])
    for name in ("d.json", "d.jsonl"):
        assert len(read(tmp_path / name, content)) == 2


def bad_rows(name):
    bad = {"question": None, "context": "x", "answer": "x"}
    if name == "one bad record.json":
        return json.dumps([RECORD, bad, 5, RECORD])
    if name == "malformed.json":
        return json.dumps([RECORD, {"a": 1}, RECORD], indent=1).replace('"a": 1', '"a": ,').replace("X", "")
    if name == "cut off.json":
        return json.dumps([RECORD, RECORD, RECORD])[:-30]
    if name == "squad.json":
        return json.dumps(
            {"data": [{"paragraphs": [PARAGRAPH, {"qas": []}, {**PARAGRAPH, "qas": [*PARAGRAPH["qas"], 3]}]}]}
        )
    if name == "lines.jsonl":
        return "\n".join([json.dumps(RECORD), '{"question": ', "[]", json.dumps(bad), json.dumps(RECORD)])
    row = (QUESTION, CONTEXT, "Ada")
    return table(row, ("Who?", "x"), row, delimiter="\t" if name.endswith("tsv") else ",")


@pytest.mark.parametrize(
    "name",
    [
        "one bad record.json",
        "malformed.json",
        "cut off.json",
        "squad.json",
        "lines.jsonl",
        "rows.csv",
        "rows.tsv",
    ],
)
def test_bad_records_cost_only_themselves_and_are_told_by_place(tmp_path, name, capsys):
    examples, faults = usable(tmp_path / name, bad_rows(name))
    assert len(examples) == 2
    assert faults
    assert all(fault.message.startswith(f"{name}:") for fault in faults)
    kept, report = load_training_data([str(tmp_path / name)])
    assert len(report.unreadable) == len(faults)
    load_reported([str(tmp_path / name)])
    assert faults[0].message in capsys.readouterr().out
    assert kept


@pytest.mark.parametrize("name", ["d.json", "d.jsonl", "d.csv"])
def test_file_without_a_usable_record_is_an_error_with_a_remedy(tmp_path, name):
    content = {
        "d.json": '[{"question": "Who?"}, 3]',
        "d.jsonl": '{"question": "Who?"}\n3\n',
        "d.csv": "question,context,answer\nWho?\n",
    }[name]
    (tmp_path / name).write_text(content)
    with pytest.raises(DataError, match="No usable example") as caught:
        load_training_data([str(tmp_path / name)])
    assert f"{name}:" in caught.value.message
    assert caught.value.remedy
    assert "--repair" not in caught.value.remedy


NULLS = [
    {"answers": [{"text": None, "answer_start": None}], "is_impossible": True},
    {"answers": [{"text": None, "answer_start": 5}], "is_impossible": True},
    {"answers": {"text": None, "answer_start": None}},
    {"answers": {"text": [None], "answer_start": [None]}},
    {"answers": [None]},
    {"answer": None, "answer_start": None},
    {"answer": float("nan")},
    {"answer": None, "is_impossible": 1.0},
]


@pytest.mark.parametrize("fields", NULLS)
def test_null_text_is_an_unanswerable_question(tmp_path, fields):
    (example,) = read(tmp_path / "d.json", json.dumps([{"question": "Who?", "context": "Ada.", **fields}]))
    assert example.is_impossible


def test_null_beside_an_answer_is_no_answer_of_its_own(tmp_path):
    answers = {"text": ["Ada", None], "answer_start": [0, None]}
    (example,) = read(
        tmp_path / "d.json", json.dumps([{"question": "Who?", "context": "Ada.", "answers": answers}])
    )
    assert example.answers == (GoldAnswer("Ada", 0),)


def test_null_text_with_a_start_says_two_things(tmp_path):
    record = {"question": "Who?", "context": "Ada.", "answer": {"text": None, "answer_start": 2}}
    with pytest.raises(DataError, match="a start, but no text"):
        read(tmp_path / "d.json", json.dumps([record]))


def test_table_without_a_file_is_read_row_by_row():
    rows = list(read_table("a;b\n1;2\n", name="t", needed={"x": ["a"], "y": ["b"]}, mapping="x=a"))
    assert [row.cells for row in rows] == [{"a": "1", "b": "2"}]


@pytest.mark.parametrize(
    "cell",
    [
        "{'text': np.array(['Ada'], dtype=object), 'answer_start': np.array([43], dtype=int32)}",
        "{'text': array(['Ada'],\n      dtype='<U3'), 'answer_start': array([43])}",
        "[{'text': np.str_('Ada'), 'answer_start': np.int64(43)}]",
        "{'text': ['Ada', nan], 'answer_start': [np.float64(43.0), np.nan]}",
    ],
)
def test_what_numpy_prints_is_read(tmp_path, cell):
    at = str(CONTEXT.index("Ada"))
    row = (QUESTION, CONTEXT, cell.replace("43", at))
    (example,) = read(tmp_path / "d.csv", table(row, header=("question", "context", "answers")))
    assert example.answers == ADA


def test_other_calls_in_a_cell_are_not_carried_out(tmp_path):
    row = (QUESTION, CONTEXT, "{'text': [open('x')], 'answer_start': [0]}")
    with pytest.raises(DataError, match="damaged"):
        read(tmp_path / "d.csv", table(row, header=("question", "context", "answers")))


@pytest.mark.parametrize("names", [("start", "end"), ("answer_start", "answer_end")])
def test_a_place_alone_is_an_answer(tmp_path, names):
    start = CONTEXT.index("Ada")
    row = (QUESTION, CONTEXT, str(start), str(start + 3))
    (example,) = read(tmp_path / "d.csv", table(row, header=("question", "context", *names)))
    assert example.answers == ADA


def test_what_nobody_has_marked_is_set_aside_as_such(tmp_path):
    mark = {"start": CONTEXT.index("Ada"), "end": CONTEXT.index("Ada") + 3, "text": "Ada", "labels": ["A"]}
    shared = {"text": CONTEXT, "question": QUESTION, "annotator": 1, "lead_time": 2.5}
    rows = [{**shared, "label": [mark]}, shared, {**shared, "answer": []}]
    examples, faults = usable(tmp_path / "d.json", json.dumps(rows))
    assert [example.answers for example in examples] == [ADA]
    assert [fault.message for fault in faults] == [f"d.json:[{at}]: no answer field." for at in (1, 2)]


def test_a_broken_record_takes_none_of_the_others_along(tmp_path):
    whole = [json.dumps(RECORD | {"answers": [{"text": "Ada", "answer_start": 48}]}) for _ in range(3)]
    whole[0] = (
        whole[0]
        .replace('"Ada", "answer_start"', '"Ada" "answer_start"')
        .replace("}]", '}, {"text": "it", "answer_start": 1}]')
    )
    found, faults = usable(tmp_path / "d.json", f"[{whole[0]},\n{whole[1]},\n{whole[2]}]")
    assert [one.answers for one in found] == [ADA, ADA]
    assert "[0]" in str(faults[0])


def test_lines_of_tabs_that_quote_nothing_are_a_row_each(tmp_path):
    rows = 'Who?\t"Ada wrote it.\tAda\nWho2?\tThen Bob left."\tBob\nWho3?\tCy did.\tCy\n'
    found = read(tmp_path / "d.tsv", f"question\tcontext\tanswer\n{rows}")
    assert [(one.context, one.answers[0].text) for one in found] == [
        ('"Ada wrote it.', "Ada"),
        ('Then Bob left."', "Bob"),
        ("Cy did.", "Cy"),
    ]


def test_a_null_beside_an_answer_is_none(tmp_path):
    (found,) = read(tmp_path / "d.json", json.dumps([RECORD | {"answers": None}]))
    assert found.answers == ADA
    header = ("question", "context", "answers", "answer")
    (found,) = read(tmp_path / "d.csv", table((QUESTION, CONTEXT, "", "Ada"), header=header))
    assert found.answers == ADA


def test_a_bad_row_moves_no_start_of_another(tmp_path):
    rows = "Who wrote?, Ada wrote it.,Ada,1\nbroken,row\n"
    found, faults = usable(tmp_path / "d.csv", f"question,context,answer,answer_start\n{rows}")
    assert [one.context for one in found] == [" Ada wrote it."]
    assert found[0].answers == (GoldAnswer("Ada", 1),)
    assert len(faults) == 1


def test_a_column_without_a_name_is_kept():
    content = ",question,b,\nkey-17,Who?,x,\n"
    kept = read_table(content, name="d.csv", default=",", needed={}, mapping="")
    assert [row.cells for row in kept] == [{"Unnamed: 0": "key-17", "question": "Who?", "b": "x"}]
    again = read_table(",Unnamed: 0,q\n7,8,Who?\n", name="d.csv", needed={}, mapping="")
    assert [row.cells for row in again] == [{"Unnamed: 0_": "7", "Unnamed: 0": "8", "q": "Who?"}]


@pytest.mark.parametrize("starts", ["[48 0]", ""])
def test_answers_as_numpy_prints_them(tmp_path, starts):
    header = ("question", "context", "answer", "answer_start")
    content = table((QUESTION, CONTEXT, "['Ada' 'The café']", starts), header=header)
    (found,) = read(tmp_path / "d.csv", content)
    assert found.answers == (*ADA, GoldAnswer("The café", 0))


@pytest.mark.parametrize(
    "content",
    [
        f"question,context,answer\nWo liegt Köln?,{'ACGT' * 100_000},ACGT\n".encode("cp1252"),
        b'question,context,answer\nq,"c"' + b" " * 200_000 + b"x,a\nq,c,c\n",
    ],
)
def test_long_runs_take_no_quadratic_time(tmp_path, content):
    began = time.monotonic()
    usable(tmp_path / "d.csv", content)
    assert time.monotonic() - began < 10

"""Whatever holds rows can be answered; a row that is none keeps its text and its reason."""

import json

import pytest

from localqa.bulk.parts import BadLine, Work, find_parts, read_part
from localqa.bulk.rows import STAGED
from localqa.bulk.sources import check_input, rows_file
from localqa.datafiles.files import TextFormat
from localqa.errors import ConfigError, DataError
from localqa.squad.raw import read_raw

ROW = {"question": "Who opened the café?", "context": "It was opened by Ada."}
LINE = json.dumps(ROW, ensure_ascii=False)
TABLE = "question;context\r\nWho opened the café?;It was opened by Ada.\r\n"
SQUAD = {
    "data": [
        {"title": "T", "paragraphs": [{"context": ROW["context"], "qas": [{"id": "1", "question": "Who?"}]}]}
    ]
}


def rows(tmp_path, name, content, **known):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    check_input(path)
    source = rows_file(path, tmp_path, ["question", "context"], TextFormat(**known))
    return [row for part in find_parts(source, 2) for row in read_part(source, part)]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("q.jsonl", LINE),
        ("q.JSONL", LINE),
        ("q.ndjson", LINE + "\n"),
        ("q.jsonl", "\ufeff" + LINE),
        ("q.jsonl", LINE.encode("utf-16")),
        ("q.jsonl", LINE.encode("utf-16-le")),
        ("q.jsonl", LINE.encode("cp1252")),
        ("q.jsonl", json.dumps([ROW], indent=1)),
        ("q.jsonl", json.dumps(ROW, indent=1)),
        ("q.jsonl", '{ "question": "Who opened the café?",\n "context": "It was opened by Ada."}\n'),
        ("q.jsonl", json.dumps({"examples": [ROW]})),
        ("q.json", json.dumps(ROW, indent=1)),
        ("q.json", json.dumps([ROW])),
        ("q.json", json.dumps({"data": [ROW]})),
        ("q.csv", TABLE),
        ("q.csv", "\ufeff" + TABLE.replace(";", ",")),
        ("q.csv", TABLE.encode("cp1252")),
        ("q.tsv", TABLE.replace(";", "\t").encode("utf-16")),
    ],
)
def test_rows_of_every_kind_are_read(tmp_path, name, content):
    assert rows(tmp_path, name, content) == [ROW]


@pytest.mark.parametrize("name", ["q.json", "q.jsonl"])
@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("shape", [SQUAD, SQUAD["data"][0]])
def test_questions_in_squads_shape_bring_their_context(tmp_path, name, indent, shape):
    assert rows(tmp_path, name, json.dumps(shape, indent=indent)) == [
        {"title": "T", "context": ROW["context"], "id": "1", "question": "Who?"}
    ]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_blank_lines_are_no_rows(tmp_path, end):
    content = end.join(["", LINE, "", "  \t", LINE, "\u00a0", "\f\v", "\u200b \u3000", LINE, "\u2028", ""])
    assert rows(tmp_path, "q.jsonl", content) == [ROW] * 3
    assert (
        len(
            list(read_raw(tmp_path / "q.jsonl", needed={}, mapping="", nested=True, text_format=TextFormat()))
        )
        == 3
    )


def test_lines_in_utf8_are_read_in_place(tmp_path):
    assert rows(tmp_path, "q.jsonl", LINE)
    assert not (tmp_path / STAGED).exists()


def test_encoding_and_delimiter_may_be_named(tmp_path):
    content = "question^context\nWho?^Построил Ada.\n".encode("cp1251")
    assert rows(tmp_path, "q.csv", content, encoding="cp1251", delimiter="^")[0]["context"] == "Построил Ada."


def test_bad_rows_keep_their_text_and_their_reason(tmp_path):
    first, bad, last = rows(tmp_path, "q.csv", "question,context\nWho?,Ada came.\nonly one\nWhy?,For Bob.\n")
    assert isinstance(bad, BadLine)
    assert (bad.text, bad.problem) == ("only one", "q.csv:3: 1 cells, but the header has 2.")
    assert (first["question"], last["question"]) == ("Who?", "Why?")


def test_row_may_have_a_list_of_its_own_under_the_name_of_one_of_rows(tmp_path):
    row = ROW | {"data": [1], "examples": ["x"]}
    assert rows(tmp_path, "q.jsonl", json.dumps(row) + "\n") == [row]
    assert not (tmp_path / STAGED).exists()


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("q.json", f'[{LINE}, {{"question": "Wh}},\n {LINE}]', '{"question": "Wh}'),
        ("q.json", f'[{LINE}, {LINE},\n {{"question": ]', '{"question":'),
        ("q.jsonl", f'{{"question": "Wh\n{LINE}', '{"question": "Wh'),
        ("q.json", json.dumps([{"context": 1, "qas": []}, ROW]), '{"context": 1, "qas": []}'),
        ("q.json", json.dumps([{"paragraphs": 1}, ROW]), '{"paragraphs": 1}'),
        ("q.json", b'[{"question": "\xff"}, ' + LINE.encode() + b"]", '{"question": "?"}'),
        ("q.csv", 'question,context\nWho?,Ada.\nWho,"a\nb",c,d\n', 'Who,"a\nb",c,d'),
    ],
)
def test_what_is_no_row_comes_out_as_it_stands(tmp_path, name, content, text):
    assert [row.text for row in rows(tmp_path, name, content) if isinstance(row, BadLine)] == [text]


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("q.csv", "frage,text\nWer?,Ada.\n", "--columns"),
        ("q.csv", "question,context\nWho?\n", "quotation marks"),
        ("q.json", "[", "Repair"),
    ],
)
def test_file_without_a_row_is_an_error_with_a_remedy(tmp_path, name, content, told):
    with pytest.raises(DataError) as caught:
        rows(tmp_path, name, content)
    assert told in caught.value.remedy


@pytest.mark.parametrize("name", ["q.xlsx", "q", "missing.csv"])
def test_what_cannot_be_read_is_named(tmp_path, name):
    if name == "q.xlsx":
        (tmp_path / name).touch()
    with pytest.raises(DataError, match=name):
        check_input(tmp_path / name)


def test_what_json_has_no_number_for_becomes_null(tmp_path):
    (row,) = rows(
        tmp_path, "q.jsonl", '{"question": "Who?", "context": "Ada.", "n": [NaN, {"x": -Infinity}]}'
    )
    assert row["n"] == [None, {"x": None}]


def test_row_that_is_too_deep_to_be_written_is_an_error(tmp_path):
    deep = '{"question": "Who?", "context": "Ada.", "n": ' + "[" * 900 + "]" * 900 + "}"
    (row,) = rows(tmp_path, "q.jsonl", deep)
    assert "levels deep" in row.problem


@pytest.mark.parametrize(("kind", "delimiter"), [(".csv", ","), (".tsv", "\t")])
def test_table_comes_out_with_all_columns(tmp_path, kind, delimiter):
    (tmp_path / "q.jsonl").write_text('{"a": "x,\\ty", "n": [1, null]}\noops\n{"b": true, "f": 1e999}\n')
    parts = find_parts(tmp_path / "q.jsonl", 10)
    work = Work(tmp_path / f"out{kind}", {})
    work.begin()
    work.write(parts[0], [{"answer": None, "score": 0.5}] * 3)
    work.join(tmp_path / "q.jsonl", parts, {"answer": "string", "score": "float64"})
    header, first, second, third = (tmp_path / f"out{kind}").read_text().splitlines()
    assert header == delimiter.join(["a", "n", "line", "b", "f", "answer", "score"])
    assert first == (
        delimiter.join(['"x,\ty"', "[1, null]" if kind == ".tsv" else '"[1, null]"', "", "", "", "", "0.5"])
    )
    assert second == delimiter.join(["", "", "oops", "", "", "", "0.5"])
    assert third.startswith(delimiter * 3 + "true")


def test_output_of_a_kind_that_cannot_be_written_is_refused(tmp_path):
    from localqa.bulk.parts import check_output

    with pytest.raises((DataError, ConfigError), match="none of"):
        check_output(tmp_path / "out.xlsx")

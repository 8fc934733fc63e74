"""Reading every supported shape, and refusing what cannot be read by name."""

import json
import sys
import types
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from localqa.config import data_dir
from localqa.errors import ConfigError, DataError
from localqa.squad.checks import check
from localqa.squad.parsing import UNKNOWN_START, parse_columns
from localqa.squad.readers import read_examples
from localqa.squad.records import GoldAnswer

CONTEXT = "Ada wrote notes. Grace wrote compilers."
FLAT = {"question": "Who wrote notes?", "context": CONTEXT, "answer": {"text": "Ada", "answer_start": 0}}
HUB = {
    "id": "h1",
    "title": "T",
    "question": "Who?",
    "context": CONTEXT,
    "answers": {"text": ["Grace", "Grace wrote"], "answer_start": [17, 17]},
}
REPO = Path(__file__).resolve().parents[2]


def save(path, content):
    text = content if isinstance(content, str) else json.dumps(content)
    path.write_text(text, encoding="utf-8")
    return path


def squad(**qa):
    paragraph = {"context": CONTEXT, "qas": [{"id": "q1", "question": "Who?", **qa}]}
    return {"version": "v2.0", "data": [{"paragraphs": [paragraph]}]}


def fault(path, **options):
    with pytest.raises(DataError) as caught:
        read_examples(path, **options)
    return caught.value


def test_squad_v1_is_read_with_title_and_place(tmp_path):
    data = squad(answers=[{"text": "Ada", "answer_start": 0}])
    data["data"][0]["title"] = "Ada"
    (example,) = read_examples(save(tmp_path / "train.json", data))
    assert (example.id, example.title, example.answers) == ("q1", "Ada", (GoldAnswer("Ada", 0),))
    assert example.source == "train.json:data[0].paragraphs[0].qas[0]"


def test_squad_v2_unanswerable_question_has_no_answers_and_plausible_ones_are_not_read(tmp_path):
    data = squad(answers=[], is_impossible=True, plausible_answers=[{"text": "Ada", "answer_start": 0}])
    (example,) = read_examples(save(tmp_path / "v2.json", data))
    assert example.is_impossible
    assert example.title == ""


@pytest.mark.parametrize(
    "wrap", [lambda r: r, lambda r: {"data": r}, lambda r: {"qa_pairs": r}, lambda r: {"examples": r}]
)
def test_flat_records_are_read_from_a_list_or_a_wrapper(tmp_path, wrap):
    first, second = read_examples(save(tmp_path / "flat.json", wrap([FLAT, HUB])))
    assert first.answers == (GoldAnswer("Ada", 0),)
    assert second.answers == (GoldAnswer("Grace", 17), GoldAnswer("Grace wrote", 17))


def test_jsonl_records_of_both_kinds_are_named_by_line(tmp_path):
    text = json.dumps(FLAT) + "\n\n" + json.dumps(HUB) + "\r\n"
    examples = read_examples(save(tmp_path / "d.jsonl", text))
    assert [example.source for example in examples] == ["d.jsonl:1", "d.jsonl:3"]


def test_line_separator_characters_do_not_split_a_jsonl_line(tmp_path):
    record = {**FLAT, "context": CONTEXT + "\u2028\u0085more"}
    (example,) = read_examples(save(tmp_path / "d.jsonl", json.dumps(record, ensure_ascii=False)))
    assert example.context.endswith("more")


def test_csv_is_read_through_a_column_mapping_and_named_by_line(tmp_path):
    text = 'q,passage,a,s,key\nWho?,"two\nlines Ada",Ada,10.0,k1\nWho?,Ada here,Ada,,k2\n'
    columns = {"question": "q", "context": "passage", "answer": "a", "answer_start": "s", "id": "key"}
    first, second = read_examples(save(tmp_path / "d.csv", text), columns=columns)
    assert (first.id, first.answers, first.source) == ("k1", (GoldAnswer("Ada", 10),), "d.csv:2")
    assert (second.id, second.answers, second.source) == ("k2", (GoldAnswer("Ada", 0),), "d.csv:4")


def test_csv_needs_no_mapping_for_the_default_names(tmp_path):
    text = "question,context,answer,is_impossible\nWho?,Ada here,,true\nWho?,Ada here,Ada,\n"
    first, second = read_examples(save(tmp_path / "d.csv", text))
    assert first.is_impossible
    assert second.answers == (GoldAnswer("Ada", 0),)


def test_csv_cell_longer_than_the_csv_modules_limit_is_read(tmp_path):
    text = f"question,context,answer\nWho?,{'x' * 200_000} Ada,Ada\n"
    (example,) = read_examples(save(tmp_path / "d.csv", text))
    assert example.answers[0].start == 200_001


def test_empty_csv_answer_is_not_taken_for_unanswerable(tmp_path):
    (example,) = read_examples(save(tmp_path / "d.csv", "question,context,answer\nWho?,Ada here,\n"))
    assert not example.is_impossible
    assert check([example]).counts == {"empty_answer": 1}


def test_tsv_is_split_at_tabs(tmp_path):
    (example,) = read_examples(save(tmp_path / "d.tsv", "question\tcontext\tanswer\nWho?\tAda, here\tAda\n"))
    assert example.context == "Ada, here"


@pytest.mark.parametrize("name", ["d.json", "d.jsonl"])
def test_column_mapping_applies_to_flat_json(tmp_path, name):
    record = {"q": "Who?", "p": CONTEXT, "a": "Grace", "n": 7}
    text = json.dumps([record] if name == "d.json" else record)
    columns = {"question": "q", "context": "p", "answer": "a", "id": "n"}
    (example,) = read_examples(save(tmp_path / name, text), columns=columns)
    assert (example.id, example.answers) == ("7", (GoldAnswer("Grace", 17),))


@pytest.mark.parametrize(
    "answer",
    ["wrote", {"text": "wrote"}, {"text": "wrote", "answer_start": -1}, {"text": ["wrote"]}, ["wrote"]],
)
def test_answer_without_start_that_occurs_twice_keeps_an_unknown_start(tmp_path, answer):
    (example,) = read_examples(save(tmp_path / "d.json", [{**FLAT, "answer": answer}]))
    assert example.answers == (GoldAnswer("wrote", UNKNOWN_START),)


@pytest.mark.parametrize("answer", [None, [], {"text": [], "answer_start": []}])
def test_explicitly_empty_answers_mean_unanswerable(tmp_path, answer):
    (example,) = read_examples(save(tmp_path / "d.json", [{**FLAT, "answer": answer}]))
    assert example.is_impossible


def test_wrong_offsets_are_read_as_they_are(tmp_path):
    record = {**FLAT, "answer": {"text": "Ada", "answer_start": 5}}
    (example,) = read_examples(save(tmp_path / "d.json", [record]))
    assert example.answers == (GoldAnswer("Ada", 5),)


@pytest.mark.parametrize("name", ["d.json", "d.jsonl", "d.csv"])
def test_byte_order_mark_is_ignored(tmp_path, name):
    text = {
        "d.json": json.dumps([FLAT]),
        "d.jsonl": json.dumps(FLAT),
        "d.csv": "question,context,answer\nWho?,Ada,Ada\n",
    }[name]
    (tmp_path / name).write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert len(read_examples(tmp_path / name)) == 1


def test_missing_id_becomes_the_same_content_hash_in_every_file(tmp_path):
    (first,) = read_examples(save(tmp_path / "a.json", [FLAT]))
    (second,) = read_examples(save(tmp_path / "b.jsonl", json.dumps(FLAT)))
    assert first.id == second.id
    assert len(first.id) == 24


def test_limit_stops_early_even_before_a_bad_record(tmp_path):
    assert len(read_examples(save(tmp_path / "d.json", [FLAT, FLAT, 3]), limit=2)) == 2


@pytest.mark.parametrize("limit", [0, -1])
def test_limit_below_one_is_refused(tmp_path, limit):
    with pytest.raises(ConfigError):
        read_examples(save(tmp_path / "d.json", [FLAT]), limit=limit)


def test_missing_file_names_near_misses(tmp_path):
    save(tmp_path / "train-v1.1.json", [])
    assert "train-v1.1.json" in fault(tmp_path / "train-v1.json").remedy


@pytest.mark.parametrize("name", ["no/such/folder/d.json", "x" * 5000 + ".json", "nul\0.json"])
def test_impossible_paths_are_data_errors(tmp_path, name):
    assert "does not exist" in fault(str(tmp_path / name)).message


def test_folder_is_not_a_data_file(tmp_path):
    assert "not a regular file" in fault(tmp_path).message


def test_unknown_suffix_names_the_supported_ones(tmp_path):
    assert ".jsonl" in fault(save(tmp_path / "d.parquet", "x")).remedy


def test_malformed_json_is_named_by_line_and_column(tmp_path):
    assert fault(save(tmp_path / "d.json", '[\n {"a": }\n]')).message.startswith("d.json:2:8: malformed JSON")


def test_bad_jsonl_lines_are_all_named(tmp_path):
    text = "\n".join([json.dumps(FLAT), "{oops", "[1]", json.dumps({**FLAT, "context": 5})])
    message = fault(save(tmp_path / "d.jsonl", text)).message
    for line in (
        "d.jsonl:2:2: malformed JSON",
        "d.jsonl:3: expected an object",
        'd.jsonl:4: "context" must be',
    ):
        assert line in message


def test_many_bad_records_are_counted_but_not_all_told(tmp_path):
    message = fault(save(tmp_path / "d.json", [1] * 500)).message
    assert "490 more" in message
    assert len(message.splitlines()) == 11


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "malformed JSON"),
        ("[" * 200_000, "cannot be read"),
        ("1" * 5_000, "d.json"),
        ({"rows": []}, "no list of records"),
        ({"data": {"question": ["a"]}}, "expected a list of records"),
        ("3", "expected a list of records"),
        ([FLAT, "x"], "d.json:[1]: expected an object"),
        ({"qa_pairs": [{"context": "c", "answer": "c"}]}, 'd.json:qa_pairs[0]: no "question" field'),
        ([{**FLAT, "question": None}], '"question" must be text, found null'),
        ([{"question": "q", "context": "c"}], "no answer field"),
        ([{**FLAT, "answer": 3}], "found a number"),
        ([{**FLAT, "answer": [[]]}], "answer 0 must be"),
        ([{**FLAT, "answer": {"answer_start": 0}}], 'no "text" field'),
        ([{**FLAT, "answer": {"text": "Ada", "answer_start": [0]}}], "is a list"),
        ([{**FLAT, "answer": {"text": ["Ada"], "answer_start": [0, 1]}}], "same length"),
        ([{**FLAT, "answer": {"text": ["Ada", 3], "answer_start": [0, 1]}}], "list of texts"),
        ([{**FLAT, "answer": {"text": "Ada", "answer_start": True}}], "must be a whole number"),
        ([{**FLAT, "answer": {"text": "Ada", "answer_start": 1.5}}], "must be a whole number"),
        ([{**FLAT, "answer": {"text": "Ada", "answer_start": "first"}}], "must be a whole number"),
        ('[{"question":"q","context":"c","answer":{"text":"c","answer_start":1e999}}]', "whole number"),
        ([{**FLAT, "id": [1]}], '"id" must be'),
        ([{**FLAT, "is_impossible": "perhaps"}], "must be true or false"),
        ([{**FLAT, "is_impossible": True}], "is_impossible is true, but there is an answer"),
        ([{**FLAT, "answer": [], "is_impossible": False}], "no answer is given"),
        ({"data": [{"paragraphs": 3}]}, 'data[0]: "paragraphs" must be a list'),
        ({"data": [{"paragraphs": [{"qas": []}]}]}, 'paragraphs[0]: no "context" field'),
        ({"data": [{"paragraphs": [{"context": "c"}]}]}, 'paragraphs[0]: no "qas" field'),
        ({"data": [{"paragraphs": [{"context": "c", "qas": [5]}]}]}, "qas[0]: expected an object"),
        ({"data": [{"title": 5, "paragraphs": []}]}, '"title" must be text'),
        (squad(), "qas[0]: no answer field"),
    ],
)
def test_bad_json_is_named_by_file_and_record(tmp_path, content, told):
    error = fault(save(tmp_path / "d.json", content))
    assert "d.json" in error.message
    assert told in error.message


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "not even a header"),
        ("q,c\n1,2\n", "no column for question ('question') and context ('context'); the columns are: q, c"),
        ("question,question\n", "occurs twice"),
        ("question,context,answer\nWho?,Ada\n", "d.csv:2: 2 cells, but the header has 3"),
        ('question,context,answer\nWho?,"Ada,Ada\n', "d.csv:2: malformed CSV"),
        ("question,context\nWho?,Ada\n", "d.csv:2: no answer field"),
    ],
)
def test_bad_csv_is_named_by_line(tmp_path, text, told):
    assert told in fault(save(tmp_path / "d.csv", text)).message


@pytest.mark.parametrize("name", ["d.json", "d.jsonl", "d.csv"])
def test_text_that_is_not_utf8_is_named_by_line(tmp_path, name):
    (tmp_path / name).write_bytes(b"\n\n\xff\xfe{")
    error = fault(tmp_path / name)
    assert f"{name}:3: not UTF-8" in error.message
    assert "UTF-8" in error.remedy


def test_unknown_field_in_the_mapping_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="quesiton"):
        read_examples(save(tmp_path / "d.json", [FLAT]), columns={"quesiton": "q"})


def test_columns_flag_is_read():
    assert parse_columns("question=q, context = passage") == {"question": "q", "context": "passage"}


@pytest.mark.parametrize("text", ["", "question", "question=", "nope=x", "id=a,id=b"])
def test_bad_columns_flag_is_refused(text):
    with pytest.raises(ConfigError):
        parse_columns(text)


def test_split_of_a_file_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="split"):
        read_examples(save(tmp_path / "d.json", [FLAT]), split="train")


@pytest.fixture
def hub(monkeypatch):
    """A stand-in for the `datasets` package that remembers what was asked for."""
    asked = []

    monkeypatch.delenv("HF_TOKEN", raising=False)

    def load_dataset(name, split, token):
        assert not token  # never one that lies in the home folder
        asked.append((name, split))
        if name == "rajpurkar/squad_v2":
            raise ConnectionError("no route to the Hub")
        return [HUB, {**HUB, "id": "h2"}]

    monkeypatch.setitem(sys.modules, "datasets", types.SimpleNamespace(load_dataset=load_dataset))
    return asked


@pytest.mark.parametrize(
    ("source", "options", "split"),
    [
        ("squad", {}, "train"),
        ("squad:validation", {}, "validation"),
        ("squad", {"split": "validation"}, "validation"),
        ("rajpurkar/squad", {"limit": 1}, "train[:1]"),
    ],
)
def test_names_are_loaded_from_the_hub(hub, source, options, split):
    examples = read_examples(source, **options)
    assert hub == [("rajpurkar/squad", split)]
    assert examples[0].source == f"squad:{split.partition('[')[0]}[0]"


def test_unreachable_hub_says_what_to_do(hub):
    error = fault("squad_v2")
    assert "no route to the Hub" in error.message
    assert "path" in error.remedy


def test_missing_datasets_package_says_what_to_do(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    assert "Install datasets" in fault("squad").remedy


@pytest.mark.parametrize(("source", "split"), [("squad:test", None), ("squad:train", "validation")])
def test_unknown_or_contradicting_splits_are_refused(hub, source, split):
    with pytest.raises(ConfigError):
        read_examples(source, split=split)


FIELDS = [
    "data",
    "paragraphs",
    "qas",
    "question",
    "context",
    "answer",
    "answers",
    "text",
    "answer_start",
    "id",
]
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=5),
    max_leaves=20,
)
RAW = st.binary(max_size=60) | st.text('[]{}",\\\n\r\t1eE-N\0', max_size=40).map(str.encode)


@pytest.mark.parametrize("name", ["d.json", "d.jsonl", "d.csv", "d.tsv"])
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=RAW | VALUES.map(lambda value: json.dumps([value]).encode()))
def test_hostile_content_is_read_or_refused_and_never_crashes(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    try:
        examples = read_examples(tmp_path / name)
    except DataError as error:
        assert name in error.message  # noqa: PT017  # refusal is one of two right outcomes
    else:
        check(examples).summary()


def test_sample_data_is_clean_and_has_eight_pairs():
    examples = read_examples(REPO / "data" / "sample_qa_data.json")
    assert len(examples) == 8
    assert check(examples).ok


def test_every_shared_file_is_read_and_clean():
    folder = data_dir()
    if not folder.is_dir():
        pytest.skip(f"the data folder {folder} is not here: set QA_DATA_DIR")
    # Other folders hold documents, and what retrieval is measured by.
    known = ("squad_v1", "squad_v2", "squadshifts", "policyqa", "cuad", "qamr")
    files = [file for name in known for file in sorted((folder / name).rglob("*.json"))]
    assert files
    for file in files:
        examples = read_examples(file)
        report = check(examples)
        assert report.ok, report.summary()
        assert examples, file

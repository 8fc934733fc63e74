"""Pairs are read from every format, and what cannot be used is told."""

import json
from pathlib import Path

import pytest

from localqa.config import data_dir
from localqa.errors import ConfigError, DataError
from localqa.summarization.pairs import Pair, read_pairs, split_pairs

ROWS = [{"document": f"A long text {i}.", "summary": f"Text {i}."} for i in range(6)]
SHARED = sorted((data_dir() / "summarization").glob("*.jsonl"))


@pytest.mark.parametrize(
    "names", [("document", "summary"), ("dialogue", "summary"), ("article", "highlights")]
)
@pytest.mark.parametrize("kind", ["json", "jsonl", "csv"])
def test_pairs_are_read_from_every_format_under_known_names(tmp_path, kind, names):
    rows = [dict(zip(names, row.values(), strict=True)) for row in ROWS]
    path = tmp_path / f"pairs.{kind}"
    if kind == "csv":
        lines = [",".join(names), *(",".join(row.values()) for row in rows)]
        path.write_text("\n".join(lines))
    else:
        path.write_text(json.dumps(rows) if kind == "json" else "\n".join(map(json.dumps, rows)))
    found = read_pairs([str(path)])
    assert [(one.document, one.summary) for one in found] == [tuple(row.values()) for row in ROWS]


def test_columns_can_be_named(tmp_path):
    path = tmp_path / "pairs.json"
    path.write_text(json.dumps([{"body": "A long text.", "abstract": "Text."}]))
    (found,) = read_pairs([str(path)], columns={"document": "body", "summary": "abstract"})
    assert found == Pair("A long text.", "Text.", "pairs.json:[0]")
    with pytest.raises(ConfigError, match="Unknown field 'question'"):
        read_pairs([str(path)], columns={"question": "body"})


def test_records_without_text_are_told_and_left_out(tmp_path, capsys):
    rows = [ROWS[0], {"document": "Only this."}, {"document": " ", "summary": "x"}, {"summary": 3}]
    path = tmp_path / "pairs.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)) + "\n{")
    assert len(read_pairs([str(path)])) == 1
    told = capsys.readouterr().out
    assert 'pairs.jsonl:2: no "summary" field' in told
    assert 'pairs.jsonl:3: "document" is empty' in told
    assert "pairs.jsonl:5:2: malformed JSON" in told


def test_all_summaries_of_a_text_are_read(tmp_path):
    path = tmp_path / "pairs.json"
    path.write_text(json.dumps([{"dialogue": "a", "summary1": "b", "summary2": "c", "summary3": "d"}]))
    (found,) = read_pairs([str(path)])
    assert (found.summary, found.references) == ("b", ("b", "c", "d"))


@pytest.mark.parametrize("blank", ["", None, float("nan")])
def test_a_text_may_have_fewer_summaries_than_others(tmp_path, blank):
    path = tmp_path / "pairs.json"
    path.write_text(json.dumps([{"document": "a", "summary1": "b", "summary2": blank, "summary3": "d"}]))
    (found,) = read_pairs([str(path)])
    assert found.references == ("b", "d")


def test_file_without_pairs_is_refused(tmp_path):
    path = tmp_path / "questions.csv"
    path.write_text("question,context\nWho?,Ada\n")
    with pytest.raises(DataError, match=r"no column for document \('document' or 'dialogue'"):
        read_pairs([str(path)])


def test_file_of_questions_is_refused(tmp_path):
    path = tmp_path / "squad.json"
    path.write_text(json.dumps({"data": [{"title": "t", "paragraphs": [{"context": "Ada.", "qas": []}]}]}))
    with pytest.raises(DataError, match="No text with a summary") as refused:
        read_pairs([str(path)])
    assert "document=article" in refused.value.remedy


def test_half_a_surrogate_pair_is_left_out(tmp_path, capsys):
    path = tmp_path / "pairs.jsonl"
    path.write_text("\n".join(map(json.dumps, [ROWS[0], {"document": "a \ud800 b", "summary": "c"}])))
    assert len(read_pairs([str(path)])) == 1
    assert "pairs.jsonl:2" in capsys.readouterr().out
    with pytest.raises(ConfigError, match="limit"):
        read_pairs([str(path)], limit=0)


def test_a_text_that_occurs_twice_stays_on_one_side():
    pairs = [Pair(f"text {i // 2}", f"summary {i}") for i in range(20)]
    kept, held = split_pairs(pairs, held_out=6, seed=1)
    assert len(held) == 6
    assert not {one.document for one in kept} & {one.document for one in held}


@pytest.mark.skipif(not SHARED, reason="the data folder is not here: set QA_DATA_DIR")
@pytest.mark.parametrize("path", SHARED, ids=lambda path: path.name)
def test_real_pairs_are_read(path: Path, capsys):
    assert len(read_pairs([str(path)])) >= 500
    assert not capsys.readouterr().out

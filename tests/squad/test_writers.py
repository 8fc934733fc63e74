"""Writing and reading back."""

import json
import os
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from localqa.errors import DataError, ResourceError
from localqa.squad.readers import read_examples
from localqa.squad.records import Example, GoldAnswer
from localqa.squad.writers import write_jsonl, write_squad

EXAMPLE = Example("q", "Who?", "Ada, Zoë", (GoldAnswer("Zoë", 5),), "T")
WRITERS = {"d.json": write_squad, "d.jsonl": write_jsonl}

texts = st.text(max_size=8)


@st.composite
def examples(draw):
    context = draw(st.sampled_from(["alpha beta", "béta\u2028", "x\ud83dy"]) | texts)
    bounds = st.tuples(st.integers(0, len(context)), st.integers(0, len(context))).map(sorted)
    golds = [GoldAnswer(context[a:b], a) for a, b in draw(st.lists(bounds, max_size=2))]
    return Example(draw(st.text(min_size=1, max_size=4)), draw(texts), context, tuple(golds), draw(texts))


def read_back(path):
    return [replace(example, source="") for example in read_examples(path)]


@pytest.mark.parametrize("name", WRITERS)
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(listed=st.lists(examples(), max_size=5))
def test_written_examples_are_read_back_in_order(tmp_path, name, listed):
    # The folder is shared by all of hypothesis's tries on purpose: every one replaces the file.
    WRITERS[name](listed, tmp_path / name)
    assert read_back(tmp_path / name) == listed


@pytest.mark.parametrize("name", WRITERS)
def test_unknown_start_is_written_as_unknown(tmp_path, name):
    example = replace(EXAMPLE, context="Zoë and Zoë", answers=(GoldAnswer("Zoë", -1),))
    WRITERS[name]([example], tmp_path / name)
    assert read_back(tmp_path / name) == [example]
    assert "-1" not in (tmp_path / name).read_text(encoding="utf-8")


def test_neighbours_share_article_and_paragraph(tmp_path):
    others = [
        replace(EXAMPLE, id="r"),
        replace(EXAMPLE, id="s", context="else"),
        replace(EXAMPLE, id="t", title="U"),
    ]
    write_squad([EXAMPLE, *others], tmp_path / "d.json")
    written = json.loads((tmp_path / "d.json").read_text(encoding="utf-8"))
    assert [len(article["paragraphs"]) for article in written["data"]] == [2, 1]
    assert written["version"] == "1.1"


def test_unanswerable_questions_make_it_version_2(tmp_path):
    write_squad([EXAMPLE, replace(EXAMPLE, id="n", answers=())], tmp_path / "d.json")
    written = json.loads((tmp_path / "d.json").read_text(encoding="utf-8"))
    flags = [qa["is_impossible"] for qa in written["data"][0]["paragraphs"][0]["qas"]]
    assert (written["version"], flags) == ("v2.0", [False, True])


@pytest.mark.parametrize("version", ["1.1", "3"])
def test_version_that_cannot_hold_the_examples_is_refused(tmp_path, version):
    with pytest.raises(DataError):
        write_squad([replace(EXAMPLE, answers=())], tmp_path / "d.json", version=version)
    assert list(tmp_path.iterdir()) == []


def test_text_stays_readable(tmp_path):
    write_squad([EXAMPLE], tmp_path / "d.json")
    assert "Zoë" in (tmp_path / "d.json").read_text(encoding="utf-8")


def test_failed_write_leaves_the_old_file_and_no_draft(tmp_path):
    def failing():
        yield EXAMPLE
        raise RuntimeError("stop")

    path = tmp_path / "d.jsonl"
    path.write_text("old", encoding="utf-8")
    with pytest.raises(RuntimeError):
        write_jsonl(failing(), path)
    assert [file.name for file in tmp_path.iterdir()] == ["d.jsonl"]
    assert path.read_text(encoding="utf-8") == "old"


def test_full_disk_is_told_as_such(tmp_path, monkeypatch):
    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ResourceError, match="No space left"):
        write_squad([EXAMPLE], tmp_path / "d.json")
    assert list(tmp_path.iterdir()) == []


def test_path_that_cannot_be_written_is_a_data_error(tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(DataError, match="cannot be written"):
        write_squad([EXAMPLE], tmp_path / "file" / "d.json")

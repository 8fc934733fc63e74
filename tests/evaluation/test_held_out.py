"""Kinds of questions to fit by, and which files are none."""

import json
from argparse import ArgumentParser

import pytest

from localqa.cli import calibrate
from localqa.errors import ConfigError
from localqa.evaluation.held_out import check_not_judged, with_long
from localqa.evaluation.sets import EVALUATION_FILES, SETS
from localqa.extraction.qa_config import QAConfig
from localqa.squad.records import Example, GoldAnswer
from tests.conftest import ROOT


def paragraphs(count: int) -> list[Example]:
    made = []
    for at in range(count):
        context = f"Clerk {at} keeps the ledger of harbour {at} since {1900 + at}."
        answers = (GoldAnswer(str(1900 + at), context.index(str(1900 + at))),) if at % 3 else ()
        made.append(
            Example(str(at), f"Since when has clerk {at} kept it?", context, answers, title="harbours")
        )
    return made


def test_long_kinds_hold_so_many_paragraphs_with_and_without_the_right_one():
    kinds = with_long({"short": paragraphs(30)}, [4, 8], limit=20)
    assert list(kinds) == ["short", "short, 4 paragraphs", "short, 8 paragraphs"]
    for count in (4, 8):
        made = kinds[f"short, {count} paragraphs"]
        assert {one.context.count("Clerk ") for one in made} == {count}
        left_out = [one for one in made if one.id.endswith("-left-out")]
        assert all(one.is_impossible for one in left_out)
        assert (len(made), sum(one.is_impossible for one in made), len(left_out)) == (20, 10, 5)


def test_where_every_question_has_an_answer_more_are_asked_without_their_paragraph():
    answerable = [one for one in paragraphs(30) if not one.is_impossible]
    made = with_long({"short": answerable}, [4], limit=20)["short, 4 paragraphs"]
    assert (len(made), sum(one.is_impossible for one in made)) == (20, 10)


def test_a_kind_of_few_texts_stays_as_it_is():
    kinds = with_long({"short": paragraphs(30), "documents": paragraphs(5)}, [8], limit=20)
    assert list(kinds) == ["short", "documents", "short, 8 paragraphs"]


@pytest.mark.parametrize(
    "source", ["data/user_documents/judge.json", str(ROOT / "data/user_documents/judge.json")]
)
def test_what_is_judged_by_is_not_fitted_by(source, tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    with pytest.raises(ConfigError, match="judged by"):
        check_not_judged(["data/user_documents/choose.json", source], tmp_path)


@pytest.mark.parametrize("source", ["squad:validation", "rajpurkar/squad_v2:validation"])
def test_the_hub_name_of_what_is_judged_by_is_known(source, tmp_path):
    with pytest.raises(ConfigError, match="judged by"):
        check_not_judged([source], tmp_path)
    check_not_judged(["squad", "squad_v2:train"], tmp_path)


def test_what_a_config_is_validated_by_is_looked_at_too(tmp_path, tiny_bert):
    QAConfig(base=tiny_bert.name, base_sha256=tiny_bert.sha256).save(tmp_path)
    config = tmp_path / "config.json"
    values = {"train_data": ["x.json"], "output_dir": "x", "validation_data": ["squad:validation"]}
    config.write_text(json.dumps(values))
    parser = ArgumentParser()
    calibrate.add_flags(parser)
    with pytest.raises(ConfigError, match="judged by squad:validation"):
        calibrate.run(parser.parse_args(["--adapter", str(tmp_path), "--config", str(config)]))


def test_a_file_of_the_data_folder_is_known_however_it_is_named(tmp_path):
    file = tmp_path / "squad_v1" / "dev-v1.1.json"
    file.parent.mkdir()
    file.write_text("{}")
    for source in ("squad_v1/dev-v1.1.json", str(file)):
        with pytest.raises(ConfigError, match="judged by"):
            check_not_judged([source], tmp_path)


def test_other_files_may_be_fitted_by(tmp_path):
    check_not_judged(["data/user_documents/choose.json", "mine.csv"], tmp_path)


def test_every_set_has_a_name_and_title_of_its_own():
    assert len({one.name for one in SETS}) == len({one.title for one in SETS}) == len(SETS)
    assert "data/user_documents/choose.json" not in EVALUATION_FILES


def test_the_projects_own_documents_are_read_and_missing_files_are_named(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    sets = {one.name: one for one in SETS}
    assert len(sets["user-documents"].examples(tmp_path, 12)) == 12
    assert sets["user-documents"].missing(tmp_path) == []
    assert sets["dev-v2.0"].missing(tmp_path) == ["squad_v2/dev-v2.0.json"]

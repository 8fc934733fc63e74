"""A field's adapter out of one file: stage by stage, and on from where it stopped."""

import csv
import json
import shutil
from dataclasses import replace

import pytest

from fine_tune import main
from localqa.errors import ConfigError
from localqa.extraction.qa_config import QAConfig
from localqa.squad.mock import make_mock
from localqa.squad.readers import read_examples
from localqa.training.domain import is_domain_file, run_domain

STAGES = ["preprocess", "train", "evaluate", "report"]


@pytest.fixture
def rows():
    """Rows of a CSV with columns of its own."""
    return [
        {"id": one.id, "q": one.question, "passage": one.context, "a": one.answers[0].text}
        for one in make_mock(100, unanswerable=0)
    ]


@pytest.fixture
def domain(tmp_path, tiny_bert, rows, monkeypatch):
    """A domain file over a tiny base, and a function that writes its data."""
    monkeypatch.chdir(tmp_path)

    def write(rows=rows, stray=()):
        with open("faq.csv", "w", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        lines = (tmp_path / "faq.csv").read_bytes().split(b"\r\n")
        for number in stray:
            lines[number - 1] = lines[number - 1].replace(b"is a", b"is \xe9", 1)
        (tmp_path / "faq.csv").write_bytes(b"\r\n".join(lines))

    write()
    values = {
        "name": "faq",
        "data": ["faq.csv"],
        "columns": {"question": "q", "context": "passage", "answer": "a"},
        "compare_with": None,
        "training": {"base": str(tiny_bert.folder), "max_steps": 2, "lora_rank": 2, "batch_size": 8},
    }
    path = tmp_path / "domain.json"
    path.write_text(json.dumps(values))
    return path, values, write


def test_all_stages_make_an_adapter_and_a_page_and_are_not_done_twice(domain, tmp_path, capsys):
    path, _, _ = domain
    assert main([str(path)]) == 0
    assert (tmp_path / "models/faq/adapter_model.safetensors").exists()
    page = (tmp_path / "models/faq/domain.md").read_text()
    assert "On the test part" in page
    assert (tmp_path / "models/faq/evaluation/test.png").exists()
    parts = {
        name: read_examples(tmp_path / f"runs/faq/{name}.json") for name in ("train", "validation", "test")
    }
    contexts = {name: {one.context for one in some} for name, some in parts.items()}
    assert not contexts["train"] & contexts["test"]
    assert not contexts["validation"] & (contexts["train"] | contexts["test"])
    # Without a start, an answer that stands twice in its text could be either.
    assert 90 <= sum(map(len, parts.values())) <= 100
    capsys.readouterr()
    assert main([str(path)]) == 0
    assert capsys.readouterr().out.count("done already") == 3


def test_an_evaluation_that_is_gone_is_made_again(domain, tmp_path):
    path, _, _ = domain
    assert main([str(path)]) == 0
    shutil.rmtree(tmp_path / "models/faq/evaluation")
    assert main([str(path)]) == 0
    assert (tmp_path / "models/faq/evaluation/test.json").exists()


def test_stages_run_one_by_one_in_their_order(domain, tmp_path):
    path, _, _ = domain
    with pytest.raises(ConfigError, match="preprocess of 'faq' was not run"):
        run_domain(path, ["--stage", "train"])
    for stage in STAGES:
        run_domain(path, ["--stage", stage])
    assert (tmp_path / "models/faq/domain.md").exists()


def test_other_data_are_learned_anew_when_told(domain, rows):
    path, _, write = domain
    main([str(path)])
    write(rows[:60])
    run_domain(path, ["--stage", "preprocess"])
    with pytest.raises(ConfigError, match="holds a finished adapter"):
        run_domain(path, ["--stage", "train"])
    run_domain(path, ["--stage", "train", "--overwrite"])


def test_data_set_of_another_name_is_read_anew(domain, rows, monkeypatch, capsys):
    path, values, _ = domain
    monkeypatch.setattr("localqa.training.domain.read_examples", lambda *_, **__: make_mock(50))
    for name in ("squad", "squad_v2"):
        path.write_text(json.dumps(values | {"data": [name]}))
        run_domain(path, ["--stage", "preprocess"])
    assert "done already" not in capsys.readouterr().out
    run_domain(path, ["--stage", "preprocess"])
    assert "done already" in capsys.readouterr().out


def test_questions_that_were_trained_on_are_told(domain, tmp_path, capsys):
    path, values, _ = domain
    main([str(path)])
    assert "warning" not in capsys.readouterr().err
    # Another seed gives other parts, of which the adapter was not trained anew.
    path.write_text(json.dumps(values | {"seed": 1}))
    for stage in ("preprocess", "evaluate", "report"):
        run_domain(path, ["--stage", stage])
    assert "were in the training data of faq" in capsys.readouterr().err
    for page in ("evaluation/test.md", "domain.md"):
        assert "were in the training data of faq" in (tmp_path / "models/faq" / page).read_text()


def test_texts_near_those_of_the_test_part_are_not_learned(domain, rows, tmp_path, capsys):
    path, _, write = domain
    sentences = [f"Station {number} of the line opened in {1900 + number}." for number in range(80)]
    write(
        [
            {"id": str(at), "q": f"When did station {at} open?", "passage": text, "a": str(1900 + at)}
            for at in range(0, 76, 2)
            if (text := " ".join(sentences[at : at + 4]))
        ]
    )
    assert main([str(path)]) == 0
    assert "their context stands in --exclude_data too" in capsys.readouterr().out
    learned = json.loads((tmp_path / "models/faq/report.json").read_text())["data"]["train_questions"]
    assert 0 < learned < len(read_examples(tmp_path / "runs/faq/train.json"))


def test_comparison_is_made_anew_with_another_adapter_of_the_name(domain, tmp_path, capsys):
    path, values, _ = domain
    main([str(path)])
    shutil.copytree(tmp_path / "models/faq", tmp_path / "models/other")
    path.write_text(json.dumps(values | {"compare_with": "other"}))
    run_domain(path, ["--stage", "evaluate"])
    config = QAConfig.load(tmp_path / "models/other")
    replace(config, max_answer_tokens=1).save(tmp_path / "models/other")
    capsys.readouterr()
    run_domain(path, ["--stage", "evaluate"])
    assert "done already" not in capsys.readouterr().out


def test_broken_rows_are_told_by_line_and_reason_and_the_others_used(domain, rows, capsys, tmp_path):
    path, _, write = domain
    rows[2]["passage"] = ""
    rows[7]["a"] = "nowhere in it"
    rows[12]["id"] = rows[11]["id"]
    rows[16]["q"] = " "
    write(rows, stray=[31])
    run_domain(path, ["--stage", "preprocess"])
    told = capsys.readouterr().out
    for line, reason in (
        (4, "empty_context"),
        (9, "answer_not_in_context"),
        (14, "duplicate_id"),
        (18, "blank_question"),
        (31, "not UTF-8"),
    ):
        assert any(f"faq.csv:{line}" in text and reason in text for text in told.splitlines()), (line, reason)
    made = json.loads((tmp_path / "runs/faq/preprocess.stage.json").read_text())
    assert made["unreadable"] == 1
    assert sum(part["questions"] for part in made["parts"].values()) >= 85


def test_question_too_long_to_be_asked_is_told_and_the_others_judged(domain, rows, tmp_path, capsys):
    path, _, write = domain
    run_domain(path, ["--stage", "preprocess"])
    before = read_examples(tmp_path / "runs/faq/test.json")
    # Parts are made by the texts alone: the question stays in this one.
    next(row for row in rows if row["id"] == before[0].id)["q"] = "why " * 400
    write(rows)
    assert main([str(path)]) == 0
    assert "test.json:data[0].paragraphs[0].qas[0]: left out" in capsys.readouterr().out
    judged = json.loads((tmp_path / "models/faq/evaluation/test.json").read_text())
    assert judged["scores"]["total"] == len(before) - 1


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"name": "../x"}, "name"),
        ({"test_share": 1.5}, "test_share"),
        ({"colour": "red"}, "colour"),
        ({"training": {"learning_rate": -1}}, "learning_rate"),
        ({"training": {"dry_run": True}}, "dry_run"),
        ({"training": {"validation_data": ["x.json"]}}, "validation_data"),
    ],
)
def test_bad_files_are_told_by_key(domain, changes, told):
    path, values, _ = domain
    path.write_text(json.dumps(values | changes))
    with pytest.raises(ConfigError, match=told):
        run_domain(path, [])


def test_files_of_single_trainings_are_none_of_a_field(tmp_path, domain):
    plain = tmp_path / "plain.json"
    plain.write_text(json.dumps({"train_data": ["x.json"], "output_dir": "models/x"}))
    assert not is_domain_file(plain)
    assert is_domain_file(domain[0])

"""What a run trains on and is validated by."""

import json

import pytest

from localqa.errors import ConfigError, DataError
from localqa.training.config import TrainConfig, checked
from localqa.training.question_data import load_data


def test_excluded_contexts_are_in_neither_part(tiny_data, tmp_path):
    """Thresholds are fitted on what is held out: it must not hold the evaluation's texts."""
    records = json.loads(tiny_data.read_text())
    excluded = tmp_path / "evaluation.json"
    excluded.write_text(json.dumps(records[:3]))
    held_back = {record["context"] for record in records[:3]}
    for seed in range(5):
        config = TrainConfig(
            train_data=[str(tiny_data)],
            exclude_data=[str(excluded)],
            output_dir="x",
            validation_size=4,
            seed=seed,
        )
        data = load_data(config)
        assert data.validation
        assert not held_back & {example.context for example in (*data.train, *data.validation)}


def test_excluded_contexts_are_not_in_given_validation_data_either(tiny_data, tmp_path, capsys):
    records = json.loads(tiny_data.read_text())
    for name, some in (("train", records[:8]), ("validation", records[8:12]), ("test", records[10:12])):
        (tmp_path / f"{name}.json").write_text(json.dumps(some))
    files = {name: [str(tmp_path / f"{name}.json")] for name in ("train", "validation", "test")}
    config = TrainConfig(
        train_data=files["train"],
        validation_data=files["validation"],
        exclude_data=files["test"],
        output_dir="x",
    )
    held_back = {record["context"] for record in records[10:12]}
    assert not held_back & {example.context for example in load_data(config).validation}
    assert "validation questions left out" in capsys.readouterr().out


def test_rehearsal_without_a_number_is_refused():
    with pytest.raises(ValueError, match="rehearsal_size"):
        TrainConfig(train_data=["x"], output_dir="x", rehearsal_data=["y"])


def article(title, name):
    qas = [{"id": name, "question": "Who came?", "answers": [{"text": name, "answer_start": 0}]}]
    return {"title": title, "paragraphs": [{"context": f"{name} came to the house in {title}.", "qas": qas}]}


@pytest.fixture
def articles(tmp_path):
    path = tmp_path / "articles.json"
    data = [article("Turin", "Ada"), article("London", "Bob")]
    path.write_text(json.dumps({"version": "1.1", "data": data}))
    return str(path)


def settings(tiny_data, articles, titles):
    return {
        "train_data": [str(tiny_data), articles],
        "validation_data": [articles],
        "validation_titles": titles,
        "output_dir": "x",
    }


def test_articles_are_held_out_by_title(tiny_data, articles):
    data = load_data(TrainConfig(**settings(tiny_data, articles, ["London"])))
    assert {example.title for example in data.validation} == {"London"}
    titles = {example.title for example in data.train}
    assert "Turin" in titles
    assert "London" not in titles


def test_unknown_title_is_named_with_the_known_ones(tiny_data, articles):
    with pytest.raises(DataError, match="no article 'Paris'") as caught:
        load_data(TrainConfig(**settings(tiny_data, articles, ["Paris"])))
    assert "London, Turin" in caught.value.remedy


def test_titles_without_validation_files_are_refused(tiny_data):
    values = {"train_data": [str(tiny_data)], "output_dir": "x", "validation_titles": ["London"]}
    with pytest.raises(ConfigError, match="validation_titles needs validation_data"):
        checked(values, TrainConfig, where="flags")


def test_paragraphs_that_look_right_and_texts_of_several_are_learned_from(articles):
    given = {"train_data": [articles], "output_dir": "x", "validation_size": 0}
    data = load_data(TrainConfig(**given, retrieved_negatives=1.0, joined=1.0, joined_paragraphs=1))
    retrieved = [example for example in data.train if example.id.endswith("-retrieved")]
    assert len(retrieved) == 2
    assert all(example.is_impossible for example in retrieved)
    assert {example.context.count("\n\n") for example in data.train if example not in retrieved} == {1}


def test_rehearsal_is_told_from_training_data_of_the_same_name(tiny_data, tmp_path):
    before = tmp_path / "before" / tiny_data.name
    before.parent.mkdir()
    before.write_text(tiny_data.read_text().replace("Note", "Page"))
    given = {"train_data": [str(tiny_data)], "output_dir": "x", "validation_size": 0}
    data = load_data(TrainConfig(**given, rehearsal_data=[str(before)], rehearsal_size=5))
    rehearsed = [example for example in data.train if example.source in data.rehearsed]
    assert len(rehearsed) == 5
    assert all("Page" in example.context for example in rehearsed)


def test_an_adapter_that_always_answers_learns_from_answerable_questions_alone(tmp_path):
    both = article("Turin", "Ada")
    unanswered = {"id": "none", "question": "Who left?", "answers": [], "is_impossible": True}
    both["paragraphs"][0]["qas"].append(unanswered)
    path = tmp_path / "both.json"
    path.write_text(json.dumps({"version": "v2.0", "data": [both]}))
    given = {"train_data": [str(path)], "output_dir": "x", "validation_size": 0}
    assert len(load_data(TrainConfig(**given)).train) == 2
    assert [example.id for example in load_data(TrainConfig(**given, answerable_only=True)).train] == ["Ada"]

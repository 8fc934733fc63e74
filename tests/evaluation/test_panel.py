"""All figures of a set out of what was said once."""

import numpy as np
import pytest

from localqa.evaluation.outcomes import Outcome, worst
from localqa.evaluation.panel import Verdicts, figures
from localqa.evaluation.panel_charts import draw_length, draw_sets
from localqa.extraction.qa_config import QAConfig
from localqa.extraction.spans import Decoded, Span
from localqa.squad.metrics import score
from localqa.squad.records import Example, GoldAnswer

CONTEXT = "Ada Lovelace wrote the report in 1843."
CONFIG = QAConfig(base="b", base_sha256="0", null_threshold=0.0)
NAME, FIRST, YEAR = Span(0, 12, 6.0), Span(0, 3, 6.0), Span(33, 37, 6.0)


def example(id: str, answer: str | None, context: str = CONTEXT) -> Example:
    golds = (GoldAnswer(answer, context.index(answer)),) if answer else ()
    return Example(id, "Who?", context, golds)


def said(span: Span, null_score: float) -> Decoded:
    return Decoded((span,), span.score + null_score, np.array([span.score], dtype=np.float32))


EXAMPLES = [
    example("right", "Ada Lovelace"),
    example("half", "Ada Lovelace"),
    example("refused wrongly", "1843"),
    example("refused rightly", None),
    example("made up", None),
]
SAID = [said(NAME, -5.0), said(FIRST, -4.0), said(YEAR, 2.0), said(YEAR, 3.0), said(YEAR, -1.0)]


@pytest.fixture
def found():
    return figures(Verdicts.of(EXAMPLES, SAID, CONFIG))


def test_figures_under_the_own_threshold_are_the_official_ones(found):
    texts = {
        "right": "Ada Lovelace",
        "half": "Ada",
        "refused wrongly": "",
        "refused rightly": "",
        "made up": "1843",
    }
    official = score(EXAMPLES, texts).as_dict()
    names = {"exact": "exact", "f1": "f1", "answerable_f1": "has_ans_f1", "refused": "no_ans_f1"}
    for own, name in names.items():
        assert found[own] == pytest.approx(official[name], abs=0.01)


def test_made_to_answer_counts_answerable_questions_without_the_threshold(found):
    assert found["made_to_answer_f1"] == pytest.approx(100 * (1 + 2 / 3 + 1) / 3, abs=0.01)


def test_best_threshold_is_that_of_the_official_script(found):
    spans = {"right": "Ada Lovelace", "half": "Ada", "refused wrongly": "1843"}
    spans |= {"refused rightly": "1843", "made up": "1843"}
    nulls = dict(zip([one.id for one in EXAMPLES], [-5.0, -4.0, 2.0, 3.0, -1.0], strict=True))
    assert found["best_f1"] == pytest.approx(score(EXAMPLES, spans, nulls).best_f1, abs=0.01)


def test_calibration_error_compares_scores_with_what_came_true(found):
    # Softmax of span against null, in ten bins of one each.
    scores = [1 / (1 + np.exp(-abs(n))) for n in (-5.0, -4.0, 2.0, 3.0, -1.0)]
    right = [1.0, 0.0, 0.0, 1.0, 0.0]
    bins = np.digitize(scores, np.linspace(0, 1, 11))
    expected = sum(
        abs(sum(s - r for s, r, b in zip(scores, right, bins, strict=True) if b == one)) for one in set(bins)
    )
    assert found["ece"] == pytest.approx(100 * expected / 5, abs=0.01)


def test_a_set_without_unanswerable_questions_has_no_such_figures():
    found = figures(Verdicts.of(EXAMPLES[:2], SAID[:2], CONFIG))
    assert (found["refused"], found["best_f1"]) == (None, None)
    assert "refused" not in found["intervals_95"]


def test_intervals_hold_the_figures():
    texts = [f"{CONTEXT} {number}" for number in range(30)]
    examples = [example(str(at), None if at % 3 else "1843", text) for at, text in enumerate(texts)]
    decoded = [said(YEAR if at % 2 else NAME, (-1.0) ** (at // 2)) for at in range(30)]
    found = figures(Verdicts.of(examples, decoded, CONFIG))
    for name, (low, high) in found["intervals_95"].items():
        assert low <= found[name] <= high
    assert found["documents"] == 30


def test_by_overlap_an_answer_inside_a_sentence_is_right():
    whole = example("whole", "Ada Lovelace wrote the report")
    plain, overlap = (
        figures(Verdicts.of([whole], [said(NAME, -5.0)], CONFIG, by_overlap=by)) for by in (False, True)
    )
    assert plain["f1"] < 100
    assert overlap["f1"] == overlap["exact"] == 100
    outside = figures(Verdicts.of([whole], [said(YEAR, -5.0)], CONFIG, by_overlap=True))
    assert outside["f1"] == 0
    across = figures(Verdicts.of([example("a", "Lovelace")], [said(NAME, -5.0)], CONFIG, by_overlap=True))
    assert across["f1"] == pytest.approx(100 * 8 / 12, abs=0.01)
    assert across["exact"] == 0


def test_pictures_are_drawn_of_rows_that_lack_figures(tmp_path, found):
    rows = [{"title": title, "adapter": name, **found} for title in ("one", "two") for name in ("a", "b")]
    rows.append({"title": "three", "adapter": "b", **found, "refused": None})
    draw_sets(tmp_path / "sets.png", rows)
    lengths = [{**found, "adapter": "a", "paragraphs": count, "ms": 10.0 * count} for count in (1, 20)]
    draw_length(tmp_path / "length.png", lengths)
    for name in ("sets.png", "length.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")


def test_the_worst_are_the_surest_and_least_right():
    def outcome(id: str, score: float, f1: float) -> Outcome:
        return Outcome(example(id, "1843"), "a", score, -1.0, "a", float(f1 == 1.0), f1)

    given = [outcome("sure", 0.9, 0.0), outcome("half", 0.9, 0.5), outcome("unsure", 0.2, 0.0)]
    found = worst([outcome("right", 1.0, 1.0), *reversed(given)], 2)
    assert [one.example.id for one in found] == ["sure", "half"]

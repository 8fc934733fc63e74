"""The loss of a question with one window and with several."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional

from localqa.extraction.windows import Windower
from localqa.squad.readers import read_examples
from localqa.squad.records import Example, GoldAnswer
from localqa.training.config import TrainConfig
from localqa.training.features import (
    Augmentation,
    SoftLabels,
    by_question,
    legal_positions,
    make_features,
    soft_targets,
)
from localqa.training.losses import span_loss
from localqa.training.methods import make_trainee

CONTEXT = " ".join(f"The quick fox {number} jumps." for number in range(24))


def config_of(**changes) -> TrainConfig:
    values = {"train_data": ["x"], "output_dir": "models/x", "bf16": False, "lora_rank": 4}
    return TrainConfig(**(values | changes))


@pytest.fixture
def windower(tiny_bert):
    return Windower.from_folder(tiny_bert.folder, max_length=64, stride=16)


@pytest.fixture
def trainee(tiny_bert):
    trainee = make_trainee(config_of(), tiny_bert)
    trainee.model.eval()
    return trainee


@pytest.fixture
def long(windower):
    """The windows of three questions about a long text, the last one without an answer."""
    gold = [GoldAnswer(text, CONTEXT.index(text)) for text in ("fox 7", "fox 20 jumps")]
    answers = [(gold[0],), (gold[1],), ()]
    examples = [Example(str(at), "Who jumps?", CONTEXT, one) for at, one in enumerate(answers)]
    return make_features(examples, windower, progress=False)


def logits_of(trainee, features):
    """Start and end logits by window, shape (2, W, tokens), illegal positions at -inf."""
    windows = [feature.window for feature in features]
    tokens = max(map(len, windows))
    found = torch.full((2, len(windows), tokens), -torch.inf)
    for row, window in enumerate(windows):
        ids = torch.from_numpy(window.input_ids.astype(np.int64))[None]
        types = torch.from_numpy(window.token_type_ids.astype(np.int64))[None]
        output = trainee.model(input_ids=ids, attention_mask=torch.ones_like(ids), token_type_ids=types)
        found[0, row, : len(window)] = output.start_logits[0]
        found[1, row, : len(window)] = output.end_logits[0]
    return found.masked_fill(~torch.from_numpy(legal_positions(windows, tokens)), -torch.inf)


def test_of_one_window_it_is_the_cross_entropy(trainee, tiny_data, windower):
    features = make_features(read_examples(tiny_data), windower, progress=False)[:8]
    labels = torch.tensor([[feature.start, feature.end] for feature in features]).T
    logits = logits_of(trainee, features)
    usual = functional.cross_entropy(logits.flatten(0, 1), labels.flatten())
    torch.testing.assert_close(span_loss(config_of(), trainee, features), usual, atol=1e-5, rtol=1e-5)


def test_all_windows_of_a_question_share_one_normalisation(trainee, long):
    grouped = by_question(long, 64)
    assert len(grouped) == 3
    expected = []
    for feature in grouped:
        windows = [feature, *feature.beside]
        margins = logits_of(trainee, windows)
        margins = margins - margins[..., :1]
        for side in (0, 1):
            options = torch.cat([torch.zeros(1), margins[side][:, 1:].flatten()])
            gold = [
                margins[side, row, (one.start, one.end)[side]] for row, one in enumerate(windows) if one.start
            ]
            likelihood = torch.stack(gold).logsumexp(0) if gold else torch.zeros(())
            expected.append(options.logsumexp(0) - likelihood)
    torch.testing.assert_close(
        span_loss(config_of(), trainee, grouped), torch.stack(expected).mean(), atol=1e-5, rtol=1e-5
    )


def test_gradients_are_finite(trainee, long):
    span_loss(config_of(), trainee, by_question(long, 64)).backward()
    gradients = [p.grad for p in trainee.model.parameters() if p.grad is not None]
    assert gradients
    assert all(torch.isfinite(gradient).all() for gradient in gradients)


def test_a_windowful_of_windows_keeps_the_answer(long):
    (first, *_) = by_question(long, 2)
    assert first.start
    assert len(first.beside) == 1
    assert len(first) == len(first.window) + len(first.beside[0].window)


def test_a_student_that_agrees_with_its_teacher_in_all_windows_has_the_lowest_loss(trainee, long):
    """The teacher of each window is the student itself: no other labels are cheaper."""
    config = config_of(teacher="x", distill_weight=1.0, distill_temperature=1.0)

    def taught(temperature):
        features = []
        for one, (start, end) in zip(long, logits_of(trainee, long).transpose(0, 1), strict=True):
            kept = torch.isfinite(start)
            sides = [(side[kept] / temperature).softmax(0).detach().numpy() for side in (start, end)]
            features.append(replace(one, soft=SoftLabels(*sides)))
        return by_question(features, 64)

    def excess(temperature):
        """Over the entropy of the labels, which no student can go below."""
        grouped = taught(temperature)
        total = 0.0
        for feature in grouped:
            windows = [feature, *feature.beside]
            soft = soft_targets(windows, max(len(one.window) for one in windows))
            odds = soft / soft[..., :1]
            for side in odds[..., 1:]:
                whole = np.append(side[side > 0], 1.0)
                whole /= whole.sum()
                total -= (whole * np.log(whole)).sum()
        return span_loss(config, trainee, grouped).item() - total / (2 * len(grouped))

    assert excess(1.0) == pytest.approx(0.0, abs=1e-4)
    assert excess(0.5) > 1e-3


def test_windows_beside_are_masked_too(long):
    masked = Augmentation(0.9, 4, sample_answers=False, seed=1)(by_question(long, 64), step=0)
    assert all((one.window.input_ids == 4).any() for feature in masked for one in feature.beside)

"""Weights as whole numbers times scales."""

import numpy as np
import pytest
import torch
from torch import nn

from localqa.model.adapter_files import HEAD
from localqa.model.loading import load_model
from localqa.model.rounding import rounded

WEIGHT = np.random.default_rng(0).standard_normal((6, 64)).astype(np.float32)


@pytest.mark.parametrize(("bits", "levels"), [("int8", 127), ("int4", 7)])
def test_rounding_is_off_by_half_a_step_at_most(bits, levels):
    one = rounded(WEIGHT, bits)
    assert one.bits == bits
    assert one.values.dtype == np.int8
    assert np.abs(one.values).max() == levels
    half_steps = np.broadcast_to(one.scale / 2, one.values.shape).reshape(WEIGHT.shape)
    assert (np.abs(one.restored() - WEIGHT) <= half_steps * 1.0001).all()


@pytest.mark.parametrize("bits", ["int8", "int4"])
def test_rounded_weights_round_to_themselves(bits):
    once = rounded(WEIGHT, bits).restored()
    np.testing.assert_allclose(rounded(once, bits).restored(), once, rtol=1e-6)


def test_widths_that_do_not_divide_into_groups_take_eight_bits():
    one = rounded(WEIGHT[:, :40], "int4")
    assert one.bits == "int8"
    assert one.restored().shape == (6, 40)


def test_layer_of_zeros_stays_zero():
    assert not rounded(np.zeros((2, 32), dtype=np.float32), "int4").restored().any()


@pytest.mark.parametrize("bits", ["int8", "int4"])
def test_training_base_has_the_weights_that_are_served(tiny_bert, bits):
    plain, served = load_model(tiny_bert), load_model(tiny_bert, precision=f"served-{bits}")
    layers = dict(served.named_modules())
    for name, module in plain.named_modules():
        if not isinstance(module, nn.Linear | nn.Embedding):
            continue
        wanted = module.weight.detach()
        if isinstance(module, nn.Linear) and HEAD not in name:
            wanted = torch.from_numpy(rounded(wanted.numpy(), bits).restored())
        elif name.endswith("word_embeddings"):
            wanted = torch.from_numpy(rounded(wanted.numpy(), "int8").restored())
        torch.testing.assert_close(layers[name].weight.detach(), wanted)

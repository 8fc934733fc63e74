"""Adapters made out of adapters."""

import pytest
import torch
from safetensors.torch import load_file

from localqa.errors import AdapterError, ConfigError
from localqa.extraction.qa_config import QAConfig
from localqa.model.adapter_files import HEAD, LORA_FILE
from localqa.model.adapters import add_lora, add_prompt, load_adapter, merge, save_adapter
from localqa.model.combine import combine, merge_into_base
from localqa.model.loading import load_model


def config_for(base, **changes):
    return QAConfig(base=base.name, base_sha256=base.sha256, **changes)


@pytest.fixture
def make(tiny_bert, tmp_path):
    """Writes a LoRA adapter with random matrices."""

    def write(name, *, rank=4, alpha=8.0, rslora=False, seed=1, size=0.05, **changes):
        folder = tmp_path / name
        folder.mkdir()
        model = add_lora(load_model(tiny_bert), rank=rank, alpha=alpha, rslora=rslora)
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.requires_grad:
                    parameter.copy_(torch.randn(parameter.shape, generator=generator) * size)
        save_adapter(model, folder, config_for(tiny_bert, **changes))
        return folder

    return write


@pytest.fixture
def output(tmp_path):
    folder = tmp_path / "new"
    folder.mkdir()
    return folder


def weights_of(tiny_bert, folder):
    """All weights of base plus adapter, merged."""
    return merge(load_adapter(load_model(tiny_bert), folder)).state_dict()


def expected(tiny_bert, weights):
    """base + sum of weighted changes; the head is the weighted mean."""
    base = load_model(tiny_bert).state_dict()
    merged = {folder: weights_of(tiny_bert, folder) for folder in weights}
    total = sum(weights.values())
    return {
        name: sum(w / total * merged[folder][name] for folder, w in weights.items())
        if name.startswith(HEAD)
        else tensor + sum(w * (merged[folder][name] - tensor) for folder, w in weights.items())
        for name, tensor in base.items()
    }


@pytest.mark.parametrize("method", ["cat", "svd"])
def test_changes_to_the_base_add_up_by_weight(method, make, tiny_bert, output):
    """Adapters of different rank and scale; rank 16 of the sum loses nothing (6 would do)."""
    weights = {make("one"): 0.7, make("two", rank=2, alpha=3.0, seed=2): 0.5}
    combine(tiny_bert, weights, output, method=method, rank=16)
    wanted = expected(tiny_bert, weights)
    for name, tensor in weights_of(tiny_bert, output).items():
        torch.testing.assert_close(tensor, wanted[name], atol=2e-3, rtol=1e-2)


@pytest.mark.parametrize("method", ["cat", "svd"])
@pytest.mark.parametrize("rooted", [(True, False), (False, True), (True, True)])
def test_ways_of_scaling_can_be_mixed(method, rooted, make, tiny_bert, output):
    """Scale alpha / sqrt(rank) beside alpha / rank, whichever comes first."""
    weights = {make("one", rslora=rooted[0]): 0.7, make("two", rank=2, seed=2, rslora=rooted[1]): 0.5}
    combine(tiny_bert, weights, output, method=method, rank=16)
    wanted = expected(tiny_bert, weights)
    for name, tensor in weights_of(tiny_bert, output).items():
        torch.testing.assert_close(tensor, wanted[name], atol=2e-3, rtol=1e-2)


def test_mean_lies_between(make, tiny_bert, output):
    folders = [make("one"), make("two", seed=2)]
    combine(tiny_bert, {folders[0]: 1, folders[1]: 3}, output, method="mean")
    one, two, mean = (load_file(folder / LORA_FILE) for folder in (*folders, output))
    for name in mean:
        wanted = one[name].float() * 0.25 + two[name].float() * 0.75
        torch.testing.assert_close(mean[name].float(), wanted, atol=1e-3, rtol=1e-3)


def test_result_is_not_calibrated(make, tiny_bert, output):
    folders = [make("one", null_threshold=1.0, temperature=2.0, score_offset=0.5), make("two")]
    combine(tiny_bert, dict.fromkeys(folders, 0.5), output)
    assert QAConfig.load(output) == config_for(tiny_bert)


def test_adapters_of_different_rank_have_no_mean(make, tiny_bert, output):
    with pytest.raises(AdapterError, match="differ"):
        combine(tiny_bert, {make("one"): 1, make("two", rank=5): 1}, output, method="mean")


def test_a_rank_beyond_the_base_is_refused(make, tiny_bert, output):
    with pytest.raises(ConfigError, match="too high for this base"):
        combine(tiny_bert, {make("one"): 1, make("two"): 1}, output, method="svd", rank=10_000)


@pytest.mark.parametrize("changes", [{"alpha": 16.0}, {"rslora": True}])
def test_adapters_of_different_scale_have_no_mean(make, tiny_bert, output, changes):
    with pytest.raises(AdapterError, match="differ"):
        combine(tiny_bert, {make("one"): 1, make("two", **changes): 1}, output, method="mean")


def test_one_adapter_is_no_combination(make, tiny_bert, output):
    with pytest.raises(ConfigError, match="nothing to combine"):
        combine(tiny_bert, {make("one"): 1}, output)


@pytest.mark.parametrize("weights", [(float("nan"), 1), (1, float("inf")), (1e308, 1e308)])
@pytest.mark.parametrize("method", ["cat", "svd", "mean"])
def test_weights_that_give_no_numbers_are_refused(make, tiny_bert, output, weights, method):
    parts = dict(zip([make("one"), make("two", seed=2)], weights, strict=True))
    with pytest.raises(ConfigError, match="weight"):
        combine(tiny_bert, parts, output, method=method)
    assert not any(output.iterdir())


def test_a_sum_too_large_to_be_written_is_refused(make, tiny_bert, output):
    parts = {make("one", alpha=6e4, size=2.0): 6e4, make("two", seed=2): 1}
    with pytest.raises(ConfigError, match="too large"):
        combine(tiny_bert, parts, output)
    assert not any(output.iterdir())


def test_other_bases_and_methods_are_refused(make, tiny_bert, tiny_bases, output, tmp_path):
    prompt = tmp_path / "prompt"
    prompt.mkdir()
    save_adapter(add_prompt(load_model(tiny_bert), length=2), prompt, config_for(tiny_bert, method="prompt"))
    with pytest.raises(AdapterError, match="no LoRA"):
        combine(tiny_bert, {make("one"): 1, prompt: 1}, output)
    foreign = make("foreign")
    QAConfig(base="other", base_sha256="0" * 64).save(foreign)
    with pytest.raises(AdapterError, match="trained on 'other'"):
        combine(tiny_bert, {foreign: 1, tmp_path / "one": 1}, output)


def test_merged_model_is_the_adapter(make, tiny_bert, output):
    folder = make("one", temperature=1.5)
    merge_into_base(tiny_bert, folder, output)
    assert QAConfig.load(output) == config_for(tiny_bert, method="full", temperature=1.5)
    own, merged = weights_of(tiny_bert, folder), load_adapter(load_model(tiny_bert), output).state_dict()
    for name, tensor in merged.items():
        torch.testing.assert_close(tensor, own[name], atol=1e-3, rtol=1e-2)

"""Adapters: the same logits however they are held, and refusal of what does not fit."""

import json
import os
import shutil
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file

from localqa.errors import AdapterError, AdapterNotFoundError, ConfigError
from localqa.extraction.qa_config import QAConfig
from localqa.extraction.windows import Windower
from localqa.model import attention
from localqa.model.adapter_files import LORA_FILE, adapter_folder, check_base, known_adapters
from localqa.model.adapters import (
    add_lora,
    add_prompt,
    count_parameters,
    linear_layers,
    load_adapter,
    merge,
    save_adapter,
    write_weights,
)
from localqa.model.attention import LEAN, lean_attention
from localqa.model.bases import resolve_base
from localqa.model.loading import load_model, uses_token_types
from localqa.model.runner import run_windows

PAIR = ("Who jumps over the dog?", "The quick brown fox jumps over the lazy dog in 1999.")


def shaken(model: torch.nn.Module) -> torch.nn.Module:
    """Trained parameters moved away from their start, where LoRA is the identity."""
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                noise = torch.randn(parameter.shape, generator=generator) * 0.1
                # Values that fp16 holds exactly, so that saving loses nothing.
                parameter.copy_((parameter + noise).half().float())
    return model.eval()


def logits_of(model, base):
    windows = Windower.from_folder(base.folder).windows([PAIR])[0]
    ((start, end),) = run_windows(model, windows)
    return torch.tensor(start), torch.tensor(end)


def config_for(base, method="lora") -> QAConfig:
    return QAConfig(base=base.name, base_sha256=base.sha256, method=method)


@pytest.fixture(params=["bert", "distilbert", "roberta", "mpnet"])
def any_base(request, tiny_bases):
    return resolve_base(str(tiny_bases[request.param]))


def test_trained_reloaded_and_merged_agree_on_two_segments(any_base, tmp_path):
    trained = shaken(add_lora(load_model(any_base), rank=4, alpha=8))
    save_adapter(trained, tmp_path, config_for(any_base))
    expected = logits_of(trained, any_base)
    reloaded = load_adapter(load_model(any_base, seed=99), tmp_path).eval()
    torch.testing.assert_close(logits_of(reloaded, any_base), expected, atol=1e-4, rtol=0)
    torch.testing.assert_close(logits_of(merge(reloaded), any_base), expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize("method", ["prompt", "full"])
def test_other_methods_reload_to_the_same_logits(any_base, tmp_path, method):
    model = load_model(any_base)
    trained = shaken(add_prompt(model, length=5) if method == "prompt" else model)
    save_adapter(trained, tmp_path, config_for(any_base, method))
    reloaded = load_adapter(load_model(any_base, seed=99), tmp_path).eval()
    torch.testing.assert_close(logits_of(reloaded, any_base), logits_of(trained, any_base), atol=1e-4, rtol=0)


def test_segments_reach_the_model_under_lora(tiny_bert):
    """peft's own wrapper for question answering drops them."""
    model = shaken(add_lora(load_model(tiny_bert), rank=4))
    window = Windower.from_folder(tiny_bert.folder).windows([PAIR])[0][0]
    assert window.token_type_ids.max() == 1
    flat = replace(window, token_type_ids=window.token_type_ids * 0)
    (with_segments,), (without,) = run_windows(model, [window]), run_windows(model, [flat])
    assert abs(with_segments[0] - without[0]).max() > 1e-3


@pytest.mark.slow
def test_real_base_trained_reloaded_and_merged_agree(tmp_path):
    base = resolve_base("sentence-transformers/all-MiniLM-L6-v2")
    trained = shaken(add_lora(load_model(base), rank=4, alpha=1))
    save_adapter(trained, tmp_path, config_for(base))
    expected = logits_of(trained, base)
    reloaded = load_adapter(load_model(base), tmp_path).eval()
    torch.testing.assert_close(logits_of(reloaded, base), expected, atol=1e-4, rtol=0)
    torch.testing.assert_close(logits_of(merge(reloaded), base), expected, atol=1e-4, rtol=0)


def test_token_types_follow_the_architecture(tiny_bases):
    uses = {
        name: uses_token_types(load_model(resolve_base(str(folder)))) for name, folder in tiny_bases.items()
    }
    assert uses == {"bert": True, "distilbert": False, "roberta": False, "mpnet": False}


def test_training_attention_gives_the_same_logits(any_base):
    """The attention of training against torch's own; MPNet falls back to its only one."""
    own, torchs = (load_model(any_base, attention=name).eval() for name in (LEAN, "sdpa"))
    torch.testing.assert_close(logits_of(own, any_base), logits_of(torchs, any_base), atol=1e-5, rtol=0)


@pytest.mark.parametrize("tokens", [40, 250], ids=["short", "long"])
@pytest.mark.parametrize("fused_from", [0, 1000], ids=["fused", "plain"])
@pytest.mark.parametrize(("dtype", "error"), [(torch.float32, 1e-5), (torch.bfloat16, 0.02)])
def test_training_attention_gives_the_gradients_of_the_formula(tokens, fused_from, dtype, error, monkeypatch):
    """Written out in fp64, with padding; by the fused kernel and by plain products, each of them."""
    monkeypatch.setitem(attention._FUSED_FROM, dtype, fused_from)
    torch.manual_seed(2)
    drawn = [torch.randn(2, 3, tokens, 32) for _ in range(3)]
    mask = torch.zeros(2, 1, 1, tokens)
    mask[1, ..., -7:] = torch.finfo(dtype).min
    weights = torch.randn(2, tokens, 3, 32)

    exact = [part.to(dtype).double().requires_grad_() for part in drawn]
    scores = exact[0] @ exact[1].transpose(2, 3) / 32**0.5 + mask.double()
    expected = (scores.softmax(-1) @ exact[2]).transpose(1, 2)
    (expected * weights).sum().backward()

    query, key, value = own = [part.to(dtype).requires_grad_() for part in drawn]
    found, _ = lean_attention(torch.nn.Module(), query, key, value, mask.to(dtype))
    (found.float() * weights).sum().backward()
    for name, tensor, right in [
        ("output", found, expected),
        *zip("qkv", (part.grad for part in own), (part.grad for part in exact), strict=True),
    ]:
        assert tensor is not None, name
        assert right is not None, name
        off = (tensor.double() - right).norm() / right.norm()
        assert off < error, f"{name}: {off:.2g}"


def test_padding_does_not_change_logits(any_base):
    model = shaken(add_lora(load_model(any_base), rank=4))
    windower = Windower.from_folder(any_base.folder)
    short, long = (windower.windows([pair])[0][0] for pair in (PAIR, (PAIR[0], PAIR[1] * 5)))
    alone = run_windows(model, [short])[0]
    beside = run_windows(model, [long, short])[1]
    torch.testing.assert_close(torch.tensor(beside[0]), torch.tensor(alone[0]), atol=1e-4, rtol=0)


@pytest.mark.parametrize("precision", ["int8", "nf4"])
def test_quantized_base_trains_on_after_an_evaluation(tiny_bert, precision):
    """In evaluation mode bitsandbytes repacks 4-bit weights, which the next training step cannot use."""
    model = add_lora(load_model(tiny_bert, precision=precision), rank=4)
    windows = Windower.from_folder(tiny_bert.folder).windows([PAIR])[0]
    for _ in range(2):
        model.train()
        output = model(input_ids=torch.tensor(windows[0].input_ids)[None], attention_mask=None)
        output.start_logits.sum().backward()
        run_windows(model.eval(), windows)
    assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())


def test_weights_are_saved_as_fp16_with_no_path_of_this_machine(tiny_bert, tmp_path):
    save_adapter(add_lora(load_model(tiny_bert)), tmp_path, replace(config_for(tiny_bert), base="org/name"))
    assert {tensor.dtype for tensor in load_file(tmp_path / LORA_FILE).values()} == {torch.float16}
    assert str(tiny_bert.folder) not in (tmp_path / "adapter_config.json").read_text()


def test_linear_layers_of_bert(tiny_bert):
    assert linear_layers(load_model(tiny_bert)) == ["dense", "key", "query", "value"]


def test_unknown_target_module_names_the_known(tiny_bert):
    with pytest.raises(AdapterError, match="qkv") as error:
        add_lora(load_model(tiny_bert), target_modules=["qkv"])
    assert "query" in error.value.remedy


def test_parameters_are_counted(tiny_bert):
    model = load_model(tiny_bert)
    total = count_parameters(model)["total"]
    counts = count_parameters(add_prompt(model, length=3))
    assert counts == {"total": total + 3 * 32, "trainable": 3 * 32 + 2 * 32 + 2}


@pytest.fixture
def saved(tiny_bert, tmp_path):
    folder = tmp_path / "models" / "good"
    folder.mkdir(parents=True)
    save_adapter(add_lora(load_model(tiny_bert), rank=4), folder, config_for(tiny_bert))
    return folder


def truncate(folder):
    (folder / LORA_FILE).write_bytes((folder / LORA_FILE).read_bytes()[:200])


def drop_head(folder):
    save_file(
        {k: v for k, v in load_file(folder / LORA_FILE).items() if "qa_outputs" not in k}, folder / LORA_FILE
    )


def other_rank(folder):
    path = folder / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"r": 7}))


def pickled(folder):
    (folder / LORA_FILE).rename(folder / "adapter_model.bin")


@pytest.mark.parametrize("damage", [truncate, drop_head, other_rank, pickled])
def test_damaged_adapter_is_refused(saved, tiny_bert, damage):
    damage(saved)
    with pytest.raises(AdapterError, match="good"):
        load_adapter(load_model(tiny_bert), saved)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        '{"base": "b"}',
        '{"base": "b", "base_sha256": "0", "new": 1}',
        "[" * 200_000,
        '{"base": "b", "base": "c", "base_sha256": "0"}',
    ],
)
def test_damaged_qa_config_is_refused(saved, content):
    (saved / "qa_config.json").write_text(content)
    with pytest.raises(AdapterError, match="qa_config.json"):
        QAConfig.load(saved)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("base", 1),
        ("base_sha256", None),
        ("method", "pickle"),
        ("method", ["lora"]),
        ("max_length", 0),
        ("max_length", 10**9),
        ("max_length", True),
        ("max_length", "384"),
        ("max_length", 384.0),
        ("stride", -1),
        ("stride", 384),
        ("stride", None),
        ("max_answer_tokens", 0),
        ("max_answer_tokens", 513),
        ("max_answer_tokens", 1e9),
        ("max_answer_tokens", 10**9),
        ("null_threshold", float("nan")),
        ("null_threshold", float("-inf")),
        ("null_threshold", "0"),
        ("null_threshold", False),
        ("null_threshold", 10**400),
        ("temperature", 0),
        ("temperature", -1),
        ("temperature", float("nan")),
        ("temperature", float("inf")),
        ("temperature", 1e-300),
        ("temperature", True),
        ("temperature", None),
        ("score_offset", float("nan")),
        ("score_offset", float("inf")),
        ("score_offset", 1e6),
        ("score_offset", "1"),
        ("score_offset", [1]),
        ("rounded_base", "int2"),
        ("rounded_base", 8),
    ],
)
def test_settings_out_of_their_range_are_named(saved, field, value):
    values = json.loads((saved / "qa_config.json").read_text()) | {field: value}
    (saved / "qa_config.json").write_text(json.dumps(values))
    with pytest.raises(AdapterError, match=rf"qa_config.json: {field} is "):
        QAConfig.load(saved)


def test_adapter_of_another_base_is_refused(saved, tiny_bases):
    other = resolve_base(str(tiny_bases["distilbert"]))
    with pytest.raises(AdapterError, match="was trained on"):
        check_base(QAConfig.load(saved), other, saved)


@pytest.mark.parametrize("name", ["../good", "/etc", "good/..", "", "Good", "x" * 65, "no-such", "good\n"])
def test_unknown_or_illegal_name_lists_the_known(saved, name):
    with pytest.raises(AdapterNotFoundError, match="known: good"):
        adapter_folder(saved.parent, name)


def test_known_adapters_are_folders_with_settings(saved):
    (saved.parent / "empty").mkdir()
    shutil.copytree(saved, saved.parent / "also.good-2")
    assert known_adapters(saved.parent) == ["also.good-2", "good"]


def test_weights_can_be_read_by_whoever_may_read_the_folder(tmp_path):
    """A server in a container runs as another user than the training did."""
    before = os.umask(0o022)
    try:
        write_weights({"one": torch.ones(2)}, tmp_path / "one.safetensors")
    finally:
        os.umask(before)
    assert (tmp_path / "one.safetensors").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("name", ["model.safetensors", "adapter_model.safetensors", "report.json"])
def test_model_that_is_no_adapter_is_not_written_over(tiny_bert, tmp_path, name):
    (tmp_path / name).write_bytes(b"a model of somebody else")
    model = add_lora(load_model(tiny_bert), rank=2)
    with pytest.raises(ConfigError, match="not made by this program"):
        save_adapter(model, tmp_path, QAConfig(base="b", base_sha256="0"))
    assert (tmp_path / name).read_bytes() == b"a model of somebody else"

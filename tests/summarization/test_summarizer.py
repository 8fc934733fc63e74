"""A T5 that runs without torch says what transformers' own says."""

import json
import subprocess
import sys

import pytest
import torch
from transformers import AutoModelForSeq2SeqLM

from localqa.errors import AdapterError, BaseModelError
from localqa.model.adapter_files import LORA_FILE
from localqa.model.bases import resolve_base
from localqa.model.summary_config import FILE_NAME, SummaryConfig
from localqa.summarization.summarizer import Summarizer, input_ids, load_tokenizer
from tests.conftest import ROOT, STORIES, TEXTS, make_t5

LONG = " ".join([*TEXTS, *(story["document"] for story in STORIES)])


def config_of(base, **changes):
    return SummaryConfig(base=base.name, base_sha256=base.sha256, **({"max_summary_tokens": 20} | changes))


@pytest.mark.parametrize(
    "kind",
    [
        {},
        {"feed_forward_proj": "gated-gelu", "tie_word_embeddings": False},
        {"num_decoder_layers": 3, "relative_attention_num_buckets": 8, "relative_attention_max_distance": 20},
    ],
    ids=["t5", "t5 1.1", "other sizes"],
)
def test_tokens_are_those_of_transformers(tmp_path, kind):
    base = resolve_base(str(make_t5(tmp_path / "base", **kind)))
    config = config_of(base)
    summarizer = Summarizer(base, config)
    model = AutoModelForSeq2SeqLM.from_pretrained(base.folder).eval()
    tokenizer = load_tokenizer(base)
    for text in (*TEXTS, LONG[:500]):
        ids = torch.tensor([input_ids(tokenizer, config, text, 1)])
        # Its cache has too few layers for a decoder with more of them than the encoder.
        theirs = model.generate(ids, max_new_tokens=20, no_repeat_ngram_size=3, use_cache=False)
        wanted = tokenizer.decode(theirs[0].tolist()).strip()
        assert summarizer.summarize(text).text == wanted
        assert wanted


def test_adapter_is_in_it(tiny_t5, summary_adapter):
    from peft import PeftModel

    config = SummaryConfig.load(summary_adapter)
    model = AutoModelForSeq2SeqLM.from_pretrained(tiny_t5.folder)
    model = PeftModel.from_pretrained(model, str(summary_adapter)).eval()
    tokenizer = load_tokenizer(tiny_t5)
    text = STORIES[5]["document"]
    ids = torch.tensor([input_ids(tokenizer, config, text, 1)])
    theirs = model.generate(input_ids=ids, max_new_tokens=24, no_repeat_ngram_size=3)
    wanted = tokenizer.decode(theirs[0].tolist()).strip()
    assert Summarizer.load(summary_adapter).summarize(text).text == wanted
    assert Summarizer(tiny_t5, config).summarize(text).text != wanted


def test_long_text_is_summarised_in_parts(tiny_t5, summary_adapter, monkeypatch):
    config = SummaryConfig.load(summary_adapter)
    summarizer = Summarizer(
        tiny_t5, SummaryConfig(**{**vars_of(config), "max_input_tokens": 64}), summary_adapter
    )
    found = summarizer.summarize(LONG)
    assert found.parts > 3
    assert len(found.text.split()) > 10
    rounds = []
    once = summarizer._joined

    def counted(parts, on_step):
        rounds.append(len(parts))
        return once(parts, on_step)

    monkeypatch.setattr(summarizer, "_joined", counted)
    short = summarizer.summarize(LONG, max_words=6)
    assert 0 < len(short.text.split()) <= 6
    # Summaries of summaries, each round with fewer parts.
    assert len(rounds) > 1
    assert rounds == sorted(set(rounds), reverse=True)
    assert short.parts == rounds[0]


def vars_of(config):
    return {name: getattr(config, name) for name in config.__dataclass_fields__}


def test_a_caller_can_end_it(tiny_t5):
    steps = []

    def step():
        steps.append(1)
        if len(steps) == 3:
            raise TimeoutError

    with pytest.raises(TimeoutError):
        Summarizer(tiny_t5, config_of(tiny_t5)).summarize(LONG, on_step=step)
    assert len(steps) == 3


def test_a_summary_that_does_not_end_is_cut(tiny_t5, summary_adapter):
    config = SummaryConfig.load(summary_adapter)
    ended = Summarizer(tiny_t5, config, summary_adapter).summarize(STORIES[0]["document"])
    tight = SummaryConfig(**{**vars_of(config), "max_summary_tokens": 3})
    broken = Summarizer(tiny_t5, tight, summary_adapter).summarize(STORIES[0]["document"])
    assert (ended.cut, broken.cut) == (False, True)
    assert ended.text.startswith(broken.text)


def test_serving_it_needs_no_torch(summary_adapter):
    code = (
        "import sys; from pathlib import Path; from localqa.summarization.summarizer import Summarizer; "
        f"print(Summarizer.load(Path({str(summary_adapter)!r})).summarize('The fox found the key.').text); "
        "sys.exit(bool({'torch', 'transformers', 'rouge_score'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_what_is_no_t5_is_refused(tiny_bert):
    with pytest.raises(BaseModelError, match="type 'bert'"):
        Summarizer(tiny_bert, config_of(tiny_bert))


@pytest.mark.parametrize("change", ["{", '{"model_type": "t5"}', "[]"])
def test_damaged_base_is_named(tmp_path, change):
    base = resolve_base(str(make_t5(tmp_path / "base")))
    (base.folder / "config.json").write_text(change)
    with pytest.raises(BaseModelError, match=r"config\.json"):
        Summarizer(base, config_of(base))


def test_base_without_its_weights_is_named(tmp_path, summary_adapter):
    base = resolve_base(str(make_t5(tmp_path / "base")))
    config = json.loads((base.folder / "config.json").read_text())
    (base.folder / "config.json").write_text(json.dumps(config | {"num_layers": 3}))
    for adapter in (None, summary_adapter):
        with pytest.raises(BaseModelError, match="lacks weights"):
            Summarizer(base, config_of(base), adapter)


def test_adapter_of_another_base_is_refused(summary_adapter, tmp_path):
    other = make_t5(tmp_path / "other", d_ff=64)
    with pytest.raises(AdapterError, match="was trained on"):
        Summarizer.load(summary_adapter, base=str(other))
    base = resolve_base(str(other))
    with pytest.raises(AdapterError, match="cannot be loaded"):
        Summarizer(base, config_of(base), summary_adapter)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (None, "has no summary_config.json"),
        ("{", "Invalid JSON"),
        ({"prefix": 3}, "prefix"),
        ({"max_input_tokens": 1}, "out of its range"),
        ({"base_sha256": None}, "base_sha256"),
    ],
)
def test_damaged_settings_are_named(summary_adapter, tmp_path, change, told):
    if change is not None:
        whole = json.loads((summary_adapter / FILE_NAME).read_text())
        text = change if isinstance(change, str) else json.dumps(whole | change)
        (tmp_path / FILE_NAME).write_text(text)
    with pytest.raises(AdapterError, match=told):
        SummaryConfig.load(tmp_path)


def test_damaged_weights_are_named(summary_adapter, tmp_path):
    for name in (FILE_NAME, "adapter_config.json"):
        (tmp_path / name).write_bytes((summary_adapter / name).read_bytes())
    with pytest.raises(AdapterError, match="has no adapter_model"):
        Summarizer.load(tmp_path)
    (tmp_path / LORA_FILE).write_bytes((summary_adapter / LORA_FILE).read_bytes()[:5000])
    with pytest.raises(AdapterError, match="cannot be loaded"):
        Summarizer.load(tmp_path)

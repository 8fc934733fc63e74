"""Fixtures for all tests: tiny random bases of several architectures, and the real base."""

import json
import os
import signal
from pathlib import Path

import pytest
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from tests.ollama.fake_server import fake_ollama

ROOT = Path(__file__).resolve().parents[1]
# A shell starts what runs in its background deaf to Ctrl-C, and programs that tests end by it inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

TEXTS = [
    "Machine learning is a subset of artificial intelligence that enables computers to learn from data.",
    "The quick brown fox jumps over the lazy dog. Who jumps over the dog? The fox does, in 1999!",
    "An adapter is a small set of weights; the base stays frozen while the adapter is trained.",
    "Quantization stores weights with fewer bits. What does quantization do? It saves memory.",
]


def _word_piece() -> Tokenizer:
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer.train_from_iterator(TEXTS, trainers.WordPieceTrainer(vocab_size=400, special_tokens=special))
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer.decoder = decoders.WordPiece()
    return tokenizer


def _byte_level() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=500, special_tokens=special, initial_alphabet=alphabet)
    tokenizer.train_from_iterator(TEXTS, trainer)
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), trim_offsets=True)
    return tokenizer


def _save_base(folder: Path, config: object, tokenizer: Tokenizer) -> Path:
    import torch
    from transformers import AutoModelForQuestionAnswering

    torch.manual_seed(1)
    model = AutoModelForQuestionAnswering.from_config(config)
    folder.mkdir(parents=True)
    model.save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "PreTrainedTokenizerFast"}))
    return folder


@pytest.fixture(scope="session")
def tiny_bases(tmp_path_factory) -> dict[str, Path]:
    """Folders of tiny random bases: BERT, DistilBERT, RoBERTa, MPNet."""
    import torch
    from transformers import BertConfig, DistilBertConfig, MPNetConfig, RobertaConfig

    # Threads cost more than they bring on models of this size.
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("bases")
    words, bytes_ = _word_piece(), _byte_level()
    size = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    bytes_config = {
        "vocab_size": bytes_.get_vocab_size(),
        "pad_token_id": 1,
        "bos_token_id": 0,
        "eos_token_id": 2,
    }
    configs = {
        "bert": (BertConfig(vocab_size=words.get_vocab_size(), pad_token_id=0, **size), words),
        "distilbert": (
            DistilBertConfig(
                vocab_size=words.get_vocab_size(),
                dim=32,
                n_layers=2,
                n_heads=2,
                hidden_dim=64,
                pad_token_id=0,
            ),
            words,
        ),
        "roberta": (
            RobertaConfig(type_vocab_size=1, max_position_embeddings=514, **bytes_config, **size),
            bytes_,
        ),
        "mpnet": (MPNetConfig(max_position_embeddings=514, **bytes_config, **size), bytes_),
    }
    return {name: _save_base(folder / name, *parts) for name, parts in configs.items()}


@pytest.fixture(scope="session")
def tiny_bert(tiny_bases):
    """A tiny random BERT, resolved."""
    from localqa.model.bases import resolve_base

    return resolve_base(str(tiny_bases["bert"]))


def _unigram() -> Tokenizer:
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    special = ["<pad>", "</s>", "<unk>"]
    trainer = trainers.UnigramTrainer(vocab_size=150, special_tokens=special, unk_token="<unk>")
    tokenizer.train_from_iterator([*TEXTS, *(pair["document"] for pair in STORIES)], trainer)
    return tokenizer


STORIES = [
    {
        "document": f"It rained all morning. The {who} {did} the {what}. Nobody else was there.",
        "summary": f"The {who} {did} the {what}.",
    }
    for who in ("fox", "dog", "cat", "owl")
    for did in ("found", "lost", "sold", "broke")
    for what in ("lamp", "key", "book", "clock")
]
"""Texts with their summaries, which a tiny T5 can learn something of."""


def make_t5(folder: Path, **changes: object) -> Path:
    """A tiny random T5, with weights large enough that its tokens differ."""
    import torch
    from transformers import AutoModelForSeq2SeqLM, T5Config

    tokenizer = _unigram()
    sizes = {"d_model": 64, "d_kv": 16, "d_ff": 128, "num_layers": 2, "num_heads": 4}
    torch.manual_seed(0)
    model = AutoModelForSeq2SeqLM.from_config(
        T5Config(vocab_size=tokenizer.get_vocab_size(), decoder_start_token_id=0, **(sizes | changes))
    )
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.05)
    model.save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


@pytest.fixture(scope="session")
def tiny_t5(tmp_path_factory):
    """A tiny random T5, resolved."""
    from localqa.model.bases import resolve_base

    return resolve_base(str(make_t5(tmp_path_factory.mktemp("t5") / "base")))


@pytest.fixture(scope="session")
def summary_adapter(tiny_t5, tmp_path_factory) -> Path:
    """An adapter of it that a few steps on `STORIES` were spent on."""
    from fine_tune import main

    folder = tmp_path_factory.mktemp("summaries")
    data = folder / "stories.jsonl"
    data.write_text("\n".join(map(json.dumps, STORIES)))
    flags = ["--base", str(tiny_t5.folder), "--max_steps", "120", "--learning_rate", "5e-3"]
    flags += ["--validation_size", "12", "--eval_steps", "40", "--max_summary_tokens", "24", "--no-bf16"]
    output = str(folder / "short")
    assert main(["--task", "summarization", "--train_data", str(data), "--output_dir", output, *flags]) == 0
    return Path(output)


@pytest.fixture
def clean_environment(monkeypatch, tmp_path) -> None:
    """No setting of whoever runs the tests: neither variables nor a .env file."""
    for name in list(os.environ):
        if name == "PORT" or name.startswith(("QA_", "OLLAMA_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("localqa.config._PROJECT", tmp_path)


@pytest.fixture
def tiny_data(tmp_path) -> Path:
    """A data file of 24 questions over 8 contexts that the tiny tokenizers can read."""
    records = []
    for number in range(8):
        context = (
            f"Note {number}. {TEXTS[number % len(TEXTS)]} It was written in {1990 + number} by fox {number}."
        )
        for field, text in (
            ("year", str(1990 + number)),
            ("writer", f"fox {number}"),
            ("place", f"Note {number}"),
        ):
            start = context.rindex(text)
            answer = {"text": text, "answer_start": start}
            records.append(
                {
                    "id": f"{number}-{field}",
                    "question": f"What {field}?",
                    "context": context,
                    "answer": answer,
                }
            )
    path = tmp_path / "tiny.json"
    path.write_text(json.dumps(records))
    return path


@pytest.fixture
def ollama_server():
    """A server that speaks Ollama's protocol, to watch and to break (`fault`)."""
    with fake_ollama() as server:
        yield server

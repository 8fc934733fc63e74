"""The reader with tiny bases: right adapter, right order, right span."""

import contextlib
import json
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from localqa.engine.running import one_by_one
from localqa.engine.torch_engine import TorchEngine
from localqa.errors import (
    AdapterError,
    AdapterNotFoundError,
    DeadlineError,
    InvalidInputError,
    TooLargeError,
)
from localqa.extraction.answers import Patience, Query
from localqa.extraction.qa_config import QAConfig
from localqa.model.adapter_files import LORA_FILE
from localqa.model.adapters import add_lora, add_prompt, save_adapter
from localqa.model.bases import resolve_base
from localqa.model.loading import load_model
from localqa.reading.batcher import NO_ADAPTER, Batcher
from localqa.reading.cache import AnswerCache
from localqa.reading.pool import Pool
from localqa.reading.reader import Reader
from tests.conftest import TEXTS
from tests.server import until

CONTEXT = "The quick brown fox jumps over the lazy dog — über naïve 狐 🦊 in 1999. It saves memory."
LONG = " ".join(f"Sentence {number} about 狐 and fox number {number}." for number in range(150))


def make_adapter(base, models, name, method="lora", seed=0, targets=(), **settings):
    model = load_model(base, seed=seed)
    if method == "lora":
        model = add_lora(model, rank=2 + seed, target_modules=targets)
    elif method == "prompt":
        model = add_prompt(model, length=3)
    torch.manual_seed(seed)
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            if parameter.requires_grad:
                # Larger LoRA weights saturate attention, which blows up fp32's last digits a thousandfold.
                parameter.add_(torch.randn_like(parameter) * (0.05 if "lora_" in key else 0.2))
    folder = models / name
    folder.mkdir(parents=True)
    save_adapter(model, folder, QAConfig(base=base.name, base_sha256=base.sha256, method=method, **settings))


@pytest.fixture(scope="module")
def models(tmp_path_factory, tiny_bert):
    folder = tmp_path_factory.mktemp("models")
    make_adapter(tiny_bert, folder, "one", seed=1)
    make_adapter(tiny_bert, folder, "two.v2", seed=2)
    make_adapter(tiny_bert, folder, "prompted", "prompt", seed=3)
    make_adapter(tiny_bert, folder, "whole", "full", seed=4, max_length=64, stride=16)
    make_adapter(tiny_bert, folder, "silent", seed=5, null_threshold=-1e9)
    return folder


NAMES = ["one", "two.v2", "prompted", "whole"]


@pytest.fixture
def reader(tiny_bert, models):
    return Reader(Pool.of(TorchEngine(tiny_bert)), models, "one").load()


def alone(tiny_bert, models, name, query):
    return Reader(Pool.of(TorchEngine(tiny_bert)), models, name).load().answer([query])[0]


def test_mixed_adapters_answer_as_each_does_alone(reader, tiny_bert, models):
    queries = [Query(f"What about {i}?", CONTEXT, adapter=NAMES[i % 4]) for i in range(12)]
    answers = reader.answer(queries)
    for query, answer in zip(queries, answers, strict=True):
        expected = alone(tiny_bert, models, query.adapter, query)
        assert (answer.adapter, answer.start, answer.end) == (query.adapter, expected.start, expected.end)
        assert answer.score == pytest.approx(expected.score, abs=1e-4)
    assert len({(a.start, a.end) for a in answers}) > 1


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("context", [CONTEXT, LONG, "狐", "🦊 ok"])
def test_span_is_the_text_between_its_offsets(reader, name, context):
    (answer,) = reader.answer([Query("What jumps?", context, adapter=name, top_k=5)])
    for one in (answer, *answer.alternatives):
        assert one.answer == context[one.start : one.end] != ""


@pytest.mark.parametrize("family", ["distilbert", "roberta", "mpnet"])
def test_other_architectures_answer(tiny_bases, tmp_path, family):
    base = resolve_base(str(tiny_bases[family]))
    make_adapter(base, tmp_path, "other", seed=1, max_length=64, stride=16)
    (answer,) = (
        Reader(Pool.of(TorchEngine(base)), tmp_path, "other").load().answer([Query("What jumps?", LONG)])
    )
    assert answer.answer == LONG[answer.start : answer.end] != ""


def test_abstaining_adapter_says_so(reader):
    (answer,) = reader.answer([Query("What jumps?", CONTEXT, adapter="silent")])
    assert (answer.answer, answer.answerable, answer.adapter) == ("", False, "silent")


def test_abstaining_adapter_can_be_made_to_answer(reader):
    silent = Query("What jumps?", CONTEXT, adapter="silent")
    refused, made = reader.answer([silent, replace(silent, abstain=False)])
    assert (refused.answerable, made.answerable) == (False, True)
    assert made.answer == CONTEXT[made.start : made.end] != ""
    assert made.null_score == refused.null_score


def test_answer_that_scores_less_than_wished_is_held_back(tiny_bert, models):
    reader = Reader(Pool.of(TorchEngine(tiny_bert)), models, "one", cache=AnswerCache(8)).load()
    query = Query("What jumps?", CONTEXT, top_k=3)
    (answer,) = reader.answer([query])
    (held,) = reader.answer([replace(query, min_score=0.99)])
    assert (held.answer, held.answerable, held.alternatives) == ("", False, ())
    assert (held.adapter, held.null_score) == ("one", answer.null_score)
    assert reader.answer([query]) == [answer]


def test_adapter_that_always_answers_cannot_abstain(reader):
    with pytest.raises(InvalidInputError, match=r"'one' always answers") as raised:
        reader.answer([Query("What jumps?", CONTEXT, abstain=True)])
    assert raised.value.remedy
    assert not reader.answer([Query("What jumps?", CONTEXT, adapter="silent", abstain=True)])[0].answerable


def test_default_adapter_answers_when_none_is_named(reader):
    assert reader.answer([Query("What jumps?", CONTEXT)])[0].adapter == "one"


def test_no_queries_no_answers(reader):
    assert reader.answer([]) == []


def test_unknown_adapter_lists_the_known(reader):
    with pytest.raises(AdapterNotFoundError, match=r"one, prompted, silent, two\.v2, whole"):
        reader.answer([Query("What?", CONTEXT, adapter="nope")])


@pytest.mark.parametrize("query", [Query(" ", CONTEXT), Query("What?", "\n")])
def test_blank_text_is_refused(reader, query):
    with pytest.raises(InvalidInputError, match="blank"):
        reader.answer([query])


def test_adapter_of_another_base_is_refused(tiny_bases, models):
    other = resolve_base(str(tiny_bases["distilbert"]))
    with pytest.raises(AdapterError, match="was trained on"):
        Reader(Pool.of(TorchEngine(other)), models, "one").load()


def test_threads_get_their_own_answers(reader):
    queries = [Query(f"What about {i}?", CONTEXT, adapter=NAMES[i % 4]) for i in range(8)]
    expected = [reader.answer([query])[0] for query in queries]
    found = {}

    def ask(index):
        found[index] = reader.answer([queries[index % 8]])[0]

    threads = [threading.Thread(target=ask, args=(index,)) for index in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found[index] for index in range(32)] == expected * 4


@pytest.mark.parametrize("change", [{"r": 7}, {"lora_alpha": 999}])
def test_failed_load_leaves_the_next_adapter_right(tiny_bert, models, tmp_path, change):
    """peft keeps what it has read of an adapter whose loading fails."""
    folder = tmp_path / "models"
    shutil.copytree(models, folder)
    broken = folder / "broken"
    shutil.copytree(folder / "two.v2", broken)
    config = json.loads((broken / "adapter_config.json").read_text())
    (broken / "adapter_config.json").write_text(json.dumps(config | change))
    tensors = load_file(broken / LORA_FILE)
    save_file({k: v[:1] if "qa_outputs" in k else v for k, v in tensors.items()}, broken / LORA_FILE)
    reader = Reader(Pool.of(TorchEngine(tiny_bert)), folder, "one").load()
    with pytest.raises(AdapterError):
        reader.answer([Query("What jumps?", CONTEXT, adapter="broken")])
    query = Query("What jumps?", CONTEXT, adapter="two.v2")
    assert reader.answer([query])[0] == alone(tiny_bert, models, "two.v2", query)


def test_adapters_of_other_bases_are_not_offered(tiny_bert, tiny_bases, tmp_path):
    make_adapter(tiny_bert, tmp_path, "own")
    make_adapter(resolve_base(str(tiny_bases["distilbert"])), tmp_path, "foreign")
    assert Reader(Pool.of(TorchEngine(tiny_bert)), tmp_path, "own").load().adapters() == ["own"]


def test_adapter_with_values_that_are_no_numbers_is_refused(tiny_bert, tmp_path):
    make_adapter(tiny_bert, tmp_path, "diverged")
    file = tmp_path / "diverged" / LORA_FILE
    save_file({name: tensor * float("nan") for name, tensor in load_file(file).items()}, file)
    with pytest.raises(AdapterError, match="not finite"):
        Reader(Pool.of(TorchEngine(tiny_bert)), tmp_path, "diverged").load()


def test_info_tells_what_runs(reader, tiny_bert):
    base = reader.info().base
    assert (base.name, base.checksum, base.loaded) == (tiny_bert.name, tiny_bert.sha256, True)
    assert set(reader.adapters()) == {"one", "two.v2", "prompted", "whole", "silent"}
    before = base.parameters
    reader.answer([Query("What?", CONTEXT, adapter=name) for name in NAMES])
    assert reader.info().base.parameters == before > 0


def test_adapter_may_be_unloaded_and_replaced_while_it_answers(tiny_bert, models):
    """Every answer is that of the adapter named, whatever comes and goes meanwhile."""
    engine = TorchEngine(tiny_bert)
    batcher = Batcher(engine.run_each)
    reader = Reader(Pool.of(engine), models, "one", batcher=batcher).load()
    queries = {name: Query("What jumps?", LONG, name) for name in ("one", "two.v2", "prompted", "whole")}
    alone = {name: reader.answer([query])[0] for name, query in queries.items()}
    stop = threading.Event()

    def unload():
        while not stop.wait(0.05):
            for name in ("two.v2", "prompted", "whole"):
                with contextlib.suppress(AdapterNotFoundError):
                    reader.remove_adapter(name)

    def ask(name):
        for _ in range(6):
            (answer,) = reader.answer([queries[name]])
            assert (answer.answer, answer.adapter) == (alone[name].answer, name)
            assert answer.score == pytest.approx(alone[name].score, abs=1e-3)

    janitor = threading.Thread(target=unload)
    janitor.start()
    try:
        with ThreadPoolExecutor(4) as pool:
            for future in [pool.submit(ask, name) for name in queries]:
                future.result(120)
    finally:
        stop.set()
        janitor.join()
        reader.stop()
    assert reader.loaded()[0] == "one"


def test_removed_adapter_frees_its_weights(tiny_bert, models):
    engine = TorchEngine(tiny_bert)
    reader = Reader(Pool.of(engine), models, "one").load()
    reader.load_adapter("two.v2")
    assert len(engine._loaded) == 2
    reader.remove_adapter("two.v2")
    assert len(engine._loaded) == 1
    assert reader.loaded() == ["one"]


def test_default_adapter_and_strangers_cannot_be_removed(tiny_bert, models):
    reader = Reader(Pool.of(TorchEngine(tiny_bert)), models, "one").load()
    with pytest.raises(InvalidInputError, match="default"):
        reader.remove_adapter("one")
    with pytest.raises(AdapterNotFoundError, match="Loaded: one"):
        reader.remove_adapter("two.v2")


def test_more_windows_than_allowed_are_refused(tiny_bert, models):
    reader = Reader(Pool.of(TorchEngine(tiny_bert)), models, "whole", max_windows=2).load()
    assert reader.answer([Query("What jumps?", "The fox jumps.")])
    with pytest.raises(TooLargeError, match="at most 2"):
        reader.answer([Query("What jumps?", LONG * 5)])


class Recorder:
    """The engine of a batcher that writes down what runs, and holds while its gate is closed."""

    def __init__(self, engine):
        self.engine = engine
        self.runs = []
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self, portions, adapter):
        return one_by_one(lambda windows: self.run(windows, adapter), portions)

    def run(self, windows, adapter):
        self.runs.append((adapter, len(windows)))
        self.gate.wait(10)
        return self.engine.embed(windows) if adapter == NO_ADAPTER else self.engine.run(windows, adapter)


@pytest.fixture
def embedding(tiny_bert, models):
    """A reader that embeds through a batcher, and what runs there."""
    engine = TorchEngine(tiny_bert)
    recorder = Recorder(engine)
    reader = Reader(Pool.of(engine), models, "one", batcher=Batcher(recorder)).load()
    yield reader, recorder
    recorder.gate.set()
    reader.stop()


def test_vectors_keep_the_order_of_their_texts(embedding, tiny_bert, models):
    reader, recorder = embedding
    texts = [TEXTS[number % 4][: 5 + number] for number in range(70)]
    vectors, tokens = reader.embed(texts)
    alone = Reader(Pool.of(TorchEngine(tiny_bert)), models, "one").load()
    for number in (0, 33, 69):
        expected, _ = alone.embed([texts[number]])
        np.testing.assert_allclose(vectors[number], expected[0], atol=1e-5)
    assert tokens == sum(alone.embed([text])[1] for text in texts)
    assert sum(count for _, count in recorder.runs) == 70


def test_question_does_not_wait_behind_hundreds_of_texts(embedding):
    reader, recorder = embedding
    recorder.gate.clear()
    with ThreadPoolExecutor(2) as pool:
        vectors = pool.submit(reader.embed, ["The fox is here."] * 512)
        until(lambda: recorder.runs)
        answer = pool.submit(reader.answer, [Query("What jumps?", CONTEXT)])
        until(lambda: reader._batcher.waiting)
        recorder.gate.set()
        answer.result(30)
        assert len(vectors.result(60)[0]) == 512
    adapters = [adapter for adapter, _ in recorder.runs]
    assert [adapter == NO_ADAPTER for adapter in adapters[:2]] == [True, False]


@pytest.mark.parametrize("gone", [True, False])
def test_embedding_ends_with_the_patience_of_its_caller(embedding, gone):
    reader, recorder = embedding
    recorder.gate.clear()
    patience = Patience(time.monotonic() + (60 if gone else 0.1), lambda: gone)
    with pytest.raises(DeadlineError):
        reader.embed(["The fox is here."] * 512, patience=patience)
    recorder.gate.set()
    assert reader.answer([Query("What jumps?", CONTEXT)])
    assert sum(count for adapter, count in recorder.runs if adapter == NO_ADAPTER) <= 32


def test_embedder_tells_what_it_is(embedding, tiny_bert):
    reader, _ = embedding
    told = reader.embedder()
    assert (told.length, told.max_tokens, told.pooling, told.loaded) == (32, 512, "mean", False)
    assert told.identity == f"{tiny_bert.sha256}:mean:512"
    assert told.bytes == (tiny_bert.folder / "model.safetensors").stat().st_size
    reader.embed(["a"])
    assert reader.embedder().loaded


def test_text_too_long_is_named_by_its_number(reader):
    with pytest.raises(InvalidInputError, match="Text 1 has"):
        reader.embed(["a", LONG, "b"], truncate=False)


def test_no_answer_reaches_across_a_border(reader):
    context = "The fox\n\njumps over the dog"
    border = context.index("jumps")
    for question in ("What jumps?", "Who?", "Where is it?"):
        (answer,) = reader.answer([Query(question, context, top_k=5, borders=(0, border))])
        for one in (answer, *answer.alternatives):
            assert one.end <= border or one.start >= border

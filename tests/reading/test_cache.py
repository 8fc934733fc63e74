"""Answers that are remembered."""

import shutil
import tracemalloc
from dataclasses import replace

import pytest

from localqa.engine.torch_engine import TorchEngine
from localqa.extraction.answers import Answer, Query
from localqa.reading.cache import AnswerCache
from localqa.reading.pool import Pool
from localqa.reading.reader import Reader
from tests.reading.test_reader import CONTEXT, make_adapter

ANSWER = Answer("Ada", 0.9, 0, 3, True, -3.0)
QUERY = Query("Who?", "Ada wrote.")


def test_equal_question_of_the_same_adapter_is_remembered():
    cache = AnswerCache(10)
    cache.put("squad#0", QUERY, ANSWER)
    assert cache.get("squad#0", Query("Who?", "Ada wrote.")) == ANSWER


@pytest.mark.parametrize(
    ("adapter", "query"),
    [
        ("squad#1", QUERY),
        ("squad#0", Query("Who? ", "Ada wrote.")),
        ("squad#0", Query("Who?", "Ada wrote")),
        ("squad#0", Query("Who?", "Ada wrote.", top_k=2)),
        ("squad#0", Query("Who?Ada", " wrote.")),
        ("squad#0", Query("Who?", "Ada wrote.", borders=(4,))),
        ("squad#0", Query("Who?", "Ada wrote.", abstain=False)),
    ],
)
def test_anything_else_is_another_question(adapter, query):
    cache = AnswerCache(10)
    cache.put("squad#0", QUERY, ANSWER)
    assert cache.get(adapter, query) is None


def test_the_one_not_asked_for_longest_is_forgotten():
    cache = AnswerCache(2)
    first, second, third = (Query("Who?", str(number)) for number in range(3))
    cache.put("a", first, ANSWER)
    cache.put("a", second, ANSWER)
    cache.get("a", first)
    cache.put("a", third, ANSWER)
    assert [cache.get("a", query) is not None for query in (first, second, third)] == [True, False, True]


def test_memory_is_bounded_whatever_is_answered():
    """The context goes; long answers push out others, and one that is too long is not remembered."""
    cache = AnswerCache(1000, max_bytes=1_000_000)
    for number in range(50):
        query = Query("Who?", f"{number}" + "x" * 500_000)
        cache.put("a", query, replace(ANSWER, answer="é" * 100_000, alternatives=(ANSWER,) * 3))
        assert cache.bytes <= 1_000_000
    assert cache.get("a", query) is not None
    cache.put("a", QUERY, replace(ANSWER, answer="y" * 2_000_000))
    assert cache.get("a", QUERY) is None
    assert cache.get("a", query) is not None


def test_what_is_counted_is_what_is_taken():
    cache = AnswerCache(100_000, max_bytes=100_000_000)
    tracemalloc.start()
    try:
        for number in range(2000):
            text = f"{number} " * 500
            cache.put("squad#0", Query("Who?", text * 20), replace(ANSWER, answer=text))
        taken = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert 0.5 * cache.bytes < taken <= cache.bytes


def test_lookups_are_told_but_not_those_of_no_cache():
    told = []
    cache = AnswerCache(1, told.append)
    cache.get("a", QUERY)
    cache.put("a", QUERY, ANSWER)
    cache.get("a", QUERY)
    none = AnswerCache(0, told.append)
    none.put("a", QUERY, ANSWER)
    assert none.get("a", QUERY) is None
    assert told == [False, True]


def test_reader_runs_what_it_does_not_remember(tiny_bert, tmp_path, monkeypatch):
    for name, seed in (("one", 1), ("two", 2)):
        make_adapter(tiny_bert, tmp_path, name, seed=seed)
    engine = TorchEngine(tiny_bert)
    reader = Reader(Pool.of(engine), tmp_path, "one", cache=AnswerCache(10)).load()
    queries = [Query("What jumps?", CONTEXT), Query("Who?", CONTEXT, "two"), Query("Where?", CONTEXT)]
    first = reader.answer(queries[:2])
    runs = []
    run = engine.run
    monkeypatch.setattr(
        engine, "run", lambda windows, *args: runs.append(len(windows)) or run(windows, *args)
    )
    again = reader.answer(queries)
    assert again[:2] == first
    assert sum(runs) == 1
    assert again[2] == Reader(Pool.of(engine), tmp_path, "one").load().answer(queries[2:])[0]


def test_adapter_that_was_loaded_anew_is_asked_anew(tiny_bert, tmp_path):
    for name, seed in (("one", 1), ("two", 2)):
        make_adapter(tiny_bert, tmp_path, name, seed=seed)
    reader = Reader(Pool.of(TorchEngine(tiny_bert)), tmp_path, "one", cache=AnswerCache(10)).load()
    query = Query("What jumps?", CONTEXT, "two")
    before = reader.answer([query])
    reader.remove_adapter("two")
    shutil.rmtree(tmp_path / "two")
    make_adapter(tiny_bert, tmp_path, "two", seed=3)
    assert reader.answer([query]) != before

"""Batches across requests: everyone gets their own, nobody waits in vain."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from localqa.engine.running import one_by_one
from localqa.errors import AdapterError, DeadlineError, LocalQAError, NotReadyError, OverloadedError
from localqa.extraction.windows import Window
from localqa.reading.batcher import NO_ADAPTER, Batcher

pytestmark = pytest.mark.alone


def window(number: int, length: int = 10) -> Window:
    ids = np.full(length, number, dtype=np.int32)
    return Window(ids, ids * 0, np.zeros((0, 2), dtype=np.int32), 0, 0)


class Engine:
    """Answers each window with its own number and the adapter's; holds while the gate is closed.

    Portions are run one after the other.
    """

    def __init__(self):
        self.gate = threading.Event()
        self.gate.set()
        self.begun = 0
        self.runs = []

    def __call__(self, portions, adapter):
        return one_by_one(lambda windows: self.run(windows, adapter), portions)

    def run(self, windows, adapter):
        self.begun += 1
        self.gate.wait(10)
        self.runs.append((adapter, [int(one.input_ids[0]) for one in windows]))
        if adapter == "broken":
            raise AdapterError("It is broken.")
        if adapter == "bug":
            raise ZeroDivisionError
        offset = 1000 if adapter == "other" else 0
        return [(one.input_ids + offset, one.input_ids) for one in windows]


@pytest.fixture
def engine():
    return Engine()


@pytest.fixture
def make(engine):
    made = []

    def batcher(max_tokens=1024, **settings):
        made.append(Batcher(engine, max_tokens=lambda adapter: max_tokens, **settings))
        return made[-1]

    yield batcher
    engine.gate.set()
    for one in made:
        one.stop(5)


def numbers(results):
    return [int(start[0]) for start, _ in results]


def until(condition):
    ends = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.005)


def test_lone_request_does_not_wait(make):
    batcher = make()
    began = time.monotonic()
    assert numbers(batcher.run([window(1), window(2)], "squad")) == [1, 2]
    assert time.monotonic() - began < 0.2


def test_every_caller_gets_its_own_answer(make):
    batcher = make(max_tokens=200)

    def ask(number):
        adapter = "other" if number % 2 else "squad"
        mine = [window(number, 5 + number % 7), window(number + 500, 9)]
        return numbers(batcher.run(mine, adapter)) == [
            n + 1000 * (number % 2) for n in (number, number + 500)
        ]

    with ThreadPoolExecutor(32) as pool:
        assert all(pool.map(ask, range(400)))


def test_requests_that_wait_share_a_run_and_adapters_do_not_mix(make, engine):
    stats = []
    batcher = make(on_batch=stats.append)
    engine.gate.clear()
    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(batcher.run, [window(0)], "squad")
        until(lambda: engine.begun)
        others = [pool.submit(batcher.run, [window(n)], "other" if n > 3 else "squad") for n in range(1, 6)]
        until(lambda: batcher.waiting == 5)
        engine.gate.set()
        for future in (first, *others):
            future.result(5)
    assert [(adapter, len(found)) for adapter, found in engine.runs] == [
        ("squad", 1),
        ("squad", 3),
        ("other", 2),
    ]
    assert (stats[1].windows, stats[1].requests, len(stats[1].waited)) == (3, 3, 3)


def asked_together(batcher, engine, *requests):
    """What requests get that come, in this order, while the engine is busy."""
    engine.gate.clear()
    with ThreadPoolExecutor(1 + len(requests)) as pool:
        first = pool.submit(batcher.run, [window(0)], "squad")
        until(lambda: engine.begun)
        others = []
        for windows, adapter in requests:
            waiting = batcher.waiting + len(windows)
            others.append(pool.submit(batcher.run, windows, adapter))
            until(lambda waiting=waiting: batcher.waiting == waiting)
        engine.gate.set()
        first.result(5)
        return [numbers(one.result(5)) for one in others]


def test_long_document_does_not_hold_up_a_short_question(make, engine):
    long = [window(n) for n in range(1, 100)]
    told = asked_together(make(max_tokens=100), engine, (long, "squad"), ([window(777)], "squad"))
    assert told == [list(range(1, 100)), [777]]
    assert 777 in engine.runs[1][1]


def test_long_document_does_not_hold_up_a_question_of_another_adapter(make, engine):
    long = [window(n) for n in range(1, 100)]
    told = asked_together(make(max_tokens=100), engine, (long, "other"), ([window(777)], "squad"))
    assert told == [list(range(1001, 1100)), [777]]
    assert engine.runs[2] == ("squad", [777])


def test_short_question_does_not_wait_for_what_a_long_document_has_left(make, engine):
    long = [window(n) for n in range(1, 50)]
    asked_together(make(max_tokens=1000), engine, (long, "squad"), ([window(777)], "squad"))
    assert [found for _, found in engine.runs] == [[0], [1, 777], list(range(2, 50))]


def test_many_long_documents_do_not_hold_up_a_short_question(make, engine):
    documents = [([window(n, 100) for n in range(at, at + 20)], "squad") for at in (100, 200, 300)]
    told = asked_together(make(max_tokens=200), engine, *documents, ([window(777)], "squad"))
    assert told[-1] == [777]
    assert 777 in [number for _, found in engine.runs[1 : 2 + len(documents)] for number in found]


def test_windows_of_like_lengths_share_a_run(make, engine):
    requests = [([window(number, 100 if number % 2 else 20)], "squad") for number in range(1, 7)]
    asked_together(make(max_tokens=300), engine, *requests)
    assert [sorted(found) for _, found in engine.runs] == [[0], [1, 3, 5], [2, 4, 6]]


def test_a_run_of_several_requests_holds_more(make, engine):
    requests = [([window(number, 100)], "squad") for number in range(1, 7)]
    asked_together(make(max_tokens=100, sharing=3), engine, *requests)
    assert [len(found) for _, found in engine.runs] == [1, 3, 3]
    make(max_tokens=100, sharing=3).run([window(number, 100) for number in range(5)], "squad")
    assert [len(found) for _, found in engine.runs[3:]] == [1] * 5


def test_what_has_waited_longest_is_in_the_next_run_whatever_its_length(make, engine):
    requests = [([window(number, 100)], "squad") for number in range(1, 7)]
    asked_together(make(max_tokens=200), engine, requests[0], ([window(777)], "squad"), *requests[1:])
    assert [sorted(found) for _, found in engine.runs[1:3]] == [[1, 2], [3, 777]]


def test_each_adapter_has_runs_of_its_engines_size(engine):
    batcher = Batcher(engine, max_tokens={"squad": 300, NO_ADAPTER: 100}.__getitem__)
    batcher.run([window(n) for n in range(30)], NO_ADAPTER)
    batcher.run([window(n) for n in range(30)], "squad")
    batcher.stop(5)
    assert [len(found) for _, found in engine.runs] == [10, 10, 10, 30]


class Ahead(Engine):
    """Asks for a second portion before it gives anything back, and gives the later windows first."""

    def __init__(self):
        super().__init__()
        self.wanted = 2

    def __call__(self, portions, adapter):
        windows = []
        for portion in portions:
            self.begun += 1
            self.gate.wait(10)
            windows += portion
            if self.begun >= self.wanted:
                break
        for number in reversed(range(len(windows))):
            yield [number], self.run([windows[number]], adapter)


@pytest.mark.parametrize("adapter", ["squad", "broken"])
def test_what_comes_while_the_engine_runs_is_given_to_it(adapter):
    engine, stats = Ahead(), []
    batcher = Batcher(engine, on_batch=stats.append)
    engine.gate.clear()
    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(batcher.run, [window(1), window(2)], adapter)
        until(lambda: engine.begun == 1)
        second = pool.submit(batcher.run, [window(3)], adapter)
        until(lambda: batcher.waiting == 1)
        engine.gate.set()
        if adapter == "broken":
            for future in (first, second):
                with pytest.raises(AdapterError):
                    future.result(5)
        else:
            assert [numbers(future.result(5)) for future in (first, second)] == [[1, 2], [3]]
            assert [found for _, found in engine.runs] == [[3], [2], [1]]
            until(lambda: len(stats) == 2)
            assert [(one.windows, one.requests) for one in stats] == [(1, 1), (2, 1)]
    engine.wanted = 0
    assert numbers(batcher.run([window(4)], "squad")) == [4]
    batcher.stop(5)


@pytest.mark.parametrize("fails", [True, False])
def test_an_engine_that_asks_for_nothing_keeps_nobody_waiting(fails):
    def run_each(portions, adapter):
        if fails:
            raise MemoryError("no room for the graph")
        return iter(())

    batcher = Batcher(run_each)
    for _ in range(2):
        with pytest.raises(LocalQAError, match="engine failed"):
            batcher.run([window(1)], "squad", deadline=time.monotonic() + 5)
    batcher.stop(5)


def test_two_long_documents_take_turns(make, engine):
    batcher = make(max_tokens=100)
    engine.gate.clear()
    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(batcher.run, [window(0)], "first")
        until(lambda: engine.begun)
        for waiting, adapter in ((50, "squad"), (100, "other")):
            pool.submit(batcher.run, [window(n) for n in range(50)], adapter)
            until(lambda waiting=waiting: batcher.waiting == waiting)
        engine.gate.set()
        first.result(5)
    assert [adapter for adapter, _ in engine.runs[1:7]] == ["squad", "other"] * 3


def test_runs_stay_within_their_tokens(make, engine):
    make(max_tokens=100).run([window(n, 30) for n in range(10)], "squad")
    assert all(len(found) <= 3 for _, found in engine.runs)


def test_window_larger_than_the_budget_runs_alone(make, engine):
    make(max_tokens=1).run([window(1, 30), window(2, 30)], "squad")
    assert [len(found) for _, found in engine.runs] == [1, 1]


def test_full_queue_refuses_and_recovers(make, engine):
    batcher = make(max_windows=1)
    engine.gate.clear()
    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(batcher.run, [window(0)], "squad")
        until(lambda: engine.begun)
        second = pool.submit(batcher.run, [window(1)], "squad")
        until(lambda: batcher.waiting == 1)
        with pytest.raises(OverloadedError):
            batcher.run([window(2)], "squad")
        engine.gate.set()
        assert [numbers(one.result(5)) for one in (first, second)] == [[0], [1]]
    assert numbers(batcher.run([window(3)], "squad")) == [3]


def test_document_larger_than_the_queue_is_taken_when_nothing_waits(make):
    assert len(make(max_windows=1).run([window(n) for n in range(5)], "squad")) == 5


@pytest.mark.parametrize("why", ["late", "gone"])
def test_expired_or_abandoned_work_is_dropped_before_it_runs(make, engine, why):
    batcher = make()
    engine.gate.clear()
    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(batcher.run, [window(0)], "squad")
        until(lambda: engine.begun)
        with pytest.raises(DeadlineError):
            batcher.run(
                [window(1)],
                "squad",
                deadline=time.monotonic() + (0.1 if why == "late" else 60),
                cancelled=lambda: why == "gone",
            )
        assert batcher.waiting == 0
        engine.gate.set()
        first.result(5)
    assert numbers(batcher.run([window(2)], "squad")) == [2]
    assert [found for _, found in engine.runs] == [[0], [2]]


def test_failing_adapter_fails_its_own_callers_only(make):
    batcher = make()
    with pytest.raises(AdapterError):
        batcher.run([window(1)], "broken")
    with pytest.raises(LocalQAError, match="engine failed") as error:
        batcher.run([window(1)], "bug")
    assert isinstance(error.value.__cause__, ZeroDivisionError)
    assert numbers(batcher.run([window(2)], "squad")) == [2]


def test_stop_finishes_what_waits_and_refuses_the_rest(make, engine):
    batcher = make()
    engine.gate.clear()
    with ThreadPoolExecutor(4) as pool:
        futures = [pool.submit(batcher.run, [window(0)], "squad")]
        until(lambda: engine.begun)
        futures += [pool.submit(batcher.run, [window(n)], "squad") for n in (1, 2)]
        until(lambda: batcher.waiting == 2)
        stopping = pool.submit(batcher.stop, 5)
        time.sleep(0.05)
        with pytest.raises(NotReadyError):
            batcher.run([window(9)], "squad")
        engine.gate.set()
        stopping.result(5)
        assert sorted(numbers(one.result(5))[0] for one in futures) == [0, 1, 2]


def test_no_windows_need_no_engine(make, engine):
    assert make().run([], "squad") == []
    assert engine.runs == []

"""Imports go on after their requests, and neither they nor those who wait for them take all of a server."""

import gc
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor

import pytest

from localqa.answering.imports import Imports
from localqa.errors import OverloadedError, ResourceError


@pytest.fixture
def gate():
    gate = threading.Event()
    yield gate
    gate.set()


def held(gate):
    """An import that goes on until the gate is opened."""

    def work():
        gate.wait(10)
        yield from ()

    return work


def test_what_waits_holds_no_more_bytes_than_it_may(gate):
    imports = Imports(most=100, waiters=1)
    jobs = [imports.begin(1, size, held(gate)) for size in (60, 40)]
    with pytest.raises(OverloadedError):
        imports.begin(1, 1, held(gate))
    gate.set()
    assert all(job.finished.wait(5) for job in jobs)
    later = imports.begin(1, 500, held(gate))
    assert later.finished.wait(5)


def test_an_import_that_failed_holds_nothing_that_was_sent():
    class Sent(list):
        """A list that can be watched."""

    def work_on(files):
        def work():
            raise ResourceError(f"no room for {len(files)}", remedy="Make room.")
            yield

        return work

    files = Sent([b"secret"])
    watched = weakref.ref(files)
    job = Imports(most=100, waiters=1).begin(1, 6, work_on(files))
    del files
    assert job.finished.wait(5)
    time.sleep(0.1)
    gc.collect()
    assert watched() is None
    assert (str(job.problem), job.problem.status) == ("no room for 1 Make room.", 507)


def test_only_so_many_callers_wait_and_none_that_has_left(gate):
    imports = Imports(most=100, waiters=1)
    job = imports.begin(1, 1, held(gate))
    waits, left = threading.Event(), threading.Event()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(imports.wait, job, 60, lambda: waits.set() or left.is_set())
        assert waits.wait(5)
        began = time.monotonic()
        imports.wait(job, 60, lambda: False)
        assert time.monotonic() - began < 1
        left.set()
        waiting.result(5)
    assert not job.finished.is_set()
    imports.wait(job, 0.1, lambda: False)
    gate.set()
    imports.wait(job, 10, lambda: False)
    assert job.finished.is_set()


def test_at_the_end_a_file_is_finished_and_what_is_left_is_told(gate):
    imports = Imports(most=100, waiters=1)
    begun = threading.Event()

    def work():
        begun.set()
        gate.wait(10)
        yield "first"
        yield "second"

    running, waiting = (imports.begin(2, 1, work) for _ in range(2))
    begun.wait(5)
    threading.Timer(0.2, gate.set).start()
    imports.end(5)
    assert running.finished.is_set()
    assert running.outcomes == ["first"]
    assert "after 1 of 2 files" in running.problem.message
    assert waiting.finished.wait(5)
    assert "after 0 of 2 files" in waiting.problem.message
    with pytest.raises(OverloadedError):
        imports.begin(1, 1, work)

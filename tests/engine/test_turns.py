"""The engine's lock."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from types import SimpleNamespace

import pytest

from localqa.engine.turns import Turns
from tests.server import until


def test_it_is_had_in_the_order_of_asking():
    turns, had, taking = Turns(), [], []

    def take(number):
        with turns:
            had.append(number)

    with ThreadPoolExecutor(8) as pool:
        with turns:
            assert not turns.wanted
            for number in range(8):
                taking.append(pool.submit(take, number))
                until(lambda: len(turns._waiting) == len(taking))
            assert turns.wanted
        with turns:
            had.append("last")
    assert had == [*range(8), "last"]
    assert not turns.wanted


def test_one_thread_at_a_time_has_it_and_errors_give_it_back():
    turns, inside, most = Turns(), [], []

    def take(number):
        for _ in range(50):
            with suppress(ZeroDivisionError), turns:
                inside.append(number)
                most.append(len(inside))
                time.sleep(0)
                inside.remove(number)
                raise ZeroDivisionError

    with ThreadPoolExecutor(6) as pool:
        for one in [pool.submit(take, number) for number in range(6)]:
            one.result(20)
    assert set(most) == {1}


@pytest.mark.parametrize("passed", [False, True])
def test_who_is_interrupted_while_waiting_keeps_it_from_nobody(monkeypatch, passed):
    """Before it was passed on to him, and just after."""
    turns = Turns()

    class Interrupted(threading.Event):
        def wait(self, timeout=None):
            if passed:
                super().wait(5)
            raise KeyboardInterrupt

    def give_up():
        with pytest.raises(KeyboardInterrupt):
            turns.__enter__()

    with ThreadPoolExecutor(1) as pool:
        turns.__enter__()
        with monkeypatch.context() as patched:
            patched.setattr("localqa.engine.turns.threading", SimpleNamespace(Event=Interrupted))
            waiting = pool.submit(give_up)
            until(lambda: turns.wanted or waiting.done())
        turns.__exit__()
        waiting.result(5)
    with turns:
        assert not turns.wanted

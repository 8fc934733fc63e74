"""Memory that requests share."""

import threading
import time

import pytest

from localqa.answering.room import Room
from localqa.errors import DeadlineError, OverloadedError
from localqa.extraction.answers import Patience
from tests.server import until


def patience(seconds=10.0, gone=lambda: False):
    return Patience(time.monotonic() + seconds, gone)


def entered(room, size, order):
    """A thread that enters, notes it, and stays until its event is set."""
    ended = threading.Event()

    def stay():
        leave = room.enter(size, patience())
        order.append(size)
        ended.wait(10)
        leave()

    threading.Thread(target=stay, daemon=True).start()
    return ended


def test_who_needs_little_does_not_count():
    room = Room(100, free=10, line=0)
    leaves = [room.enter(10, patience()) for _ in range(50)]
    room.enter(100, patience())()
    for leave in leaves:
        leave()


def test_the_first_in_line_goes_first():
    room = Room(100, free=10, line=5)
    order: list[int] = []
    first = entered(room, 60, order)
    until(lambda: order == [60])
    second = entered(room, 90, order)
    until(lambda: len(room._waiting) == 1)
    third = entered(room, 20, order)
    until(lambda: len(room._waiting) == 2)
    # There is room for the third, but the second would wait for ever behind such.
    first.set()
    until(lambda: order == [60, 90])
    second.set()
    until(lambda: order == [60, 90, 20])
    third.set()
    until(lambda: not room._taken)


def test_what_is_larger_than_the_room_goes_in_alone():
    room = Room(100, free=10, line=5)
    leave = room.enter(10**9, patience())
    with pytest.raises(DeadlineError, match="no room"):
        room.enter(20, patience(0.1))
    leave()
    leave()
    room.enter(100, patience())()


def test_a_full_line_refuses_and_a_caller_who_left_makes_place():
    room = Room(100, free=10, line=1)
    room.enter(100, patience())
    gone = threading.Event()
    errors = []

    def wait():
        try:
            room.enter(50, patience(gone=gone.is_set))
        except DeadlineError as e:
            errors.append(e.message)

    waiting = threading.Thread(target=wait)
    waiting.start()
    until(lambda: len(room._waiting) == 1)
    with pytest.raises(OverloadedError):
        room.enter(50, patience())
    gone.set()
    waiting.join(5)
    assert errors == ["The caller went away."]

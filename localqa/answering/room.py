"""Memory that requests share: who needs much of it waits until there is room."""

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final

from localqa.engine.memory import give_back
from localqa.errors import DeadlineError, OverloadedError
from localqa.extraction.answers import Patience

Leave = Callable[[], None]
MIB: Final = 1024 * 1024
_LOOK_S: Final = 0.25


def no_room() -> OverloadedError:
    """The error of a large request when too many of them wait already."""
    return OverloadedError(
        "Too many large requests are being answered already.",
        remedy="Ask again after the seconds in Retry-After, or send less text at once.",
    )


class Room:
    """So many bytes for all requests together, given out in the order in which they are asked for.

    Args:
        most: bytes.
        free: requests that need no more than this do not count.
        line: how many may wait at a time; each holds a thread of the server.
    """

    def __init__(self, most: int, *, free: int, line: int) -> None:
        self._most = most
        self._free = free
        self._line = line
        self._taken = 0
        self._waiting: deque[object] = deque()
        self._changed = threading.Condition()

    def enter(self, size: int, patience: Patience) -> Leave:
        """Take a part of the room, waiting for it if need be; call what is returned once to leave.

        Raises:
            OverloadedError: too many wait already.
            DeadlineError: the caller's patience ended.
        """
        if size <= self._free:
            return lambda: None
        # What is larger than all of it goes in alone.
        size = min(size, self._most)
        with self._changed:
            if self._waiting or self._taken + size > self._most:
                self._wait(size, patience)
            self._taken += size
        left = threading.Lock()

        def leave() -> None:
            if left.acquire(blocking=False):
                self._leave(size)

        return leave

    def _wait(self, size: int, patience: Patience) -> None:
        if len(self._waiting) >= self._line:
            raise no_room()
        ticket = object()
        self._waiting.append(ticket)
        try:
            while self._waiting[0] is not ticket or self._taken + size > self._most:
                self._changed.wait(_LOOK_S)
                late = time.monotonic() >= patience.deadline
                if late or patience.cancelled():
                    raise DeadlineError(
                        "There was no room for a request of this size in time."
                        if late
                        else "The caller went away."
                    )
        finally:
            self._waiting.remove(ticket)
            self._changed.notify_all()

    def _leave(self, size: int) -> None:
        with self._changed:
            self._taken -= size
            empty = not self._taken
            self._changed.notify_all()
        if empty:
            give_back()

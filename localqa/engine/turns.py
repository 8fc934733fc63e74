"""A lock that nobody waits for in vain."""

import threading
from collections import deque
from typing import Self


class Turns:
    """A lock that is had in the order in which it was asked for, and tells its holder that others wait.

    A `threading.Lock` goes to whoever is quickest: a thread that takes it again and again never leaves it to
    another. Not reentrant.
    """

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._held = False
        self._waiting: deque[threading.Event] = deque()

    @property
    def wanted(self) -> bool:
        """Whether somebody waits for it."""
        return bool(self._waiting)

    def __enter__(self) -> Self:
        with self._guard:
            if not self._held:
                self._held = True
                return self
            mine = threading.Event()
            self._waiting.append(mine)
        try:
            mine.wait()
        except BaseException:
            self._give_up(mine)
            raise
        return self

    def __exit__(self, *error: object) -> None:
        with self._guard:
            self._pass_on()

    def _pass_on(self) -> None:
        if self._waiting:
            # It stays held, by the next one.
            self._waiting.popleft().set()
        else:
            self._held = False

    def _give_up(self, mine: threading.Event) -> None:
        with self._guard:
            if mine in self._waiting:
                self._waiting.remove(mine)
            else:
                self._pass_on()

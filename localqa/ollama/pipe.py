"""What a server sends, on its way from the event loop to the thread that waits for it, a little at a time."""

import asyncio
import queue
import threading
from typing import Final, Generic, TypeVar

HELD: Final = 256 * 1024
"""Bytes that may wait; the server is not read on while there are more."""

_T = TypeVar("_T")


class Pipe(Generic[_T]):
    """A queue with one writer on an event loop and one reader on a thread, where bytes have a limit."""

    def __init__(self) -> None:
        self._parts: queue.SimpleQueue[_T] = queue.SimpleQueue()
        self._held = 0
        self._counting = threading.Lock()
        self._room = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def put(self, part: _T) -> None:
        """Hand a part on, and wait until most of what is there has been taken."""
        self._loop = asyncio.get_running_loop()
        with self._counting:
            self._held += _size(part)
            self._room.clear()
            full = self._held > HELD
        self._parts.put(part)
        if full:
            await self._room.wait()

    def get(self, seconds: float) -> _T:
        """Take the next part.

        Raises:
            queue.Empty: there is none within so many seconds.
        """
        part = self._parts.get(timeout=seconds)
        with self._counting:
            waits = self._held > HELD
            self._held -= _size(part)
            goes_on = waits and self._held <= HELD
        if goes_on and self._loop is not None:
            self._loop.call_soon_threadsafe(self._room.set)
        return part


def _size(part: object) -> int:
    return len(part) if isinstance(part, bytes) else 0

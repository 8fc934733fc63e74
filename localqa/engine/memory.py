"""What glibc keeps of freed memory, and how a server gives it back. Does nothing on other C libraries."""

import contextlib
import ctypes

_ARENA_MAX = -8
"""Number of the option in malloc.h."""


def few_arenas(count: int = 1) -> None:
    """Let all threads allocate from so many heaps; call it before there are threads.

    By default each thread gets one of its own, which keeps what one request freed from the next.
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").mallopt(_ARENA_MAX, count)


def give_back() -> None:
    """Return freed memory to the system: building a graph or reading an adapter leaves much of it behind."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)

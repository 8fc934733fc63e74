"""Windows of many requests into common batches, for an engine that runs one adapter at a time.

The engine gets a portion of what is waiting when it becomes free, and the next one as soon as it has room: a
lone request never waits for company, and under load the batches fill by themselves, with windows of like
lengths, which need little padding. Every request gets its share of a portion, adapters take turns, portions
are no larger than the engine needs them to be, and end early where that finishes a request: so long documents
do not hold up the short ones behind them, of their own adapter or of another. Texts to be embedded come as
windows, too, of no adapter.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from localqa.engine.running import Portions, Ready
from localqa.errors import DeadlineError, LocalQAError, NotReadyError, OverloadedError
from localqa.extraction.windows import Window

RunEach = Callable[[Portions, str], Ready]
"""The engine: portions of windows and the name of their adapter in, what it makes of each window out."""
NO_ADAPTER: Final = ""
"""The name that stands for the base alone, whose output for each window is wanted instead of logits."""

_CHECK_S = 0.25
_CHOICE = 12
"""Requests among which windows of like lengths are looked for: of more, some would wait twice as long."""


@dataclass(slots=True, eq=False)
class _Job:
    """The windows of one request for one adapter, and what has become of them."""

    windows: Sequence[Window]
    adapter: str
    queued: float
    expires: float
    taken: int = 0
    results: list[Any] = field(default_factory=list)
    missing: int = 0
    error: Exception | None = None
    finished: threading.Event = field(default_factory=threading.Event)

    @property
    def next_length(self) -> int:
        """Tokens of the window that is to run next."""
        return len(self.windows[self.taken])


_Part: TypeAlias = tuple[_Job, int]
"""A window: of which job, and its number there."""


@dataclass(slots=True, eq=False)
class _Portion:
    """Windows that are given to the engine together, and how many of them it has not yet given back."""

    parts: Sequence[_Part]
    began: float
    missing: int


_Given: TypeAlias = dict[int, tuple[_Portion, _Job, int]]
"""What the engine has of each window that it was given, by the number that it tells it by."""


@dataclass(frozen=True, slots=True)
class BatchStats:
    """What became of one portion, for metrics.

    Attributes:
        windows: how many it was of.
        requests: of how many requests.
        waited: seconds that each of these requests had waited when the engine came to its first window.
        seconds: that the engine worked on it, and no longer on the one before.
    """

    windows: int
    requests: int
    waited: tuple[float, ...]
    seconds: float


class Batcher:
    """Collects the windows of concurrent requests and runs them through an engine.

    Args:
        run_each: the engine; called on one thread only.
        max_tokens: padded tokens that are handed to the engine at a time, by the name of the adapter, of one
            request.
        sharing: requests up to which a portion grows with their number: of two it holds twice as much.
        max_windows: windows that may wait; more are refused.
        on_batch: told of every portion.
    """

    def __init__(
        self,
        run_each: RunEach,
        *,
        max_tokens: Callable[[str], int] = lambda adapter: 1024,
        sharing: int = 1,
        max_windows: int = 4096,
        on_batch: Callable[[BatchStats], None] = lambda stats: None,
    ) -> None:
        self._run_each = run_each
        self._max_tokens = max_tokens
        self._sharing = sharing
        self._max_windows = max_windows
        self._on_batch = on_batch
        self._jobs: list[_Job] = []
        self._waiting = 0
        self._ran: dict[str, float] = {}
        self._finished = 0.0
        self._changed = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._work, name="batcher", daemon=True)
        self._thread.start()

    def run(
        self,
        windows: Sequence[Window],
        adapter: str,
        *,
        deadline: float = float("inf"),
        cancelled: Callable[[], bool] = lambda: False,
    ) -> list[Any]:
        """What the engine makes of each window, in order; blocks until it is there.

        Args:
            windows: of one request.
            adapter: that shall run them; `NO_ADAPTER`: the base alone.
            deadline: time (`time.monotonic`) after which nobody wants the answer any more.
            cancelled: asked now and then whether the caller is still there.

        Raises:
            OverloadedError: too many windows are waiting already.
            DeadlineError: the deadline passed, or the caller went away; what had not run is dropped.
            NotReadyError: the batcher is stopping.
            LocalQAError: what the engine raises for this adapter.
        """
        if not windows:
            return []
        job = _Job(windows, adapter, time.monotonic(), deadline, missing=len(windows))
        job.results = [None] * len(windows)
        with self._changed:
            if self._stopping:
                raise NotReadyError("The server is stopping.")
            if self._waiting and self._waiting + len(windows) > self._max_windows:
                raise OverloadedError("The server has too much to do.")
            self._jobs.append(job)
            self._waiting += len(windows)
            self._changed.notify()
        self._wait(job, cancelled)
        if job.error is not None:
            raise job.error
        return [result for result in job.results if result is not None]

    @property
    def waiting(self) -> int:
        """Windows that wait for the engine."""
        return self._waiting

    def stop(self, timeout: float | None = None) -> None:
        """Take nothing new, finish what waits, and end the thread."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._thread.join(timeout)

    def _wait(self, job: _Job, cancelled: Callable[[], bool]) -> None:
        while not job.finished.wait(min(_CHECK_S, max(0.0, job.expires - time.monotonic()))):
            late = time.monotonic() >= job.expires
            if late or cancelled():
                with self._changed:
                    if job.finished.is_set():
                        return
                    self._drop(job)
                raise DeadlineError("The answer was not ready in time." if late else "The caller went away.")

    def _drop(self, job: _Job) -> None:
        if job in self._jobs:
            self._jobs.remove(job)
            self._waiting -= len(job.windows) - job.taken

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._jobs and not self._stopping:
                    self._changed.wait()
                if not self._jobs:
                    return
                parts = self._take()
            if parts:
                self._run_on(parts)

    def _take(self, running: str | None = None) -> list[_Part]:
        """The (job, window) pairs of the next portion, shared fairly.

        They are of the adapter that has waited longest since it came or ran last; none, where that is another
        than the one that is running.
        """
        now = time.monotonic()
        for job in [job for job in self._jobs if job.expires <= now]:
            self._drop(job)
        if not self._jobs:
            return []
        adapter = min(self._jobs, key=lambda job: max(job.queued, self._ran.get(job.adapter, 0.0))).adapter
        if running not in (None, adapter):
            return []
        waiting = {job.adapter for job in self._jobs}
        self._ran = {name: ran for name, ran in self._ran.items() if name in waiting} | {adapter: now}
        mine = _in_turn([job for job in self._jobs if job.adapter == adapter])
        most = self._max_tokens(adapter) * min(len(mine), self._sharing)
        parts: list[_Part] = []
        longest = 0
        # A request that is taken to its end is not kept waiting for what others have left.
        while mine and all(job.taken < len(job.windows) for job, _ in parts):
            # One window of each job in turn.
            for job in list(mine):
                length = max(longest, job.next_length)
                if parts and length * (len(parts) + 1) > most:
                    return parts
                longest = length
                parts.append((job, job.taken))
                job.taken += 1
                self._waiting -= 1
                self._jobs.remove(job)
                if job.taken == len(job.windows):
                    mine.remove(job)
                else:
                    self._jobs.append(job)
        return parts

    def _run_on(self, parts: Sequence[_Part]) -> None:
        """Run a portion, and what comes for its adapter meanwhile, as long as it is its turn."""
        adapter = parts[0][0].adapter
        given: _Given = {}
        # Before the engine asks for it: one that fails at once fails these, too.
        _give(parts, given, 0)
        try:
            for numbers, results in self._run_each(self._portions(parts, adapter, given), adapter):
                for number, result in zip(numbers, results, strict=True):
                    self._finish(*given.pop(number), result)
            if given:
                raise RuntimeError(f"The engine ended with {len(given)} windows left.")
        except Exception as e:  # whatever it is, the callers must hear of it and the thread must live on
            self._fail({job for _, job, _ in given.values()}, e)

    def _portions(self, parts: Sequence[_Part], adapter: str, given: _Given) -> Iterator[Sequence[Window]]:
        """A portion, and what waits for its adapter whenever the engine asks for more."""
        count = len(parts)
        yield _windows_of(parts)
        while True:
            with self._changed:
                parts = self._take(adapter)
            _give(parts, given, count)
            count += len(parts)
            yield _windows_of(parts)

    def _finish(self, portion: _Portion, job: _Job, index: int, result: Any) -> None:
        job.results[index] = result
        job.missing -= 1
        if not job.missing:
            job.finished.set()
        portion.missing -= 1
        if not portion.missing:
            # Until then the engine was at work on the one before.
            began, self._finished = max(portion.began, self._finished), time.monotonic()
            waited = tuple(began - job.queued for job, index in portion.parts if index == 0)
            requests = len({job for job, _ in portion.parts})
            self._on_batch(BatchStats(len(portion.parts), requests, waited, self._finished - began))

    def _fail(self, jobs: Iterable[_Job], error: Exception) -> None:
        if not isinstance(error, LocalQAError):
            wrapped = LocalQAError("The engine failed.", remedy="See the server's log.")
            wrapped.__cause__ = error
            error = wrapped
        with self._changed:
            for job in jobs:
                self._drop(job)
                job.error = error
                job.finished.set()


def _give(parts: Sequence[_Part], given: _Given, first: int) -> None:
    portion = _Portion(parts, time.monotonic(), len(parts))
    given.update((number, (portion, *part)) for number, part in enumerate(parts, first))


def _windows_of(parts: Sequence[_Part]) -> list[Window]:
    return [job.windows[index] for job, index in parts]


def _in_turn(jobs: Sequence[_Job]) -> list[_Job]:
    """Jobs in the order in which a portion takes them.

    First the one under way that ran longest ago, so that every document goes on, and the one not begun that
    waits longest, so that nobody waits for ever; then, of those that wait longest, those whose windows are of
    about its length.
    """
    begun = next((job for job in jobs if job.taken), None)
    new = next((job for job in jobs if not job.taken), None)
    first = [job for job in (begun, new) if job is not None]
    others = [job for job in jobs if job not in first]
    near = sorted(others[:_CHOICE], key=lambda job: abs(job.next_length - first[-1].next_length))
    return first + near + others[_CHOICE:]

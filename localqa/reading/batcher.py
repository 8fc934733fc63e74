"""Windows of many requests into common batches, one engine run at a time.

A run takes what is waiting when the engine becomes free: a lone request never waits for company, and
under load the batches fill by themselves, with windows of like lengths, which need little padding. Every
request gets its share of a run, adapters take turns, runs are no longer than the engine needs them to be, and
end early where that finishes a request: so long documents do not hold up the short ones behind them, of their
own adapter or of another. Texts to be embedded come as windows, too, of no adapter.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from localqa.errors import DeadlineError, LocalQAError, NotReadyError, OverloadedError
from localqa.extraction.windows import Window

Run = Callable[[Sequence[Window], str], list[Any]]
"""The engine: windows and the name of their adapter in; what it makes of each out: logits, or a vector."""
NO_ADAPTER: Final = ""
"""The name that stands for the base alone, whose output for each window is wanted instead of logits."""

_CHECK_S = 0.25
_CHOICE = 12
"""Requests among which a run looks for windows of like lengths: of more, some would wait twice as long."""


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


@dataclass(frozen=True, slots=True)
class BatchStats:
    """What one run of the engine did, for metrics.

    Attributes:
        windows: how many were run.
        requests: of how many requests.
        waited: seconds that each of these requests had waited when its first window was taken.
        seconds: that the run took.
    """

    windows: int
    requests: int
    waited: tuple[float, ...]
    seconds: float


class Batcher:
    """Collects the windows of concurrent requests and runs them through an engine.

    Args:
        run: the engine; called on one thread only.
        max_tokens: padded tokens that are handed to the engine at a time, by the name of the adapter, of one
            request.
        sharing: requests up to which a run grows with their number: of two it holds twice as much. At its end
            the engine's threads wait for the last of them, while a caller among many waits anyhow.
        max_windows: windows that may wait; more are refused.
        on_batch: told of every run.
    """

    def __init__(
        self,
        run: Run,
        *,
        max_tokens: Callable[[str], int] = lambda adapter: 1024,
        sharing: int = 1,
        max_windows: int = 4096,
        on_batch: Callable[[BatchStats], None] = lambda stats: None,
    ) -> None:
        self._run = run
        self._max_tokens = max_tokens
        self._sharing = sharing
        self._max_windows = max_windows
        self._on_batch = on_batch
        self._jobs: list[_Job] = []
        self._waiting = 0
        self._ran: dict[str, float] = {}
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
                self._run_parts(parts)

    def _take(self) -> list[tuple[_Job, int]]:
        """The (job, window) pairs of the next run, shared fairly.

        They are of the adapter that has waited longest since it came or ran last.
        """
        now = time.monotonic()
        for job in [job for job in self._jobs if job.expires <= now]:
            self._drop(job)
        if not self._jobs:
            return []
        adapter = min(self._jobs, key=lambda job: max(job.queued, self._ran.get(job.adapter, 0.0))).adapter
        waiting = {job.adapter for job in self._jobs}
        self._ran = {name: ran for name, ran in self._ran.items() if name in waiting} | {adapter: now}
        mine = _in_turn([job for job in self._jobs if job.adapter == adapter])
        most = self._max_tokens(adapter) * min(len(mine), self._sharing)
        parts: list[tuple[_Job, int]] = []
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

    def _run_parts(self, parts: Sequence[tuple[_Job, int]]) -> None:
        began = time.monotonic()
        waited = tuple(began - job.queued for job, index in parts if index == 0)
        try:
            results = self._run([job.windows[index] for job, index in parts], parts[0][0].adapter)
        except Exception as e:  # whatever it is, the callers must hear of it and the thread must live on
            self._fail(parts, e)
            return
        for (job, index), result in zip(parts, results, strict=True):
            job.results[index] = result
            job.missing -= 1
            if not job.missing:
                job.finished.set()
        requests = len({id(job) for job, _ in parts})
        self._on_batch(BatchStats(len(parts), requests, waited, time.monotonic() - began))

    def _fail(self, parts: Sequence[tuple[_Job, int]], error: Exception) -> None:
        if not isinstance(error, LocalQAError):
            wrapped = LocalQAError("The engine failed.", remedy="See the server's log.")
            wrapped.__cause__ = error
            error = wrapped
        with self._changed:
            for job in {id(job): job for job, _ in parts}.values():
                self._drop(job)
                job.error = error
                job.finished.set()


def _in_turn(jobs: Sequence[_Job]) -> list[_Job]:
    """Jobs in the order in which a run takes them.

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

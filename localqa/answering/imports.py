"""Imports that go on after their request: one after another, each with a state that can be asked for."""

import contextlib
import logging
import secrets
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Generator
from copy import copy
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from localqa.documents.importing import Outcome
from localqa.errors import LocalQAError, NotReadyError, OverloadedError

_log = logging.getLogger(__name__)
_KEPT: Final = 100
"""Finished imports whose outcome can still be asked for."""
_WAITING: Final = 100
"""Imports that may wait at a time."""
_LOOK_S: Final = 0.25

JobState: TypeAlias = Literal["waiting", "running", "done", "failed"]
Work: TypeAlias = Callable[[], Generator[Outcome, None, None]]


@dataclass(slots=True)
class Job:
    """An import and how far it is.

    Attributes:
        id: to ask for it.
        files: how many it brings.
        size: bytes that it holds until it is finished.
        state: where it stands.
        outcomes: of the files that are done, in their order.
        problem: why it broke off, where it did.
    """

    id: str
    files: int
    size: int
    state: JobState = "waiting"
    outcomes: list[Outcome] = field(default_factory=list)
    problem: LocalQAError | None = None
    finished: threading.Event = field(default_factory=threading.Event)


class Imports:
    """Carries out imports on a thread of its own.

    Args:
        most: bytes that all of them may hold; a lone one is taken whatever its size.
        waiters: callers that may wait for theirs at a time; each holds a thread of the server.
    """

    def __init__(self, *, most: int, waiters: int) -> None:
        self._most = most
        self._held = 0
        self._waiters = threading.BoundedSemaphore(waiters)
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._waiting: deque[tuple[Job, Work]] = deque()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._ending = False

    def begin(self, files: int, size: int, work: Work) -> Job:
        """Put an import at the end of the line.

        Args:
            files: how many it brings.
            size: bytes of what was sent.
            work: brings them in.

        Raises:
            OverloadedError: too many wait already, or too much.
        """
        job = Job(secrets.token_hex(8), files, size)
        with self._changed:
            if (
                self._ending
                or len(self._waiting) >= _WAITING
                or (self._held and self._held + size > self._most)
            ):
                raise OverloadedError("Too many imports are waiting already.")
            self._held += size
            self._jobs[job.id] = job
            self._forget_old()
            self._waiting.append((job, work))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, daemon=True, name="imports")
                self._thread.start()
            self._changed.notify()
        return job

    def wait(self, job: Job, seconds: float, gone: Callable[[], bool]) -> None:
        """Wait until an import is finished; not at all where as many callers as may wait already.

        Args:
            job: the import.
            seconds: at most.
            gone: whether the caller has left.
        """
        if not self._waiters.acquire(blocking=False):
            return
        ends = time.monotonic() + seconds
        try:
            while (left := ends - time.monotonic()) > 0 and not gone():
                if job.finished.wait(min(_LOOK_S, left)):
                    return
        finally:
            self._waiters.release()

    def find(self, job: str) -> Job | None:
        """An import by its id; None for one that is not known, or not any more."""
        with self._changed:
            return self._jobs.get(job)

    def end(self, seconds: float) -> None:
        """Finish the file that is read now, fail what waits, and take no more; as the server stops.

        Args:
            seconds: that the file is waited for.
        """
        with self._changed:
            self._ending = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join(seconds)

    def _forget_old(self) -> None:
        done = [job for job in self._jobs.values() if job.finished.is_set()]
        for job in done[: max(0, len(done) - _KEPT)]:
            del self._jobs[job.id]

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and not self._ending:
                    self._changed.wait()
                if not self._waiting:
                    return
                job, work = self._waiting.popleft()
            self._carry_out(job, work)
            with self._changed:
                self._held -= job.size
            # What was sent is let go of before the next import comes.
            del job, work

    def _carry_out(self, job: Job, work: Work) -> None:
        job.state = "running"
        try:
            with contextlib.closing(work()) as outcomes:
                while not self._ending and (outcome := next(outcomes, None)) is not None:
                    job.outcomes.append(outcome)
            if self._ending and len(job.outcomes) < job.files:
                raise NotReadyError(
                    f"The server stopped after {len(job.outcomes)} of {job.files} files.",
                    remedy="Send them again: what was read already is passed over.",
                )
        except LocalQAError as e:
            # It is kept for long, and what was sent is not.
            job.problem, job.state = copy(e), "failed"
        except Exception:
            # The thread goes on with the next one; the log tells what happened.
            _log.exception("an import failed")
            job.problem, job.state = LocalQAError("Something went wrong on the server."), "failed"
        else:
            job.state = "done"
        finally:
            job.finished.set()

"""Imports that go on after their request: one after another, each with a state that can be asked for."""

import logging
import secrets
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from localqa.documents.importing import Outcome
from localqa.errors import LocalQAError, OverloadedError

_log = logging.getLogger(__name__)
_KEPT: Final = 100
"""Finished imports whose outcome can still be asked for."""
_WAITING: Final = 100
"""Imports that may wait at a time; each holds what was sent."""

JobState: TypeAlias = Literal["waiting", "running", "done", "failed"]
Work: TypeAlias = Callable[[], Iterator[Outcome]]


@dataclass(slots=True)
class Job:
    """An import and how far it is.

    Attributes:
        id: to ask for it.
        files: how many it brings.
        state: where it stands.
        outcomes: of the files that are done, in their order.
        problem: why it broke off, where it did.
    """

    id: str
    files: int
    state: JobState = "waiting"
    outcomes: list[Outcome] = field(default_factory=list)
    problem: LocalQAError | None = None
    finished: threading.Event = field(default_factory=threading.Event)


class Imports:
    """Carries out imports on a thread of its own."""

    def __init__(self) -> None:
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._waiting: deque[tuple[Job, Work]] = deque()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def begin(self, files: int, work: Work) -> Job:
        """Put an import at the end of the line.

        Raises:
            OverloadedError: too many wait already.
        """
        job = Job(secrets.token_hex(8), files)
        with self._changed:
            if len(self._waiting) >= _WAITING:
                raise OverloadedError("Too many imports are waiting already.")
            self._jobs[job.id] = job
            self._forget_old()
            self._waiting.append((job, work))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, daemon=True, name="imports")
                self._thread.start()
            self._changed.notify()
        return job

    def find(self, job: str) -> Job | None:
        """An import by its id; None for one that is not known, or not any more."""
        with self._changed:
            return self._jobs.get(job)

    def _forget_old(self) -> None:
        done = [job for job in self._jobs.values() if job.finished.is_set()]
        for job in done[: max(0, len(done) - _KEPT)]:
            del self._jobs[job.id]

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._waiting:
                    self._changed.wait()
                job, work = self._waiting.popleft()
            self._carry_out(job, work)
            # What was sent is let go of before the next import comes.
            del job, work

    def _carry_out(self, job: Job, work: Work) -> None:
        job.state = "running"
        try:
            for outcome in work():
                job.outcomes.append(outcome)
        except LocalQAError as e:
            job.problem, job.state = e, "failed"
        except Exception:
            # The thread goes on with the next one; the log tells what happened.
            _log.exception("an import failed")
            job.problem, job.state = LocalQAError("Something went wrong on the server."), "failed"
        else:
            job.state = "done"
        finally:
            job.finished.set()

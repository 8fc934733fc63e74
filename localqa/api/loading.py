"""The reader, which may still be loading, and whether the server answers."""

import logging
from collections.abc import Callable
from typing import Literal, TypeAlias

from localqa.errors import LocalQAError, NotReadyError
from localqa.reading.reads import Reads

Status: TypeAlias = Literal["ok", "loading", "failed", "draining"]
_log = logging.getLogger("localqa.service")


class Loading:
    """Holds the reader once there is one."""

    def __init__(self, reader: Reads | None = None) -> None:
        self._reader = reader
        self._failure: LocalQAError | None = None
        self._draining = False

    def load(self, loader: Callable[[], Reads]) -> None:
        """Load the reader; a failure is kept, so that probes can tell it, and raised.

        Raises:
            LocalQAError: the reader cannot be loaded.
        """
        try:
            self._reader = loader()
        except LocalQAError as e:
            self._failure = e
            raise

    def load_in_background(self, loader: Callable[[], Reads]) -> None:
        """Load the reader on another thread; a failure is logged and told by the probes."""
        try:
            self.load(loader)
        except LocalQAError as e:
            _log.error("loading failed: %s", e)
        except Exception:
            self._failure = LocalQAError("The model could not be loaded.", remedy="See the server's log.")
            _log.exception("loading failed")

    def drain(self) -> None:
        """Say from now on that the server is about to stop; what comes all the same is still answered."""
        self._draining = True

    @property
    def status(self) -> Status:
        """Whether questions are answered now, and will be."""
        if self._draining:
            return "draining"
        if self._reader is not None:
            return "ok"
        return "loading" if self._failure is None else "failed"

    @property
    def reader(self) -> Reads:
        """The loaded reader.

        Raises:
            NotReadyError: it is still loading or could not be loaded.
        """
        if self._reader is not None:
            return self._reader
        if self._failure is None:
            raise NotReadyError("The model is still loading.")
        raise NotReadyError(
            f"The model could not be loaded: {self._failure.message}",
            remedy=self._failure.remedy or "See the server's log.",
        )

"""What the routes share: the settings, the reader, who answers, and what is counted."""

import time
from typing import Final, cast

from flask import current_app

from localqa.answering.answerer import Answerer
from localqa.answering.imports import Imports
from localqa.answering.limits import longest_line
from localqa.answering.room import MIB, Room
from localqa.answering.summaries import Summarizes
from localqa.api.loading import Loading
from localqa.api.metrics import Metrics
from localqa.api.state_schemas import Limits
from localqa.config import Settings
from localqa.ollama.finding import Finder
from localqa.reading.reads import Reads

EXTENSION: Final = "localqa"
# What all requests together may take; with their texts and the rest of a server, below 600 MB.
_IMPORTS = 4
"""Of the largest uploads, so many may be held until they are read."""
_BODIES, _PASSING, _FREE = 64 * MIB, 32 * MIB, MIB // 4


class Service:
    """The parts of a server, put together once for each app."""

    def __init__(
        self, settings: Settings, reader: Reads | None = None, summarizer: Summarizes | None = None
    ) -> None:
        """Keep the settings, and the reader and the summariser if there are some already.

        Raises:
            ConfigError: the address of the Ollama server is none.
        """
        self.settings = settings
        self.ollama = Finder(settings)
        self.loading = Loading(reader)
        self.metrics = Metrics()
        self.answerer = Answerer(settings, lambda: self.reader, self.ollama, self.metrics, summarizer)
        self.imports = Imports(
            most=_IMPORTS * settings.max_upload_bytes, waiters=max(1, settings.http_threads // 4)
        )
        line = longest_line(settings)
        self.bodies = Room(_BODIES, free=_FREE, line=line)
        self.passing = Room(_PASSING, free=_FREE, line=line)
        self._started = time.monotonic()

    @property
    def reader(self) -> Reads:
        """The loaded reader; raises as `Loading.reader` does."""
        return self.loading.reader

    @property
    def uptime_s(self) -> float:
        """Seconds since the service was built."""
        return time.monotonic() - self._started

    @property
    def limits(self) -> Limits:
        """What a request may hold."""
        settings = self.settings
        return Limits(
            max_body_bytes=settings.max_body_bytes,
            max_question_chars=settings.max_question_chars,
            max_question_words=settings.max_question_words,
            max_context_chars=settings.max_context_chars,
            max_batch=settings.max_batch,
            max_windows=settings.max_windows,
            max_requests=settings.max_requests,
            max_waiting_windows=settings.max_waiting_windows,
            deadline_s=settings.deadline_s,
        )


def current_service() -> Service:
    """The service of the app that handles the current request."""
    return cast(Service, current_app.extensions[EXTENSION])

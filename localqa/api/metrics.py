"""What the server counts, for Prometheus. Never a question, a context or an answer."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.metrics_core import Metric

from localqa.extraction.answers import Answer
from localqa.reading.batcher import BatchStats

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_NAMING: Final = frozenset({"localqa_answers"})
_COUNTS = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class _Nameless(CollectorRegistry):
    """What another registry holds, without the counters that name adapters."""

    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__()
        self._other = registry

    def collect(self) -> Iterator[Metric]:
        """The others."""
        return (one for one in self._other.collect() if one.name not in _NAMING)


class Metrics:
    """The counters of one app; apps in one process (tests) do not share them."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "localqa_requests", "Requests by route and status.", ["route", "status"], registry=self.registry
        )
        self._seconds = Histogram(
            "localqa_request_seconds",
            "Time from a request's arrival to its response.",
            ["route"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._waits = Histogram(
            "localqa_queue_wait_seconds",
            "Time that requests waited for the engine.",
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._windows = Counter("localqa_windows", "Windows that the engine ran.", registry=self.registry)
        self._engine = Counter(
            "localqa_engine_seconds", "Time that the engine was busy.", registry=self.registry
        )
        self._batch = Histogram(
            "localqa_batch_windows",
            "Windows in one portion for the engine.",
            buckets=_COUNTS,
            registry=self.registry,
        )
        self._sharing = Histogram(
            "localqa_batch_requests",
            "Requests that shared one portion.",
            buckets=_COUNTS,
            registry=self.registry,
        )
        self._answers = Counter(
            "localqa_answers",
            "Answers by adapter; answerable=no is an honest refusal.",
            ["adapter", "answerable"],
            registry=self.registry,
        )
        self._lookups = Counter(
            "localqa_cache_lookups",
            "Looks into the cache of answers, where there is one.",
            ["found"],
            registry=self.registry,
        )
        self._routed = Counter(
            "localqa_routed",
            "Questions by what answered them, and why.",
            ["source", "because"],
            registry=self.registry,
        )
        self._summaries = Counter(
            "localqa_summaries", "Summaries by what made them.", ["source"], registry=self.registry
        )
        self._active = Gauge(
            "localqa_active_requests", "Requests that are answered or wait now.", registry=self.registry
        )

    def request(self, route: str, status: int, seconds: float) -> None:
        """Count a finished request; `route` is a pattern, never a path that a client made up."""
        self._requests.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def batch(self, stats: BatchStats) -> None:
        """Count a portion that the engine has run."""
        self._windows.inc(stats.windows)
        self._engine.inc(stats.seconds)
        self._batch.observe(stats.windows)
        self._sharing.observe(stats.requests)
        for seconds in stats.waited:
            self._waits.observe(seconds)

    def lookup(self, found: bool) -> None:
        """Count a look into the cache of answers."""
        self._lookups.labels("yes" if found else "no").inc()

    def in_progress(self) -> AbstractContextManager[object]:
        """Entered while a request is answered or waits."""
        return self._active.track_inprogress()

    def routed(self, because: str, *, generated: bool) -> None:
        """Count a question that was routed."""
        self._routed.labels("ollama" if generated else "bert", because).inc()

    def summarized(self, source: str) -> None:
        """Count a summary."""
        self._summaries.labels(source).inc()

    def answers(self, answers: Sequence[Answer]) -> None:
        """Count answers."""
        for answer in answers:
            self._answers.labels(answer.adapter, "yes" if answer.answerable else "no").inc()

    def text(self, *, names: bool = True) -> bytes:
        """Everything in Prometheus' text format; without names what does not name an adapter."""
        return generate_latest(self.registry if names else _Nameless(self.registry))

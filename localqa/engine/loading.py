"""From settings to a reader that is ready to answer."""

from collections.abc import Callable

from localqa.config import Settings
from localqa.engine.batcher import Batcher, BatchStats
from localqa.engine.reader import Reader
from localqa.engine.torch_engine import TorchEngine
from localqa.model.bases import resolve_base


def load_reader(settings: Settings, on_batch: Callable[[BatchStats], None] = lambda stats: None) -> Reader:
    """Find and verify the base, and load it with the default adapter.

    Args:
        settings: base, adapters, threads and limits.
        on_batch: told of every run of the engine.

    Raises:
        BaseModelError: the base is not there or not the pinned one.
        AdapterNotFoundError, AdapterError: the default adapter cannot be used.
    """
    engine = TorchEngine(resolve_base(settings.base), threads=settings.threads)
    batcher = Batcher(engine.run, max_windows=settings.max_waiting_windows, on_batch=on_batch)
    reader = Reader(
        engine, settings.models_dir, settings.adapter, batcher=batcher, max_windows=settings.max_windows
    )
    return reader.load()

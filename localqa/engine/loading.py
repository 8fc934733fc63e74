"""From settings to a reader that is ready to answer."""

from localqa.config import Settings
from localqa.engine.reader import Reader
from localqa.engine.torch_engine import TorchEngine
from localqa.model.bases import resolve_base


def load_reader(settings: Settings) -> Reader:
    """Find and verify the base, and load it with the default adapter.

    Raises:
        BaseModelError: the base is not there or not the pinned one.
        AdapterNotFoundError, AdapterError: the default adapter cannot be used.
    """
    base = resolve_base(settings.base)
    return Reader(TorchEngine(base, threads=settings.threads), settings.models_dir, settings.adapter).load()

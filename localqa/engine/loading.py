"""From settings to a reader that is ready to answer."""

from collections.abc import Callable
from importlib.util import find_spec

from localqa.config import Settings
from localqa.engine.batcher import Batcher, BatchStats
from localqa.engine.reader import Engine, Reader
from localqa.errors import BaseModelError, ConfigError
from localqa.extraction.qa_config import QAConfig
from localqa.model.adapter_files import adapter_folder
from localqa.model.bases import Base, resolve_base


def load_reader(settings: Settings, on_batch: Callable[[BatchStats], None] = lambda stats: None) -> Reader:
    """Find and verify the base, and load it with the default adapter.

    Args:
        settings: base, engine, adapters, threads and limits.
        on_batch: told of every run of the engine.

    Raises:
        BaseModelError: the base is not there or not the pinned one.
        AdapterNotFoundError, AdapterError: the default adapter cannot be used.
        ConfigError: the engine asked for is not installed.
    """
    engine = make_engine(settings, resolve_base(settings.base))
    batcher = Batcher(engine.run, max_windows=settings.max_waiting_windows, on_batch=on_batch)
    reader = Reader(
        engine, settings.models_dir, settings.adapter, batcher=batcher, max_windows=settings.max_windows
    )
    return reader.load()


def make_engine(settings: Settings, base: Base) -> Engine:
    """The engine that the settings name; `auto` takes torch only where OpenVINO cannot serve.

    Raises:
        BaseModelError: the base has no graph, and torch is not installed.
        ConfigError: the engine asked for is not installed.
    """
    # Imported here: a process that serves through one engine never loads the other's library.
    if settings.engine == "torch" or (settings.engine == "auto" and not _suits_openvino(settings, base)):
        if find_spec("torch") is None or find_spec("peft") is None:
            raise ConfigError(
                "The torch engine is not installed.",
                remedy="pip install -r requirements.txt, or QA_ENGINE=auto.",
            )
        from localqa.engine.torch_engine import TorchEngine

        return TorchEngine(base, threads=settings.threads)
    from localqa.engine.openvino_engine import OpenVINOEngine

    return OpenVINOEngine(base, precision=settings.precision, threads=settings.threads)


def _suits_openvino(settings: Settings, base: Base) -> bool:
    """Whether OpenVINO is there and has a graph for the base, and the default adapter is a LoRA one."""
    if find_spec("openvino") is None:
        return False
    from localqa.engine.graph import read_shape

    try:
        read_shape(base.folder)
    except BaseModelError:
        return False
    return QAConfig.load(adapter_folder(settings.models_dir, settings.adapter)).method == "lora"

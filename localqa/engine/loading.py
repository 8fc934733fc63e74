"""From settings to a reader that is ready to answer."""

import logging
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import Any

from localqa.config import EngineName, Precision, Settings
from localqa.engine.batcher import NO_ADAPTER, Batcher, BatchStats
from localqa.engine.cache import AnswerCache
from localqa.engine.reader import Engine, Reader
from localqa.errors import BaseModelError, ConfigError
from localqa.extraction.qa_config import QAConfig
from localqa.extraction.windows import Window
from localqa.model.adapter_files import adapter_folder
from localqa.model.bases import Base, resolve_base

_log = logging.getLogger("localqa.engine")


def load_reader(
    settings: Settings,
    on_batch: Callable[[BatchStats], None] = lambda stats: None,
    on_lookup: Callable[[bool], None] = lambda found: None,
) -> Reader:
    """Find and verify the base, and load it with the default adapter.

    Args:
        settings: base, engine, adapters, threads and limits.
        on_batch: told of every run of the engine.
        on_lookup: told whether each look into the cache of answers found one.

    Raises:
        BaseModelError: the base is not there or not the pinned one.
        AdapterNotFoundError, AdapterError: the default adapter cannot be used.
        ConfigError: the engine asked for is not installed.
    """
    base = resolve_base(settings.base)
    if not settings.models_dir.is_dir():
        _log.warning(
            "there is no folder %s (QA_MODELS_DIR); only the shipped adapters are found", settings.models_dir
        )
    adapter = QAConfig.load(adapter_folder(settings.models_dirs, settings.adapter))
    engine = make_engine(
        base, adapter, engine=settings.engine, precision=settings.precision, threads=settings.threads
    )

    def run(windows: Sequence[Window], adapter: str) -> list[Any]:
        return engine.embed(windows) if adapter == NO_ADAPTER else engine.run(windows, adapter)

    batcher = Batcher(run, max_windows=settings.max_waiting_windows, on_batch=on_batch)
    reader = Reader(
        engine,
        settings.models_dirs,
        settings.adapter,
        batcher=batcher,
        max_windows=settings.max_windows,
        cache=AnswerCache(settings.cache_size, on_lookup, max_bytes=settings.cache_bytes),
    ).load()
    runs = engine.info()
    _log.info(
        "engine %s on %s, precision %s (%s), adapter %s",
        runs["engine"],
        runs["device"],
        runs["precision"],
        runs["precision_reason"],
        settings.adapter,
    )
    return reader


def make_engine(
    base: Base,
    adapter: QAConfig,
    *,
    engine: EngineName = "auto",
    precision: Precision = "auto",
    threads: int = 0,
) -> Engine:
    """An engine for a base and the adapter that it will serve first.

    Args:
        base: found and verified.
        adapter: settings of that adapter.
        engine: `auto` takes torch only where OpenVINO cannot serve that base or adapter.
        precision: of OpenVINO's arithmetic; `auto` decides by the processor's instructions.
        threads: processor threads; 0: all cores.

    Raises:
        BaseModelError: the base has no graph.
        ConfigError: the engine is not installed, or the processor lacks that precision.
    """
    # Imported here: a process that serves through one engine never loads the other's library.
    if engine == "torch" or (engine == "auto" and not _suits_openvino(base, adapter)):
        if find_spec("torch") is None or find_spec("peft") is None:
            raise ConfigError(
                "The torch engine is not installed.",
                remedy="pip install -r requirements.txt, or choose the engine auto.",
            )
        from localqa.engine.torch_engine import TorchEngine

        return TorchEngine(base, threads=threads)
    from localqa.engine.openvino_engine import OpenVINOEngine
    from localqa.engine.precision import chosen

    if precision != "auto":
        reason = "as set"
    elif adapter.rounded_base:
        precision, reason = adapter.rounded_base, "the adapter learned over the base in this precision"
    else:
        precision, reason = chosen()
    return OpenVINOEngine(base, precision=precision, threads=threads, reason=reason)


def _suits_openvino(base: Base, adapter: QAConfig) -> bool:
    """Whether OpenVINO is there and has a graph for the base, and the adapter is a LoRA one."""
    if find_spec("openvino") is None or adapter.method != "lora":
        return False
    from localqa.engine.base_weights import read_shape

    try:
        read_shape(base.folder)
    except BaseModelError:
        return False
    return True

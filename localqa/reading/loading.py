"""From settings to a reader that is ready to answer."""

import logging
from collections.abc import Callable

from localqa.config import Settings
from localqa.engine.choosing import make_engine
from localqa.engine.running import Engine
from localqa.extraction.qa_config import QAConfig
from localqa.model.bases import Base, resolve_base
from localqa.reading.batcher import Batcher, BatchStats
from localqa.reading.cache import AnswerCache
from localqa.reading.pool import Pool
from localqa.reading.reader import Reader

_log = logging.getLogger("localqa.reading")
_SHARING = 4
"""With so many in a portion, 32 callers are answered about a tenth faster over HTTP than with one."""


def load_reader(
    settings: Settings,
    on_batch: Callable[[BatchStats], None] = lambda stats: None,
    on_lookup: Callable[[bool], None] = lambda found: None,
) -> Reader:
    """Find and verify the base that embeds, and load the default adapter over the base it was trained on.

    Args:
        settings: base, engine, adapters, threads and limits.
        on_batch: told of every portion that an engine has run.
        on_lookup: told whether each look into the cache of answers found one.

    Raises:
        BaseModelError: a base is not there or not the pinned one.
        AdapterNotFoundError, AdapterError: the default adapter cannot be used.
        ConfigError: the engine asked for is not installed.
    """

    def make(base: Base, adapter: QAConfig | None) -> Engine:
        engine = make_engine(
            base, adapter, engine=settings.engine, precision=settings.precision, threads=settings.threads
        )
        runs = engine.info()
        _log.info(
            "base %s: engine %s on %s, precision %s (%s)",
            base.name,
            runs["engine"],
            runs["device"],
            runs["precision"],
            runs["precision_reason"],
        )
        return engine

    pool = Pool(make, resolve_base(settings.base), most=settings.max_bases)
    if not settings.models_dir.is_dir():
        _log.warning(
            "there is no folder %s (QA_MODELS_DIR); only the shipped adapters are found", settings.models_dir
        )
    return Reader(
        pool,
        settings.models_dirs,
        settings.adapter,
        batcher=Batcher(
            pool.run_each,
            max_tokens=pool.tokens_at_once,
            sharing=_SHARING,
            max_windows=settings.max_waiting_windows,
            on_batch=on_batch,
        ),
        max_windows=settings.max_windows,
        cache=AnswerCache(settings.cache_size, on_lookup, max_bytes=settings.cache_bytes),
    ).load()

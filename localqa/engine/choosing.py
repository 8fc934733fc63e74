"""Which engine runs a base, and in which precision."""

from importlib.util import find_spec

from localqa.config import EngineName, Precision
from localqa.engine.running import Engine
from localqa.errors import BaseModelError, ConfigError
from localqa.extraction.qa_config import QAConfig
from localqa.model.bases import Base


def make_engine(
    base: Base,
    adapter: QAConfig | None,
    *,
    engine: EngineName = "auto",
    precision: Precision = "auto",
    threads: int = 0,
) -> Engine:
    """An engine for a base and the adapter that it will serve first.

    Args:
        base: found and verified.
        adapter: settings of that adapter; None: it will embed first.
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
                remedy="pip install 'localqa[train]' (in a checkout make setup), or choose the engine auto.",
            )
        from localqa.engine.torch_engine import TorchEngine

        return TorchEngine(base, threads=threads)
    from localqa.engine.openvino_engine import OpenVINOEngine
    from localqa.engine.precision import chosen

    if precision != "auto":
        reason = "as set"
    elif adapter and adapter.rounded_base:
        precision, reason = adapter.rounded_base, "the adapter learned over the base in this precision"
    else:
        precision, reason = chosen()
    return OpenVINOEngine(base, precision=precision, threads=threads, reason=reason)


def _suits_openvino(base: Base, adapter: QAConfig | None) -> bool:
    """Whether OpenVINO is there and has a graph for the base, and the adapter, if any, is a LoRA one."""
    if find_spec("openvino") is None or (adapter and adapter.method != "lora"):
        return False
    from localqa.engine.base_weights import read_shape

    try:
        read_shape(base.folder)
    except BaseModelError:
        return False
    return True

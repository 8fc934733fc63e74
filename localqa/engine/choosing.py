"""Which engine runs a base, and in which precision."""

from importlib.util import find_spec
from typing import Literal

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
    if chosen_engine(base, adapter, engine)[0] == "torch":
        if find_spec("torch") is None or find_spec("peft") is None:
            raise ConfigError(
                "The torch engine is not installed.",
                remedy="pip install 'localqa[train]' (in a checkout make setup), or choose the engine auto.",
            )
        from localqa.engine.torch_engine import TorchEngine

        return TorchEngine(base, threads=threads)
    from localqa.engine.openvino_engine import OpenVINOEngine

    precision, reason = chosen_precision(adapter, precision)
    return OpenVINOEngine(base, precision=precision, threads=threads, reason=reason)


def chosen_engine(
    base: Base, adapter: QAConfig | None, engine: EngineName
) -> tuple[Literal["openvino", "torch"], str]:
    """The engine for a base and an adapter, and why; `auto` takes torch only where OpenVINO cannot serve."""
    if engine != "auto":
        return engine, "as set"
    if adapter and adapter.method != "lora":
        return "torch", f"the adapter's method is {adapter.method}"
    if find_spec("openvino") is None:
        return "torch", "openvino is not installed"
    from localqa.engine.base_weights import read_shape

    try:
        read_shape(base.folder)
    except BaseModelError as e:
        return "torch", e.message
    return "openvino", "it runs LoRA adapters over this base"


def chosen_precision(adapter: QAConfig | None, precision: Precision) -> tuple[Precision, str]:
    """OpenVINO's arithmetic for an adapter, and why; `auto` decides by the processor's instructions."""
    if precision != "auto":
        return precision, "as set"
    if adapter and adapter.rounded_base:
        return adapter.rounded_base, "the adapter learned over the base in this precision"
    from localqa.engine.precision import chosen

    return chosen()

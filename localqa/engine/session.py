"""A graph compiled for this processor."""

import contextlib
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from itertools import cycle
from typing import Any, TypeAlias

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from localqa.config import Precision
from localqa.engine.base_weights import Array
from localqa.engine.compressed import Weights
from localqa.engine.precision import has_bf16
from localqa.errors import ConfigError
from localqa.model.rounding import GROUP as INT4_GROUP

_MOST_STREAMS = 8
"""Batches that are computed side by side: on more cores than these each has more threads."""
_ROUNDING = "DYNAMIC_QUANTIZATION_GROUP_SIZE"
_TOGETHER = 128
"""Values that share a scale where activations are rounded to int8: with AVX512-VNNI a batch takes 5 to 15 %
less than with one scale for a whole vector, and 14 to 19 % less than with the runtime's default of 32."""
_Settings: TypeAlias = dict[str, Any]


class Session:
    """A compiled graph; one caller at a time.

    Args:
        graph: from `BertGraph` or `T5Graphs`.
        precision: of its arithmetic; not "auto".
        threads: processor threads; 0: all cores.
        hidden: size of the base's vectors. In int8 so many values share a scale where it is no multiple of
            `_TOGETHER`.
        streams: whether many batches shall be computed side by side, a thread each: threads that share one
            wait for each other after every step of it, and for whoever else a core works for. It takes the
            graph's memory once more, and such a graph has no inputs to bind.

    Raises:
        ConfigError: the processor does not have that arithmetic.
    """

    def __init__(
        self, graph: ov.Model, precision: Precision, threads: int, hidden: int, *, streams: bool = False
    ) -> None:
        if precision == "bf16" and not has_bf16():
            raise ConfigError(
                "This processor has no bfloat16 arithmetic.", remedy="Use QA_PRECISION=auto, fp32 or int8."
            )
        settings = settings_of(threads)
        if precision != "fp32" and has_bf16():
            settings["INFERENCE_PRECISION_HINT"] = "bf16"
        shared = hidden if hidden % _TOGETHER else _TOGETHER
        group = {"int8": shared, "int4": INT4_GROUP}.get(precision, 0)
        compiled, settings = _compiled(graph, settings | {_ROUNDING: group})
        self._request = compiled.create_infer_request()
        threads = compiled.get_property("INFERENCE_NUM_THREADS")
        self.streams = min(threads, _MOST_STREAMS) if streams else 1
        """Batches that `infer_each` computes at a time."""
        self._beside = _beside(graph, settings, threads, self.streams) if self.streams > 1 else []
        self._bound: dict[str, Array] = {}

    def bind(self, inputs: Mapping[str, NDArray[np.floating]]) -> None:
        """Set inputs that stay from call to call, copied and in fp32."""
        for name, values in inputs.items():
            held = self._bound.get(name)
            if held is None or held.shape != values.shape:
                # The request reads them where they lie.
                held = np.empty(values.shape, dtype=np.float32)
                _set(self._request, name, held)
                self._bound[name] = held
            held[...] = values

    def infer(self, batch: Mapping[str, Array]) -> Array:
        """The output for a batch: start and end logits, shape (batch, tokens, 2), or vectors."""
        held = [_set(self._request, name, values) for name, values in batch.items()]
        self._request.infer()
        del held
        return _output(self._request)

    def infer_each(self, batches: Iterable[Mapping[str, Array] | None]) -> Iterator[Array]:
        """The output for each batch, in their order, computed side by side: where there are streams.

        A batch is asked for when there is room for it. None in place of one says that there is none for now:
        the next output is waited for before it is asked for again.
        """
        begun: deque[tuple[Any, list[ov.Tensor]]] = deque()
        requests = cycle(self._beside)
        try:
            for batch in batches:
                if batch is not None:
                    request = next(requests)
                    begun.append((request, [_set(request, name, values) for name, values in batch.items()]))
                    request.start_async()
                if batch is None or len(begun) == len(self._beside):
                    yield _awaited(begun[0][0])
                    begun.popleft()
            while begun:
                yield _awaited(begun[0][0])
                begun.popleft()
        finally:
            # What they read must outlive them.
            for request, _ in begun:
                with contextlib.suppress(RuntimeError):
                    request.wait()


def settings_of(threads: int) -> dict[str, Any]:
    """What graphs are compiled with, unless more is said: fp32, for one caller at a time.

    Threads are bound to no core: those of a second process would be bound to the same ones, and share them
    while others idle.

    Args:
        threads: processor threads; 0: all cores.
    """
    settings: dict[str, Any] = {
        "INFERENCE_PRECISION_HINT": "f32",
        "PERFORMANCE_HINT": "LATENCY",
        "ENABLE_CPU_PINNING": False,
    }
    return settings | ({"INFERENCE_NUM_THREADS": threads} if threads else {})


def _compiled(graph: ov.Model, settings: _Settings) -> tuple[ov.CompiledModel, _Settings]:
    """The graph and what it is compiled with; activations stay where the processor cannot round them."""
    compiled = ov.Core().compile_model(graph, "CPU", settings)
    if settings[_ROUNDING]:
        try:
            compiled.create_infer_request().infer(_smallest_inputs(graph))
        except RuntimeError:  # the runtime's only one: it has no kernel for rounded products here
            return _compiled(graph, settings | {_ROUNDING: 0})
    return compiled, settings


def _beside(graph: ov.Model, settings: _Settings, threads: int, streams: int) -> list[Any]:
    """Requests that are computed side by side: one for each stream, and one for the first that is done.

    With two for each a small question waited behind that many windows of a long text.
    """
    many = {"PERFORMANCE_HINT": "THROUGHPUT", "NUM_STREAMS": streams, "INFERENCE_NUM_THREADS": threads}
    compiled = ov.Core().compile_model(graph, "CPU", settings | many)
    return [compiled.create_infer_request() for _ in range(streams + 1)]


def _set(request: Any, name: str, values: Array) -> ov.Tensor:
    tensor = ov.Tensor(np.ascontiguousarray(values), shared_memory=True)
    request.set_tensor(name, tensor)
    return tensor


def _awaited(request: Any) -> Array:
    request.wait()
    return _output(request)


def _output(request: Any) -> Array:
    # The request writes its next output over this one.
    return request.get_output_tensor(0).data.copy()


def _smallest_inputs(graph: ov.Model) -> dict[str, Array]:
    """Zeros, of size one wherever a size is open."""
    return {
        given.any_name: np.zeros(
            [1 if size.is_dynamic else size.get_length() for size in given.partial_shape], dtype=np.float32
        )
        for given in graph.inputs
    }


def weights_of(precision: Precision) -> Weights:
    """How a graph of that precision keeps the weights of its linear layers."""
    return precision if precision in ("int8", "int4") else "fp32"

"""safetensors files read into memory: a mapped file that shrinks while it is read kills the process."""

import io
import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

_LENGTH_BYTES: Final = 8
_MOST_HEADER: Final = 16 * 1024 * 1024
_TYPES: Final[Mapping[str, str]] = {"F16": "<f2", "BF16": "<u2", "F32": "<f4"}
"""Kinds of numbers that weights come in, and how NumPy reads them; bfloat16 as the bits it has."""


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """What a file's header says of one tensor.

    Attributes:
        kind: as safetensors names it, e.g. "F16".
        shape: its sizes.
        begin, end: its bytes, counted from the start of the file.
    """

    kind: str
    shape: tuple[int, ...]
    begin: int
    end: int


def read_header(stream: BinaryIO, size: int) -> dict[str, TensorInfo]:
    """The tensors of a safetensors file, in the order of their bytes.

    Args:
        stream: at the start of the file.
        size: of the file in bytes.

    Raises:
        ValueError: it is not one, or not a whole one.
    """
    length = int.from_bytes(stream.read(_LENGTH_BYTES), "little")
    first = _LENGTH_BYTES + length
    if length > _MOST_HEADER or first > size:
        raise ValueError("its header is cut off or too long")
    try:
        entries = json.loads(stream.read(length).decode("utf-8"), object_pairs_hook=_unique)
    except RecursionError as e:
        raise ValueError("its header is nested too deeply") from e
    if not isinstance(entries, dict):
        raise ValueError("its header is no object")
    entries.pop("__metadata__", None)
    found = {name: _info(name, entry, first) for name, entry in entries.items()}
    found = dict(sorted(found.items(), key=lambda item: (item[1].begin, item[1].end)))
    at = first
    for name, info in found.items():
        if info.begin != at:
            raise ValueError(f"the bytes of {name} do not follow the others'")
        at = info.end
    if at != size:
        raise ValueError(f"it has {size:,} bytes instead of {at:,}")
    return found


def as_float32(content: bytes | memoryview, info: TensorInfo) -> NDArray[np.float32]:
    """A tensor's values out of its own bytes.

    Raises:
        ValueError: a kind of numbers that weights do not come in.
    """
    check_kind(info)
    values: NDArray[Any] = np.frombuffer(content, dtype=_TYPES[info.kind]).reshape(info.shape)
    if info.kind == "BF16":
        # A bfloat16 is the upper half of a float32.
        return (values.astype(np.uint32) << np.uint32(16)).view(np.float32)
    with np.errstate(invalid="ignore"):
        return values.astype(np.float32, copy=False)


def check_kind(info: TensorInfo) -> None:
    """Refuse tensors that are not of floating-point numbers. Raises ValueError."""
    if info.kind not in _TYPES:
        raise ValueError(f"it is of type {info.kind[:16]}, not of {', '.join(_TYPES)}")


def read_tensors(content: bytes) -> dict[str, tuple[TensorInfo, memoryview]]:
    """The tensors in the bytes of a safetensors file, each with its own bytes; raises as `read_header`."""
    view = memoryview(content)
    header = read_header(io.BytesIO(content), len(content))
    return {name: (info, view[info.begin : info.end]) for name, info in header.items()}


class TensorFile:
    """A safetensors file whose tensors are read one at a time, when they are asked for.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no such file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with path.open("rb") as stream:
            self.infos = read_header(stream, os.fstat(stream.fileno()).st_size)

    def read(self, name: str) -> NDArray[np.float32]:
        """One tensor in fp32.

        Raises:
            OSError, ValueError: the file was written over and is shorter now, or holds no such numbers.
        """
        info = self.infos[name]
        # Opened each time: a file that is held open could not be replaced on every system.
        with self._path.open("rb") as stream:
            stream.seek(info.begin)
            content = stream.read(info.end - info.begin)
        if len(content) < info.end - info.begin:
            raise ValueError(f"{name} is cut off")
        return as_float32(content, info)


def _info(name: str, entry: Any, first: int) -> TensorInfo:
    if not isinstance(entry, dict):
        raise ValueError(f"its header says nothing usable of {name}")
    kind: Any
    shape: Any
    offsets: Any
    kind, shape, offsets = (entry.get(key) for key in ("dtype", "shape", "data_offsets"))
    lists = isinstance(shape, list) and isinstance(offsets, list) and len(offsets) == 2
    whole = lists and all(type(number) is int and number >= 0 for number in [*shape, *offsets])
    if not whole or not isinstance(kind, str):
        raise ValueError(f"its header says nothing usable of {name}")
    begin, end = offsets
    if kind in _TYPES and math.prod(shape) * np.dtype(_TYPES[kind]).itemsize != end - begin:
        raise ValueError(f"{name} has {end - begin:,} bytes, which is not its shape {shape}")
    return TensorInfo(kind, tuple(shape), first + begin, first + end)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        raise ValueError("its header names a tensor twice")
    return values

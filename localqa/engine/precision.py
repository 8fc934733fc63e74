"""The arithmetic that suits a processor, by the instructions that it has.

No stop-watch: what is measured on a busy machine is chance, and processors of one kind must decide alike, or
replicas of one service would give different scores.
"""

import os
import platform
import re
from collections.abc import Collection
from pathlib import Path
from typing import Final, Literal, NamedTuple, TypeAlias

import openvino as ov

from localqa.config import Precision

Ability: TypeAlias = Literal["amx_int8", "vnni", "bf16"]
"""What a processor multiplies by itself: tiles of int8, rows of int8, bfloat16."""
LIMIT: Final = "ONEDNN_MAX_CPU_ISA"
"""The variable that makes oneDNN, and with it OpenVINO, do without a processor's newest instructions."""
_CPU_INFO: Final = Path("/proc/cpuinfo")


class Row(NamedTuple):
    """A line of the table.

    Attributes:
        needs: what the processor must have; None: nothing.
        precision: that is the fastest one there without costing answers.
        why: in a few words.
    """

    needs: Ability | None
    precision: Precision
    why: str


TABLE: Final = (
    Row("amx_int8", "int8", "the processor multiplies tiles of int8 (AMX)"),
    Row("vnni", "int8", "the processor multiplies int8 (VNNI)"),
    Row("bf16", "bf16", "the processor multiplies bfloat16, but not int8"),
    Row(None, "fp32", "the processor multiplies neither int8 nor bfloat16"),
)
"""The first line that applies counts; `benchmarks/engines.py` prints what was measured beside it."""

_FLAGS: Final = {
    "amx_int8": "amx_int8",
    "avx512_vnni": "vnni",
    "avx_vnni": "vnni",
    "avx512_bf16": "bf16",
    "amx_bf16": "bf16",
}
"""Names in /proc/cpuinfo."""
_LIMITS: Final[tuple[tuple[str, frozenset[str]], ...]] = (
    (r"AVX10.*AMX.*|AVX512_CORE_AMX.*", frozenset(_FLAGS)),
    (r"AVX10.*|AVX512_CORE_FP16|AVX512_CORE_BF16", frozenset({"avx512_vnni", "avx_vnni", "avx512_bf16"})),
    (r"AVX512_CORE_VNNI", frozenset({"avx512_vnni"})),
    (r"AVX2_VNNI.*", frozenset({"avx_vnni"})),
    (r"AVX512_CORE|AVX2|AVX|SSE41", frozenset()),
)
"""Values of `LIMIT` -> the flags that they leave; any other value limits nothing."""


def chosen() -> tuple[Precision, str]:
    """The arithmetic for this processor, and why."""
    return decided(abilities())


def decided(has: Collection[Ability]) -> tuple[Precision, str]:
    """The arithmetic for a processor with these abilities, and why."""
    row = next(row for row in TABLE if row.needs is None or row.needs in has)
    return row.precision, row.why


def has_bf16() -> bool:
    """Whether the processor multiplies in bfloat16 itself, and may: oneDNN can be told to do without."""
    return "bf16" in abilities()


def abilities() -> frozenset[Ability]:
    """What this processor can, and may, see `LIMIT`."""
    bf16 = "BF16" in ov.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return abilities_of(_flags(), limit=os.environ.get(LIMIT, ""), machine=platform.machine(), bf16=bf16)


def abilities_of(flags: Collection[str], *, limit: str, machine: str, bf16: bool) -> frozenset[Ability]:
    """What a processor can, and may.

    Args:
        flags: its instructions as Linux names them; empty where nobody tells.
        limit: value of `LIMIT`; "": none.
        machine: its kind, such as "x86_64" or "aarch64".
        bf16: whether OpenVINO says that it has bfloat16.
    """
    allowed = _allowed(limit)
    if not flags and machine.lower() in ("x86_64", "amd64", "i386", "i686"):
        # Whatever of these has bfloat16 has the products of int8, too.
        flags = ("avx512_bf16", "avx512_vnni") if bf16 else ()
    found: set[Ability] = {_FLAGS[flag] for flag in _FLAGS if flag in flags and flag in allowed}  # type: ignore[misc]
    if not bf16:
        found -= {"bf16"}
    elif machine.lower() in ("aarch64", "arm64"):
        found |= {"bf16"}
    return frozenset(found)


def _allowed(limit: str) -> frozenset[str]:
    return next(
        (flags for name, flags in _LIMITS if re.fullmatch(name, limit.strip().upper())), frozenset(_FLAGS)
    )


def _flags() -> frozenset[str]:
    """The instructions of the processor, out of Linux' own list; empty where there is none."""
    try:
        lines = _CPU_INFO.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return frozenset()
    return frozenset(next((line.partition(":")[2] for line in lines if line.startswith("flags")), "").split())

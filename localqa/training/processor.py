"""What the process computes on: its device, threads, arithmetic and memory."""

import contextlib
import ctypes
import os

import torch

from localqa.training.config import CPU_TOKENS, GPU_TOKENS, RunConfig


def training_device() -> torch.device:
    """A GPU where there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def tokens_at_a_time(config: RunConfig, device: torch.device) -> int:
    """Padded tokens of a batch that run together."""
    return config.micro_batch_tokens or (CPU_TOKENS if device.type == "cpu" else GPU_TOKENS)


def has_bf16(device: torch.device) -> bool:
    """Whether the processor multiplies bfloat16 natively (AMX or AVX512-BF16; GPUs since Ampere)."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("amx_bf16") or capabilities.get("avx512_bf16"))


def keep_freed_memory() -> None:
    """Tell glibc to keep freed memory for the next step instead of giving it back to the system.

    Every step frees and takes the same hundreds of megabytes; giving them back costs a page fault
    for each 4 KiB again (a fifth of a step). Blocks above 32 MB still go back at once: kept, they
    fragment the heap to several times its need in a long run. Does nothing on other C libraries.
    """
    with contextlib.suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL("libc.so.6").mallopt
        trim_threshold, mmap_threshold = -1, -3
        mallopt(mmap_threshold, 32 << 20)
        mallopt(trim_threshold, (1 << 31) - 1)


def use_threads(threads: int | None) -> int:
    """Set the number of processor threads (None: the cores this process may use) and return it."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    torch.set_num_threads(threads or cores)
    return torch.get_num_threads()

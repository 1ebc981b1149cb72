"""Where to compute, and how precisely."""

import ctypes
import os
import platform
import re
from functools import cache
from pathlib import Path
from typing import Any, Literal

import torch
from lightning_fabric import Fabric

from companion.errors import CompanionError

Precision = Literal["bf16-mixed", "32-true"]

INSTRUCTIONS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16", "asimd", "bf16")
"""Features of a processor that decide how fast, and how rounded, networks are computed."""


def make_fabric(device: str = "auto") -> Fabric:
    """Fabric on one device, with bfloat16 where the hardware multiplies it faster than float32.

    Args:
        device: ``auto`` (a GPU when there is one), ``cpu``, ``cuda`` or ``cuda:N``.

    Raises:
        CompanionError: A GPU was asked for and there is none.
    """
    chosen = resolve(device)
    if chosen == "cpu":
        keep_freed_memory()
        return Fabric(accelerator="cpu", devices=1, precision=precision(chosen))
    index = int(chosen.partition(":")[2] or 0)
    return Fabric(accelerator="cuda", devices=[index], precision=precision(chosen))


@cache
def keep_freed_memory() -> bool:
    """Let the C library keep what a step frees for the next step, and not hand it back to the system each time.

    A step frees and asks for the same large tensors as the one before. glibc maps each of them anew, and every page of
    it faults in again, which takes up to two fifths of the time of training (``benchmarks/memory.py``). What a
    process once needed stays its own until it ends.

    Returns:
        Whether the C library has such a choice; only glibc does.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    map_at_most, trim_from = -4, -1  # M_MMAP_MAX and M_TRIM_THRESHOLD of malloc.h
    return bool(mallopt(map_at_most, 0)) and bool(mallopt(trim_from, 2**31 - 1))


def resolve(device: str) -> str:
    """The device that ``auto`` means here; any other name is itself.

    Raises:
        CompanionError: A GPU was asked for and there is none.
    """
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise CompanionError(
            f"device {device!r} was asked for, but PyTorch sees no GPU",
            expected="an NVIDIA GPU and a CUDA build of PyTorch",
            repair="use device=cpu or device=auto, or see `companion doctor`",
        )
    return ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device


def precision(device: str) -> Precision:
    """Precision that networks are trained and applied with on a device."""
    return "bf16-mixed" if device != "cpu" or fast_bfloat16() else "32-true"


def fast_bfloat16() -> bool:
    """True when this CPU multiplies matrices of bfloat16 (AMX), which trains these networks sooner than float32.

    The older AVX-512 BF16 instructions do not: with them alone a step takes up to 1.3 times as long
    (``benchmarks/precision.py``). Without either, bfloat16 is far slower.
    """
    return bool(getattr(torch.cpu, "_is_amx_tile_supported", lambda: False)())


def machine(device: str) -> dict[str, Any]:
    """What decides a number's last digits: device, precision, threads, and instructions of the processor."""
    return {
        "device": device_name(device),
        "precision": precision(device),
        "threads": torch.get_num_threads(),
        "instructions": [name for name in INSTRUCTIONS if name in _processor()[1]],
    }


def device_name(device: str) -> str:
    """The device in words: its kind, model and, for a processor, the number of cores this process may use."""
    if device.startswith("cuda"):
        return f"{device}: {torch.cuda.get_device_name(device)}"
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{device}: {_processor()[0]}, {cores} core{'' if cores == 1 else 's'}"


@cache
def _processor() -> tuple[str, frozenset[str]]:
    """Model name and instruction sets; Linux hides them from the platform module."""
    file = Path("/proc/cpuinfo")
    listing = file.read_text(encoding="utf-8") if file.is_file() else ""
    patterns = (rf"^{name}\s*:\s*(.+)$" for name in ("model name", "(?:flags|Features)"))
    model, flags = (re.search(pattern, listing, re.MULTILINE) for pattern in patterns)
    name = re.sub(r"\s+", " ", model.group(1)).strip() if model else platform.processor() or platform.machine()
    return name, frozenset(flags.group(1).split()) if flags else frozenset()

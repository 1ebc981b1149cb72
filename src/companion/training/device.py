"""Where to compute, and how precisely."""

import torch
from lightning_fabric import Fabric

from companion.errors import CompanionError


def make_fabric(device: str = "auto") -> Fabric:
    """Fabric on one device, with bfloat16 where the hardware multiplies it faster than float32.

    Args:
        device: ``auto`` (a GPU when there is one), ``cpu``, ``cuda`` or ``cuda:N``.

    Raises:
        CompanionError: A GPU was asked for and there is none.
    """
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise CompanionError(
            f"device {device!r} was asked for, but PyTorch sees no GPU",
            expected="an NVIDIA GPU and a CUDA build of PyTorch",
            repair="use device=cpu or device=auto, or see `companion doctor`",
        )
    if device == "cpu" or not torch.cuda.is_available():
        return Fabric(accelerator="cpu", devices=1, precision="bf16-mixed" if fast_bfloat16() else "32-true")
    index = int(device.partition(":")[2] or 0)
    return Fabric(accelerator="cuda", devices=[index], precision="bf16-mixed")


def fast_bfloat16() -> bool:
    """True when this CPU has bfloat16 instructions (AMX or AVX-512 BF16); without them bfloat16 is far slower."""
    probes = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
    return any(bool(getattr(torch.cpu, probe, lambda: False)()) for probe in probes)

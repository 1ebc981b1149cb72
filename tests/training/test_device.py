"""The device is chosen as it was asked for, and named in words."""

import subprocess
import sys

import pytest
import torch

from companion.errors import CompanionError
from companion.training import device_name, machine, make_fabric, precision, resolve
from companion.training.device import INSTRUCTIONS, keep_freed_memory


@pytest.mark.parametrize(("there", "asked", "chosen"), [(True, "auto", "cuda"), (False, "auto", "cpu"),
                                                        (True, "cpu", "cpu"), (True, "cuda:1", "cuda:1")])  # fmt: skip
def test_auto_is_a_gpu_where_there_is_one(monkeypatch, there, asked, chosen):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there)
    assert resolve(asked) == chosen


def test_asking_for_a_gpu_that_is_not_there_says_so(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for asked in ("cuda", "cuda:1"):
        with pytest.raises(CompanionError, match="companion doctor"):
            make_fabric(asked)


@pytest.mark.parametrize(("fast", "device", "expected"), [(True, "cpu", "bf16-mixed"), (False, "cpu", "32-true"),
                                                          (False, "cuda", "bf16-mixed")])  # fmt: skip
def test_bfloat16_is_used_where_it_is_faster(monkeypatch, fast, device, expected):
    monkeypatch.setattr("companion.training.device.fast_bfloat16", lambda: fast)
    assert precision(device) == expected
    if device == "cpu":
        assert make_fabric("cpu")._precision.precision == expected


@pytest.mark.parametrize(("amx", "avx512", "expected"), [(True, True, "bf16-mixed"), (False, True, "32-true"),
                                                         (False, False, "32-true")])  # fmt: skip
def test_bfloat16_needs_matrix_instructions(monkeypatch, amx, avx512, expected):
    """AVX-512 BF16 alone made a step a third longer than float32."""
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx, raising=False)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx512, raising=False)
    assert precision("cpu") == expected


def test_the_machine_is_named_in_words(monkeypatch):
    listing = "model name\t: A  Processor (R)\nflags\t\t: fpu avx2 amx_bf16 sse\n"
    monkeypatch.setattr("companion.training.device.Path.is_file", lambda path: True)
    monkeypatch.setattr("companion.training.device.Path.read_text", lambda path, encoding: listing)
    from companion.training import device

    device._processor.cache_clear()
    try:
        found = machine("cpu")
    finally:
        device._processor.cache_clear()
    assert found["device"].startswith("cpu: A Processor (R), ")
    assert found["device"].endswith(("core", "cores"))
    assert found["instructions"] == ["avx2", "amx_bf16"]
    assert found["threads"] == torch.get_num_threads()
    assert found["precision"] == precision("cpu")
    assert set(machine("cpu")["instructions"]) <= set(INSTRUCTIONS)
    assert device_name("cpu").startswith("cpu: ")


@pytest.mark.skipif(not keep_freed_memory(), reason="only glibc keeps freed memory when asked to")
def test_memory_that_a_step_freed_serves_the_next_one():
    """In a process of its own: pages that were written to once do not fault in again."""
    words = """
import resource, torch
from companion.training import make_fabric
make_fabric("cpu")
faults = []
for _ in range(10):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.ones(16 << 20).add_(1)  # 64 MiB
    faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
print(*faults)
"""
    done = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=True)
    faults = [int(word) for word in done.stdout.split()]
    assert max(faults[-3:]) < max(faults) / 20, "once there is a place that fits, it is found again"

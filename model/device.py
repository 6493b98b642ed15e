"""Chooses the device, and sets what torch on the CPU profits from."""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path

import torch

from model.cpu import available
from model.errors import DeviceUnavailableError

_M_TRIM_THRESHOLD, _M_MMAP_MAX, _M_ARENA_MAX = -1, -4, -8  # <malloc.h>


def keep_freed_memory() -> bool:
    """Tell glibc to keep freed blocks instead of returning them to the kernel.

    A convolution's buffers are tens of megabytes: by default each one is mapped, faulted in page by
    page, and unmapped again. Returns False where there is no glibc.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return False
    # One arena: the others, which threads get, are trimmed whatever the threshold.
    settings = {_M_ARENA_MAX: 1, _M_MMAP_MAX: 0, _M_TRIM_THRESHOLD: 2**31 - 1}
    taken = [bool(mallopt(name, value)) for name, value in settings.items()]  # all are tried
    return all(taken)


def use_available_processors() -> None:
    """Let torch have no more threads than ``model.cpu.available``: those beyond a container's quota
    would only be stopped together with the others."""
    if torch.get_num_threads() > (most := available()):
        torch.set_num_threads(most)


def release_freed_memory() -> bool:
    """Give what ``keep_freed_memory`` has kept back to the kernel, once. False where there is no glibc."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        return bool(ctypes.CDLL("libc.so.6").malloc_trim(0))
    except (OSError, AttributeError):
        return False


def resolve_device(name: str) -> torch.device:
    """``auto`` (CUDA when there is one), ``cpu``, ``cuda`` or ``cuda:N``.

    Raises ``DeviceUnavailableError`` when the named device is not there.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise DeviceUnavailableError(f"{name!r} is no device: use auto, cpu, cuda or cuda:N") from error
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise DeviceUnavailableError(f"{name!r} is not on this machine: use auto or cpu")
    return device


def prefers_bf16(device: torch.device) -> bool:
    """Whether bf16 convolutions are faster here: on CUDA, and on CPUs with bf16 dot products."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    try:
        flags = Path("/proc/cpuinfo").read_text()
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags

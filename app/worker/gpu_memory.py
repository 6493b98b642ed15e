"""Measure the memory of the worker's GPU."""

from __future__ import annotations

import sys


def gpu_memory(device: str) -> dict[str, float] | None:
    """Memory in MiB of the whole device (``used_mb``, ``total_mb``) and what this process keeps
    (``reserved_mb``); None without a GPU."""
    torch = sys.modules.get("torch")
    if torch is None or not device.startswith("cuda"):
        return None
    try:
        free, total = torch.cuda.mem_get_info(device)
    except RuntimeError:  # a device in trouble must not keep the heartbeat from telling the rest
        return None
    return {
        "used_mb": round((total - free) / 2**20, 1),
        "total_mb": round(total / 2**20, 1),
        "reserved_mb": round(torch.cuda.memory_reserved(device) / 2**20, 1),
    }

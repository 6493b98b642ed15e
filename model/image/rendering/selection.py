"""Chooses the renderer of an engine."""

from __future__ import annotations

import logging
import platform
from enum import StrEnum
from pathlib import Path

import torch

from model.device import prefers_bf16
from model.errors import RendererUnavailableError
from model.image.network.stylizer import Stylizer
from model.image.rendering.openvino_renderer import OpenVINORenderer
from model.image.rendering.openvino_runtime import installed

logger = logging.getLogger(__name__)


class RendererName(StrEnum):
    """What can be asked for; ``auto`` takes the first that this machine has, and says which."""

    AUTO = "auto"
    OPENVINO_INT8 = "openvino-int8"  # residual blocks in 8 bits; gains on CPUs with VNNI and without AMX
    OPENVINO = "openvino"
    TORCH = "torch"


def select_renderer(name: str, stylizer: Stylizer, device: torch.device) -> OpenVINORenderer | None:
    """The renderer of that name, or None for torch itself.

    ``auto`` on a CPU: OpenVINO, with 8 bits where the processor gains by them, else torch; what is chosen and
    why is logged. On CUDA: torch.

    Raises ``RendererUnavailableError`` when the named one cannot be had here.
    """
    try:
        wanted = RendererName(name)
    except ValueError as error:
        raise RendererUnavailableError(f"{name!r} is no renderer: use {', '.join(RendererName)}") from error
    if wanted is RendererName.TORCH or (wanted is RendererName.AUTO and device.type != "cpu"):
        return None
    missing = _missing(device)
    if wanted is not RendererName.AUTO:
        if missing:
            raise RendererUnavailableError(f"the renderer {wanted.value} cannot be used: {missing}")
        return _native(stylizer, device, eight_bit=wanted is RendererName.OPENVINO_INT8)
    if missing:
        logger.warning("renders with torch, which is slower on this processor: %s", missing)
        return None
    try:
        return _native(stylizer, device, eight_bit=gains_by_eight_bits())
    except (ImportError, RuntimeError) as error:  # RuntimeError: what OpenVINO raises
        logger.warning("renders with torch, because OpenVINO does not work here: %s", error)
        return None


def gains_by_eight_bits() -> bool:
    """Whether products of 8-bit numbers (VNNI) make a picture faster than the processor's others do.

    Not beside AMX: its bf16 products are so fast that scaling and rounding every map costs more than
    8 bits save (decision 39).
    """
    try:
        flags = Path("/proc/cpuinfo").read_text().split()
    except OSError:
        return False
    return ("avx512_vnni" in flags or "avx_vnni" in flags) and "amx_bf16" not in flags


def _missing(device: torch.device) -> str:
    """Why OpenVINO cannot be used; empty when it can."""
    if device.type != "cpu":
        return f"it renders on the CPU, and the device is {device}"
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return f"it was only measured on x86-64, and this is {platform.machine()}"
    return "" if installed() else "the package openvino is not installed (pip install openvino)"


def _native(stylizer: Stylizer, device: torch.device, *, eight_bit: bool) -> OpenVINORenderer:
    return OpenVINORenderer(
        stylizer, eight_bit=eight_bit, bf16=prefers_bf16(device), threads=torch.get_num_threads()
    )

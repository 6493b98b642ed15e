"""What this machine does at most, and the work that must be done: their ratio is the roofline's.

Rates are measured through the same library that computes the networks, so a ratio tells what the networks
leave unused, not what another library would do.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any
from unittest import mock

import torch
import torch.nn.functional as F
from torch import nn

from benchmarks.errors import BenchmarkError
from benchmarks.timing import timed
from model.device import prefers_bf16

_GEMM = 2048  # rows, columns and depth of the product of matrices
_SIDE = 128  # of the convolution's maps
_COPY = 2**28  # bytes; far more than any cache


@dataclass(frozen=True)
class Rates:
    """Best of several: GFLOP/s of products and of a convolution like the residual blocks', GB/s of a copy.

    Those in bf16 are None where the processor has no bf16 products and nothing computes in bf16.
    """

    gemm_bf16: float | None
    gemm_float32: float
    convolution_bf16: float | None
    convolution_float32: float
    copy: float  # bytes read and written

    def peak(self, *, bf16: bool) -> float:
        """The highest rate of that precision, GFLOP/s.

        Raises BenchmarkError when bf16 is asked for and was not measured.
        """
        if not bf16:
            return max(self.gemm_float32, self.convolution_float32)
        if self.gemm_bf16 is None or self.convolution_bf16 is None:
            raise BenchmarkError("this processor's bf16 rate was not measured: it has no bf16 products")
        return max(self.gemm_bf16, self.convolution_bf16)

    def or_better(self, other: Rates) -> Rates:
        """Each rate from where it was higher: what else ran on the machine only lowers it.

        Both were measured in the same precisions.
        """
        best: dict[str, Any] = asdict(self)
        for name, rate in asdict(other).items():
            best[name] = None if rate is None else max(best[name], rate)
        return Rates(**best)


def measure_rates() -> Rates:
    """A few seconds at full load. CUDA is not used.

    bf16 where the engine would compute in it. Elsewhere torch emulates it on one thread, at a hundredth of
    float32's rate: that takes minutes, and no subject uses it.
    """
    bf16 = prefers_bf16(torch.device("cpu"))

    def best(call: Callable[[], object], count: int = 7) -> float:
        return timed(call, count, warm_ups=2).fastest

    precisions = {"float32": torch.float32} | ({"bf16": torch.bfloat16} if bf16 else {})
    found: dict[str, Any] = {"gemm_bf16": None, "convolution_bf16": None}
    with torch.no_grad():
        for name, dtype in precisions.items():
            a, b = torch.randn(_GEMM, _GEMM).to(dtype), torch.randn(_GEMM, _GEMM).to(dtype)
            found[f"gemm_{name}"] = 2 * _GEMM**3 / best(partial(torch.matmul, a, b)) / 1e9
            x = torch.randn(1, 96, _SIDE, _SIDE).to(dtype).contiguous(memory_format=torch.channels_last)
            w = torch.randn(96, 96, 3, 3).to(dtype).contiguous(memory_format=torch.channels_last)
            seconds = best(partial(F.conv2d, x, w, padding=1), 15)
            found[f"convolution_{name}"] = 2 * 9 * 96 * 96 * _SIDE * _SIDE / seconds / 1e9
        source, target = torch.zeros(_COPY, dtype=torch.uint8), torch.zeros(_COPY, dtype=torch.uint8)
        found["copy"] = 2 * _COPY / best(lambda: target.copy_(source)) / 1e9
    return Rates(**found)


@dataclass(frozen=True)
class Work:
    """Of one forward pass: operations of the convolutions, and bytes that they must read and write once."""

    flop: float
    bytes: float
    layers: int

    def least_seconds(self, flop_rate: float, byte_rate: float) -> float:
        """The roofline: as if operations and transfers overlapped perfectly. Rates in G/s."""
        return max(self.flop / flop_rate, self.bytes / byte_rate) / 1e9

    def as_dict(self) -> dict[str, Any]:
        """For the JSON file."""
        return asdict(self)


def count_work(network: nn.Module, *inputs: Any, bytes_per_value: int) -> Work:
    """Every convolution that runs in ``network(*inputs)``, also those that are called as functions."""
    flop = moved = 0.0
    layers = 0
    original: Callable[..., torch.Tensor] = F.conv2d

    def counted(x: torch.Tensor, weight: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        nonlocal flop, moved, layers
        y = original(x, weight, *args, **kwargs)
        flop += 2.0 * y.numel() * weight[0].numel()
        moved += bytes_per_value * (x.numel() + weight.numel() + y.numel())
        layers += 1
        return y

    with mock.patch.object(F, "conv2d", counted), torch.no_grad():
        network(*inputs)
    return Work(flop, moved, layers)

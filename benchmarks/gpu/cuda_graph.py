"""CUDA graphs: a function of tensors, recorded once and replayed with one launch."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor


class Replay:
    """``function(*inputs)``, recorded on CUDA for inputs of these shapes, types and memory formats.

    The function must be free of synchronisation (no look at a value, no copy from the host), and what it
    reads beside its inputs must stay where it is. A call copies its inputs to those of the recording, runs
    the recorded kernels, and returns the recording's outputs: the next call overwrites them.
    """

    def __init__(self, function: Callable[..., Sequence[Tensor]], inputs: Sequence[Tensor]) -> None:
        self._inputs = [each.detach().clone() for each in inputs]
        aside = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):  # libraries choose algorithms and take workspaces before a recording
            for _ in range(3):
                function(*self._inputs)
        torch.cuda.current_stream().wait_stream(aside)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            self._outputs = function(*self._inputs)

    def __call__(self, *inputs: Tensor) -> Sequence[Tensor]:
        """The outputs for these inputs, valid until the next call."""
        for own, given in zip(self._inputs, inputs, strict=True):
            own.copy_(given)
        self._graph.replay()
        return self._outputs

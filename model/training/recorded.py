"""A training step's losses and gradients, on an accelerator as a CUDA graph.

Thousands of small kernels make a step, and a host that launches them one by one takes several times as long
as the device does. Recorded once, they are launched together. What changes from step to step has to be
written into tensors that stay where they are; random numbers drawn on the device are others at each replay.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

import torch
from torch import Tensor

Losses = dict[str, Tensor]
WARM_UP = 3  # eager steps before one is recorded: libraries choose their kernels in the first


class RecordedStep:
    """Runs ``compute`` and leaves the gradients of ``total`` in the parameters' ``grad``.

    Args:
        parameters: all that are trained.
        report: is told when a recording fails; the steps are eager from there on.
        record: False: never record.
    """

    def __init__(
        self,
        parameters: Sequence[Tensor],
        device: torch.device,
        *,
        report: Callable[[str], None] = print,
        record: bool = True,
    ) -> None:
        self.parameters, self.device, self.report = list(parameters), device, report
        self.record = record and device.type == "cuda"
        self._key: Hashable = None
        self._eager_steps = 0
        self._graph: torch.cuda.CUDAGraph | None = None
        self._losses: Losses = {}

    def __call__(self, key: Hashable, compute: Callable[[], Losses]) -> Losses:
        """The losses of one step, detached; on the device they hold until the next call.

        ``key``: steps with equal keys run the same kernels on the same memory; None: these never do.
        """
        if key != self._key:
            self._key, self._eager_steps, self._graph = key, 0, None
        if self._graph is not None:
            self._graph.replay()
            return self._losses
        if not self.record or key is None:
            return self._eager(compute)
        if self._eager_steps < WARM_UP:
            self._eager_steps += 1
            side = torch.cuda.Stream(self.device)  # type: ignore[no-untyped-call]
            side.wait_stream(torch.cuda.current_stream(self.device))
            with torch.cuda.stream(side):
                losses = self._eager(compute)
            torch.cuda.current_stream(self.device).wait_stream(side)
            return losses
        graph = torch.cuda.CUDAGraph()
        try:
            self._forget_gradients()
            with torch.cuda.graph(graph):
                self._losses = self._differentiate(compute)
        except RuntimeError as error:
            self.record = False
            self.report(f"steps are not recorded as a CUDA graph: {error}")
            torch.cuda.synchronize(self.device)
            return self._eager(compute)
        self._graph = graph
        graph.replay()  # recording computed nothing
        return self._losses

    def _eager(self, compute: Callable[[], Losses]) -> Losses:
        self._forget_gradients()
        return self._differentiate(compute)

    def _forget_gradients(self) -> None:
        for parameter in self.parameters:
            parameter.grad = None

    @staticmethod
    def _differentiate(compute: Callable[[], Losses]) -> Losses:
        losses = compute()
        torch.autograd.backward(losses["total"])
        return {name: value.detach() for name, value in losses.items()}

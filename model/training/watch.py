"""What is told of a run's steps: running means of the losses, and undefined gradients."""

from __future__ import annotations

import torch
from torch import Tensor

PATIENCE = 3  # steps in a row with undefined gradients before a phase is asked to change something


class Watch:
    """Running means of the losses and the undefined gradients, kept on the device: looking at them waits."""

    def __init__(self, device: torch.device) -> None:
        self.names: list[str] = []
        self.values = torch.zeros(0, device=device)
        self.steps = torch.zeros((), device=device)  # with defined gradients
        self.undefined = torch.zeros((), device=device)  # steps in a row
        self.patience_lost = torch.zeros((), device=device)

    def look(self, norm: Tensor, losses: dict[str, Tensor]) -> Tensor:
        """Take in a step; returns whether its gradients were defined, () bool.

        Losses may come and go between steps: MAML++ weighs fewer and fewer inner steps. The means are of
        those of the last step.
        """
        finite = torch.isfinite(norm)
        numbers = torch.stack([value.detach().float() for value in losses.values()])
        if self.names != list(losses):
            known = dict(zip(self.names, self.values.unbind(), strict=True))
            begun = dict(zip(losses, numbers.unbind(), strict=True)) | known
            self.names, self.values = list(losses), torch.stack([begun[name] for name in losses])
        weight = torch.where(self.steps == 0, 1.0, 0.02)
        self.values = torch.where(finite, self.values.lerp(numbers, weight), self.values)
        self.steps = self.steps + finite
        self.undefined = torch.where(finite, 0.0, self.undefined + 1)
        self.patience_lost = self.patience_lost + ((self.undefined > 0) & (self.undefined % PATIENCE == 0))
        return finite

    def overflows(self) -> int:
        """How often patience was lost since the last time that somebody asked."""
        found = int(self.patience_lost)
        if found:
            self.patience_lost.zero_()
        return found

    def means(self) -> dict[str, float]:
        """The losses' running means by name; empty before the first step with defined gradients."""
        if not self.names or not int(self.steps):
            return {}
        return dict(zip(self.names, self.values.tolist(), strict=True))

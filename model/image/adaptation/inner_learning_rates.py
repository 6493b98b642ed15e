"""Chooses the inner learning rates of an adaptation: one for all, or a checkpoint's own."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from model.image.pyramid import SIDES
from model.maml import Granularity, LearningRates, Rates

DEFAULT_RATE = 0.02  # a number's change in one step of Adam


class ScheduledRates(Rates):
    """Rates times ``scale``, falling linearly to a tenth over the last part of a loop.

    The fall begins after ``decay_from`` (0..1) of ``steps``; from 1 on there is none.
    """

    def __init__(self, rates: Rates, steps: int, scale: float, decay_from: float) -> None:
        super().__init__()
        self.inner, self.steps, self.scale, self.decay_from = rates, steps, scale, decay_from

    def forward(self, name: str, step: int) -> Tensor:
        """The rate of tensor ``name`` at ``step``."""
        done = step / max(1, self.steps)
        fall = max(0.0, (done - self.decay_from) / (1 - self.decay_from)) if self.decay_from < 1 else 0.0
        rate: Tensor = self.inner(name, step)
        return rate * self.scale * (1 - 0.9 * fall)


def level_rates(
    shapes: Mapping[str, torch.Size], stored: Mapping[str, Tensor], rate: float | None = None
) -> list[LearningRates]:
    """Inner rates of every level: a checkpoint's (``<level>/<tensor>``: (steps,)), or ``rate`` for all."""
    found = []
    for level in range(len(SIDES)):
        prefix = f"{level}/"
        own = {name.removeprefix(prefix): v for name, v in stored.items() if name.startswith(prefix)}
        found.append(stored_rates(shapes, {} if rate is not None else own, rate or DEFAULT_RATE))
    return found


def stored_rates(
    shapes: Mapping[str, torch.Size], rates: Mapping[str, Tensor], default: float = DEFAULT_RATE
) -> LearningRates:
    """Inner rates from (steps,) tensors; ``default`` for what was not meta-trained."""
    steps = max((len(v) for v in rates.values()), default=1)
    result = LearningRates(shapes, default, granularity=Granularity.TENSOR_STEP, steps=steps)
    if rates:
        table = torch.stack([rates.get(name, torch.full((steps,), default)).log() for name in shapes])
        result.load_state_dict({"log_rates": table})
    return result

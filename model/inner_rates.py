"""Inner rates of an adaptation: one for all or a checkpoint's own, which fall toward the end."""

from __future__ import annotations

import torch
from torch import Tensor

from model.maml import Granularity, LearningRates, Rates


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


def served_rates(
    shapes: dict[str, torch.Size], learned: dict[str, Tensor], rate: float | None
) -> LearningRates:
    """What an adaptation takes: ``rate`` for every tensor and step, or a checkpoint's ``learned`` ones."""
    return stored_rates(shapes, learned) if rate is None else stored_rates(shapes, {}, rate)


def stored_rates(
    shapes: dict[str, torch.Size], rates: dict[str, Tensor], default: float = 0.02
) -> LearningRates:
    """Inner rates from a checkpoint's (steps,) tensors; ``default`` for what was not meta-trained."""
    if any(rate.ndim > 1 for rate in rates.values()):  # (1, ...): one for each parameter (Meta-SGD)
        result = LearningRates(shapes, default, granularity=Granularity.PARAMETER)
        kept = {f"log_rate_{i}": rates[n][0].log() for i, n in enumerate(shapes) if n in rates}
        result.load_state_dict(result.state_dict() | kept)
        return result
    steps = max((len(v) for v in rates.values()), default=1)
    result = LearningRates(shapes, default, granularity=Granularity.TENSOR_STEP, steps=steps)
    if rates:
        table = torch.stack([rates.get(name, torch.full((steps,), default)).log() for name in shapes])
        result.load_state_dict({"log_rates": table})
    return result

"""Schedules what changes over training: ``progress`` runs from 0 at the start to 1 at the end."""

from collections.abc import Callable, Mapping

from model.maml.errors import LearnerError
from model.maml.inner_loop import Order

StepWeights = Mapping[int, float]
"""Weight of the query loss after so many inner steps: {steps: weight}; zero steps is the start itself."""

WeightSchedule = Callable[[float], StepWeights]
OrderSchedule = Callable[[float], Order]


def constant_weights(weights: StepWeights) -> WeightSchedule:
    """The same step weights for the whole of training.

    Raises:
        LearnerError: negative steps or weights, or no positive weight.
    """
    if any(k < 0 or w < 0 for k, w in weights.items()) or not any(w > 0 for w in weights.values()):
        raise LearnerError(f"step weights must be non-negative with a positive one, not {dict(weights)}")
    kept = {step: float(weight) for step, weight in sorted(weights.items()) if weight > 0}
    return lambda progress: kept


def last_step(steps: int) -> WeightSchedule:
    """The query loss after the last step alone (MAML)."""
    return constant_weights({steps: 1.0})


def annealed_to_last(steps: int, *, until: float = 0.5) -> WeightSchedule:
    """MAML++'s multi-step loss: equal weights at first, only the last step from ``until`` on.

    The weight of each step 1 .. steps-1 falls linearly from 1/steps to 0; the last step takes what they
    lose, so the weights always sum to 1.
    """
    if not 0 < until <= 1:
        raise LearnerError(f"until must be in (0, 1], not {until}")

    def weights(progress: float) -> StepWeights:
        early = max(0.0, 1.0 - progress / until) / steps
        if steps == 0 or early == 0.0:
            return {steps: 1.0}
        return dict.fromkeys(range(1, steps), early) | {steps: 1.0 - early * (steps - 1)}

    return weights


def constant_order(order: Order) -> OrderSchedule:
    """The same order for the whole of training."""
    return lambda progress: order


def first_then_second(*, switch: float = 0.5) -> OrderSchedule:
    """MAML++'s derivative-order annealing: cheap first-order gradients up to ``switch``, then exact ones."""
    return lambda progress: Order.FIRST if progress < switch else Order.SECOND

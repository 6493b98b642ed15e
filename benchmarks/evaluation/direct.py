"""Direct optimization of the picture (Gatys et al. 2016) under the adaptation's own loss: the upper bound."""

import time

import torch
from PIL import Image
from torch import Tensor

from benchmarks.evaluation.methods import Case, Family, Rendered, Row, timed_photos
from benchmarks.evaluation.objective import ObjectiveMeter, ObjectiveTarget
from model.adaptation import fixed_directions
from model.data.folders import to_image, to_tensor
from model.networks import Objective

ITERATIONS = 300


class Direct:
    """Gradient descent on the pixels, from the photo, one photo at a time.

    L-BFGS as in the paper, with a line search; its objective must not change between calls, so the color
    directions are fixed to those that the column `objective` is measured with: the bound is generous. In
    float32, because a line search compares losses that differ by less than bf16 can tell.
    """

    def __init__(self, meter: ObjectiveMeter, *, iterations: int = ITERATIONS) -> None:
        self._meter = ObjectiveMeter(Objective(meter.objective.network, amp=False), meter.config)
        self._iterations = iterations
        self.row = Row(
            f"direct optimization of the picture, {iterations} iterations",
            f"direct-lbfgs-float32-{iterations}-{meter.key}",
            Family.DIRECT,
        )

    def render(self, case: Case) -> Rendered:
        """Every photo by itself."""
        started = time.perf_counter()
        target = self._meter.target(case.examples)
        prepared = time.perf_counter() - started

        def optimize(_: int, photo: Image.Image) -> Image.Image:
            pixels = to_tensor([photo]).to(self._meter.device)
            return to_image(optimized(self._meter, pixels, target, self._iterations)[0])

        return timed_photos(case.photos, optimize, prepared)


def optimized(meter: ObjectiveMeter, photo: Tensor, target: ObjectiveTarget, iterations: int) -> Tensor:
    """The picture with the lowest loss met in ``iterations``: (1, 3, H, W) to (1, 3, H, W) in 0..1."""
    content, _ = meter.objective.photo_targets(photo)
    picture = photo.clone().requires_grad_()
    best, lowest = photo, float("inf")
    optimizer = torch.optim.LBFGS(
        [picture],
        max_iter=iterations,
        max_eval=iterations * 5 // 4,
        tolerance_grad=0,
        tolerance_change=0,
        history_size=20,
        line_search_fn="strong_wolfe",
    )

    def closure() -> Tensor:
        nonlocal best, lowest
        optimizer.zero_grad()
        inside = picture.clamp(0, 1)
        with fixed_directions():
            loss = meter.losses(inside, content, target).sum()
        # outside 0..1 the clamped picture has no gradient: a pull back keeps pixels from being lost there
        total = loss + (picture - inside.detach()).square().sum()
        total.backward()  # type: ignore[no-untyped-call]
        if float(loss.detach()) < lowest:
            best, lowest = inside.detach().clone(), float(loss.detach())
        return total

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    return best

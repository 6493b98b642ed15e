"""What a level draws on, what its renders are compared with, and the loss: for inner and outer loop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from model.image.dials import Dials
from model.image.losses.hypercolumns import look_at
from model.image.losses.level_loss import Target, level_loss
from model.image.losses.loss_weights import LEVEL_WEIGHTS
from model.image.losses.objective import Objective
from model.image.losses.places import Places
from model.image.network.networks import Networks
from model.image.rendering.redrawing import level_input, revised
from model.maml import Params
from model.pause import pause


@dataclass(frozen=True)
class RenderBatch:
    """Inputs of a level, and what the renders are compared with: N of each style, style by style."""

    inputs: Tensor  # (B N, 3, H, W)
    target: Target

    @classmethod
    def join(cls, parts: Sequence[RenderBatch]) -> RenderBatch:
        """Those of several styles side by side."""
        if len(parts) == 1:
            return parts[0]
        return cls(torch.cat([p.inputs for p in parts]), Target.join([p.target for p in parts]))

    def __getitem__(self, index: Sequence[int]) -> RenderBatch:
        return RenderBatch(self.inputs[list(index)], self.target[index])


class RenderLoss:
    """The loss of one level: (phi of B styles, their batch) -> (B,), means over each style's renders."""

    def __init__(self, networks: Networks, objective: Objective, level: int) -> None:
        self.networks, self.objective, self.level = networks, objective, level

    def __call__(self, phi: Params, batch: RenderBatch) -> Tensor:
        styles = len(next(iter(phi.values())))
        count = len(batch.inputs) // styles
        each = {name: value.repeat_interleave(count, 0) for name, value in phi.items()}
        with self.objective.autocast():
            renders = self.networks(batch.inputs, each)
        renders = revised(batch.inputs, renders, self.level)
        losses = level_loss(self.objective, LEVEL_WEIGHTS[self.level], renders, batch.target)
        return losses.view(styles, count).mean(1)


def finer_inputs(
    level: int, inputs: Tensor, drawn: Tensor, photos: Tensor, finer_photos: Tensor, dials: Dials
) -> Tensor:
    """What level ``level + 1`` draws on, (B, 3, H, W).

    Args:
        level: the level that was drawn.
        inputs, drawn: what it drew on and what the network made of it, float32.
        photos, finer_photos: the photos at that level and at the next.
        dials: how the photos are drawn.
    """
    render = torch.lerp(photos, revised(inputs, drawn, level), dials.share(level))
    return level_input(finer_photos, photos, render, dials.detail(level + 1), dials.structure)


def chosen_places(objective: Objective, inputs: Tensor, places: Sequence[Places]) -> Tensor:
    """Search for each place of each input a place of its style's examples: see ``Places.targets``.

    (N, 3, H, W) inputs and the places of the style of each -> (N, P, CHANNELS) of those chosen.
    """
    chosen = []
    for x, of_style in zip(inputs, places, strict=True):
        pause()
        with objective.autocast():
            found = look_at(objective.network.vgg, x[None])[0]
        chosen.append(of_style.targets(found, x))
    return torch.stack(chosen)

"""Style parameters phi: what the inner loop adapts, one set a sample.

phi is a dict of tensors with a leading batch dimension B (one style a sample):

========================  ===============  ===================================================
name                      shape            meaning
========================  ===============  ===================================================
``<layer>.gamma/.beta``   (B, C)           conditional instance normalisation (Dumoulin et al. 2017)
``block<i>.down``         (B, R, C)        low-rank branch of a residual block, in (LoRA, Hu et al. 2022)
``block<i>.up``           (B, C, R)        low-rank branch, out
``color``                 (B, 3, 4)        affine map of the colours before the last squashing
``out.delta``             (B, 3, C, 3, 3)  change of the last convolution (where the configuration has it)
========================  ===============  ===================================================
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from model.chroma import extrapolate_color

Phi = Mapping[str, Tensor]

NORMALIZATION = ("*.gamma", "*.beta")
"""Patterns of what an adaptation moves: the colours would copy how bright the examples are (decision 79)."""


def select(phi: Phi, index: Tensor | slice | list[int]) -> dict[str, Tensor]:
    """Take samples along the batch."""
    return {name: value[index] for name, value in phi.items()}


def stack(parts: Sequence[Phi]) -> dict[str, Tensor]:
    """Join along the batch: many styles in one forward pass."""
    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}


def expand(phi: Phi, batch: int) -> dict[str, Tensor]:
    """Repeat one style (B = 1) over a batch, without copying."""
    return {name: value.expand(batch, *value.shape[1:]) for name, value in phi.items()}


def interpolate(start: Phi, end: Phi, weight: float) -> dict[str, Tensor]:
    """``start + weight * (end - start)``: the strength dial; above 1 it extrapolates.

    Beyond ``end`` no colour is turned over (``model.chroma``).
    """
    between = {name: torch.lerp(start[name], end[name], weight) for name in end}
    if weight > 1 and "color" in between:
        between["color"] = extrapolate_color(start["color"], end["color"], weight)
    return between


def blend(parts: Sequence[Phi], weights: Sequence[float]) -> dict[str, Tensor]:
    """Weighted mean of styles; the weights are normalised to sum 1."""
    total = sum(weights)
    return {
        name: sum((w / total * part[name] for w, part in zip(weights, parts, strict=True)), torch.zeros(()))
        for name in parts[0]
    }


def count(phi: Phi) -> int:
    """Numbers in one style."""
    return sum(value[0].numel() for value in phi.values())

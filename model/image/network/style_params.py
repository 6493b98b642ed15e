"""Handles style parameters phi: what the inner loop adapts, one set a sample.

phi is a dict of tensors with a leading batch dimension B (one style at one level a sample; the phi of a style
has a sample for each level, coarse to fine):

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

Phi = Mapping[str, Tensor]


def select(phi: Phi, index: Tensor | slice | list[int]) -> dict[str, Tensor]:
    """Take samples along the batch."""
    return {name: value[index] for name, value in phi.items()}


def stack(parts: Sequence[Phi]) -> dict[str, Tensor]:
    """Join along the batch: many styles in one forward pass."""
    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}


def at_level(phi: Phi, level: int) -> dict[str, Tensor]:
    """The phi of one level (B = 1) from that of a style."""
    return select(phi, slice(level, level + 1))


def expand(phi: Phi, batch: int) -> dict[str, Tensor]:
    """Repeat one style (B = 1) over a batch, without copying."""
    return {name: value.expand(batch, *value.shape[1:]) for name, value in phi.items()}


def blend(parts: Sequence[Phi], weights: Sequence[float]) -> dict[str, Tensor]:
    """Weighted mean of styles; the weights are normalised to sum 1."""
    total = sum(weights)
    return {
        name: sum((w / total * part[name] for w, part in zip(weights, parts, strict=True)), torch.zeros(()))
        for name in parts[0]
    }

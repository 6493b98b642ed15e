"""Figures of a picture's surface: how much of it is even, and at which scale its gradients are."""

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.evaluation.pixels import luma

WINDOWS = 64  # windows along the longer side in which evenness is looked at
EVEN = 5.0  # grey levels: an area with a smaller standard deviation looks even
OCTAVES = 5


def local_deviation(pictures: Tensor) -> Tensor:
    """Standard deviation around every pixel in grey levels, root mean square over R, G and B.

    ``(B, 3, H, W)`` in 0..1 to ``(B, H', W')``, in square windows of a 64th of the longer side.
    """
    window = max(3, round(max(pictures.shape[2:]) / WINDOWS))
    mean = F.avg_pool2d(pictures, window, stride=1)
    variance = F.avg_pool2d(pictures.square(), window, stride=1) - mean.square()
    return 255 * variance.mean(1).clamp_min(0).sqrt()


def flat_share(pictures: Tensor, *, even: float = EVEN) -> Tensor:
    """Share of the picture that is even: ``(B,)`` in 0..1."""
    return (local_deviation(pictures) < even).float().mean((1, 2))


def octave_energy(pictures: Tensor) -> Tensor:
    """Shares of the gradient energy of luma by octave, the finest first: ``(B, OCTAVES)``, rows adding to 1.

    Each octave is a band of a Laplacian pyramid, and its gradients are taken in pixels of its own level: a
    natural picture has about the same energy in every octave, and white noise has most in the finest.
    A picture without gradients has equal shares.
    """
    x = luma(pictures)
    energies = []
    for _ in range(OCTAVES):
        small = F.avg_pool2d(x, 2, ceil_mode=True, count_include_pad=False)
        band = x - F.interpolate(small, x.shape[2:], mode="bilinear", align_corners=False)
        down, across = band.diff(dim=2), band.diff(dim=3)
        energies.append(down.square().mean((1, 2, 3)) + across.square().mean((1, 2, 3)))
        x = small
    energy = torch.stack(energies, 1) + 1e-12
    return energy / energy.sum(1, keepdim=True)


def octave_distance(first: Tensor, second: Tensor) -> Tensor:
    """By how many octaves energy has to be moved to turn one ``(..., OCTAVES)`` into the other: ``(...)``.

    The earth mover's distance on a line: 1 when everything lies one octave elsewhere.
    """
    return (first - second).cumsum(-1)[..., :-1].abs().sum(-1)

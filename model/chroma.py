"""How colourful a style may be: no more than its examples are, by a closed form on phi's colour transform.

An engraving's chroma follows its lightness: ink and paper have one each. A network that was trained on
paintings leaves a tint of the photo beside that, which style losses hardly see. So what chroma varies
*beside* lightness, within a picture, is measured in the examples and in renders, and the colour transform is
composed with a linear map that shrinks the renders' to the examples', towards the line that chroma follows in
them. How far, is that of optimal transport between Gaussians (Monge-Kantorovich; Pitié & Kokaram 2007) with
eigenvalues of at most 1: nothing becomes more colourful by it. Where examples are in colour the map is
nearly the identity.
"""

from __future__ import annotations

import torch
from torch import Tensor

# Rows: lightness, and two directions of chroma, orthonormal (Ohta et al. 1980).
_OPPONENT = torch.tensor([[2.0, 2.0, 2.0], [3.0, 0.0, -3.0], [1.0, -2.0, 1.0]])
_OPPONENT = _OPPONENT / _OPPONENT.norm(dim=1, keepdim=True)
_LEAST = 1e-6  # variance of a chroma of about 0.001: less is rounding


def limit_chroma(color: Tensor, renders: Tensor, works: Tensor) -> Tensor:
    """phi's colour transform with renders no more colourful, beside their lightness, than the works.

    Args:
        color: (1, 3, 4) affine map of colours before the logistic function (``model.phi``).
        renders: (N, P, 3) RGB in 0..1: P colours of each of N photos rendered with ``color``.
        works: (K, P', 3) RGB in 0..1: P' colours of each example.

    Returns:
        The new transform, (1, 3, 4).
    """
    opponent = _OPPONENT.to(color)
    light, chroma = opponent[:1], opponent[1:]
    excess = torch.eye(2).to(color) - _shrink(_beside_lightness(renders), _beside_lightness(works))
    # The transform is applied before the logistic function, so what it is composed with is as well.
    wanted = torch.logit(works.to(color), eps=1 / 512)
    slope, mean = _slope(_covariance(wanted)), wanted.mean((0, 1))
    taken = chroma.T @ excess @ (chroma - slope @ light)  # of the distance from the works' mean
    matrix, offset = color[0, :, :3], color[0, :, 3:]
    keep = torch.eye(3).to(color) - taken
    return torch.cat([keep @ matrix, keep @ offset + taken @ mean[:, None]], 1)[None]


def extrapolate_color(start: Tensor, end: Tensor, weight: float) -> Tensor:
    """The colour transform beyond ``end``, seen from ``start`` (``weight`` > 1), that turns no colour over.

    Where a style took most of the photo's chroma, a straight line would soon give it back with the other
    sign: a red bowl cyan. So what the chroma has of the photo's own goes down to nothing, and no further.

    Args:
        start, end: (B, 3, 4) affine maps (``model.phi``): the photo's own and the style's.
    """
    beyond = torch.lerp(start, end, weight)
    chroma = _OPPONENT[1:].to(end)
    own, given, line = (chroma @ each for each in (start, end, beyond))  # (B, 2, 4)
    size = own.square().sum(2, keepdim=True).clamp_min(_LEAST)
    kept, left = ((each * own).sum(2, keepdim=True) / size for each in (given, line))
    back = left.maximum(kept.clamp_max(0)) - left  # (B, 2, 1): zero where nothing is turned over
    return beyond + chroma.T @ (back * own)


def _covariance(colors: Tensor) -> Tensor:
    """(N, P, 3) -> (3, 3): covariance within pictures, lightness first."""
    opposed = (colors - colors.mean(1, keepdim=True)) @ _OPPONENT.to(colors).T
    return (opposed.transpose(1, 2) @ opposed).mean(0) / colors.shape[1]


def _slope(covariance: Tensor) -> Tensor:
    """(3, 3) -> (2, 1): how chroma follows lightness."""
    return covariance[1:, :1] / covariance[0, 0].clamp_min(_LEAST)


def _beside_lightness(colors: Tensor) -> Tensor:
    """(N, P, 3) -> (2, 2): covariance of what chroma does not follow lightness, picture by picture."""
    within = torch.stack([_covariance(each[None]) for each in colors])
    return torch.stack([c[1:, 1:] - _slope(c) @ c[:1, 1:] for c in within]).mean(0)


def _shrink(own: Tensor, wanted: Tensor) -> Tensor:
    """The symmetric map from one covariance to another, (2, 2) each, with eigenvalues of at most 1."""
    own = own + _LEAST * torch.eye(2).to(own)
    root = _root(own)
    inverse = torch.linalg.inv(root)
    values, vectors = torch.linalg.eigh(inverse @ _root(root @ wanted @ root) @ inverse)
    shrink: Tensor = vectors @ torch.diag(values.clamp(0, 1)) @ vectors.T
    return shrink


def _root(matrix: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(matrix)
    root: Tensor = vectors @ torch.diag(values.clamp_min(0).sqrt()) @ vectors.T
    return root

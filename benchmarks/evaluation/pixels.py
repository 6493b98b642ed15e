"""Figures that need no network: edges, saturation, contrast, linear color transfer."""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601


def luma(pictures: Tensor) -> Tensor:
    """``(B, 3, H, W)`` to ``(B, 1, H, W)``."""
    weights = torch.tensor(LUMA, device=pictures.device).view(1, 3, 1, 1)
    return (pictures * weights).sum(1, keepdim=True)


def gradient_magnitude(pictures: Tensor, *, sigma: float = 1.0) -> Tensor:
    """Sobel gradient magnitude of the smoothed luma: ``(B, 3, H, W)`` to ``(B, H, W)``."""
    reach = max(1, round(3 * sigma))
    offsets = torch.arange(-reach, reach + 1, device=pictures.device, dtype=pictures.dtype)
    bell = torch.exp(-0.5 * (offsets / sigma).square())
    bell = bell / bell.sum()
    x = F.pad(luma(pictures), (reach + 1,) * 4, mode="reflect")
    x = F.conv2d(F.conv2d(x, bell.view(1, 1, 1, -1)), bell.view(1, 1, -1, 1))
    sobel = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]], device=x.device) / 8
    gradients = F.conv2d(x, torch.stack([sobel, sobel.T])[:, None])  # (B, 2, H, W)
    return gradients.square().sum(1).sqrt()


def edge_correlation(results: Tensor, photos: Tensor) -> Tensor:
    """Pearson correlation of gradient magnitudes of results and photos: ``(B,)``; 0 for a flat picture."""
    a = gradient_magnitude(results).flatten(1)
    b = gradient_magnitude(photos).flatten(1)
    a, b = a - a.mean(1, keepdim=True), b - b.mean(1, keepdim=True)
    norms: Tensor = torch.linalg.vector_norm(a, dim=1) * torch.linalg.vector_norm(b, dim=1)
    return (a * b).sum(1) / norms.clamp_min(1e-9)


def saturation(pictures: Tensor) -> Tensor:
    """Mean chroma, the largest minus the smallest of R, G and B: ``(B,)`` in 0..1."""
    return (pictures.amax(1) - pictures.amin(1)).mean((1, 2))


def contrast(pictures: Tensor) -> Tensor:
    """Standard deviation of luma: ``(B,)``."""
    return luma(pictures).flatten(1).std(1, correction=0)


def linear_color_transfer(photo: Image.Image, examples: Sequence[Image.Image]) -> Image.Image:
    """The photo under the linear map that gives it the examples' mean color and color covariance.

    Monge-Kantorovich map (Pitié & Kokaram 2007), the one that moves colors least:
    ``T = S^-1/2 (S^1/2 V S^1/2)^1/2 S^-1/2`` with S and V the covariances of photo and examples. Every
    example counts the same, whatever its size.
    """
    pixels = _pixels(photo)
    mean, covariance = pixels.mean(0), np.cov(pixels.T)
    targets = [_pixels(example) for example in examples]
    target_mean = np.mean([target.mean(0) for target in targets], axis=0)
    second = np.mean([target.T @ target / len(target) for target in targets], axis=0)
    target_covariance = second - np.outer(target_mean, target_mean)
    # a floor of one grey level keeps grey and flat photos invertible
    root = _power(covariance, 0.5, floor=1 / 255**2)
    inverse = _power(covariance, -0.5, floor=1 / 255**2)
    transform = inverse @ _power(root @ target_covariance @ root, 0.5) @ inverse
    moved = (pixels - mean) @ transform.T + target_mean
    array = (moved.clip(0, 1) * 255 + 0.5).astype(np.uint8)
    return Image.fromarray(array.reshape(photo.height, photo.width, 3))


def _pixels(picture: Image.Image) -> NDArray[np.float64]:
    return np.asarray(picture.convert("RGB"), dtype=np.float64).reshape(-1, 3) / 255


def _power(matrix: NDArray[np.float64], exponent: float, *, floor: float = 0.0) -> NDArray[np.float64]:
    values, vectors = np.linalg.eigh(matrix)
    powered: NDArray[np.float64] = (vectors * values.clip(floor) ** exponent) @ vectors.T
    return powered

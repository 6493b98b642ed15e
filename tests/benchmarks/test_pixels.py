"""Edges, saturation, contrast and linear color transfer: known cases."""

import numpy as np
import pytest
import torch
from PIL import Image

from benchmarks.evaluation import pixels
from benchmarks.timing import synthetic_picture


def picture(*channels: float) -> torch.Tensor:
    return torch.tensor(channels).view(1, 3, 1, 1).expand(1, 3, 32, 32)


def test_gradient_magnitude_of_a_ramp_is_its_slope() -> None:
    ramp = torch.linspace(0, 1, 33).expand(1, 3, 33, 33)
    inside = pixels.gradient_magnitude(ramp)[0, 8:-8, 8:-8]
    torch.testing.assert_close(inside, torch.full_like(inside, 1 / 32), rtol=1e-3, atol=0)


def test_edges_do_not_mind_contrast_and_color_but_mind_place() -> None:
    generator = torch.Generator().manual_seed(0)
    photo = torch.nn.functional.interpolate(
        torch.rand(1, 3, 8, 8, generator=generator), size=64, mode="bicubic"
    )
    assert pixels.edge_correlation(photo, photo).item() == pytest.approx(1, abs=1e-5)
    assert pixels.edge_correlation(0.9 - 0.5 * photo, photo).item() == pytest.approx(1, abs=1e-4)
    moved = pixels.edge_correlation(photo.roll((21, 13), (2, 3)), photo).item()
    assert moved < 0.4
    assert pixels.edge_correlation(picture(0.5, 0.5, 0.5).expand(1, 3, 32, 32), picture(1, 0, 0)).item() == 0


def test_saturation_and_contrast_by_hand() -> None:
    assert pixels.saturation(picture(0.75, 0.25, 0.5)).item() == pytest.approx(0.5)
    assert pixels.saturation(picture(0.4, 0.4, 0.4)).item() == pytest.approx(0, abs=1e-6)
    halves = torch.zeros(1, 3, 10, 10)
    halves[..., 5:] = 0.6
    assert pixels.contrast(halves).item() == pytest.approx(0.3, abs=1e-5)


def test_color_transfer_gives_the_examples_mean_and_covariance() -> None:
    rng = np.random.default_rng(3)
    noise = rng.normal(0.5, 0.05, (40, 40, 3)) @ np.array([[1, 0.3, 0], [0, 0.8, 0.2], [0, 0, 0.7]])
    example = Image.fromarray((noise.clip(0, 1) * 255).astype(np.uint8))
    photo = Image.fromarray((rng.normal(0.5, 0.08, (30, 50, 3)).clip(0, 1) * 255).astype(np.uint8))
    result = pixels.linear_color_transfer(photo, [example])
    assert result.size == photo.size
    got, wanted = (np.asarray(x, dtype=float).reshape(-1, 3) for x in (result, example))
    np.testing.assert_allclose(got.mean(0), wanted.mean(0), atol=1)
    np.testing.assert_allclose(np.cov(got.T), np.cov(wanted.T), rtol=0.1, atol=6)


def test_color_transfer_takes_flat_pictures() -> None:
    flat = pixels.linear_color_transfer(Image.new("RGB", (9, 7), "gray"), [Image.new("RGB", (5, 5), "red")])
    assert flat.getpixel((4, 3)) == (255, 0, 0)
    assert pixels.linear_color_transfer(synthetic_picture(20, 20, seed=1), [flat]).size == (20, 20)

"""Augmentation: palettes keep greys and go to all works of a style, mixtures lie between two styles."""

from __future__ import annotations

import random
from statistics import fmean

import numpy as np
import pytest
import torch
from PIL import Image

from model.networks import Objective
from model.training.augment import crop, draw_palette, mix, noisy, recolor, scale_range, smooth_crop
from model.training.prefetch import Prefetch
from tests.model.conftest import picture


def test_hue_turns_colours_and_leaves_greys_alike() -> None:
    rng = random.Random(0)
    grey = Image.new("RGB", (4, 4), (128, 128, 128))
    red = Image.new("RGB", (4, 4), (200, 40, 40))
    moved = 0
    for _ in range(20):
        palette = draw_palette(rng, 1.0)
        offsets = np.array(palette).reshape(3, 4)[:, 3]
        middle = np.asarray(recolor(grey, palette))[0, 0] - offsets
        assert np.ptp(middle) <= 1.5  # the tint aside, grey stays grey
        moved += np.abs(np.asarray(recolor(red, palette))[0, 0].astype(int) - (200, 40, 40)).max() > 15
    assert moved > 10


def test_share_of_palettes() -> None:
    rng = random.Random(0)
    drawn = [draw_palette(rng, 0.3) is not None for _ in range(400)]
    assert sum(drawn) / 400 == pytest.approx(0.3, abs=0.08)
    assert recolor(image := picture(1), None) is image


def test_small_pictures_are_not_magnified_more_than_twice() -> None:
    assert scale_range(picture(0, (320, 400)), 96, 0.3) == (0.3, 1.0)
    assert scale_range(picture(0, (320, 400)), 256, 0.3) == (0.4, 1.0)
    assert scale_range(picture(0, (60, 60)), 256, 0.3) == (1.0, 1.0)


def test_mixture_has_the_statistics_of_both_surfaces_together(objective: Objective) -> None:
    """Half and half of two flat-coloured pictures: the means are between, the spread is that between them."""
    dark, light = (torch.full((1, 3, 32, 32), value) for value in (0.2, 0.8))
    a, b = objective.style_statistics(dark), objective.style_statistics(light)
    half = mix(a, b, torch.tensor([0.5]))
    layer = "relu1_1"
    assert torch.allclose(half.mean[layer], (a.mean[layer] + b.mean[layer]) / 2)
    between = (a.mean[layer] - b.mean[layer]).square() / 4
    inside = (a.std(layer).square() + b.std(layer).square()) / 2
    assert torch.allclose(half.std(layer).square(), between + inside, rtol=1e-2, atol=1e-3)
    assert float(half.colors.mean()) == pytest.approx(0.5, abs=0.05)
    whole = mix(a, b, torch.tensor([1.0]))
    assert torch.equal(whole.colors, a.colors)


def test_prefetched_draws_do_not_depend_on_the_threads() -> None:
    def draws(workers: int) -> list[float]:
        prefetch = Prefetch(lambda rng: rng.random(), random.Random(5), workers=workers, ahead=7)
        found = [prefetch() for _ in range(20)]
        prefetch.close()
        return found

    assert draws(1) == draws(4)
    assert len(set(draws(3))) == 20


def test_noise_differs_from_photo_to_photo_and_is_no_stronger_than_asked() -> None:
    torch.manual_seed(0)
    photos = torch.full((16, 3, 64, 64), 0.5)
    levels = (noisy(photos, 0.04) - photos).std(dim=(1, 2, 3))
    assert 0.03 < levels.max() < 0.041
    assert levels.min() < 0.01
    assert noisy(photos, 0.0) is photos


def test_smooth_crops_are_smoother_than_others() -> None:
    """Neighbouring pixels of a smooth crop differ by a fraction of what they do in a usual crop."""
    photo = picture(3, (300, 200))

    def roughness(image: Image.Image) -> float:
        pixels = np.asarray(image.convert("L"), dtype=float)
        return float(np.abs(np.diff(pixels)).mean())

    rng = random.Random(0)
    smooth = [smooth_crop(photo, 64, rng, high=0.35) for _ in range(20)]
    usual = [crop(photo, 64, rng, low=0.35) for _ in range(20)]
    assert {image.size for image in smooth} == {(64, 64)}
    assert fmean(map(roughness, smooth)) < 0.5 * fmean(map(roughness, usual))

"""Augmentation: palettes keep greys and go to all works of a style."""

from __future__ import annotations

import random

import numpy as np
import pytest
from PIL import Image

from model.image.training.augment import draw_palette, recolor
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

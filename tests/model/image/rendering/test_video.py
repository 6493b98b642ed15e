"""Moving pictures: what stands still does not flicker, what moves leaves nothing behind."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
import torch
from PIL import Image

from model.image.dials import Dials
from model.image.engine import Engine
from model.image.network.instance_norm import instance_norm
from model.image.rendering.video import FRAME_BY_FRAME, SharedStatistics, Smoothing
from model.image.style import Style
from tests.model.conftest import SMALL, picture

SIZE = (96, 64)
COUNT = 6
NOISE = 4.0  # levels


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine.load(device="cpu", config=SMALL, renderer="torch")


@pytest.fixture(scope="module")
def style(engine: Engine) -> Style:
    return engine.adapt([picture(1)], steps=0)


def smooth_picture(seed: int) -> Image.Image:
    coarse = np.random.default_rng(seed).integers(40, 216, (5, 6, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize(SIZE, Image.Resampling.BICUBIC)


def noisy(image: Image.Image, seed: int) -> Image.Image:
    noise = np.random.default_rng(seed).normal(0, NOISE, (image.height, image.width, 3))
    return Image.fromarray((np.asarray(image) + noise).clip(0, 255).round().astype(np.uint8))


def crossed(t: int) -> Image.Image:
    """A still photo; a box of another colour in the left half that jumps to the right half."""
    frame = smooth_picture(3)
    frame.paste((250, 240, 20), (8 + 48 * (t % 2), 16, 40 + 48 * (t % 2), 48))
    return frame


def levels(image: Image.Image) -> np.ndarray:
    return np.asarray(image, dtype=float)


def flicker(frames: Sequence[Image.Image]) -> float:
    return float(np.mean([np.abs(levels(b) - levels(a)).mean() for a, b in pairwise(frames)]))


@pytest.mark.parametrize("smoothing", [None, FRAME_BY_FRAME], ids=["smooth", "frame by frame"])
def test_clips_may_be_narrow(engine: Engine, style: Style, smoothing: Smoothing | None) -> None:
    frames = [smooth_picture(seed).resize((480, 6)) for seed in (1, 1, 2)]
    made = list(engine.stylize_frames(frames, style, size=160, smoothing=smoothing))
    assert [frame.size for frame in made] == [(160, 2)] * 3
    assert made[0].tobytes() != made[2].tobytes()


def test_without_smoothing_it_is_frame_by_frame(engine: Engine, style: Style) -> None:
    clip = [noisy(smooth_picture(3), t) for t in range(3)]
    made = list(engine.stylize_frames(clip, style, smoothing=FRAME_BY_FRAME, size=48))
    for frame, result in zip(clip, made, strict=True):
        difference = np.abs(levels(result) - levels(engine.stylize(frame, style, size=48)))
        # photos may have another renderer than frames: other roundings, of 8 bits of precision in bf16
        assert difference.max() <= 12
        assert difference.mean() < 1


def test_a_still_clip_stands_still(engine: Engine, style: Style) -> None:
    clip = [noisy(smooth_picture(3), t) for t in range(COUNT)]
    before = flicker(list(engine.stylize_frames(clip, style, smoothing=FRAME_BY_FRAME)))
    after = flicker(list(engine.stylize_frames(clip, style)))
    assert before > 2  # levels
    assert after < before / 2


def test_what_comes_and_goes_changes_the_colours_of_the_rest_less(engine: Engine, style: Style) -> None:
    photo = smooth_picture(3)
    bright = photo.copy()
    bright.paste("yellow", (84, 0, 96, 64))
    clip = [photo, bright] * 3
    rest = (0, 0, 24, 64)

    def moved(smoothing: Smoothing) -> float:
        return flicker([f.crop(rest) for f in engine.stylize_frames(clip, style, smoothing=smoothing)])

    assert moved(Smoothing(still=0.0)) < 0.75 * moved(FRAME_BY_FRAME)


def test_what_moves_leaves_nothing_behind(engine: Engine, style: Style) -> None:
    clip = [crossed(t) for t in range(4)]
    shown = Smoothing(statistics=0.0)
    made = list(engine.stylize_frames(clip, style, smoothing=shown))[-1]
    wanted = list(engine.stylize_frames(clip, style, smoothing=FRAME_BY_FRAME))[-1]
    for box in ((8, 16, 40, 48), (56, 16, 88, 48)):  # where it was, and where it is
        assert np.abs(levels(made.crop(box)) - levels(wanted.crop(box))).mean() < 1.5


def test_a_cut_begins_anew(engine: Engine, style: Style) -> None:
    first, second = Image.new("RGB", SIZE, (20, 20, 60)), smooth_picture(8)
    *_, last = engine.stylize_frames([first, first, second], style)
    difference = np.abs(levels(last) - levels(engine.stylize(second, style)))
    assert difference.mean() < 1  # roundings, as above
    stale = np.abs(levels(next(iter(engine.stylize_frames([first], style)))) - levels(last))
    assert stale.mean() > 10  # what statistics of the scene before would have to bridge


def test_strength_and_the_photos_colours(engine: Engine, style: Style) -> None:
    photo = smooth_picture(3)
    (kept,) = engine.stylize_frames([photo], style, preserve_color=True, dials=Dials(0.5))
    wanted = engine.stylize(photo, style, preserve_color=True, strength=0.5)
    assert np.abs(levels(kept) - levels(wanted)).mean() < 1


def test_no_strength_shows_the_frames(engine: Engine, style: Style) -> None:
    clip = [smooth_picture(seed) for seed in (1, 5)]
    shown = list(engine.stylize_frames(clip, style, dials=Dials(0.0), smoothing=FRAME_BY_FRAME))
    assert [frame.tobytes() for frame in shown] == [frame.tobytes() for frame in clip]


def test_frames_that_are_drawn_small_are_enlarged(engine: Engine, style: Style) -> None:
    clip = [smooth_picture(3).resize((720, 480))] * 2
    made = list(engine.stylize_frames(clip, style, dials=Dials(stroke_size=4)))
    assert [frame.size for frame in made] == [(720, 480)] * 2
    assert flicker(made) < 0.5


def test_frames_of_two_sizes_are_refused(engine: Engine, style: Style) -> None:
    frames = [Image.new("RGB", SIZE), Image.new("RGB", (64, 96))]
    with pytest.raises(ValueError, match="one size"):
        list(engine.stylize_frames(frames, style))


def test_shared_statistics_begin_with_the_frames_own_and_follow_slowly() -> None:
    torch.manual_seed(0)
    x = torch.randn(3, 4, 8, 8) * torch.tensor([1.0, 2.0, 4.0]).view(3, 1, 1, 1)
    gamma, beta = torch.rand(3, 4) + 0.5, torch.randn(3, 4)
    together = SharedStatistics(0.75)(x, gamma, beta, "layer")
    torch.testing.assert_close(together[:1], instance_norm(x[:1], gamma[:1], beta[:1]), rtol=1e-4, atol=1e-4)
    mean = 0.75 * x[0].mean((1, 2)) + 0.25 * x[1].mean((1, 2))
    variance = 0.75 * x[0].var((1, 2), unbiased=False) + 0.25 * x[1].var((1, 2), unbiased=False)
    wanted = (x[1] - mean.view(4, 1, 1)) / (variance.view(4, 1, 1) + 1e-5).sqrt()
    wanted = wanted * gamma[1].view(4, 1, 1) + beta[1].view(4, 1, 1)
    torch.testing.assert_close(together[1], wanted, rtol=1e-4, atol=1e-4)
    shared = SharedStatistics(0.75)  # one by one, as together
    singly = torch.cat([shared(x[i : i + 1], gamma[i : i + 1], beta[i : i + 1], "layer") for i in range(3)])
    torch.testing.assert_close(singly, together)

"""A picture rendered in strips is the picture rendered whole."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from PIL import Image

from model.data.folders import to_image, to_tensor
from model.engine import BANK, Engine
from model.errors import RenderingCanceled
from model.phi import Phi
from model.strips import render_in_strips
from model.style import Style
from model.style_encoder import StyleEncoder
from model.stylizer import Stylizer, StylizerConfig

TINY = StylizerConfig(half=8, width=12, blocks=2, rank=2, up_half=8, up_full=6, last_convolution=True)


def psnr(a: Image.Image, b: Image.Image) -> float:
    error = float(np.square(np.asarray(a, dtype=float) - np.asarray(b, dtype=float)).mean())
    return 10 * math.log10(255**2 / max(error, 1e-9))


@pytest.fixture
def network() -> tuple[Stylizer, Phi]:
    torch.manual_seed(0)
    stylizer = Stylizer(TINY).eval()
    phi = StyleEncoder(stylizer).decode(torch.rand(1, 256))
    return stylizer, {name: (value + 0.2 * torch.randn(value.shape)).detach() for name, value in phi.items()}


def noise(width: int, height: int) -> Image.Image:
    values = np.random.default_rng(width).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(values)


@pytest.mark.parametrize("keep_pixels", [0, 2**20])
@pytest.mark.parametrize("size", [(64, 100), (97, 83), (130, 61), (40, 18), (17, 131)])
def test_strips_give_the_picture_that_the_whole_gives(
    network: tuple[Stylizer, Phi], size: tuple[int, int], keep_pixels: int
) -> None:
    stylizer, phi = network
    photo = noise(*size)
    with torch.no_grad():
        whole = to_image(stylizer(to_tensor([photo]), phi)[0])
    # strips of 16 rows, the least
    strips = render_in_strips(
        stylizer, photo, phi, dtype=torch.float32, strip_pixels=1, keep_pixels=keep_pixels
    )
    assert strips.size == whole.size
    assert np.abs(np.asarray(whole, dtype=int) - np.asarray(strips, dtype=int)).max() <= 1


def test_a_strip_holds_as_many_bytes_in_either_precision(network: tuple[Stylizer, Phi]) -> None:
    """So that a large picture needs no more memory where convolutions run in float32."""
    stylizer, phi = network

    def strips(dtype: torch.dtype) -> int:
        begun = 0

        def count() -> bool:
            nonlocal begun
            begun += 1
            return False

        render_in_strips(stylizer, noise(2048, 512), phi, dtype=dtype, should_stop=count)
        return begun

    assert strips(torch.float32) == 2 * strips(torch.bfloat16)


def test_statistics_are_those_of_the_whole_picture(network: tuple[Stylizer, Phi]) -> None:
    """Half of the photo is flat: rendered by itself it would look otherwise."""
    stylizer, phi = network
    photo = noise(64, 128)
    photo.paste((90, 90, 90), (0, 0, 64, 64))
    strips = render_in_strips(stylizer, photo, phi, dtype=torch.float32, strip_pixels=1)
    top = render_in_strips(stylizer, photo.crop((0, 0, 64, 64)), phi, dtype=torch.float32)
    assert psnr(strips.crop((0, 0, 64, 32)), top.crop((0, 0, 64, 32))) < 25


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine.load(device="cpu", renderer="torch")


@pytest.fixture(scope="module")
def style(engine: Engine) -> Style:
    return engine.adapt([Image.open(BANK / "fig.jpg").convert("RGB")], steps=0)


def test_2048_pixels_in_strips_equal_2048_pixels_whole(
    engine: Engine, style: Style, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Issue: over 45 dB away from borders; here borders are no worse. With the shipped checkpoint."""
    photo = Image.open(BANK / "pagoda.jpg").convert("RGB").resize((2048, 640))
    monkeypatch.setattr(engine.renderer, "whole_pixels", 2**30)
    whole = engine.stylize(photo, style)
    monkeypatch.setattr(engine.renderer, "whole_pixels", 2**16)
    strips = engine.stylize(photo, style)
    assert psnr(whole, strips) > 50
    rows = np.square(np.asarray(whole, dtype=float) - np.asarray(strips, dtype=float)).mean((1, 2))
    assert rows.max() < 4 * max(rows.mean(), 0.05)  # no row, so no seam, stands out


def test_large_photos_keep_their_size_up_to_8192(
    engine: Engine, style: Style, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = Image.open(BANK / "pagoda.jpg").convert("RGB").resize((9000, 64))
    monkeypatch.setattr(engine.renderer, "whole_pixels", 2**16)
    assert engine.stylize(photo, style).size == (8192, 58)
    assert engine.stylize(photo, style, size=3000, preserve_color=True).size == (3000, 21)


def test_no_renderer_gets_a_large_photo_whole(
    engine: Engine, style: Style, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Native:
        def render(self, photo: Image.Image, phi: Phi, *, keep: bool) -> Image.Image:
            assert photo.width * photo.height <= engine.renderer.whole_pixels
            return photo

    monkeypatch.setattr(engine.renderer, "native", Native())
    monkeypatch.setattr(engine.renderer, "whole_pixels", 64 * 64)
    small = noise(64, 64)
    assert engine.stylize(small, style).tobytes() == small.tobytes()
    assert engine.stylize(noise(64, 65), style).tobytes() != noise(64, 65).tobytes()


def test_a_large_rendering_can_be_stopped(
    engine: Engine, style: Style, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine.renderer, "whole_pixels", 2**12)
    asked = itertools.count()
    with pytest.raises(RenderingCanceled):
        engine.stylize(noise(128, 128), style, should_stop=lambda: next(asked) == 3)
    assert next(asked) == 4

"""Rendering with OpenVINO: the pictures of the network, whatever computes them."""

from __future__ import annotations

import logging
import random
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from model.errors import RendererUnavailableError
from model.image.adaptation.examples import observe
from model.image.checkpoint import load_base, phi_shapes
from model.image.dials import Dials
from model.image.losses.objective import Objective
from model.image.losses.perceptual_network import PerceptualNetwork
from model.image.media.folders import to_image, to_tensor
from model.image.network.networks import Networks
from model.image.network.style_encoder import EncoderConfig
from model.image.network.style_params import at_level
from model.image.network.stylizer import Stylizer, StylizerConfig
from model.image.rendering import openvino_renderer, selection
from model.image.rendering.openvino_renderer import OpenVINORenderer, flatness
from model.image.rendering.renderer import Drawing, Renderer
from model.image.rendering.selection import select_renderer
from tests.model.conftest import PICTURES

pytest.importorskip("openvino")
CPU = torch.device("cpu")
Phi = dict[str, torch.Tensor]


@pytest.fixture(scope="module")
def trained() -> tuple[Stylizer, Phi]:
    """The shipped stylizer, and the zero-step style of a print."""
    return base().stylizer, at_level(zero_step_style(), 3)


@pytest.fixture(scope="module")
def renderers() -> dict[str, Renderer]:
    """What an engine renders with in float32, by the renderer's name."""
    networks = base()
    own = OpenVINORenderer(networks.stylizer, eight_bit=False, bf16=False, threads=1)
    return {
        name: Renderer(networks, native, phi_shapes(networks), device=CPU, amp=False)
        for name, native in (("torch", None), ("openvino", own))
    }


@cache
def base() -> Networks:
    return load_base(None, CPU).networks


@cache
def zero_step_style() -> Phi:
    """phi of a print at every level."""
    objective = Objective(PerceptualNetwork(), amp=False)
    work = Image.open(PICTURES / "examples" / "great-wave.jpg").convert("RGB").resize((192, 128))
    seen = [observe(objective, [work], level, random.Random(0))[0].descriptions for level in range(4)]
    with torch.no_grad():
        phi: Phi = base().encoder(seen)
    return phi


def photo(width: int, height: int) -> Image.Image:
    return Image.open(PICTURES / "photos" / "cat.jpg").convert("RGB").resize((width, height))


def drawing() -> Image.Image:
    page = Image.new("RGB", (160, 160), "white")
    ImageDraw.Draw(page).ellipse((50, 50, 90, 100), outline="black", width=2)
    return page


def pixels(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture, np.float32) / 255


def by_torch(stylizer: Stylizer, phi: Phi, picture: Image.Image) -> Image.Image:
    with torch.no_grad():
        return to_image(stylizer(to_tensor([picture]), phi)[0])


def psnr(a: Image.Image, b: Image.Image) -> float:
    difference = np.asarray(a, np.float64) - np.asarray(b, np.float64)
    return float(10 * np.log10(255**2 / max(np.square(difference).mean(), 1e-9)))


class Drawn:
    """OpenVINO as a renderer of single pictures."""

    def __init__(self, stylizer: Stylizer, *, eight_bit: bool) -> None:
        self.native = OpenVINORenderer(stylizer, eight_bit=eight_bit, bf16=False, threads=1)
        self.convolution_seconds = self.native.convolution_seconds

    def render(self, picture: Image.Image, phi: Phi, *, eight_bit: bool = True) -> Image.Image:
        return to_image(self.native.draw(to_tensor([picture]), phi, eight_bit=eight_bit)[0])


def native(stylizer: Stylizer, *, eight_bit: bool) -> Drawn:
    return Drawn(stylizer, eight_bit=eight_bit)


@pytest.mark.parametrize(
    "size", [(256, 192), (203, 161), (16, 18)], ids=["multiples of 4", "odd", "smallest"]
)
def test_float32_is_the_networks_picture(trained: tuple[Stylizer, Phi], size: tuple[int, int]) -> None:
    picture = photo(*size)
    rendered = native(trained[0], eight_bit=False).render(picture, trained[1])
    assert rendered.size == size
    expected = by_torch(*trained, picture)
    assert np.abs(np.asarray(rendered, int) - np.asarray(expected, int)).max() <= 1


@pytest.mark.parametrize("eight_bit", [False, True])
def test_what_cannot_be_rendered_is_never_the_picture_before(
    trained: tuple[Stylizer, Phi], eight_bit: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OpenVINO is silent where a border is wider than its map, and leaves its output as it was."""
    renderer = native(trained[0], eight_bit=eight_bit)
    renderer.render(photo(160, 120), trained[1])
    for kept in (openvino_renderer.KEPT_PIXELS, 0):
        monkeypatch.setattr(openvino_renderer, "KEPT_PIXELS", kept)
        with pytest.raises(RuntimeError, match="gave"):
            renderer.render(photo(160, 4), trained[1])


@pytest.mark.parametrize("dials", [Dials(), Dials(1.4, 0.8), Dials(0.5, 0.0, 2.0)], ids=str)
@pytest.mark.parametrize("size", [(200, 150), (300, 61), (480, 4), (3, 64)], ids=str)
def test_openvino_draws_the_pictures_of_torch(
    renderers: dict[str, Renderer], size: tuple[int, int], dials: Dials
) -> None:
    """Level by level, whatever the size of the photo; in another order of sums."""
    drawings = [Drawing.of(photo(*each), zero_step_style(), dials) for each in (size, (120, 90))]
    expected, found = (renderers[name].draw_many(drawings) for name in ("torch", "openvino"))
    for drawing, a, b in zip(drawings, expected, found, strict=True):
        assert a.size == b.size == drawing.photo.size == drawing.steps[-1].size
        assert np.abs(np.asarray(a, int) - np.asarray(b, int)).max() <= 2
    assert psnr(found[0], drawings[0].photo) < 30, "not the photo"


@pytest.mark.parametrize("name", ["torch", "openvino"])
def test_a_batch_is_drawn_as_one_by_one(renderers: dict[str, Renderer], name: str) -> None:
    phi = zero_step_style()
    drawings = [
        Drawing.of(photo(100, 80), phi, Dials()),
        Drawing.of(photo(80, 100), phi, Dials()),
        Drawing.of(photo(100, 80).rotate(180), phi, Dials(1.2, 0.7)),
    ]
    for drawing, found in zip(drawings, renderers[name].draw_many(drawings), strict=True):
        (alone,) = renderers[name].draw_many([drawing])
        assert np.abs(np.asarray(found, int) - np.asarray(alone, int)).max() <= 1


def test_only_the_finest_level_is_drawn_in_eight_bits(
    renderers: dict[str, Renderer], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[int, bool]] = []
    renderer = renderers["openvino"]
    assert renderer.native is not None
    draw = renderer.native.draw

    def noted(x: torch.Tensor, phi: Phi, *, eight_bit: bool) -> torch.Tensor:
        asked.append((x.shape[3], eight_bit))
        return draw(x, phi, eight_bit=eight_bit)

    monkeypatch.setattr(renderer.native, "draw", noted)
    renderer.draw_many([Drawing.of(photo(200, 150), zero_step_style(), Dials())])
    assert asked == [(64, False), (128, False), (200, True)]


@pytest.mark.parametrize("eight_bit", [False, True])
def test_convolutions_are_found_among_the_operators(trained: tuple[Stylizer, Phi], eight_bit: bool) -> None:
    """By the names that OpenVINO gives them."""
    renderer = native(trained[0], eight_bit=eight_bit)
    assert renderer.convolution_seconds(to_tensor([photo(64, 64)]), trained[1]) > 0


def test_eight_bits_are_not_seen_in_a_photo(trained: tuple[Stylizer, Phi]) -> None:
    picture = photo(256, 256)
    rendered = native(trained[0], eight_bit=True).render(picture, trained[1])
    assert psnr(rendered, by_torch(*trained, picture)) > 45
    # and they are really used: 8 bits cannot give the very same picture
    assert rendered.tobytes() != by_torch(*trained, picture).tobytes()


@pytest.mark.parametrize(
    "picture", [drawing(), Image.new("RGB", (96, 96), "black")], ids=["drawing", "black"]
)
def test_a_picture_that_eight_bits_would_spoil_is_rendered_without(
    trained: tuple[Stylizer, Phi], picture: Image.Image
) -> None:
    checked = native(trained[0], eight_bit=True).render(picture, trained[1])
    assert checked.tobytes() == native(trained[0], eight_bit=False).render(picture, trained[1]).tobytes()


def test_a_large_picture_is_the_same_whether_its_memory_is_kept(
    trained: tuple[Stylizer, Phi], monkeypatch: pytest.MonkeyPatch
) -> None:
    renderer = native(trained[0], eight_bit=True)
    with monkeypatch.context() as patched:
        patched.setattr(openvino_renderer, "KEPT_PIXELS", 0)
        first = renderer.render(photo(320, 240), trained[1])
    assert first.tobytes() == renderer.render(photo(320, 240), trained[1]).tobytes()
    assert first.tobytes() == native(trained[0], eight_bit=True).render(photo(320, 240), trained[1]).tobytes()


def test_peaks_that_are_too_high_for_eight_bits_are_noticed(
    trained: tuple[Stylizer, Phi], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A photo whose peaks count as too high is rendered again, and comes out as without 8 bits."""
    picture = photo(160, 120)
    monkeypatch.setattr(openvino_renderer, "TOLERATED", 0.1)
    checked = native(trained[0], eight_bit=True).render(picture, trained[1])
    plain = native(trained[0], eight_bit=False).render(picture, trained[1])
    assert checked.tobytes() == plain.tobytes()


def test_flat_pictures_are_told_from_photos() -> None:
    assert flatness(pixels(drawing())) > 0.9
    assert flatness(pixels(Image.linear_gradient("L").convert("RGB"))) > 0.9
    assert flatness(pixels(photo(256, 192))) < 0.3


def test_a_last_convolution_of_the_styles_own() -> None:
    torch.manual_seed(3)
    shape = StylizerConfig(half=16, width=16, blocks=1, rank=2, up_half=16, up_full=8, last_convolution=True)
    networks = Networks(shape, EncoderConfig(embedding=8, hidden=8))
    with torch.no_grad():
        phi = networks.encoder.decode(torch.randn(1, 8), 0)
    phi["out.delta"] = 0.1 * torch.randn_like(phi["out.delta"])
    picture = photo(64, 48)
    rendered = native(networks.stylizer, eight_bit=False).render(picture, phi)
    expected = by_torch(networks.stylizer, phi, picture)
    assert np.abs(np.asarray(rendered, int) - np.asarray(expected, int)).max() <= 1


def test_the_choice_follows_the_processor(
    trained: tuple[Stylizer, Phi], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selection, "gains_by_eight_bits", lambda: True)
    fast = select_renderer("auto", trained[0], CPU)
    monkeypatch.setattr(selection, "gains_by_eight_bits", lambda: False)
    plain = select_renderer("auto", trained[0], CPU)
    assert fast is not None
    assert plain is not None
    assert (fast.eight_bit, plain.eight_bit) == (True, False)
    assert select_renderer("torch", trained[0], CPU) is None
    assert select_renderer("auto", trained[0], torch.device("cuda")) is None


@pytest.mark.parametrize(
    ("flags", "gains"),
    [
        ("fpu avx512f avx512_vnni avx512_bf16", True),
        ("fpu avx2 avx_vnni", True),
        ("fpu avx512f avx512_vnni avx512_bf16 amx_bf16 amx_tile amx_int8", False),
        ("fpu avx2", False),
    ],
)
def test_eight_bits_are_for_processors_that_gain_by_them(
    flags: str, gains: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "cpuinfo").write_text(f"model name\t: a processor\nflags\t\t: {flags}\n")
    monkeypatch.setattr(selection, "Path", lambda _: tmp_path / "cpuinfo")
    assert selection.gains_by_eight_bits() is gains


def test_without_the_package_torch_renders_and_says_so(
    trained: tuple[Stylizer, Phi], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(selection, "installed", lambda: False)
    with caplog.at_level(logging.WARNING):
        assert select_renderer("auto", trained[0], CPU) is None
    assert "openvino is not installed" in caplog.text
    with pytest.raises(RendererUnavailableError, match="openvino is not installed"):
        select_renderer("openvino", trained[0], CPU)


def test_a_runtime_that_does_not_start_is_announced(
    trained: tuple[Stylizer, Phi], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("no such instruction")

    monkeypatch.setattr(selection, "OpenVINORenderer", broken)
    with caplog.at_level(logging.WARNING):
        assert select_renderer("auto", trained[0], CPU) is None
    assert "no such instruction" in caplog.text
    with pytest.raises(RuntimeError):  # what was asked for by name is not replaced
        select_renderer("openvino", trained[0], CPU)


def test_an_unknown_renderer_is_refused(trained: tuple[Stylizer, Phi]) -> None:
    with pytest.raises(RendererUnavailableError, match="openvino-int8"):
        select_renderer("fast", trained[0], CPU)
    with pytest.raises(RendererUnavailableError, match="cuda"):
        select_renderer("openvino", trained[0], torch.device("cuda"))


def test_the_runtime_is_imported_without_its_telemetry() -> None:
    code = (
        "import sys; from model.image.rendering.openvino_runtime import openvino; openvino().Core();"
        "print([name for name in sys.modules if 'telemetry' in name or '.ovc' in name])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

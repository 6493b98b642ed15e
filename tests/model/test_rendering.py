"""Rendering with OpenVINO: the pictures of the network, whatever computes them."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from model.checkpoint import load_base
from model.data.folders import to_image, to_tensor
from model.errors import RendererUnavailableError
from model.networks import Networks, Objective
from model.perceptual.network import PerceptualNetwork
from model.rendering import choice
from model.rendering import native as rendering
from model.rendering.choice import choose_renderer
from model.rendering.native import NativeRenderer, flatness
from model.rendering.renderer import Renderer
from model.style_encoder import EncoderConfig
from model.stylizer import Stylizer, StylizerConfig
from tests.model.conftest import DEMO

pytest.importorskip("openvino")
CPU = torch.device("cpu")
Phi = dict[str, torch.Tensor]


@pytest.fixture(scope="module")
def trained() -> tuple[Stylizer, Phi]:
    """The shipped stylizer, and the zero-step style of a print."""
    networks = load_base(None, CPU).networks
    objective = Objective(PerceptualNetwork(), amp=False)
    work = Image.open(DEMO / "examples" / "great-wave.jpg").convert("RGB").resize((192, 128))
    with torch.no_grad():
        phi = networks.encoder(objective.style_statistics(to_tensor([work])))
    return networks.stylizer, phi


@pytest.fixture(scope="module")
def renderers(trained: tuple[Stylizer, Phi]) -> dict[str, Renderer]:
    """What an engine renders with, by the renderer's name."""
    networks = load_base(None, CPU).networks
    objective = Objective(PerceptualNetwork(), amp=False)
    shapes = {key: value.shape for key, value in trained[1].items()}
    return {
        name: Renderer(
            networks, objective, choose_renderer(name, networks.stylizer, CPU), shapes, example_side=96
        )
        for name in ("torch", "openvino")
    }


def photo(width: int, height: int) -> Image.Image:
    return Image.open(DEMO / "photos" / "cat.jpg").convert("RGB").resize((width, height))


def drawing() -> Image.Image:
    page = Image.new("RGB", (160, 160), "white")
    ImageDraw.Draw(page).ellipse((50, 50, 90, 100), outline="black", width=2)
    return page


def by_torch(stylizer: Stylizer, phi: Phi, picture: Image.Image) -> Image.Image:
    with torch.no_grad():
        return to_image(stylizer(to_tensor([picture]), phi)[0])


def psnr(a: Image.Image, b: Image.Image) -> float:
    difference = np.asarray(a, np.float64) - np.asarray(b, np.float64)
    return float(10 * np.log10(255**2 / max(np.square(difference).mean(), 1e-9)))


def native(stylizer: Stylizer, *, eight_bit: bool, bf16: bool) -> NativeRenderer:
    return NativeRenderer(stylizer, eight_bit=eight_bit, bf16=bf16, threads=1)


@pytest.mark.parametrize(
    "size", [(256, 192), (203, 161), (16, 18)], ids=["multiples of 4", "odd", "smallest"]
)
def test_float32_is_the_networks_picture(trained: tuple[Stylizer, Phi], size: tuple[int, int]) -> None:
    picture = photo(*size)
    rendered = native(trained[0], eight_bit=False, bf16=False).render(picture, trained[1])
    assert rendered.size == size
    expected = by_torch(*trained, picture)
    assert np.abs(np.asarray(rendered, int) - np.asarray(expected, int)).max() <= 1


@pytest.mark.parametrize("eight_bit", [False, True])
def test_what_cannot_be_rendered_is_never_the_picture_before(
    trained: tuple[Stylizer, Phi], eight_bit: bool
) -> None:
    """OpenVINO is silent where a border is wider than its map, and leaves its output as it was."""
    renderer = native(trained[0], eight_bit=eight_bit, bf16=False)
    renderer.render(photo(160, 120), trained[1])
    for keep in (True, False):
        with pytest.raises(RuntimeError, match="gave"):
            renderer.render(photo(160, 4), trained[1], keep=keep)


@pytest.mark.parametrize("name", ["torch", "openvino"])
@pytest.mark.parametrize("size", [(480, 4), (3, 64)], ids=str)
def test_narrow_pictures_are_their_own(
    renderers: dict[str, Renderer], trained: tuple[Stylizer, Phi], name: str, size: tuple[int, int]
) -> None:
    renderer, phi = renderers[name], trained[1]
    before = renderer.render(photo(480, 64), phi)
    picture = photo(*size)
    rendered = renderer.render_many([(picture, phi, None), (photo(480, 64), phi, None)])
    assert [each.size for each in rendered] == [size, (480, 64)]
    assert rendered[0].tobytes() != before.crop((0, 0, *size)).tobytes()
    # it is the beginning of the picture that is mirrored until it is large enough
    pixels = np.pad(np.asarray(picture), ((0, 16), (0, 16), (0, 0)), mode="symmetric")
    whole = Image.fromarray(pixels[: max(16, size[1]), : max(16, size[0])])
    assert psnr(rendered[0], by_torch(*trained, whole).crop((0, 0, *size))) > 30


@pytest.mark.parametrize("eight_bit", [False, True])
def test_convolutions_are_found_among_the_operators(trained: tuple[Stylizer, Phi], eight_bit: bool) -> None:
    """By the names that OpenVINO gives them."""
    renderer = native(trained[0], eight_bit=eight_bit, bf16=False)
    assert renderer.convolution_seconds(photo(64, 64), trained[1]) > 0


def test_eight_bits_are_not_seen_in_a_photo(trained: tuple[Stylizer, Phi]) -> None:
    picture = photo(256, 256)
    rendered = native(trained[0], eight_bit=True, bf16=False).render(picture, trained[1])
    assert psnr(rendered, by_torch(*trained, picture)) > 45
    # and they are really used: 8 bits cannot give the very same picture
    assert rendered.tobytes() != by_torch(*trained, picture).tobytes()


@pytest.mark.parametrize(
    "picture", [drawing(), Image.new("RGB", (96, 96), "black")], ids=["drawing", "black"]
)
def test_a_picture_that_eight_bits_would_spoil_is_rendered_without(
    trained: tuple[Stylizer, Phi], picture: Image.Image
) -> None:
    checked = native(trained[0], eight_bit=True, bf16=False).render(picture, trained[1])
    assert (
        checked.tobytes()
        == native(trained[0], eight_bit=False, bf16=False).render(picture, trained[1]).tobytes()
    )


def test_a_large_picture_is_the_same_whether_its_memory_is_kept(trained: tuple[Stylizer, Phi]) -> None:
    renderer = native(trained[0], eight_bit=True, bf16=False)
    first = renderer.render(photo(320, 240), trained[1], keep=False)
    assert first.tobytes() == renderer.render(photo(320, 240), trained[1]).tobytes()
    assert (
        first.tobytes()
        == native(trained[0], eight_bit=True, bf16=False).render(photo(320, 240), trained[1]).tobytes()
    )


def test_peaks_that_are_too_high_for_eight_bits_are_noticed(
    trained: tuple[Stylizer, Phi], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A photo whose peaks count as too high is rendered again, and comes out as without 8 bits."""
    picture = photo(160, 120)
    monkeypatch.setattr(rendering, "TOLERATED", 0.1)
    checked = native(trained[0], eight_bit=True, bf16=False).render(picture, trained[1])
    plain = native(trained[0], eight_bit=False, bf16=False).render(picture, trained[1])
    assert checked.tobytes() == plain.tobytes()


def test_flat_pictures_are_told_from_photos() -> None:
    assert flatness(np.asarray(drawing())) > 0.9
    assert flatness(np.asarray(Image.linear_gradient("L").convert("RGB"))) > 0.9
    assert flatness(np.asarray(photo(256, 192))) < 0.3


def test_a_last_convolution_of_the_styles_own() -> None:
    torch.manual_seed(3)
    shape = StylizerConfig(half=16, width=16, blocks=1, rank=2, up_half=16, up_full=8, last_convolution=True)
    networks = Networks(shape, EncoderConfig(embedding=8, hidden=8))
    with torch.no_grad():
        phi = networks.encoder.decode(torch.randn(1, 8))
    phi["out.delta"] = 0.1 * torch.randn_like(phi["out.delta"])
    picture = photo(64, 48)
    rendered = native(networks.stylizer, eight_bit=False, bf16=False).render(picture, phi)
    expected = by_torch(networks.stylizer, phi, picture)
    assert np.abs(np.asarray(rendered, int) - np.asarray(expected, int)).max() <= 1


def test_the_choice_follows_the_processor(
    trained: tuple[Stylizer, Phi], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choice, "gains_by_eight_bits", lambda: True)
    fast = choose_renderer("auto", trained[0], CPU)
    monkeypatch.setattr(choice, "gains_by_eight_bits", lambda: False)
    plain = choose_renderer("auto", trained[0], CPU)
    assert fast is not None
    assert plain is not None
    assert (fast.eight_bit, plain.eight_bit) == (True, False)
    assert choose_renderer("torch", trained[0], CPU) is None
    assert choose_renderer("auto", trained[0], torch.device("cuda")) is None


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
    monkeypatch.setattr(choice, "Path", lambda _: tmp_path / "cpuinfo")
    assert choice.gains_by_eight_bits() is gains


def test_without_the_package_torch_renders_and_says_so(
    trained: tuple[Stylizer, Phi], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(choice, "installed", lambda: False)
    with caplog.at_level(logging.WARNING):
        assert choose_renderer("auto", trained[0], CPU) is None
    assert "openvino is not installed" in caplog.text
    with pytest.raises(RendererUnavailableError, match="openvino is not installed"):
        choose_renderer("openvino", trained[0], CPU)


def test_a_runtime_that_does_not_start_is_announced(
    trained: tuple[Stylizer, Phi], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("no such instruction")

    monkeypatch.setattr(choice, "NativeRenderer", broken)
    with caplog.at_level(logging.WARNING):
        assert choose_renderer("auto", trained[0], CPU) is None
    assert "no such instruction" in caplog.text
    with pytest.raises(RuntimeError):  # what was asked for by name is not replaced
        choose_renderer("openvino", trained[0], CPU)


def test_an_unknown_renderer_is_refused(trained: tuple[Stylizer, Phi]) -> None:
    with pytest.raises(RendererUnavailableError, match="openvino-int8"):
        choose_renderer("fast", trained[0], CPU)
    with pytest.raises(RendererUnavailableError, match="cuda"):
        choose_renderer("openvino", trained[0], torch.device("cuda"))


def test_the_runtime_is_imported_without_its_telemetry() -> None:
    code = (
        "import sys; from model.rendering.runtime import openvino; openvino().Core();"
        "print([name for name in sys.modules if 'telemetry' in name or '.ovc' in name])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

"""An exported style draws in ONNX Runtime as the service draws."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from PIL import Image
from safetensors.numpy import load, save

from model.errors import ExportUnavailableError, StyleBaseMismatchError, StyleFormatError
from model.formats import METADATA_KEY, StyleHeader, Surface
from model.image.checkpoint import Base, load_base, phi_shapes, save_base
from model.image.dials import Dials
from model.image.engine import BANK
from model.image.engine_types import Rendering
from model.image.export import Precision, export_style
from model.image.network.networks import Networks
from model.image.network.style_encoder import EncoderConfig
from model.image.network.style_params import stack
from model.image.network.stylizer import StylizerConfig
from model.image.pyramid import SIDES
from model.image.rendering.renderer import Renderer
from model.image.style import Style

WIDE = (900, 60)  # drawn at 512 x 32 and enlarged


PRINT = Surface(evenness=0.8, linework=0.6)
PAINTING = Surface(brushwork=0.06, direction=0.5, tint=0.7)
ENGRAVING = Surface(evenness=1.0, hatching=0.7)


def a_style(base: Base, surface: Surface = PRINT) -> Style:
    """The zero-step styles of invented embeddings, another at each level, every tensor moved a little."""
    torch.manual_seed(1)
    encoder = base.networks.encoder
    with torch.no_grad():
        levels = [encoder.decode(torch.rand(1, encoder.config.embedding), i) for i in range(len(SIDES))]
    moved = {name: value + 0.03 * torch.randn(value.shape) for name, value in stack(levels).items()}
    header = StyleHeader(base.hash, k=3, steps=5, seed=0, licence="of the checkpoint", surface=surface)
    return Style(moved, header)


def small_base(path: Path, *, last_convolution: bool = False) -> Base:
    torch.manual_seed(0)
    networks = Networks(
        StylizerConfig(
            half=8, width=12, blocks=2, rank=2, up_half=8, up_full=6, last_convolution=last_convolution
        ),
        EncoderConfig(embedding=16, hidden=16),
    )
    save_base(path, networks, {}, {})
    return load_base(path)


@pytest.fixture(scope="module")
def base() -> Base:
    return load_base()


@pytest.fixture(scope="module")
def style(base: Base) -> bytes:
    return a_style(base).to_bytes()


@pytest.fixture(scope="module")
def file(style: bytes) -> bytes:
    return export_style(style)


Picture = np.ndarray[Any, Any]


class Exported:
    """A file in ONNX Runtime."""

    def __init__(self, file: bytes) -> None:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])

    def __call__(self, photos: Picture, **dials: float) -> Picture:
        given = {name: np.array(value, dtype=np.float32) for name, value in dials.items()}
        (pictures,) = self.session.run(["picture"], {"photo": photos, **given})
        return np.asarray(pictures, dtype=np.float32)


def a_photo(size: tuple[int, int], name: str = "pagoda") -> Image.Image:
    return Image.open(BANK / f"{name}.jpg").convert("RGB").resize(size)


def as_input(*photos: Image.Image) -> Picture:
    return np.stack([np.asarray(photo, dtype=np.float32).transpose(2, 0, 1) / 255 for photo in photos])


def levels_apart(base: Base, style: bytes, exported: Exported, photo: Image.Image, **dials: float) -> Picture:
    """Differences, of 255, between the file's picture and what the service's renderer makes in float32."""
    shapes = phi_shapes(base.networks)
    renderer = Renderer(base.networks, None, shapes, device=torch.device("cpu"), amp=False)
    asked = Rendering(photo, Style.from_bytes(style, base_hash=base.hash), Dials(**dials))
    expected = renderer.stylize_many([asked])[0]
    (picture,) = exported(as_input(photo), **dials)
    assert picture.shape == (3, photo.height, photo.width)
    apart: Picture = np.abs(
        (255 * picture).round() - np.asarray(expected, dtype=np.float32).transpose(2, 0, 1)
    )
    return apart


def test_it_draws_as_the_service_does(base: Base, style: bytes, file: bytes) -> None:
    """Everything is compared: the photo's pyramid, the levels, the enlargement; pixels that Pillow made."""
    exported = Exported(file)
    for size in [(30, 17), (65, 67), (180, 333), WIDE]:
        apart = levels_apart(base, style, exported, a_photo(size))
        assert apart.max() <= 2
        assert apart.mean() < 0.1


@pytest.mark.parametrize("surface", [PAINTING, replace(PAINTING, direction=1.0), ENGRAVING])
def test_brushwork_is_that_of_the_service(base: Base, surface: Surface) -> None:
    """Strokes, dots and hatching at the finest level, on more than one tile of noise, and enlarged."""
    painted = a_style(base, surface).to_bytes()
    exported, photo = Exported(export_style(painted)), a_photo((700, 300))
    apart = levels_apart(base, painted, exported, photo)
    assert apart.max() <= 4
    assert apart.mean() < 0.1
    plain = a_style(base, replace(surface, brushwork=0.0, hatching=0.0)).to_bytes()
    assert levels_apart(base, plain, exported, photo).mean() > 2, "brushwork is seen"


def test_a_tall_photo(base: Base, style: bytes, file: bytes) -> None:
    """Where it is more than twice as high as wide, Pillow shrinks columns first, and rounds after them."""
    apart = levels_apart(base, style, Exported(file), a_photo((60, 200)))
    assert apart.max() <= 4
    assert apart.mean() < 0.5


def test_sizes_are_those_of_the_service(base: Base, style: bytes, file: bytes) -> None:
    """From where on a level more draws, what is drawn whole, halves of four pixels, the least side."""
    exported = Exported(file)
    sizes = [(90, 20), (91, 20), (181, 50), (182, 50), (362, 41), (363, 41), (640, 25), (641, 25), (16, 16)]
    for size in [*sizes, (672, 84), (60, 91), (1600, 17)]:
        assert levels_apart(base, style, exported, a_photo(size)).max() <= 2, size


@pytest.mark.parametrize(
    "dials",
    [
        {"strength": 0.5},
        {"strength": 1.3},
        {"abstraction": 1.0},
        {"strength": 1.5, "abstraction": 0.1},  # drawn again, and the coarsest level in part
    ],
)
def test_dials_turn_as_those_of_the_service(
    base: Base, style: bytes, file: bytes, dials: dict[str, float]
) -> None:
    exported = Exported(file)
    photo = a_photo((100, 140))
    assert levels_apart(base, style, exported, photo, **dials).max() <= 2
    assert np.abs(exported(as_input(photo), **dials) - exported(as_input(photo))).max() > 8 / 255


def test_a_print_is_evened_once_where_it_is_drawn_again(base: Base, style: bytes, file: bytes) -> None:
    """At the finest level: what is drawn again is the render before its colours are evened."""
    apart = levels_apart(base, style, Exported(file), a_photo((400, 120)), strength=1.5)
    assert apart.max() <= 4
    assert apart.mean() < 0.1


def test_no_strength_is_the_photo(file: bytes) -> None:
    photo = as_input(a_photo(WIDE))
    assert np.array_equal(Exported(file)(photo, strength=0.0), photo)


@pytest.mark.parametrize(
    ("precision", "mean", "share"), [(Precision.FP16, 0.1, 0.55), (Precision.INT8, 0.6, 0.35)]
)
def test_smaller_files_keep_the_picture(
    base: Base, style: bytes, file: bytes, precision: Precision, mean: float, share: float
) -> None:
    smaller = export_style(style, precision=precision)
    assert len(smaller) < share * len(file)
    assert levels_apart(base, style, Exported(smaller), a_photo((128, 96))).mean() < mean


def test_several_photos_at_once_come_out_as_alone(file: bytes) -> None:
    exported = Exported(file)
    photos = [as_input(a_photo((96, 80), name)) for name in ("pagoda", "dogs")]
    together = exported(np.concatenate(photos))
    alone = np.concatenate([exported(photo) for photo in photos])
    np.testing.assert_allclose(together, alone, atol=0.5 / 255)


def test_a_style_that_changes_the_last_convolution(tmp_path: Path) -> None:
    path = tmp_path / "base.safetensors"
    small = small_base(path, last_convolution=True)
    data = a_style(small).to_bytes()
    exported = Exported(export_style(data, checkpoint=path))
    assert levels_apart(small, data, exported, a_photo((100, 70))).max() <= 2


def test_numbers_that_fp16_does_not_hold_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "base.safetensors"
    small = small_base(path)
    tensors = Style.from_bytes(a_style(small).to_bytes(), base_hash=small.hash).phi
    tensors["down2.gamma"][:, 0] = 1e5
    header = StyleHeader(small.hash, k=1, steps=0, seed=0)
    data = save({name: value.numpy() for name, value in tensors.items()}, {METADATA_KEY: header.to_json()})
    exported = Exported(export_style(data, checkpoint=path))
    assert levels_apart(small, data, exported, a_photo((60, 40))).mean() < 1


def test_the_file_says_what_it_is(style: bytes) -> None:
    session = Exported(export_style(style, precision=Precision.FP16)).session
    meta = session.get_modelmeta().custom_metadata_map
    assert json.loads(meta["fewstroke"])["k"] == 3
    assert (meta["precision"], meta["licence"]) == ("fp16", "of the checkpoint")
    assert [entry.shape for entry in session.get_inputs()] == [["batch", 3, "height", "width"]]
    assert [entry.name for entry in session.get_overridable_initializers()] == ["strength", "abstraction"]


def test_what_cannot_be_exported_is_said(base: Base, style: bytes) -> None:
    other = dataclasses.replace(Style.from_bytes(style, base_hash=base.hash).header, base_hash="0" * 64)
    tensors = load(style)
    with pytest.raises(StyleBaseMismatchError, match="fewstroke adapt"):
        export_style(save(tensors, {METADATA_KEY: other.to_json()}))
    with pytest.raises(StyleFormatError, match="truncated"):
        export_style(style[:100])
    header = dataclasses.replace(other, base_hash=base.hash).to_json()
    for name, value in (("color", tensors["color"][:2]), ("up1.gamma", tensors["up1.gamma"][:3])):
        with pytest.raises(StyleFormatError, match="do not fit"):
            export_style(save({**tensors, name: value}, {METADATA_KEY: header}))
    with pytest.raises(StyleFormatError, match="finite"):
        export_style(save({**tensors, "color": tensors["color"] * np.nan}, {METADATA_KEY: header}))


def test_it_needs_no_torch_and_says_when_onnx_is_missing(style: bytes, tmp_path: Path) -> None:
    path = tmp_path / "s.safetensors"
    path.write_bytes(style)
    code = (
        "import sys, pathlib; from model.image.export import export_style; "
        "export_style(pathlib.Path(sys.argv[1]).read_bytes()); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
    code = "import sys; sys.modules['onnx'] = None; " + code
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=False)
    assert ExportUnavailableError.__name__ in done.stderr
    assert "fewstroke[export]" in done.stderr

"""An exported style is the network under that style, in ONNX Runtime."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from PIL import Image
from safetensors.numpy import load, save

from model.checkpoint import Base, load_base, save_base
from model.data.folders import to_tensor
from model.engine import BANK
from model.errors import ExportUnavailableError, StyleBaseMismatchError, StyleFormatError
from model.export import Precision, export_style
from model.formats import METADATA_KEY, StyleHeader
from model.networks import Networks
from model.style import Style
from model.style_encoder import EncoderConfig
from model.stylizer import StylizerConfig

SIZES = [(96, 64), (65, 67), (30, 17)]


def a_style(base: Base) -> Style:
    """The zero-step style of an invented embedding, with every tensor moved a little."""
    torch.manual_seed(1)
    with torch.no_grad():
        phi = base.networks.encoder.decode(torch.rand(1, base.networks.encoder.config.embedding))
    moved = {name: value + 0.05 * torch.randn(value.shape) for name, value in phi.items()}
    return Style(moved, StyleHeader(base.hash, k=3, steps=5, seed=0, licence="of the checkpoint"))


@pytest.fixture(scope="module")
def base() -> Base:
    return load_base()


@pytest.fixture(scope="module")
def style(base: Base) -> bytes:
    return a_style(base).to_bytes()


def run(file: bytes, photo: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    (picture,) = session.run(["picture"], {"photo": photo})
    return np.asarray(picture)


def both(base: Base, style: bytes, file: bytes, size: tuple[int, int]) -> tuple[Any, Any]:
    photo = to_tensor([Image.open(BANK / "pagoda.jpg").convert("RGB").resize(size)])
    with torch.no_grad():
        expected = base.networks(photo, Style.from_bytes(style, base_hash=base.hash).phi)
    return run(file, photo.numpy()), expected.numpy()


def test_fp32_equals_torch_at_any_size(base: Base, style: bytes) -> None:
    """Issue: under 2/255; folding is exact, so rounding is all that is left."""
    file = export_style(style)
    for size in SIZES:
        picture, expected = both(base, style, file, size)
        assert picture.shape == expected.shape == (1, 3, size[1], size[0])
        assert np.abs(picture - expected).max() < 0.1 / 255


@pytest.mark.parametrize(
    ("precision", "psnr", "share"), [(Precision.FP16, 80, 0.52), (Precision.INT8, 45, 0.28)]
)
def test_smaller_files_keep_the_picture(
    base: Base, style: bytes, precision: Precision, psnr: float, share: float
) -> None:
    file = export_style(style, precision=precision)
    assert len(file) < share * len(export_style(style))
    picture, expected = both(base, style, file, (128, 96))
    assert -10 * np.log10(np.square(picture - expected).mean()) > psnr


def test_several_photos_at_once_come_out_as_alone(style: bytes) -> None:
    file = export_style(style)
    photos = np.random.default_rng(0).random((2, 3, 40, 48), dtype=np.float32)
    together = run(file, photos)
    alone = np.concatenate([run(file, photos[:1]), run(file, photos[1:])])
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_a_style_that_changes_the_last_convolution(tmp_path: Path) -> None:
    torch.manual_seed(0)
    networks = Networks(
        StylizerConfig(half=8, width=12, blocks=2, rank=2, up_half=8, up_full=6, last_convolution=True),
        EncoderConfig(embedding=16, hidden=16),
    )
    path = tmp_path / "base.safetensors"
    save_base(path, networks, {}, {})
    small = load_base(path)
    data = a_style(small).to_bytes()
    picture, expected = both(small, data, export_style(data, checkpoint=path), (33, 32))
    assert np.abs(picture - expected).max() < 0.1 / 255


def test_the_file_says_what_it_is(style: bytes) -> None:
    session = onnxruntime.InferenceSession(export_style(style, precision=Precision.FP16))
    meta = session.get_modelmeta().custom_metadata_map
    assert json.loads(meta["fewstroke"])["k"] == 3
    assert (meta["precision"], meta["licence"]) == ("fp16", "of the checkpoint")
    assert [entry.shape for entry in session.get_inputs()] == [["batch", 3, "height", "width"]]


def test_what_cannot_be_exported_is_said(base: Base, style: bytes) -> None:
    other = dataclasses.replace(Style.from_bytes(style, base_hash=base.hash).header, base_hash="0" * 64)
    tensors = load(style)
    with pytest.raises(StyleBaseMismatchError, match="adapt it again"):
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
        "import sys, pathlib; from model.export import export_style; "
        "export_style(pathlib.Path(sys.argv[1]).read_bytes()); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
    code = "import sys; sys.modules['onnx'] = None; " + code
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=False)
    assert ExportUnavailableError.__name__ in done.stderr
    assert "fewstroke[export]" in done.stderr

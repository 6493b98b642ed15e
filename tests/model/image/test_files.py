"""Style and checkpoint files: round trips, foreign bases, damage."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import load_file, save, save_file

from model.errors import (
    CheckpointFormatError,
    CheckpointMissingError,
    StyleBaseMismatchError,
    StyleFormatError,
)
from model.formats import METADATA_KEY, StyleHeader, Surface, checkpoint_hash, read_style_header
from model.image.checkpoint import load_base, phi_shapes, save_base
from model.image.network.networks import Networks
from model.image.style import Style, blend_styles

BASE = "ab" * 32
HEADER = StyleHeader(
    BASE,
    k=5,
    steps=7,
    seed=3,
    losses={"start": {"total": 1.0}, "end": {"total": 0.5}},
    licence="X",
    surface=Surface(evenness=0.25, brushwork=0.04, direction=0.5),
)
PHI = {"a.gamma": torch.linspace(-2, 2, 48).view(4, 12), "color": torch.eye(3, 4).repeat(4, 1, 1)}


def test_style_round_trip() -> None:
    data = Style(PHI, HEADER).to_bytes()
    again = Style.from_bytes(data, base_hash=BASE)
    assert again.header == HEADER == read_style_header(data)
    for name, value in PHI.items():
        torch.testing.assert_close(again.phi[name], value, atol=1e-3, rtol=1e-3)


def test_style_of_another_base_is_refused() -> None:
    data = Style(PHI, HEADER).to_bytes()
    with pytest.raises(StyleBaseMismatchError, match=r"adapted from base abab.*fewstroke adapt"):
        Style.from_bytes(data, base_hash="cd" * 32)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_damaged_style_is_an_error_and_nothing_else(data: st.DataObject) -> None:
    """Cut or overwrite bytes anywhere: it loads as a style of the right form, or is refused as a bad one."""
    raw = bytearray(Style(PHI, HEADER).to_bytes())
    cut = data.draw(st.integers(0, len(raw)))
    for _ in range(data.draw(st.integers(0, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    damaged = bytes(raw[:cut])
    try:
        style = Style.from_bytes(damaged, base_hash=BASE)
    except (StyleFormatError, StyleBaseMismatchError):
        return
    assert all(bool(torch.isfinite(value).all()) for value in style.phi.values())


def test_endless_header_is_refused() -> None:
    with pytest.raises(StyleFormatError):
        read_style_header(struct.pack("<Q", 2**63) + b"{}")
    nested = json.dumps({"__metadata__": {"fewstroke": "[" * 100_000}}).encode()
    with pytest.raises(StyleFormatError):
        read_style_header(struct.pack("<Q", len(nested)) + nested)


def test_header_is_read_without_torch() -> None:
    code = "import sys, model.formats, model.errors; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_checkpoint_round_trip(networks: Networks, tmp_path: Path) -> None:
    path = tmp_path / "base.safetensors"
    shapes = phi_shapes(networks)
    rates = {f"{level}/{name}": torch.tensor([0.03, 0.01]) for level in range(4) for name in shapes}
    save_base(path, networks, rates, {"licence": "Apache-2.0"})
    base = load_base(path)
    assert base.hash == checkpoint_hash(path)
    assert base.header["card"]["licence"] == "Apache-2.0"
    torch.testing.assert_close(base.rates["2/color"], rates["2/color"])
    photo = torch.rand(1, 3, 32, 32)
    phi = {name: torch.full((1, *shape), 0.1) for name, shape in shapes.items()}
    with torch.no_grad():
        torch.testing.assert_close(base.networks(photo, phi), networks(photo, phi), atol=5e-3, rtol=0)


def test_checkpoint_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(CheckpointMissingError, match="meta-train"):
        load_base(tmp_path / "none.safetensors")
    other = tmp_path / "other.safetensors"
    other.write_bytes(b"\x80\x04not a pickle that anybody loads")
    with pytest.raises(CheckpointFormatError):
        load_base(other)
    with pytest.raises(CheckpointMissingError, match="meta-train"):
        load_base(other / "base.safetensors")
    with pytest.raises(CheckpointFormatError, match="is no file: name the checkpoint itself"):
        load_base(tmp_path)
    with pytest.raises(CheckpointFormatError, match="cannot be read"):
        load_base(tmp_path / ("long" * 100))


def test_style_of_the_shipped_network_is_small(tmp_path: Path) -> None:
    shapes = phi_shapes(load_base().networks)
    style = Style({name: torch.randn(4, *shape) for name, shape in shapes.items()}, HEADER)
    assert len(style.to_bytes()) <= 150_000


def test_styles_of_one_pass_are_refused_with_a_sentence() -> None:
    """Files of the version before: the same tensors, without levels."""
    old = Style({name: value[:1] for name, value in PHI.items()}, replace(HEADER, format="fewstroke-style/1"))
    with pytest.raises(StyleFormatError, match=r"has format 'fewstroke-style/1', and this version reads"):
        Style.from_bytes(old.to_bytes(), base_hash=BASE)


def test_checkpoints_of_one_pass_are_refused_with_a_sentence(networks: Networks, tmp_path: Path) -> None:
    path, old = tmp_path / "base.safetensors", tmp_path / "old.safetensors"
    save_base(path, networks, {}, {})
    header = json.loads(read_metadata_of(path))
    header["format"] = "fewstroke-base/1"
    save_file(load_file(path), old, metadata={METADATA_KEY: json.dumps(header)})
    with pytest.raises(CheckpointFormatError, match="format 'fewstroke-base/1', expected 'fewstroke-base/2'"):
        load_base(old)


def read_metadata_of(path: Path) -> str:
    with safe_open(path, framework="pt") as file:
        return str(file.metadata()[METADATA_KEY])


def test_a_style_without_levels_does_not_fit(networks: Networks) -> None:
    shapes = phi_shapes(networks)
    whole = Style({name: torch.zeros(4, *shape) for name, shape in shapes.items()}, HEADER)
    whole.check_shapes(shapes)
    one = Style({name: value[:1] for name, value in whole.phi.items()}, HEADER)
    with pytest.raises(StyleFormatError, match="do not fit"):
        one.check_shapes(shapes)


def test_style_of_other_shapes_is_refused(networks: Networks) -> None:
    with pytest.raises(StyleFormatError, match="do not fit"):
        Style(PHI, HEADER).check_shapes(phi_shapes(networks))


def with_surface(**values: object) -> bytes:
    return save(PHI, metadata={METADATA_KEY: json.dumps(json.loads(HEADER.to_json()) | values)})


@pytest.mark.parametrize("name", [field.name for field in fields(Surface)])
@pytest.mark.parametrize("value", [-0.1, 1.5, float("nan"), "much"])
def test_a_surface_out_of_bounds_is_refused(name: str, value: object) -> None:
    with pytest.raises(StyleFormatError, match="from 0 to 1"):
        read_style_header(with_surface(surface={name: value}))


def test_more_brushwork_than_a_picture_bears_is_refused() -> None:
    with pytest.raises(StyleFormatError, match=r"at most 0\.1"):
        read_style_header(with_surface(surface={"brushwork": 0.5}))


@pytest.mark.parametrize("surface", [[], "even", 3, None])
def test_a_surface_that_is_none_is_refused(surface: object) -> None:
    with pytest.raises(StyleFormatError):
        read_style_header(with_surface(surface=surface))


def test_styles_of_before_have_evenness_alone_or_nothing() -> None:
    header = json.loads(HEADER.to_json())
    del header["surface"]
    for older, expected in (({}, 0.0), ({"evenness": 0.7}, 0.7)):
        data = save(PHI, metadata={METADATA_KEY: json.dumps(header | older)})
        assert read_style_header(data).surface == Surface(evenness=expected)


def test_the_surface_of_a_blend_is_between_those_of_its_parts() -> None:
    other = Style(PHI, replace(HEADER, surface=Surface(evenness=1.0)))
    found = blend_styles([(Style(PHI, HEADER), 2), (other, 1)]).header.surface
    assert found.evenness == pytest.approx(0.5)
    assert found.brushwork == pytest.approx(0.08 / 3)

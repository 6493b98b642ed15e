"""Averages of checkpoints."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from model.image.checkpoint import load_base, save_base
from model.image.network.networks import Networks
from model.image.network.style_encoder import EncoderConfig
from model.image.network.stylizer import StylizerConfig
from scripts.average_checkpoints import average


def networks(seed: int, rank: int = 2) -> Networks:
    torch.manual_seed(seed)
    shape = StylizerConfig(half=8, width=12, blocks=1, rank=rank, up_half=8, up_full=4)
    return Networks(shape, EncoderConfig(embedding=8, hidden=8))


def test_weights_are_averaged_and_the_seconds_rates_kept(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("a", "b", "c")]
    save_base(paths[0], networks(0), {}, {"steps": 1})
    save_base(paths[1], networks(1), {"1/color": torch.full((2,), 0.5)}, {"steps": 2})
    average(paths[0], paths[1], paths[2], 0.25)
    a, b, c = (load_base(path) for path in paths)
    for name, value in c.networks.state_dict().items():
        wanted = 0.75 * a.networks.state_dict()[name] + 0.25 * b.networks.state_dict()[name]
        torch.testing.assert_close(value, wanted, atol=1e-3, rtol=2e-3)  # kept in half precision
    assert c.rates["1/color"].tolist() == [0.5, 0.5]
    assert c.header["card"]["averaged"] == {"with": a.hash, "share_of_this": 0.25}
    assert c.header["card"]["steps"] == 2


def test_networks_of_other_shapes_are_refused(tmp_path: Path) -> None:
    save_base(tmp_path / "a", networks(0), {}, {})
    save_base(tmp_path / "b", networks(0, rank=3), {}, {})
    with pytest.raises(ValueError, match="other shapes"):
        average(tmp_path / "a", tmp_path / "b", tmp_path / "c")

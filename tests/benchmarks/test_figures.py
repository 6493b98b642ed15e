"""Figures of pictures on pictures whose figures are known."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from benchmarks.errors import BenchmarkError
from benchmarks.evaluation.blind.counts import Share
from benchmarks.evaluation.blind.pairs import Key, Pair
from benchmarks.evaluation.blind.verdicts import Grade, Side, Verdict
from benchmarks.evaluation.figures import sky
from benchmarks.evaluation.figures.agreement import agreement, agreements, read_figures
from benchmarks.evaluation.figures.distances import SIDES, seen_at
from benchmarks.evaluation.figures.report import Figures, Measured
from benchmarks.evaluation.figures.surface import OCTAVES, flat_share, octave_distance, octave_energy
from benchmarks.evaluation.figures.transport import (
    Standard,
    hypercolumns,
    relaxed_earth_movers,
    some_places,
)


def grey(pixels: Tensor) -> Tensor:
    """``(H, W)`` in grey levels to a picture ``(1, 3, H, W)``."""
    return (pixels / 255).expand(1, 3, *pixels.shape)


def waves(size: int, period: float) -> Tensor:
    """A grating across the picture, amplitude 60 grey levels."""
    return (128 + 60 * torch.sin(2 * torch.pi * (torch.arange(size) + 0.5) / period)).repeat(size, 1)


# --- even areas


def test_half_a_picture_is_even() -> None:
    pixels = torch.full((256, 256), 90.0)
    noise = torch.randn(256, 128, generator=torch.Generator().manual_seed(0))
    pixels[:, 128:] += 30 * noise
    assert float(flat_share(grey(pixels))) == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize(("deviation", "share"), [(2.0, 1.0), (12.0, 0.0)])
def test_evenness_is_in_grey_levels_whatever_the_brightness(deviation: float, share: float) -> None:
    for level in (60, 190):
        noise = torch.randn(128, 128, generator=torch.Generator().manual_seed(1)) * deviation
        assert float(flat_share(grey(level + noise))) == pytest.approx(share, abs=0.02)


def test_a_change_of_color_alone_is_not_even() -> None:
    pixels = torch.full((1, 3, 128, 128), 0.5)
    stripes = (torch.arange(128) % 2 * 0.2).expand(128, 128)
    pixels[:, 0] += 0.587 * stripes
    pixels[:, 1] -= 0.299 * stripes  # the same luma
    assert float(flat_share(pixels)) == 0


# --- gradients by octave


@pytest.mark.parametrize(("period", "octave"), [(2.8, 0), (6, 1), (12, 2), (24, 3)])
def test_the_energy_of_a_grating_is_in_its_octave(period: float, octave: int) -> None:
    assert int(octave_energy(grey(waves(256, period)))[0].argmax()) == octave


def test_energy_is_a_distribution_and_a_plain_picture_has_an_even_one() -> None:
    energy = octave_energy(torch.cat([grey(waves(128, 9)), grey(torch.full((128, 128), 77.0))]))
    assert energy.sum(1).tolist() == pytest.approx([1, 1], abs=1e-5)
    assert energy[1].tolist() == pytest.approx([1 / OCTAVES] * OCTAVES, abs=1e-3)


def test_contrast_does_not_matter_for_where_the_energy_is() -> None:
    grating = waves(128, 9)
    weaker = octave_energy(grey(128 + (grating - 128) / 4))
    assert torch.allclose(weaker, octave_energy(grey(grating)), atol=1e-3)


def test_octave_distance_counts_octaves() -> None:
    first, third = torch.eye(OCTAVES)[0], torch.eye(OCTAVES)[2]
    assert float(octave_distance(first, third)) == 2
    assert float(octave_distance(third, first)) == 2
    assert float(octave_distance(first, (first + third) / 2)) == 1
    assert float(octave_distance(third, third)) == 0


# --- earth mover's distance


def test_equal_sets_have_no_distance_whatever_their_order_and_number() -> None:
    features = torch.randn(50, 8, generator=torch.Generator().manual_seed(0))
    shuffled = features[torch.randperm(50)]
    assert relaxed_earth_movers(features, torch.cat([shuffled, shuffled])) == pytest.approx(0, abs=1e-6)


def test_known_costs() -> None:
    x, y = torch.eye(2)
    assert relaxed_earth_movers(x[None], y[None]) == pytest.approx(1)
    assert relaxed_earth_movers(x[None], -x[None]) == pytest.approx(2)
    assert relaxed_earth_movers(x[None], 5 * x[None]) == pytest.approx(0)


def test_what_is_lacking_counts_as_much_as_what_is_too_much() -> None:
    x, y = torch.eye(2)[:1], torch.eye(2)[1:]
    both = torch.cat([x, x, y])
    assert relaxed_earth_movers(x, both) == pytest.approx(1 / 3)
    assert relaxed_earth_movers(both, x) == pytest.approx(1 / 3)


def test_a_loud_channel_does_not_rule_standard_features() -> None:
    features = torch.randn(400, 2, generator=torch.Generator().manual_seed(0)) * torch.tensor([1000.0, 1.0])
    standard = Standard(features)
    assert standard(features).std(0, correction=0).tolist() == pytest.approx([1, 1], abs=2e-3)
    assert standard(features).mean(0).tolist() == pytest.approx([0, 0], abs=1e-4)
    other = features * torch.tensor([1.0, -1.0]) + torch.tensor([0.0, 3.0])
    assert relaxed_earth_movers(standard(other), standard(features)) > 0.05
    assert relaxed_earth_movers(other, features) < 0.005


def test_hypercolumns_bring_all_layers_to_one_grid() -> None:
    features = {"fine": torch.arange(16.0).reshape(1, 1, 4, 4), "coarse": torch.full((1, 3, 1, 1), 7.0)}
    columns = hypercolumns(features, (2, 2))
    assert columns.shape == (4, 4)
    assert columns[:, 1:].eq(7).all()
    assert columns[0, 0] < columns[1, 0] < columns[2, 0]  # row by row


def test_places_are_drawn_once_each_with_a_seed() -> None:
    columns = torch.arange(100.0)[:, None]
    some = some_places(columns, count=10)
    assert some.unique().numel() == 10
    assert torch.equal(some, some_places(columns, count=10))
    assert torch.equal(some_places(columns, count=100), columns)


def test_pictures_are_seen_whole_and_never_enlarged() -> None:
    picture = Image.new("RGB", (300, 150))
    seen = {side: seen_at(picture, side) for side in SIDES}
    assert {side: each.size if each else None for side, each in seen.items()} == {
        64: (64, 32), 128: (128, 64), 256: (256, 128), 512: None,
    }  # fmt: skip


# --- skies


@pytest.mark.parametrize("size", [128, 512])
def test_a_sky_as_it_is_has_the_noise_it_was_given(size: int) -> None:
    pixels = np.asarray(sky.clear_sky(size), dtype=float)
    for channel in range(3):
        region = sky.sky_region(pixels[..., channel])
        assert sky.deviation(region) == pytest.approx(1.5, abs=0.1)
    assert sky.lattice(sky.sky_region(sky.luma_of(sky.clear_sky(size)))) < 0.05
    assert sky.scan_lines(sky.sky_region(sky.luma_of(sky.gradient_sky(size)))) < 0.5
    tower = sky.luma_of(sky.tower_before_sky(size))
    assert abs(sky.halo(tower, sky.tower_contour((size, size)))) < 0.5


def test_a_gradient_sky_is_made_of_steps_of_one_level() -> None:
    rows = np.asarray(sky.gradient_sky(512), dtype=int)[:300]
    assert (rows == rows[:, :1]).all()
    assert set(np.unique(np.diff(rows[:, 0], axis=0))) == {0, 1}


def textured(seed: int = 0, size: int = 256) -> sky.Luma:
    return 128 + np.random.default_rng(seed).normal(0, 20, (size, size))


def test_lines_are_measured_in_grey_levels_and_textures_are_none() -> None:
    lines = textured()
    lines[::4] += 12
    lines[1::4] += 12  # half of the rows: a standard deviation of 6
    assert sky.scan_lines(lines) == pytest.approx(6, abs=0.3)
    assert sky.scan_lines(textured()) < 1
    assert sky.scan_lines(lines.T) == 0
    brushwork = np.asarray(Image.fromarray(textured(size=64).astype(np.uint8)).resize((256, 256))).astype(
        float
    )
    assert sky.scan_lines(brushwork) < 1.5


def test_a_slow_change_from_top_to_bottom_is_no_line() -> None:
    slope = np.linspace(0, 120, 256)[:, None] + np.zeros((256, 256))
    assert sky.scan_lines(slope) < 0.1


def test_a_lattice_is_one_frequency() -> None:
    x = np.arange(256)
    pattern = 128 + 20 * np.sin(2 * np.pi * (x[:, None] + x) / 8)
    assert sky.lattice(pattern) == pytest.approx(1, abs=0.03)
    assert sky.lattice(textured()) < 0.01
    mixed = pattern + textured() - 128  # variances of 200 and 400
    assert sky.lattice(mixed) == pytest.approx(1 / 3, abs=0.05)
    assert sky.lattice(np.full((64, 64), 7.0)) == 0
    slow = 128 + 50 * np.sin(2 * np.pi * x / 128)[:, None] + textured(1) - 128
    assert sky.lattice(slow) < 0.05


def halo_of(brightness: Callable[[np.ndarray], np.ndarray], size: int = 400) -> sky.Luma:
    """A tower as in the photo; the sky's luma as a function of the distance to its sides."""
    left, right, top = (round(part * size) for part in sky.TOWER)
    x = np.arange(size)
    distance = np.maximum(left - x, x - right + 1)
    luma = np.repeat(brightness(distance.astype(float))[None], size, axis=0)
    luma[top:, left:right] = 40
    return luma


def test_a_halo_is_as_bright_as_it_was_made() -> None:
    contour = sky.tower_contour((400, 400))
    assert sky.halo(halo_of(lambda d: np.full_like(d, 170)), contour) == 0
    ringed = halo_of(lambda d: np.where((d > 2) & (d < 16), 200, 170))
    assert sky.halo(ringed, contour) == pytest.approx(30)
    darker = halo_of(lambda d: np.where((d > 0) & (d < 30), 150, 170))
    assert sky.halo(darker, contour) == pytest.approx(-20)


def test_edges_of_any_picture_are_found_with_their_bright_sides() -> None:
    ringed = halo_of(lambda d: np.where((d > 2) & (d < 16), 200, 170))
    plain = halo_of(lambda d: np.full_like(d, 170))
    own = sky.halo(ringed, sky.strong_contour(ringed))
    assert own == pytest.approx(30, abs=5)
    assert sky.halo(plain, sky.strong_contour(plain)) == pytest.approx(0, abs=3)


def test_a_picture_without_edges_has_no_halo() -> None:
    plain = np.full((64, 64), 99.0)
    assert sky.halo(plain, sky.strong_contour(plain)) == 0


# --- reports


def figures() -> Figures:
    found = Figures({"size": 512}, ["ours", "theirs"])
    for method, values in {"ours": (0.2, 0.4), "theirs": (0.6, 0.6)}.items():
        found.results += [
            Measured(method, "s", photo, {"emd_64": v}) for photo, v in zip("ab", values, strict=True)
        ]
    found.works["s"] = {"flat_share": 0.5, "halo": 3.0}
    found.skies = {"ours": {"s": {"deviation": 7.0, "scan_lines": 1.0, "lattice": 0.1, "halo": 2.0}}}
    return found


def test_tables_hold_means_works_and_skies() -> None:
    text = figures().markdown()
    assert "| ours | 0.300 (0.300 to 0.300) | — |" in text
    assert "| s | 50% | 7.00 |" in text
    assert "| s | 50% | 2.00 | 3.00 |" in text


def test_figures_are_held_against_verdicts(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    file.write_text(json.dumps(figures().document()))
    found = read_figures(file)
    key = Key(
        "set",
        ("ours", "theirs"),
        (Pair(1, "s", "a", "ours", "theirs"), Pair(2, "s", "b", "theirs", "ours")),
        {},
    )
    verdicts = [Verdict(n, Side.LEFT, Grade.UGLY, Grade.UGLY) for n in (1, 2)]
    assert agreement("emd_64", verdicts, key, found) == Share(1, 2)
    assert agreement("emd_128", verdicts, key, found) == Share(0, 0)
    key.write(tmp_path / "key.json")
    form = tmp_path / "v.csv"
    form.write_text("pair,preferred,left_grade,right_grade\n1,left,ugly,ugly\n")
    assert "| emd_64 | 1/1 = 100%" in agreements([form], tmp_path / "key.json", file)
    del found["theirs", "s", "b"]
    with pytest.raises(BenchmarkError, match="no figures of theirs / s / b"):
        agreement("emd_64", verdicts, key, found)
    file.write_text("{}")
    with pytest.raises(BenchmarkError, match="no file of figures"):
        read_figures(file)

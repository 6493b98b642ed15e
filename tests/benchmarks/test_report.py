"""Figures of the report, and the cache that feeds it."""

from pathlib import Path

import pytest
from PIL import Image

from benchmarks.cache import Measured, ResultCache, cache_key
from benchmarks.measure import COLUMNS
from benchmarks.report import RowResult, change_sentence, compare_rows, markdown, row_summary, table


def row(label: str, **columns: list[float]) -> RowResult:
    result = RowResult(label)
    count = len(next(iter(columns.values())))
    for index in range(count):
        result.add({name: columns.get(name, [1.0] * count)[index] for name in COLUMNS}, seconds=2.0)
    return result


def test_improved_share_counts_artists_and_change_compares_means() -> None:
    before = row("0 steps", vgg_examples=[1.0, 1.0, 2.0, 4.0], content=[0.5] * 4)
    after = row("10 steps", vgg_examples=[0.5, 1.0, 1.5, 3.0], content=[0.55] * 4)
    compared = compare_rows(after, before)
    assert compared["improved_share"]["vgg_examples"] == 0.75  # an unchanged artist has not improved
    assert compared["change_percent"]["vgg_examples"]["value"] == pytest.approx(-25)
    assert compared["change_percent"]["content"]["value"] == pytest.approx(10)
    sentence = change_sentence(compared)
    assert "-25.0 %" in sentence
    assert "+10.0 %" in sentence
    assert "75%" in sentence


def test_a_change_from_zero_is_undefined_not_infinite() -> None:
    compared = compare_rows(row("a", content=[0.5, 0.5]), row("photo", content=[0.0, 0.0]))
    assert "content" not in compared["change_percent"]
    assert "content undefined" in change_sentence(compared)


def test_table_leaves_columns_without_meaning_open() -> None:
    works = RowResult("real works")
    works.add({"vgg_examples": 0.25})
    line = table([works]).splitlines()[-1]
    assert line.startswith("| real works | 0.250 [0.250, 0.250] | - |")
    assert line.count("|") == len(COLUMNS) + 2


def test_summary_holds_the_values_behind_the_means() -> None:
    summary = row_summary(row("x", eff_unseen=[0.1, 0.3]))
    assert summary["means"]["eff_unseen"]["value"] == pytest.approx(0.2)
    assert summary["per_artist"]["eff_unseen"] == [0.1, 0.3]
    assert summary["seconds_mean"] == 2.0


def test_cache_returns_what_was_stored(tmp_path: Path) -> None:
    cache = ResultCache(tmp_path / "cache")
    pictures = [Image.new("RGB", (6, 4), (index * 40, 0, 9)) for index in range(3)]
    assert cache.load("k") is None
    cache.store("k", Measured({"content": 0.5}, 1.5, pictures))
    found = cache.load("k")
    assert found is not None
    assert (found.values, found.seconds) == ({"content": 0.5}, 1.5)
    assert [picture.tobytes() for picture in found.results] == [picture.tobytes() for picture in pictures]
    cache.store("works", Measured({"color_unseen": 0.1}, 0.0, []))
    assert cache.load("works") == Measured({"color_unseen": 0.1}, 0.0, [])


def test_no_folder_means_no_cache() -> None:
    cache = ResultCache(None)
    cache.store("k", Measured({}, 0.0, [Image.new("RGB", (2, 2))]))
    assert cache.load("k") is None


def test_cache_keys_follow_parts_and_file_contents(tmp_path: Path) -> None:
    work = tmp_path / "a.png"
    work.write_bytes(b"one")
    key = cache_key(["m", 256], [work])
    assert cache_key(["m", 256], [work]) == key
    assert cache_key(["m", 384], [work]) != key
    work.write_bytes(b"two")
    assert cache_key(["m", 256], [work]) != key


@pytest.mark.parametrize(("count", "warned"), [(7, True), (8, False)])
def test_few_artists_are_called_few(count: int, warned: bool) -> None:
    works = row("photo as it is", content=[0.0] * count)
    summary = {
        "arguments": {"size": 256, "k": 5, "seed": 0},
        "machine": {"processor": "one", "cores": 2},
        "checkpoint": None,
        "artists": [f"artist {index}" for index in range(count)],
        "photos": ["a.jpg"],
    }
    page = markdown(summary, [works], [])
    assert ("intervals mean little" in page) is warned
    assert f"{count} artists, 1 photos each" in page

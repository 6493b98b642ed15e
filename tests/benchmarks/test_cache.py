"""The cache: what was stored comes back; keys follow what results depend on."""

from pathlib import Path

from PIL import Image

from benchmarks.evaluation.cache import Cache, cache_key
from benchmarks.evaluation.methods import Rendered


def test_results_come_back_as_they_were(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    pictures = [Image.new("RGB", (6, 4), (index * 40, 0, 9)) for index in range(3)]
    assert cache.load_rendered("k") is None
    cache.store_rendered("k", Rendered(pictures, 1.5, 0.25))
    found = Cache(tmp_path / "cache").load_rendered("k")
    assert found is not None
    assert (found.prepare_seconds, found.photo_seconds) == (1.5, 0.25)
    assert [picture.tobytes() for picture in found.pictures] == [picture.tobytes() for picture in pictures]


def test_a_half_written_entry_is_not_found(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    (tmp_path / "k.png").write_bytes(b"killed while writing")
    (tmp_path / "k.part").write_text('{"results": ')
    assert cache.load_rendered("k") is None


def test_figures_come_back(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    assert cache.load("v") is None
    cache.store("v", {"photos": {"content": [0.5]}, "whole": {}})
    assert cache.load("v") == {"photos": {"content": [0.5]}, "whole": {}}


def test_keys_follow_parts_and_file_contents(tmp_path: Path) -> None:
    first, second = tmp_path / "a.png", tmp_path / "b.png"
    first.write_bytes(b"one")
    second.write_bytes(b"two")
    key = cache_key(["m", 256], [first])
    assert cache_key(["m", 256], [first]) == key
    assert cache_key(["m", 384], [first]) != key
    assert cache_key(["m", 256], [second]) != key
    assert cache_key(["m", 256], [first, second]) != cache_key(["m", 256], [second, first])

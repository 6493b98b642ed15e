"""The pictures that are shipped: small, in order, each with its source and licence."""

import json
from hashlib import sha256
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "app/studio/pictures/examples").glob("*"))
PHOTOS = sorted((ROOT / "app/studio/pictures/photos").glob("*"))
SETS = sorted((ROOT / "app/studio/pictures/sets").glob("*"))
BANK = sorted((ROOT / "model/image/photos").glob("*.jpg"))
NOTICE = (ROOT / "NOTICE").read_text()


def table_rows(page: Path) -> list[str]:
    return [line for line in page.read_text().splitlines() if line.startswith("|")]


def test_there_are_as_many_as_the_demo_and_the_inner_loop_need():
    assert 5 <= len(EXAMPLES) <= 6
    assert 2 <= len(PHOTOS) <= 3
    assert 8 <= len(BANK) <= 12


@pytest.mark.parametrize(
    "path", [*EXAMPLES, *PHOTOS, *BANK], ids=lambda path: f"{path.parent.name}/{path.name}"
)
def test_each_is_a_small_plain_jpeg(path: Path):
    assert path.stat().st_size < (60_000 if path in BANK else 200_000)
    with Image.open(path) as picture:
        picture.load()
        assert picture.format == "JPEG"
        assert picture.mode == "RGB"
        assert min(picture.size) >= 256
        assert max(picture.size) <= 768
        assert not picture.getexif()


@pytest.mark.parametrize(
    "path", [*EXAMPLES, *PHOTOS, *BANK], ids=lambda path: f"{path.parent.name}/{path.name}"
)
def test_each_has_a_row_with_source_and_licence(path: Path):
    in_bank = path in BANK
    page = ROOT / ("model/image/photos/README.md" if in_bank else "demo/README.md")
    name = path.name if in_bank else f"{path.parent.name}/{path.name}"
    (row,) = [line for line in table_rows(page) if f"`{name}`" in line]
    assert any(licence in row for licence in ("public domain", "CC0", "CC BY"))
    assert path.name in NOTICE or path.parent.name == "examples"


def test_sample_sets_are_small_works_of_the_catalogue():
    catalogue = json.loads((ROOT / "app/presets/catalogue.json").read_text(encoding="utf-8"))
    works = {preset["slug"]: preset for preset in catalogue}
    for path in SETS:
        slug, number, *_ = path.stem.split("-")
        assert "public domain" in works[slug]["licence"]
        assert 1 <= int(number) <= len(works[slug]["works"])
        with Image.open(path) as picture:
            assert (picture.format, picture.mode) == ("WEBP", "RGB")
            assert max(picture.size) <= (240 if path.stem.endswith("-small") else 560)
            assert not picture.getexif()
    assert len(SETS) == 24
    assert sum(path.stat().st_size for path in SETS) < 1_000_000


def test_the_demo_shows_photos_that_the_inner_loop_has_not_seen():
    digests = {sha256(path.read_bytes()).digest() for path in BANK}
    assert digests.isdisjoint(sha256(path.read_bytes()).digest() for path in PHOTOS)
    assert {path.stem for path in BANK}.isdisjoint(path.stem for path in PHOTOS)

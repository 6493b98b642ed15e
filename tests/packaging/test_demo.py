"""The demo's parts: what it asks the service for, its contact sheet, its failures."""

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import ExifTags, Image, ImageChops

from demo import run as demo
from demo import service
from demo.contact_sheet import Panel, contact_sheet, rows, wall
from demo.errors import DemoError
from fewstroke_client import Image as ApiImage
from fewstroke_client import JobError, StylizationItem


class Hung:
    """A client whose results are given."""

    def __init__(self, *items: StylizationItem) -> None:
        self.items = list(items)
        self.asked: dict[str, Any] = {}

    def stylize(self, photos: Any, style: str, **options: Any) -> Any:
        self.asked = {"photos": photos, "style": style, **options}
        return SimpleNamespace(items=self.items, images=[item.image for item in self.items])

    def download_image(self, image: Any) -> bytes:
        return str(image.id).encode()


def item(position: int, *, error: JobError | None = None) -> StylizationItem:
    image = None if error else ApiImage(f"img_{position}", "/v1/images")
    status = "failed" if error else "succeeded"
    return StylizationItem(position, f"{position}.jpg", status, None, image, error)


def test_dials_are_asked_for_and_results_come_back_in_order() -> None:
    client = Hung(item(0), item(1))
    photos = [Path("one.jpg"), Path("two.jpg")]
    found = demo.stylize(client, photos, "sty_1", strength=1.25)  # type: ignore[arg-type]
    assert found == [b"img_0", b"img_1"]
    assert (client.asked["photos"], client.asked["style"], client.asked["strength"]) == (
        photos,
        "sty_1",
        1.25,
    )


def test_a_photo_that_failed_is_told_in_the_words_of_the_service() -> None:
    client = Hung(item(0), item(1, error=JobError("out_of_memory", "It did not fit into memory.")))
    with pytest.raises(DemoError, match=r"1\.jpg: It did not fit"):
        demo.stylize(client, [Path("one.jpg")], "sty_1")  # type: ignore[arg-type]


def test_the_contact_sheet_shows_every_picture_once_and_nothing_runs_off_it():
    colors = ["#102030", "#203040", "#304050", "#405060", "#506070"]
    examples = [Image.new("RGB", (300 + 40 * i, 200), color) for i, color in enumerate(colors)]
    results = ["#a01010", "#10a010", "#1010a0"]
    panels = [Panel(Image.new("RGB", (512, 512), c), f"panel {c}", "a note") for c in results]
    sheet = contact_sheet("Title", examples, panels)
    counts = {color: count for count, color in sheet.getcolors(sheet.width * sheet.height) or []}
    areas = [counts[tuple(bytes.fromhex(c[1:]))] for c in (*colors, *results)]
    assert max(areas[5:]) == min(areas[5:]) > max(areas[:5])
    assert sum(areas) < sheet.width * sheet.height
    edge = [sheet.getpixel((sheet.width - 1, y)) for y in range(sheet.height)]
    assert set(edge) == {(251, 250, 247)}


def test_a_panel_that_is_higher_than_the_first_has_room():
    panels = [
        Panel(Image.new("RGB", size, "#a01010"), "a panel", "a note") for size in ((600, 300), (300, 600))
    ]
    sheet = contact_sheet("", [Image.new("RGB", (300, 200), "#102030")], panels)
    bottom = sheet.crop((0, sheet.height - 30, *sheet.size))
    assert bottom.getcolors() == [(sheet.width * 30, (251, 250, 247))]


def test_a_photo_that_was_taken_upright_is_shown_upright(tmp_path: Path):
    photo = Image.new("RGB", (80, 60))
    exif = photo.getexif()
    exif[ExifTags.Base.Orientation] = 6
    photo.save(tmp_path / "phone.jpg", exif=exif)
    assert demo.upright(tmp_path / "phone.jpg").size == (60, 80)


def test_rows_lie_below_each_other_with_their_words():
    colors = ["#a01010", "#10a010", "#1010a0", "#606060"]

    def panels(words: str) -> list[list[Panel]]:
        row = [Panel(Image.new("RGB", (512, 512), c), words, words) for c in colors]
        return [row, row[:2]]

    sheet = rows("Title", panels("words"))
    counts = {color: count for count, color in sheet.getcolors(sheet.width * sheet.height) or []}
    areas = [counts[tuple(bytes.fromhex(c[1:]))] for c in colors]
    assert areas[2] == areas[3]
    assert areas[0] == areas[1] > 2 * areas[2]  # in both rows, two pictures are larger than four
    assert rows("Title", panels("")).height < sheet.height - 100, "no room for words that are not there"
    bare = rows("", panels(" "))
    box = ImageChops.difference(sheet, bare).getbbox()
    assert box is not None
    assert box[1] < 60 < sheet.height - 60 < box[3]  # the title above, the words below


def test_a_wall_shows_every_picture_and_nothing_runs_off_it():
    colors = [(20 * i + 5, 90, 200 - 20 * i) for i in range(7)]
    sheet = wall("", [Image.new("RGB", (300 + 50 * i, 200), color) for i, color in enumerate(colors)])
    counts = {color: count for count, color in sheet.getcolors(sheet.width * sheet.height) or []}
    assert all(counts[color] > 10_000 for color in colors)
    for edge in (
        (0, 0, 20, sheet.height),
        (sheet.width - 20, 0, *sheet.size),
        (0, sheet.height - 20, *sheet.size),
    ):
        assert sheet.crop(edge).getcolors() == [(20 * max(sheet.crop(edge).size), (251, 250, 247))]


def test_a_missing_photo_is_one_sentence_and_exit_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    missing = tmp_path / "nowhere.jpg"
    assert demo.main(["--photo", str(missing), "--out", str(tmp_path / "out")]) == 1
    assert "nowhere.jpg is missing" in capsys.readouterr().out


def test_a_service_that_dies_is_reported_with_its_last_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    command = tmp_path / "bin" / "fewstroke"
    command.parent.mkdir()
    command.write_text("#!/bin/sh\necho the checkpoint is missing; exit 78\n")
    command.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(command.with_name("python")))
    expected = pytest.raises(DemoError, match=r"(?s)status 78.*the checkpoint is missing")
    with expected, service.running_service(tmp_path / "log"):
        pass

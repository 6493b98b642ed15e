"""The demo's parts: its client against a scripted service, its contact sheet, its failures."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import ExifTags, Image, ImageChops

from demo import run as demo
from demo import service
from demo.client import Client
from demo.contact_sheet import Panel, contact_sheet, rows, wall
from demo.errors import DemoError

Handler = Callable[[httpx.Request], httpx.Response]


def client(handler: Handler) -> Client:
    return Client("http://service", transport=httpx.MockTransport(handler))


def job(state: str, **more: Any) -> httpx.Response:
    return httpx.Response(200, json={"id": "job_1", "state": state, "result": None, "error": None, **more})


def stream(*events: tuple[int, str, dict[str, Any]]) -> httpx.Response:
    text = "".join(f"id: {n}\nevent: {name}\ndata: {json.dumps(data)}\n\n" for n, name, data in events)
    return httpx.Response(200, text=text, headers={"Content-Type": "text/event-stream"})


def test_events_are_passed_on_in_order_and_the_result_comes_back():
    def handler(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/events"):
            return stream((1, "state", {"state": "running"}), (2, "progress", {"step": 1, "steps": 3}))
        return job("succeeded", result={"steps": 3})

    seen: list[tuple[str, Any]] = []
    with client(handler) as http:
        assert http.wait("job_1", lambda event, data: seen.append((event, data))) == {"steps": 3}
    assert seen == [("state", {"state": "running"}), ("progress", {"step": 1, "steps": 3})]


def test_a_broken_stream_is_taken_up_after_the_last_event():
    asked: list[str | None] = []

    def handler(request: httpx.Request) -> httpx.Response:
        if not request.url.path.endswith("/events"):
            return job("succeeded" if len(asked) == 2 else "running", result={})
        asked.append(request.headers.get("Last-Event-ID"))
        return stream((7, "progress", {}))

    with client(handler) as http:
        http.wait("job_1", lambda *_: None)
    assert asked == [None, "7"]


def test_a_failed_job_says_why():
    def handler(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/events"):
            return stream((1, "state", {"state": "failed"}))
        return job("failed", error={"code": "poison_job", "detail": "it killed its worker"})

    with client(handler) as http, pytest.raises(DemoError, match="it killed its worker"):
        http.wait("job_1", lambda *_: None)


def test_a_refusal_is_told_in_the_words_of_the_service():
    def handler(request: httpx.Request) -> httpx.Response:
        return httpx.Response(422, json={"detail": "`examples` needs 1 to 16 files."})

    with client(handler) as http, pytest.raises(DemoError, match="422: `examples` needs"):
        http.create_style([], [], name="x")


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


def test_dials_are_sent_with_the_photos(tmp_path: Path):
    photos = [tmp_path / "one.jpg", tmp_path / "two.jpg"]
    for photo in photos:
        photo.write_bytes(photo.name.encode())
    sent: list[bytes] = []

    def handler(request: httpx.Request) -> httpx.Response:
        sent.append(request.read())
        return httpx.Response(202, json={"stylization": {"id": "stz_1"}, "job": {"id": "job_1"}})

    with client(handler) as http:
        assert http.stylize(photos, "sty_1", strength=1.25, abstraction=0.6).id == "stz_1"
    assert b'name="strength"\r\n\r\n1.25' in sent[0]
    assert b'name="abstraction"\r\n\r\n0.6' in sent[0]
    assert sent[0].index(b"one.jpg") < sent[0].index(b"two.jpg")


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

"""Music over HTTP, with a network that knows nothing yet: from scores to compositions in every form."""

from __future__ import annotations

import io
import json
from typing import Any

import httpx
import pytest

from app.music.medium import claims
from model.music.checks import problems
from model.music.export import write_mxl
from model.music.limits import MEDIA_TYPES
from model.music.midi import write_midi
from model.music.reading import read_work
from model.music.score import Meter
from tests.app.modalities.conftest import StartWorker
from tests.app.modalities.kinds import learn, until
from tests.model.music.bad_files import ENTITIES, drums, many_tracks, midi_of, recording, zipped
from tests.model.music.conftest import make_song
from tests.model.text.documents import archive, chapter, docx, epub
from tests.support.events import parse_sse
from tests.support.pictures import png
from tests.support.waiting import eventually

SONG = write_midi(make_song(3))


async def learned(client: httpx.AsyncClient, **data: Any) -> str:
    body = await learn(client, "music", **data)
    await until(client, body["job"]["id"], "succeeded")
    style_id: str = body["style"]["id"]
    return style_id


async def compose(client: httpx.AsyncClient, **how: Any) -> dict[str, Any]:
    answer = await client.post("/v1/compositions", headers={"Prefer": "wait=100"}, **how)
    assert answer.status_code == 200, answer.text
    composition: dict[str, Any] = answer.json()["composition"]
    assert composition["job"]["state"] == "succeeded", composition["job"]["error"]
    return composition


async def content(client: httpx.AsyncClient, piece: dict[str, Any], form: str) -> bytes:
    (url,) = [file["url"] for file in piece["files"] if file["form"] == form]
    answer = await client.get(url)
    assert answer.status_code == 200
    return answer.content


async def test_a_composition_comes_in_every_form(live: httpx.AsyncClient, start_worker: StartWorker) -> None:
    await start_worker()
    style_id = await learned(live, steps=1, name="Walks")
    composition = await compose(
        live,
        data={"style_id": style_id, "bars": 4, "key": "Eb minor", "tempo": 72, "meter": "6/8", "count": 2,
              "forms": list(MEDIA_TYPES)},
    )  # fmt: skip
    first, second = composition["items"]
    assert {file["form"]: file["media_type"] for file in first["files"]} == MEDIA_TYPES
    about = first["about"]
    assert (about["key"], about["tempo"], about["meter"], about["bars"]) == ("Eb minor", 72, "6/8", 4)
    assert about["originality"]["examples"]["longest"] >= 0
    assert second["about"]["seed"] == about["seed"] + 1
    for form in ("mid", "musicxml", "mxl"):
        score = read_work(await content(live, first, form))
        assert problems(score, bars=4, meter=Meter(6, 8)) == []
    assert (await content(live, first, "pdf")).startswith(b"%PDF")
    assert (await content(live, first, "opus")).startswith(b"OggS")
    assert (await content(live, first, "wav")).startswith(b"RIFF")
    assert b"<svg" in await content(live, first, "svg")
    assert (await content(live, first, "png")).startswith(b"\x89PNG")
    assert len(json.loads(await content(live, first, "json"))["bars"]) == 4

    events = parse_sse((await live.get(composition["job"]["links"]["events"])).text.splitlines())
    bars = [event["data"] for event in events if event["event"] == "progress"]
    assert {step["phase"] for step in bars} == {"generate"}
    assert [step["step"] for step in bars] == sorted(step["step"] for step in bars)
    assert (bars[-1]["step"], bars[-1]["steps"]) == (8, 8)


async def test_a_primer_is_gone_on_from_and_filled_in(
    live: httpx.AsyncClient, start_worker: StartWorker
) -> None:
    await start_worker()
    style_id = await learned(live, steps=0)
    primer = {"primer": ("song.mid", write_midi(make_song(9, bars=8)), "audio/midi")}
    on = await compose(live, data={"style_id": style_id, "bars": "3", "forms": ["mid"]}, files=primer)
    (piece,) = on["items"]
    assert [file["form"] for file in piece["files"]] == ["mid", "whole.mid", "whole.musicxml"]
    assert len(read_work(await content(live, piece, "whole.mid")).bars) == 11
    filled = await compose(live, data={"style_id": style_id, "infill": "3-5", "forms": ["mid"]}, files=primer)
    whole = read_work(await content(live, filled["items"][0], "whole.mid"))
    song = make_song(9, bars=8)
    assert [note for note in whole.notes if note.onset < song.bars[2].onset] == [
        note for note in song.notes if note.onset < song.bars[2].onset
    ]
    assert filled["items"][0]["about"]["bars"] == 3
    assert filled["settings"]["infill"] == [3, 5]


async def test_a_blend_is_composed_in_and_a_worker_that_dies_loses_no_composition(
    live: httpx.AsyncClient, start_worker: StartWorker
) -> None:
    worker = await start_worker()
    styles = [await learned(live, steps=0), await learned(live, steps=1)]
    answer = await live.post(
        "/v1/compositions",
        data={"style_id": styles, "weight": [1, 3], "bars": 64, "count": 8, "forms": ["mid"]},
    )
    assert answer.status_code == 202, answer.text
    composition = answer.json()["composition"]
    assert composition["style_id"] == styles[1]
    job_id = composition["job"]["id"]
    async with live.stream("GET", f"/v1/jobs/{job_id}/events") as stream:
        async for line in stream.aiter_lines():
            if line.startswith("data: ") and json.loads(line[6:]).get("phase") == "generate":
                break
    worker.kill()
    await worker.wait()
    assert (await live.delete(f"/v1/styles/{styles[0]}")).json()["code"] == "resource_in_use"
    await start_worker()

    async def begun_again() -> bool:
        return bool((await live.get(f"/v1/jobs/{job_id}")).json()["attempt"] == 2)

    await eventually(begun_again, within=60)
    answer = await live.post(f"/v1/jobs/{job_id}/cancel")
    assert answer.status_code == 202, answer.text
    job = await until(live, job_id, "canceled")
    assert job["attempt"] == 2
    retry = (await live.post(f"/v1/jobs/{job_id}/retry")).json()
    assert (retry["kind"], retry["modality"], retry["state"]) == ("generate", "music", "queued")
    shown = (await live.get(f"/v1/compositions/{composition['id']}")).json()
    assert shown["job"]["id"] == retry["id"]
    assert (await live.delete(f"/v1/compositions/{composition['id']}")).json()["code"] == "resource_in_use"


BAD = {
    "an empty file": ("song.mid", b"", 422, "work_empty"),
    "no notes": ("song.mid", midi_of(), 422, "work_empty"),
    "drums only": ("song.mid", drums(), 422, "work_empty"),
    "a recording": ("song.mid", recording(), 415, "work_format_unsupported"),
    "a recording by its own name": ("song.mp3", b"ID3\x04" + bytes(100), 415, "work_format_unsupported"),
    "10,000 tracks": ("song.mid", many_tracks(), 422, "work_too_large"),
    "entities": ("song.musicxml", ENTITIES, 422, "work_damaged"),
    "a bomb": ("song.mxl", zipped(score_xml=b" " * 60_000_000), 422, "work_too_large"),
    "cut off": ("song.mid", SONG[:300], 422, "work_damaged"),
    "a text": ("song.mid", b"la la la", 415, "work_format_unsupported"),
    "large": ("song.mid", SONG + bytes(3_000_000), 422, "work_too_large"),
    "100 MB": ("song.mid", SONG + bytes(100 * 2**20), 413, "file_too_large"),
}


@pytest.mark.parametrize("name", BAD)
async def test_what_is_no_work_is_refused_with_a_sentence(live: httpx.AsyncClient, name: str) -> None:
    called, data, status, code = BAD[name]
    files: Any = [("examples", ("good.mid", SONG)), ("examples", (called, io.BytesIO(data)))]
    answer = await live.post("/v1/styles", files=files)
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (status, code), problem
    assert "File 2 of `examples`" in problem["detail"]
    if code != "file_too_large":
        assert "A good example is" in problem["detail"]
    assert (await live.get("/v1/styles")).json()["items"] == []
    assert (await live.get("/v1/files")).json()["items"] == []


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"bars": "65"}, "bars"),
        ({"key": "H flat"}, "key"),
        ({"key": "c", "mode": "major"}, "mode"),
        ({"meter": "7/9"}, "meter"),
        ({"tempo": "1000"}, "tempo"),
        ({"valence": "2"}, "valence"),
        ({"infill": "1-2"}, "infill"),
        ({"infill": "5-3"}, "infill"),
        ({"forms": "mp3"}, "forms"),
        ({"count": "9"}, "count"),
        ({"melody": "la"}, "melody"),
    ],
)
async def test_what_cannot_be_composed_is_refused(
    live: httpx.AsyncClient, options: dict[str, str], field: str
) -> None:
    answer = await live.post("/v1/compositions", data={"style_id": "sty_x", **options})
    assert answer.status_code == 422, answer.text
    assert [problem["field"].split(".")[0] for problem in answer.json()["errors"]] == [field]


async def test_a_primer_brings_its_own_key(live: httpx.AsyncClient) -> None:
    answer = await live.post(
        "/v1/compositions",
        data={"style_id": "sty_x", "key": "C"},
        files={"primer": ("song.mid", SONG, "audio/midi")},
    )
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "key"


@pytest.mark.parametrize(
    ("head", "name", "claimed"),
    [
        (SONG[:512], "untitled", True),
        (b"<?xml version='1.0'?><score-partwise>", "a", True),
        ("<?xml version='1.0'?><score-partwise>".encode("utf-16"), "a", True),
        (b"<?xml version='1.0'?><svg>", "a.svg", False),
        (write_mxl(make_song(1))[:512], "a", True),
        (zipped(cats_xml=b"")[:512], "photos.zip", False),
        (epub({"a": chapter("")})[:512], "a", False),
        (archive({"META-INF/container.xml": ""})[:512], "a.epub", False),
        (docx("a")[:512], "a.docx", False),
        (recording()[:512], "a.wav", True),
        (b"\0\0\0\x18ftypheic", "a.heic", False),
        (png()[:512], "a.png", False),
    ],
)
def test_music_claims_scores_and_recordings(head: bytes, name: str, claimed: bool) -> None:
    assert claims(head, name) is claimed


async def test_a_picture_called_like_a_song_is_a_picture(live: httpx.AsyncClient) -> None:
    answer = await live.post("/v1/styles", files={"examples": ("song.mid", png(), "audio/midi")})
    assert (answer.status_code, answer.json()["style"]["modality"]) == (202, "image")

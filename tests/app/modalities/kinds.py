"""What the tests of all modalities share: examples of each, and the calls that learn from them."""

from __future__ import annotations

from typing import Any

import httpx

from model.music.midi import write_midi
from model.music.musicxml import write_musicxml
from tests.model.music.conftest import make_song
from tests.support.pictures import png
from tests.support.waiting import eventually

HUMS = [b"Abababab abab ababab.", b"babababa"]
Files = list[tuple[str, tuple[str, bytes, str]]]


def texts(field: str = "examples", *items: bytes) -> list[tuple[str, tuple[str, bytes, str]]]:
    return [(field, (f"{i}.txt", item, "text/plain")) for i, item in enumerate(items)]


def songs() -> Files:
    """Two works of music: one as MIDI, one as MusicXML."""
    first, second = make_song(1, title="A walk"), make_song(2, title="A rest")
    return [
        ("examples", ("walk.mid", write_midi(first), "audio/midi")),
        ("examples", ("rest.musicxml", write_musicxml(second), "application/xml")),
    ]


def examples(modality: str) -> Files:
    """Of a style of this modality."""
    if modality == "music":
        return songs()
    if modality == "text":
        return texts("examples", *HUMS)
    return [("examples", ("a.png", png(), "image/png"))]


async def until(client: httpx.AsyncClient, job_id: str, *states: str) -> dict[str, Any]:
    """The job once it is in one of these states; another terminal one is a failure."""
    found: dict[str, Any] = {}

    async def reached() -> bool:
        found.update((await client.get(f"/v1/jobs/{job_id}")).json())
        assert found["state"] in (*states, "queued", "running", "canceling"), found
        return found["state"] in states

    await eventually(reached, within=60)
    return found


async def learn(client: httpx.AsyncClient, modality: str = "text", **data: Any) -> dict[str, Any]:
    """Have a style learned; the answer."""
    answer = await client.post("/v1/styles", files=examples(modality), data=data)
    assert answer.status_code == 202, answer.text
    body: dict[str, Any] = answer.json()
    return body

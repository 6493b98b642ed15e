"""Contents that move, from the form to the job."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import httpx
import pytest
from PIL import Image

from app.api.services import Container
from app.imaging.clip_reader import Frame, plays_of
from app.imaging.clip_writer import write_clip
from app.imaging.formats import ClipFormat, has_video
from app.jobs.lanes import BULK
from app.stylizations import service
from app.worker.inputs import load_inputs
from tests.support.fake_worker import FakeWorker, ready_style
from tests.support.pictures import files, picture, png
from tests.support.problems import check_problem


def gif(frames: int = 3, milliseconds: int = 80) -> bytes:
    buffer = BytesIO()
    images = [picture(64, 48, seed=seed) for seed in range(frames)]
    images[0].save(buffer, "GIF", save_all=True, append_images=images[1:], duration=milliseconds)
    return buffer.getvalue()


async def test_a_moving_content_among_stills(
    client: httpx.AsyncClient, fake_worker: FakeWorker, services: Container
) -> None:
    style = await ready_style(client, fake_worker)
    answer = await client.post(
        "/v1/stylizations", data={"style_id": style}, files=files(contents=[png(), gif()])
    )
    assert answer.status_code == 202, answer.text
    job, delivery = await fake_worker.take()
    _still, moving = job.params["contents"]
    assert job.params["clips"] == {moving: 3}
    assert job.params["clip_format"] == "webp"
    assert job.lane == BULK, "nobody's still picture waits for it"
    inputs = await load_inputs(job, services.sessions, services.blobs)
    assert [content.size for content in inputs.contents] == [(64, 48), (64, 48)]
    assert list(inputs.clips) == [moving]
    with Image.open(BytesIO(inputs.clips[moving])) as clip:
        assert (clip.format, getattr(clip, "n_frames", 1)) == ("WEBP", 3)
    upload = (await client.get(f"/v1/images/{moving}")).json()
    assert upload["media_type"] == "image/webp"
    await fake_worker.finish(job, delivery)


@pytest.mark.parametrize("plays", [0, 1, 3])
async def test_a_clip_is_played_as_often_as_before(
    client: httpx.AsyncClient, fake_worker: FakeWorker, services: Container, tmp_path: Path, plays: int
) -> None:
    style = await ready_style(client, fake_worker)
    images = [Frame(picture(seed=seed), 100) for seed in range(2)]
    write_clip(tmp_path / "a.gif", images, ClipFormat.GIF, plays=plays)
    sent = files(contents=(tmp_path / "a.gif").read_bytes())
    assert (await client.post("/v1/stylizations", data={"style_id": style}, files=sent)).status_code == 202
    job, delivery = await fake_worker.take()
    inputs = await load_inputs(job, services.sessions, services.blobs)
    (kept,) = inputs.clips.values()
    (tmp_path / "kept").write_bytes(kept)
    assert plays_of(tmp_path / "kept") == plays
    await fake_worker.finish(job, delivery)


@pytest.mark.skipif(not has_video(), reason="no PyAV")
@pytest.mark.parametrize("form", ["mp4", "mov", "mkv", "webm"])
async def test_results_may_be_videos(client: httpx.AsyncClient, fake_worker: FakeWorker, form: str) -> None:
    style = await ready_style(client, fake_worker)
    data = {"style_id": style, "clip_format": form}
    answer = await client.post("/v1/stylizations", data=data, files=files(contents=gif()))
    assert answer.status_code == 202, answer.text
    job, delivery = await fake_worker.take()
    assert job.params["clip_format"] == form
    await fake_worker.finish(job, delivery)


async def test_stills_alone_are_as_ever(client: httpx.AsyncClient, fake_worker: FakeWorker) -> None:
    style = await ready_style(client, fake_worker)
    await client.post("/v1/stylizations", data={"style_id": style}, files=files(contents=png()))
    job, delivery = await fake_worker.take()
    assert (job.params["clips"], job.lane) == ({}, "stylize")
    await fake_worker.finish(job, delivery)


async def test_what_is_refused(
    client: httpx.AsyncClient, fake_worker: FakeWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    style = {"style_id": await ready_style(client, fake_worker)}
    long = files(contents=gif(2, milliseconds=20_000))
    answer = await client.post("/v1/stylizations", data=style, files=long)
    assert "File 1 of `contents`" in check_problem(answer, 422, "clip_too_long")["detail"]
    masked = files(contents=gif(), mask=png())
    check_problem(await client.post("/v1/stylizations", data=style, files=masked), 422, "image_animated")
    once = files(examples=png(), content=gif())
    check_problem(await client.post("/v1/stylize", files=once), 422, "image_animated")
    monkeypatch.setattr(service, "has_video", lambda: False)
    data = {**style, "clip_format": "mp4"}
    answer = await client.post("/v1/stylizations", data=data, files=files(contents=gif()))
    assert "clip_format" in check_problem(answer, 422, "validation_failed")["detail"]

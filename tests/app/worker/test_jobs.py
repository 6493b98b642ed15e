"""What becomes of a job in a worker that lives."""

from __future__ import annotations

import base64
import resource
import sys
from collections.abc import AsyncIterator
from dataclasses import asdict
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytest_asyncio
from PIL import Image

from app.errors import ErrorCode
from app.imaging.clip_reader import Frame, plays_of, read_frames
from app.imaging.clip_writer import write_clip
from app.imaging.formats import ClipFormat
from app.jobs.job import JobKind, JobState
from app.jobs.tables import JobRow
from model.formats import read_style_header
from model.image.dials import Dials
from tests.support.backend import Backend, running_backend
from tests.support.fake_engine import BASE_HASH, TOO_LARGE, Script
from tests.support.fake_worker import style_bytes
from tests.support.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def backend(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Backend]:
    """One worker for all tests here: none of them ends it."""
    async with running_backend(tmp_path_factory.mktemp("backend")) as running:
        await running.start_worker()
        yield running


async def test_an_adaptation_becomes_a_style_with_progress_and_previews(backend: Backend):
    job = await backend.submit(JobKind.ADAPT, steps=6)
    done = await backend.until(job.id, JobState.SUCCEEDED)

    assert done.attempt == 1
    assert done.result is not None
    assert done.result["style_id"] == job.style_id
    assert done.result["images"] == []
    assert done.result["steps"] == 6
    assert done.result["losses"]["start"]["total"] > done.result["losses"]["end"]["total"]
    style = await backend.style(job.style_id)
    assert style.base_hash == BASE_HASH
    assert style.header is not None
    assert style.header["k"] == 2
    assert style.blob_key is not None
    assert read_style_header(await backend.blobs.get(style.blob_key)).steps == 6

    events = await backend.events(job.id)
    states = [event.data["state"] for event in events if event.event == "state"]
    assert states == ["running", "succeeded"]
    assert events[-1].terminal
    progress = [event.data for event in events if event.event == "progress"]
    assert [data["step"] for data in progress] == list(range(7))
    assert progress[0]["losses"] == {"total": 1.0}
    assert {(data["steps"], data["phase"]) for data in progress} == {(6, "adapt")}
    previews = [event.data for event in events if event.event == "preview"]
    assert [data["step"] for data in previews] == [0, 0, 0, 5]
    sides = []
    for data in previews:
        with Image.open(BytesIO(base64.b64decode(data["base64"]))) as preview:
            assert preview.format == "JPEG"
            sides.append(max(preview.size))
    assert sides == [64, 128, 256, 256]


async def test_one_call_makes_a_style_and_the_picture(backend: Backend):
    content = Image.new("RGB", (40, 30), (10, 20, 30))
    job = await backend.submit(JobKind.STYLIZE_ONCE, steps=2, contents=[content])
    done = await backend.until(job.id, JobState.SUCCEEDED)

    (row,) = await backend.results(job.id)
    assert done.result is not None
    assert done.result["images"] == [row.id]
    assert row.source_id == job.params["contents"][0]
    picture = await backend.picture(row)
    assert picture.size == (40, 30)
    assert picture.getpixel((0, 0)) == (245, 235, 225)
    assert (await backend.style(job.style_id)).blob_key is not None
    phases = [e.data["phase"] for e in await backend.events(job.id) if e.event == "progress"]
    assert phases == ["adapt", "adapt", "adapt", "stylize"]


async def test_contents_are_rendered_in_order_with_size_format_and_alpha(backend: Backend):
    opaque = Image.new("RGB", (64, 32), "black")
    holed = Image.new("RGBA", (64, 32), (0, 0, 0, 0))
    holed.paste((255, 0, 0, 255), (0, 0, 32, 32))
    job = await backend.submit(
        JobKind.STYLIZE, style=style_bytes(BASE_HASH), contents=[opaque, holed], size=32, format="webp"
    )
    await backend.until(job.id, JobState.SUCCEEDED)

    first, second = await backend.results(job.id)
    assert [first.source_id, second.source_id] == job.params["contents"]
    assert (first.media_type, first.width, first.height) == ("image/webp", 32, 16)
    assert (await backend.picture(first)).mode == "RGB"
    alpha = (await backend.picture(second)).getchannel("A")
    assert (alpha.getpixel((4, 8)), alpha.getpixel((28, 8))) == (255, 0)


@pytest.mark.parametrize(
    ("params", "square"),
    [
        ({"abstraction": 0.5, "stroke_size": 4.0}, 4),
        ({}, 1),
        ({"stroke_size": None}, 1),
        ({"stroke_size": 16.0}, 1),
    ],
    ids=["as asked for", "of a version without the option", "of one that chose itself", "of one in pixels"],
)
async def test_strokes_have_the_size_that_was_asked_for(
    backend: Backend, params: dict[str, Any], square: int
):
    """The stand-in paints squares of that size; jobs of earlier versions, which meant something else, get the
    defaults."""
    content = Image.linear_gradient("L").resize((64, 32)).convert("RGB")
    job = await backend.submit(JobKind.STYLIZE, style=style_bytes(BASE_HASH), contents=[content], **params)
    await backend.until(job.id, JobState.SUCCEEDED)
    (result,) = await backend.results(job.id)
    column = (await backend.picture(result)).crop((0, 0, 1, 32)).get_flattened_data()
    assert len(set(column)) == 32 // square
    assert result.provenance is not None
    dials = {name: result.provenance[name] for name in ("strength", "abstraction", "stroke_size")}
    wanted = Dials(1.0, 0.5, 4.0) if "abstraction" in params else Dials()
    assert dials == asdict(wanted)


async def test_a_picture_that_fails_does_not_sink_the_rest(backend: Backend):
    good, bad = Image.new("RGB", (64, 32), "black"), Image.new("RGB", TOO_LARGE)
    job = await backend.submit(JobKind.STYLIZE, style=style_bytes(BASE_HASH), contents=[good, bad, good])
    done = await backend.until(job.id, JobState.SUCCEEDED)
    rows = await backend.results(job.id)
    contents = job.params["contents"]
    assert [row.source_id for row in rows] == [contents[0], contents[2]]
    assert done.result is not None
    (failure,) = done.result["failures"]
    assert (failure["content_id"], failure["code"]) == (contents[1], "out_of_memory")
    assert rows[0].provenance is not None
    assert rows[0].provenance["base_hash"] == BASE_HASH

    job = await backend.submit(JobKind.STYLIZE, style=style_bytes(BASE_HASH), contents=[bad, bad])
    failed = await backend.until(job.id, JobState.FAILED)
    assert failed.error is not None
    assert failed.error["code"] == ErrorCode.OUT_OF_MEMORY


@pytest.mark.parametrize("form", [ClipFormat.WEBP, ClipFormat.GIF, ClipFormat.APNG])
async def test_a_content_that_moves_becomes_a_clip(backend: Backend, tmp_path: Path, form: ClipFormat):
    colours = [(10, 20, 200), (200, 20, 10), (20, 200, 10)]
    path = tmp_path / "clip.webp"
    given = (Frame(Image.new("RGB", (48, 32), colour), 90) for colour in colours)
    write_clip(path, given, ClipFormat.WEBP, plays=2)
    still = Image.new("RGB", (40, 30), "black")
    job = await backend.create(
        JobKind.STYLIZE,
        style=style_bytes(BASE_HASH),
        contents=[still, Image.new("RGB", (48, 32))],
        clip_format=form,
        label="bottom-right",
    )
    moving = job.params["contents"][1]
    await backend.blobs.put(f"uploads/{moving}.png", path)
    async with backend.sessions.begin() as session:
        row = await session.get(JobRow, job.id)
        assert row is not None
        row.params = {**row.params, "clips": {moving: 3}}
    await backend.broker.publish_job(job.lane, job.ticket)
    await backend.until(job.id, JobState.SUCCEEDED)

    first, second = await backend.results(job.id)
    assert first.media_type == "image/png"
    assert (second.media_type, second.width, second.height) == (form.media_type, 48, 32)
    assert second.blob_key.endswith(form.suffix)
    made = tmp_path / f"made{form.suffix}"
    made.write_bytes(await backend.blobs.get(second.blob_key))
    frames = list(read_frames(made))
    assert plays_of(made) == 2
    assert [frame.milliseconds for frame in frames] == [90] * 3
    for frame, colour in zip(frames, colours, strict=True):
        assert frame.image.getpixel((9, 9)) == pytest.approx(tuple(255 - c for c in colour), abs=12)
        assert np.asarray(frame.image.convert("L"))[16:31, 10:46].max() > 180, "letters"
    places = [(row.provenance or {})["label"]["place"] for row in (first, second)]
    assert places == ["bottom-right"] * 2
    progress = [e.data for e in await backend.events(job.id) if e.event == "progress"]
    assert {data["steps"] for data in progress} == {4}
    assert sorted({data["step"] for data in progress}) == [1, 2, 3, 4]


async def test_a_mask_bounds_the_style(backend: Backend):
    content = Image.new("RGB", (64, 32), "white")
    mask = Image.new("L", (64, 32))
    mask.paste(255, (0, 0, 32, 32))
    job = await backend.submit(JobKind.STYLIZE, style=style_bytes(BASE_HASH), contents=[content], mask=mask)
    await backend.until(job.id, JobState.SUCCEEDED)
    (result,) = await backend.results(job.id)
    picture = await backend.picture(result)
    assert (picture.getpixel((8, 8)), picture.getpixel((56, 8))) == ((0, 0, 0), (255, 255, 255))


async def test_what_is_half_transparent_is_not_mixed_with_white(backend: Backend):
    content = Image.new("RGBA", (64, 32), (200, 30, 30, 128))
    content.paste((7, 8, 9, 0), (48, 0, 64, 32))
    mask = Image.new("L", (64, 32))
    mask.paste(255, (0, 0, 32, 32))
    job = await backend.submit(JobKind.STYLIZE, style=style_bytes(BASE_HASH), contents=[content], mask=mask)
    await backend.until(job.id, JobState.SUCCEEDED)
    (result,) = await backend.results(job.id)
    picture = await backend.picture(result)
    assert picture.getpixel((8, 8)) == (55, 225, 225, 128), "as the engine paints its colour"
    assert picture.crop((32, 0, 64, 32)).tobytes() == content.crop((32, 0, 64, 32)).tobytes()


@pytest.mark.parametrize(
    ("script", "code", "says"),
    [
        (Script.OUT_OF_MEMORY, ErrorCode.OUT_OF_MEMORY, "ran out of memory"),
        (Script.MODEL_ERROR, ErrorCode.JOB_FAILED, "the device went away: choose another one"),
        (Script.BUG, ErrorCode.INTERNAL_ERROR, "unexpected ZeroDivisionError"),
    ],
)
async def test_a_failing_job_fails_alone(backend: Backend, script: Script, code: ErrorCode, says: str):
    (worker,) = backend.workers
    bad = await backend.submit(JobKind.ADAPT, seed=int(script))
    good = await backend.submit(JobKind.ADAPT, steps=1)
    failed = await backend.until(bad.id, JobState.FAILED)
    assert failed.error is not None
    assert failed.error["code"] == code
    assert says in failed.error["detail"]
    assert failed.attempt == 1
    await backend.until(good.id, JobState.SUCCEEDED)
    assert worker.process.returncode is None
    last = (await backend.events(bad.id))[-1]
    assert last.data == {"state": "failed", "attempt": 1, "error": failed.error}


async def test_a_style_of_another_base_is_refused_with_its_code(backend: Backend):
    job = await backend.submit(
        JobKind.STYLIZE, style=style_bytes("ab" * 32), contents=[Image.new("RGB", (32, 32))]
    )
    failed = await backend.until(job.id, JobState.FAILED)
    assert failed.error is not None
    assert failed.error["code"] == ErrorCode.STYLE_BASE_MISMATCH


async def test_a_job_whose_input_is_gone_says_so(backend: Backend):
    job = await backend.create(JobKind.ADAPT)
    await backend.blobs.delete(await backend.blobs.keys("uploads"))
    await backend.broker.publish_job(job.kind, job.id)
    failed = await backend.until(job.id, JobState.FAILED)
    assert failed.error is not None
    assert failed.error["code"] == ErrorCode.INPUT_MISSING


async def test_cancel_ends_a_run_between_two_steps(backend: Backend):
    job = await backend.submit(JobKind.ADAPT, steps=1000)
    step = await backend.until_step(job.id, 2)
    await backend.cancel(job.id)
    canceled = await backend.until(job.id, JobState.CANCELED)
    assert canceled.result is None
    assert canceled.attempt == 1
    events = await backend.events(job.id)
    assert events[-1].data["state"] == "canceled"
    steps = [event.data["step"] for event in events if event.event == "progress"]
    assert step.data["step"] <= max(steps) < 1000
    assert (await backend.style(job.style_id)).blob_key is None
    assert await backend.broker.next_job(["adapt"], timeout=0) is None


async def test_a_cancel_that_only_the_ledger_heard_works_too(backend: Backend):
    job = await backend.submit(JobKind.ADAPT, steps=1000)
    await backend.until_step(job.id, 1)
    await backend.ledger.request_cancel(job.id)  # and no message to the worker
    await backend.until(job.id, JobState.CANCELED)


async def test_a_job_that_was_canceled_in_the_queue_never_runs(backend: Backend):
    job = await backend.create(JobKind.ADAPT)
    await backend.cancel(job.id)
    await backend.broker.publish_job(job.kind, job.id)
    after = await backend.submit(JobKind.ADAPT, steps=1)
    await backend.until(after.id, JobState.SUCCEEDED)
    assert (await backend.ledger.get(job.id)).attempt == 0
    assert [event.data["state"] for event in await backend.events(job.id)] == ["canceled"]


async def test_the_heartbeat_tells_model_job_and_memory(backend: Backend):
    job = await backend.submit(JobKind.ADAPT, steps=1000)

    async def busy() -> bool:
        return [worker["job"] for worker in await backend.broker.workers()] == [job.id]

    await eventually(busy)
    (info,) = await backend.broker.workers()
    assert (info["base_hash"], info["default_steps"], info["device"]) == (BASE_HASH, 10, "cpu")
    # The worker runs in the process of the tests, which may have loaded much before.
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
    assert 10 < info["rss_mb"] <= info["peak_rss_mb"] <= most + 1
    await backend.cancel(job.id)

    async def idle() -> bool:
        return [worker["job"] for worker in await backend.broker.workers()] == [None]

    await eventually(idle)


async def test_a_message_without_a_job_is_dropped(backend: Backend):
    await backend.broker.publish_job("adapt", "job_unknown")
    job = await backend.submit(JobKind.ADAPT, steps=1)
    await backend.until(job.id, JobState.SUCCEEDED)
